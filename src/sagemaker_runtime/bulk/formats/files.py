"""`Files`: each file a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.bodies.answers import is_json, media_type, one
from sagemaker_runtime.bulk.formats.base import SHARD_BYTES, Batch, Shard
from sagemaker_runtime.predictor import DecodeError, EncodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sagemaker_runtime.bulk.places import InputFile, Source

MAX_FILE = 2**30
"""Bytes of a file. Source: an asynchronous endpoint, which takes the most, takes 1 GB."""

_FILES = 1_000  # of a shard


@frozen
class Files:
    """
    Each file is one record, and is sent alone, as it is: images, audio, documents.

    In results and dead letters its JSON is null, so that they never have the content of a binary file: they name the file.
    With a *content_type* of JSON or text it is the document, or the text as a string.
    """

    content_type: str | None = None
    """MIME type of all files. None for that of each one's suffix; see `FileBody`."""

    def shards(self, files: Sequence[InputFile], source: Source) -> Iterator[Shard]:
        """See `Format.shards`."""
        for file in files:
            if file.size > MAX_FILE:
                raise ConfigError(f"{file.name} has {file.size} bytes, and no endpoint takes more than {MAX_FILE}")
        begin = size = 0
        for number, file in enumerate(files):
            if number > begin and (size + file.size > SHARD_BYTES or number - begin >= _FILES):
                yield Shard(begin, begin, number)
                begin, size = number, 0
            size += file.size
        if files:
            yield Shard(begin, begin, len(files))

    def batches(
        self, files: Sequence[InputFile], source: Source, shard: Shard, *, at: int, number: int, rows: int, size: int
    ) -> Iterator[Batch]:
        """See `Format.batches`. The unit is the file."""
        for index in range(at, shard.end):
            with source.open(files[index]) as stream:
                record = stream.read()
            yield Batch(files[index].name, 0, [record], index, index + 1, 0, len(record))

    def document(self, record: bytes) -> bytes:
        """See `Format.document`."""
        kind = media_type(self.content_type)
        if not (is_json(kind) or kind.startswith("text/")):
            return b"null"
        try:
            return one(record, self.content_type)
        except DecodeError:
            pass
        raise EncodeError(f"the file is not {kind}")
