"""`Format`: how files are read as records, and what a batch of them is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, overload

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagemaker_runtime.bulk.places import InputFile, Source

SHARD_BYTES = 32 * 2**20
"""About how much of a file becomes one part of the output. Source: measured; with 256 KiB, runs take twice as long."""


@frozen
class Shard:
    """A stretch of the input that becomes one part of the output."""

    file: int
    """The number of its file; of the first one, if it has several."""

    begin: int
    """Where it begins, in the format's own unit: bytes of the file, rows of it, or files."""

    end: int
    """Where it ends: it has the records that begin before."""


@define  # and not frozen, which takes 1 µs more to make
class Batch:
    """Consecutive records of one file, for one request."""

    file: str
    """The name of their file."""

    first: int
    """The number of the first one in its file, from 0."""

    records: Sequence[bytes] = field(repr=lambda records: f"<{len(records)} records>")
    """Each as the format reads it."""

    begin: int
    """Where they were read from, in the format's unit: `Format.batches` from there finds them again."""

    end: int
    """Where the input goes on after them."""

    next: int
    """The number of the record that is there."""

    size: int
    """Bytes of the records."""


@define
class AlikeLines(Sequence[bytes]):
    """
    Several lines that all begin with ``{`` and end with ``}``, or with square brackets, as one piece of text.

    They are divided when somebody asks for one; but most are only put into a request, all of them.
    """

    text: bytes
    """The lines with line feeds between them."""

    _number: int

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.text.split(b"\n"))

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        return self.text.split(b"\n")[index]


def joined(records: Sequence[bytes], separator: bytes) -> bytes:
    """Records one behind the other."""
    if isinstance(records, AlikeLines):
        return records.text.replace(b"\n", separator)
    return separator.join(records)


class Format(Protocol):
    """
    How files are read as records. Frozen; its ``repr`` is its settings, which a run compares when it continues.

    All methods may block, and are called in threads.
    """

    @property
    def content_type(self) -> str | None:
        """MIME type of one record as it is read; None if each file has its own."""
        ...

    def shards(self, files: Sequence[InputFile], source: Source) -> Iterator[Shard]:
        """
        How the input is divided, from its first record to its last.

        Raises:
            ConfigError: A file is not in this format.
        """
        ...

    def batches(
        self, files: Sequence[InputFile], source: Source, shard: Shard, *, at: int, number: int, rows: int, size: int
    ) -> Iterator[Batch]:
        """
        The records of a shard, from *at* on.

        Args:
            files: All.

            source: Opens them.

            shard: Which records.

            at: Where to begin: the shard's beginning, or the `end` of one of its batches.

            number: The number of the record that is there: 0 at the beginning of a file, elsewhere the `next` of the batch
                before. (Files are cut into shards without counting their records.)

            rows: Records of a batch, at most.

            size: Bytes of the records of a batch, at most; one that is larger comes alone.

        Raises:
            ConfigError: What is read there is not in this format.
        """
        ...

    def document(self, record: bytes) -> bytes:
        """
        A record as JSON text on one line, for what is joined, selected, or a dead letter.

        Raises:
            EncodeError: It is not what the format says; the text does not show it.
        """
        ...
