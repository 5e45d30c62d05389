"""`Codec`: turns values into bodies, and bodies into values."""

from __future__ import annotations

from typing import Protocol, TypeVar

from attrs import field, frozen

I_contra = TypeVar("I_contra", contravariant=True)
O_co = TypeVar("O_co", covariant=True)


@frozen
class Encoded:
    """A body with its MIME type, for a codec whose type depends on the value."""

    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    """The body of the request."""

    content_type: str
    """Its MIME type."""


class Codec(Protocol[I_contra, O_co]):
    """
    Turns values into bodies, and bodies into values. It keeps no state between calls, so one codec serves any number of them.

    A codec of your own has these four members. If it also has a ``stream_format``, that `StreamFormat` is used for streams;
    without one, streams are text. None means that they are not text.
    """

    @property
    def content_type(self) -> str:
        """MIME type of the encoded bodies, and the name of the format in errors."""
        ...

    @property
    def accept(self) -> str | None:
        """Desired MIME type of responses. None leaves it to the container."""
        ...

    def encode(self, value: I_contra, /) -> bytes | Encoded:
        """
        Return the body for a value.

        Raises:
            EncodeError: The codec cannot encode the value.
        """
        ...

    def decode(self, body: bytes, content_type: str | None, /) -> O_co:
        """
        Return the value in a response.

        Args:
            body: The response's body.

            content_type: The content type of the response; None if it has none.

        Raises:
            DecodeError: The body is not in the format. A predictor replaces any other exception with this one, because
                its text may contain the data.
        """
        ...
