"""`Files`: each file is one record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.bodies.answers import one
from sagemaker_runtime.bulk.formats.base import SHARD_BYTES, Batch, Shard
from sagemaker_runtime.predictor import DecodeError, EncodeError
from sagemaker_runtime.predictor.media_types import is_json, media_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sagemaker_runtime.bulk.places import InputFile, Source

MAX_FILE = 2**30
"""The most bytes in a file. Source: asynchronous endpoints, which accept the largest bodies, accept 1 GB."""

_FILES = 1_000  # in a shard, at most


@frozen
class Files:
    """
    Each file is one record, and is sent alone, as it is: images, audio, documents.

    Results and dead letters name the file; the JSON of the record is null, so that they never contain binary data. If
    *content_type* is JSON or text, the JSON is the document, or the text as a string.
    """

    content_type: str | None = None
    """The MIME type of all files. None to choose it by each file's suffix, as `FileBody` does."""

    def shards(self, files: Sequence[InputFile], source: Source) -> Iterator[Shard]:
        """Groups of up to 1,000 files and about 32 MiB; see `Format.shards`. Refuses a file of more than 1 GiB."""
        for file in files:
            if file.size > MAX_FILE:
                raise ConfigError(f"{file.name} has {file.size} bytes, but no endpoint takes more than {MAX_FILE}")
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
        """Each file in a batch of its own; see `Format.batches`. The unit of positions is the file."""
        for index in range(at, shard.end):
            with source.open(files[index]) as stream:
                record = stream.read()
            yield Batch(files[index].name, 0, [record], index, index + 1, 0, len(record))

    def document(self, record: bytes) -> bytes:
        """The content of a file as JSON if *content_type* is JSON or text, otherwise null; see `Format.document`."""
        kind = media_type(self.content_type)
        if not (is_json(kind) or kind.startswith("text/")):
            return b"null"
        try:
            return one(record, self.content_type)
        except DecodeError:
            pass
        raise EncodeError(f"the file is not {kind}")
