"""`Format`: how files are read as records, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, overload

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagemaker_runtime.bulk.places import InputFile, Source

SHARD_BYTES = 32 * 2**20
"""How much of the input becomes one part of the output, roughly. Source: measured; with 256 KiB, runs take twice as long."""


@frozen
class Shard:
    """A stretch of the input that becomes one part of the output."""

    file: int
    """The number of its file, or of the first one if it has several."""

    begin: int
    """Where it begins, in the format's own unit: bytes of the file, rows of it, or files."""

    end: int
    """Where it ends: the shard has the records that begin before this."""


@define  # not frozen, which would cost 1 µs more per object
class Batch:
    """Consecutive records of one file, for one request."""

    file: str
    """The name of their file."""

    first: int
    """The number of the first record in its file, from 0."""

    records: Sequence[bytes] = field(repr=lambda records: f"<{len(records)} records>")
    """The records, as the format reads them."""

    begin: int
    """Where they begin, in the format's unit: `Format.batches` from there finds them again."""

    end: int
    """Where the input continues after them."""

    next: int
    """The number of the record there."""

    size: int
    """The size of the records in bytes."""


@define
class AlikeLines(Sequence[bytes]):
    """
    Several lines as one text. All begin with ``{`` and end with ``}``, or all with square brackets.

    They are split only when one is needed; most go into a request all together.
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
    """The records, joined by *separator*."""
    if isinstance(records, AlikeLines):
        return records.text.replace(b"\n", separator)
    return separator.join(records)


class Format(Protocol):
    """
    How files are read as records.

    A format is immutable, and its ``repr`` shows its settings, which a run compares when it continues. All methods may block;
    they are called in threads.
    """

    @property
    def content_type(self) -> str | None:
        """The MIME type of one record as it is read; None if each file has its own."""
        ...

    def shards(self, files: Sequence[InputFile], source: Source) -> Iterator[Shard]:
        """
        Divide the input, from its first record to its last.

        Raises:
            ConfigError: A file is not in this format.
        """
        ...

    def batches(
        self, files: Sequence[InputFile], source: Source, shard: Shard, *, at: int, number: int, rows: int, size: int
    ) -> Iterator[Batch]:
        """
        Read the records of a shard, from *at* on.

        Args:
            files: All files of the input.

            source: Opens them.

            shard: The shard.

            at: Where to begin: the shard's beginning, or the `end` of one of its batches.

            number: The number of the record there: 0 at the beginning of a file, elsewhere the `next` of the batch before.
                (Files are cut into shards without counting their records.)

            rows: The most records in a batch.

            size: The most bytes of records in a batch; a larger record comes alone.

        Raises:
            ConfigError: The input is not in this format.
        """
        ...

    def document(self, record: bytes) -> bytes:
        """
        A record as JSON on one line, for ``join``, ``select`` and dead letters.

        Raises:
            EncodeError: The record is not in this format. The text does not show the record.
        """
        ...
