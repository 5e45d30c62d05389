"""`FileBody`: sends a file as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime.bulk.bodies.answers import one
from sagemaker_runtime.bulk.types_by_suffix import media_type_of
from sagemaker_runtime.predictor import Encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.formats.base import Format


@frozen
class FileBody:
    """
    Sends each record as it is: images, audio, documents.

    The content type is that of the format; if it has none, that of the file's suffix, or else ``application/octet-stream``.

    A response whose content type is JSON is kept as it is, text becomes a string, and anything else ``{"base64": "…"}``.
    """

    accept: str | None = None
    """The MIME type to ask for. None leaves it to the container."""

    max_rows = 1
    max_bytes = 2**30

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """The record itself, with its content type; see `Body.encode`."""
        return Encoded(records[0], format.content_type or media_type_of(name))

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """The response as one JSON text; see `Body.decode`."""
        return [one(body, content_type)]
