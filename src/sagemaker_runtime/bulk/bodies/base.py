"""`Body`: how records become the body of a request, and its response becomes one JSON text per record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.formats.base import Format
    from sagemaker_runtime.predictor import Encoded


class Body(Protocol):
    """
    How records become the body of a request, and its response becomes one result per record.

    A body is immutable, and its ``repr`` shows its settings, which a run compares when it continues. Its methods must not block.
    """

    @property
    def max_rows(self) -> int:
        """Records per request, at most."""
        ...

    @property
    def max_bytes(self) -> int:
        """Bytes of records per request, at most; a larger record is sent alone."""
        ...

    @property
    def accept(self) -> str | None:
        """The MIME type to ask for. None leaves it to the container."""
        ...

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """
        The body of a request for records, and its content type.

        Args:
            records: The records, as *format* reads them.

            format: The format that they were read with.

            name: The name of their file, whose suffix may determine the content type.

        Raises:
            EncodeError: A record cannot be encoded. The text does not show it.
        """
        ...

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """
        The result of each of *number* records, as a JSON text on one line.

        Args:
            body: The body of the response.

            content_type: Its content type; None if it has none.

            number: How many records were sent.

        Raises:
            DecodeError: The response is in another format, or has another number of results. The text shows nothing of it.
        """
        ...
