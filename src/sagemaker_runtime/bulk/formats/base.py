"""`Format`: how files are read as records, and what a batch of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


@frozen
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
