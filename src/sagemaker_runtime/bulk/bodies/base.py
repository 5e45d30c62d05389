"""`Body`: how records become the body of a request, and its response one JSON text for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.formats.base import Format
    from sagemaker_runtime.predictor import Encoded


class Body(Protocol):
    """Frozen; its ``repr`` is its settings, which a run compares when it continues. It does not block."""

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
        """MIME type to ask for. None leaves it to the container."""
        ...

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """
        The body for records, and its type.

        Args:
            records: As *format* reads them.

            format: What has read them.

            name: The name of their file, whose suffix may tell a type.

        Raises:
            EncodeError: One of them cannot be sent. The text does not show it.
        """
        ...

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """
        What a response says of each of *number* records, as JSON texts on one line each.

        Raises:
            DecodeError: It is not in the format, or not of as many records.
        """
        ...
