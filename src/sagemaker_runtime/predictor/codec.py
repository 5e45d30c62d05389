"""`Codec`: how values become bodies, and bodies values."""

from __future__ import annotations

from typing import Protocol, TypeVar

from attrs import field, frozen

I_contra = TypeVar("I_contra", contravariant=True)
O_co = TypeVar("O_co", covariant=True)


@frozen
class Encoded:
    """A body with its MIME type, for a codec whose type depends on the value."""

    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    content_type: str


class Codec(Protocol[I_contra, O_co]):
    """
    How values become bodies, and bodies values. It keeps nothing of a call, so one codec serves any number at once.

    A codec of your own has these four members. If it also has a ``stream_format``, a `StreamFormat`, the
    pieces of a stream are read as that; without one they are text. None says that it is not text.
    """

    @property
    def content_type(self) -> str:
        """MIME type of the bodies that it makes; also the name of the format in errors."""
        ...

    @property
    def accept(self) -> str | None:
        """MIME type to ask for. None leaves it to the container."""
        ...

    def encode(self, value: I_contra, /) -> bytes | Encoded:
        """
        The body for a value.

        Raises:
            EncodeError: The codec cannot take the value.
        """
        ...

    def decode(self, body: bytes, content_type: str | None, /) -> O_co:
        """
        The value in a response.

        Args:
            body: The response's body.

            content_type: What the response says it is; None if it does not say.

        Raises:
            DecodeError: The body is not in the format. A predictor replaces any other exception with this one, because its
                text may hold the content.
        """
        ...
