"""`FileBody`: a file as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime.bulk.bodies.answers import one
from sagemaker_runtime.bulk.media_types import media_type_of
from sagemaker_runtime.predictor import Encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.formats.base import Format


@frozen
class FileBody:
    """
    Each record as it is: images, audio, documents.

    Its MIME type is the format's; without one, it follows from the file's suffix, or is ``application/octet-stream``.

    By its content type, a JSON response is kept as it is, text becomes a string, and anything else ``{"base64": "…"}``.
    """

    accept: str | None = None
    """MIME type to ask for. None leaves it to the container."""

    max_rows = 1
    max_bytes = 2**30

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """See `Body.encode`."""
        return Encoded(records[0], format.content_type or media_type_of(name))

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """See `Body.decode`."""
        return [one(body, content_type)]
