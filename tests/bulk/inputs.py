"""Files in memory as the input of a format, and all that it reads of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from sagemaker_runtime.bulk.places import InputFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sagemaker_runtime.bulk import Batch, Format, Shard


class Watched(io.BytesIO):
    """A file that remembers how much was read at once."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads: list[int] = []

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.reads.append(len(data))
        return data


class MemorySource:
    """A `Source` of files that are given as bytes, by name."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = dict(sorted(contents.items()))
        self.opened: list[Watched] = []

    def files(self) -> Sequence[InputFile]:
        return [InputFile(name, f"/in/{name}", len(data), {}) for name, data in self._contents.items()]

    def identity(self, file: InputFile) -> Mapping[str, str | int]:
        return file.identity

    def open(self, file: InputFile) -> BinaryIO:
        self.opened.append(Watched(self._contents[file.name]))
        return self.opened[-1]


def shards_of(format: Format, source: MemorySource) -> list[Shard]:
    return list(format.shards(source.files(), source))


def batches_of(format: Format, source: MemorySource, *, rows: int = 2, size: int = 1_000_000) -> list[Batch]:
    """All batches of all shards."""
    return list(_batches(format, source, rows, size))


def _batches(format: Format, source: MemorySource, rows: int, size: int) -> Iterator[Batch]:
    number, file = 0, -1
    for shard in format.shards(source.files(), source):
        number = number if shard.file == file else 0
        file = shard.file
        for batch in format.batches(source.files(), source, shard, at=shard.begin, number=number, rows=rows, size=size):
            number = batch.next
            yield batch
            file = shard.file


def records_of(format: Format, source: MemorySource, *, rows: int = 2, size: int = 1_000_000) -> list[bytes]:
    """All records of all shards, in order."""
    return [record for batch in batches_of(format, source, rows=rows, size=size) for record in batch.records]


def assert_resumable(format: Format, source: MemorySource, *, rows: int = 2, size: int = 1_000_000) -> None:
    """Reading again from where a batch ended gives what came after it."""
    files = source.files()
    for shard in format.shards(files, source):
        whole = list(format.batches(files, source, shard, at=shard.begin, number=0, rows=rows, size=size))
        for index, batch in enumerate(whole):
            again = format.batches(files, source, shard, at=batch.end, number=batch.next, rows=rows, size=size)
            assert whole[index + 1 :] == list(again)
            same = format.batches(files, source, shard, at=batch.begin, number=batch.first, rows=rows, size=size)
            assert batch.records == next(same).records
            del same  # which closes its file
    assert all(stream.closed for stream in source.opened)
