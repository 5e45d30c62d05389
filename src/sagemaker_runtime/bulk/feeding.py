"""`Feed`: the work that is left of a run, according to its journal."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from attrs import define, field

from sagemaker_runtime.bulk.exceptions import BulkError
from sagemaker_runtime.bulk.rows import facts_of_letter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Batch, Format
    from sagemaker_runtime.bulk.journal import Entry, Journal
    from sagemaker_runtime.bulk.parts import Part
    from sagemaker_runtime.bulk.places import Destination, Source
    from sagemaker_runtime.bulk.plan import Plan

AHEAD = 256  # batches that are read in one go: handing over from a thread costs as much as 20 of them
AHEAD_BYTES = 2**20  # of their records, after which no further batch is read
AHEAD_SECONDS = 0.05  # likewise: objects that are fetched one by one need not wait for each other
NEAR = 2**16  # bytes, rows or files to skip by reading on, rather than by opening the input again


@define  # not frozen, which would cost 1 µs more per object
class Work:
    """A batch to be sent, or the end of a part."""

    part: Part
    """The part that its results belong to."""

    batch: Batch | None = field(repr=False)
    """The records; None at the end of the part."""

    at: int
    """Where the part's input continues after them."""

    number: int
    """The number of the record there."""

    size: int = 0
    """The size of the records in bytes."""

    units: int = 0
    """How much of the part's input it covers, in the format's unit."""


class Feed:
    """
    Reads the input, and yields its records in order.

    Args:
        plan: The run's plan.

        source: Opens the files.

        format: Reads them.

        body: Says how many records a request takes.

        destination: Holds the dead letters for a retry.

        journal: Says what is done, and how far an open part has come.
    """

    def __init__(
        self, plan: Plan, source: Source, format: Format, body: Body, destination: Destination, journal: Journal
    ) -> None:
        self._plan = plan
        self._source = source
        self._format = format
        self._rows, self._size = body.max_rows, body.max_bytes
        self._destination = destination
        self._journal = journal

    def parts(self, numbers: Sequence[int], suffix: str, round: int) -> Iterator[tuple[int, Part, int | None]]:
        """
        The unfinished parts of a round: the number of the shard, the part, and the number of its first record, which is None
        if it is known only at the end of the part before.

        Args:
            numbers: The numbers of the shards.

            suffix: The suffix of published parts.

            round: The number of the round, as in `Plan.part`.
        """
        number: int | None = 0
        file = -1
        for shard in numbers:
            part = self._plan.part(shard, suffix, round)
            if self._plan.shards[shard].file != file:
                number, file = 0, self._plan.shards[shard].file
            entry = self._journal.last(part.name)
            if entry is not None and entry.state == "done":
                number = entry.number
                continue
            yield shard, part, number
            number = None

    def work(self, parts: Iterable[tuple[int, Part, int | None]], opened: Entry, round: int) -> Iterator[Work]:
        """
        All the work that is left of a round.

        Args:
            parts: The unfinished parts.

            opened: Where the first of them continues.

            round: The number of the round.
        """
        at: int | None = opened.at
        number = opened.number
        for shard, part, first in parts:
            if at is None:
                at, number = part.begin, number if first is None else first
            is_written = part.name == opened.part and opened.state == "sealed"  # its dead letters may be gone already
            if not is_written:
                at, number = yield from (self._letters if round else self._batches)(shard, part, at, number)
            # The last record of a shard may end beyond the shard, which makes this negative.
            left = 0 if round else self._plan.shards[shard].end - at
            yield Work(part, None, at, number, units=left)
            at = None

    def take(self, work: Iterator[Work]) -> list[Work]:
        """The next pieces of work, as many as are read in one go; none at the end."""
        taken: list[Work] = []
        size = 0
        until = monotonic() + AHEAD_SECONDS
        for piece in work:
            taken.append(piece)
            size += piece.size
            if len(taken) >= AHEAD or size >= AHEAD_BYTES or monotonic() >= until:
                break
        return taken

    def _batches(self, shard: int, part: Part, at: int, number: int) -> Generator[Work, None, tuple[int, int]]:
        """The batches of a shard. Returns where its input continues, and the number of the record there."""
        batches = self._format.batches(
            self._plan.files,
            self._source,
            self._plan.shards[shard],
            at=at,
            number=number,
            rows=self._rows,
            size=self._size,
        )
        for batch in batches:
            end, number = batch.end, batch.next
            yield Work(part, batch, end, number, batch.size, end - at)
            at = end
        return at, number

    def _letters(self, shard: int, part: Part, at: int, number: int) -> Generator[Work, None, tuple[int, int]]:
        """The records of dead letters, read again from the input. Returns how many there are, and a 0."""
        name = part.replaces or ""
        reader = _Reader(partial(self._records_from, shard))
        with self._destination.open(name) as letters:
            for index, line in enumerate(letters):
                if index >= at:
                    batch = self._record(reader, line, name)
                    yield Work(part, batch, index + 1, 0, batch.size, units=1)
                    at, number = index + 1, 0
        return at, number

    def _record(self, reader: _Reader, line: bytes, name: str) -> Batch:
        try:
            letter = facts_of_letter(line)
            begin, first = map(int, letter["at"])
            offset = int(letter["record"]) - first
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            begin = first = offset = -1
        batch = reader.find(begin, first, offset) if begin >= 0 and first >= 0 and offset >= 0 else None
        if batch is None:
            raise BulkError(
                f"a line of {name} in {self._destination.where} is not a dead letter of this run; restore what the run wrote"
            )
        return batch

    def _records_from(self, shard: int, at: int, number: int) -> Iterator[Batch]:
        """The records of a shard, one per batch."""
        files, shards = self._plan.files, self._plan.shards
        return self._format.batches(files, self._source, shards[shard], at=at, number=number, rows=1, size=1)


class _Reader:
    """
    Finds records in ascending order. If the next one is near, it reads on: opening the input again costs a block, or half a
    row group.

    Args:
        read: Yields records, one per batch, from a position and the number of the record there on.
    """

    def __init__(self, read: Callable[[int, int], Iterator[Batch]]) -> None:
        self._read = read
        self._records: Iterator[Batch] = iter(())
        self._at = -1  # the position of the next record; -1 before the first
        self._number = -1
        self._begin = -1  # the position of the last search, and the number of the record there
        self._first = -1

    def find(self, begin: int, first: int, offset: int) -> Batch | None:
        """
        The record *offset* records after the one at a position; None if there is none.

        Args:
            begin: The position.

            first: The number of the record there.

            offset: How many records after it.
        """
        goes_on = (begin, first) == (self._begin, self._first) and first + offset >= self._number
        if not goes_on:
            if self._at < 0 or not 0 <= begin - self._at <= NEAR:
                self._records, self._at, self._number = self._read(begin, first), begin, first
            while self._at < begin:
                if self._next() is None:
                    return None
            if self._at != begin:
                return None
            self._begin, self._first, self._number = begin, first, first
        while self._number < first + offset:
            if self._next() is None:
                return None
        return self._next()

    def _next(self) -> Batch | None:
        batch = next(self._records, None)
        if batch is not None:
            self._at = batch.end
            self._number += 1
        return batch
