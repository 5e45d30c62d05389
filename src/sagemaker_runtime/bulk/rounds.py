"""`Rounds`: the progress of a run, round by round: first the records of the input, then each retry of its dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from sagemaker_runtime.bulk.journal import Entry
from sagemaker_runtime.bulk.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sagemaker_runtime.bulk.journal import Entries, Journal
    from sagemaker_runtime.bulk.parts import Part
    from sagemaker_runtime.bulk.plan import Plan


class Rounds:
    """
    The progress of a run, according to its journal.

    Args:
        plan: The run's plan.

        journal: The run's journal.

        suffix: The suffix of published parts.
    """

    def __init__(self, plan: Plan, journal: Entries, suffix: str) -> None:
        self.plan = plan
        self.journal = journal
        self.suffix = suffix
        self._shards: list[Sequence[int]] = [range(len(plan.shards))]
        while (entry := journal.last(f"round-{len(self._shards)}")) is not None:
            self._shards.append([number for number in _list(entry.counts.get("shards")) if isinstance(number, int)])

    @property
    def current(self) -> int:
        """The number of the current round; 0 for the records of the input."""
        return len(self._shards) - 1

    @property
    def shards(self) -> Sequence[int]:
        """The shards of the current round."""
        return self._shards[-1]

    @property
    def is_done(self) -> bool:
        """Whether all parts of the current round are published."""
        return all(self._is_done(self._part(number, self.current)) for number in self.shards)

    def done_parts(self) -> Iterator[Part]:
        """All parts that are published."""
        for part in self._parts():
            if self._is_done(part):
                yield part

    def begin_next(self, journal: Journal) -> None:
        """Begin a round with the shards that have dead letters, and journal it; do nothing if there are none."""
        shards = [number for number in range(len(self.plan.shards)) if self._dead_of(number)]
        if shards:
            name = f"round-{len(self._shards)}"
            journal.add(Entry(name, 0, 0, counts={"shards": shards}, state="done"))
            self._shards.append(shards)

    def tally(self) -> Tally:
        """The counts of all rounds together."""
        entries = [self.journal.last(part.name) for part in self._parts()]
        return Tally.of(entry.counts for entry in entries if entry is not None)

    def failed(self) -> int:
        """Records that are dead letters now."""
        return sum(map(self._dead_of, range(len(self.plan.shards))))

    def failed_now(self) -> int:
        """Records that have become dead letters in this round."""
        entries = [self.journal.last(self._part(number, self.current).name) for number in self.shards]
        return Tally.of(entry.counts for entry in entries if entry is not None).dead

    def units(self) -> tuple[int, int]:
        """How much of the round is done, and its total: in the format's unit for the input, in dead letters for a retry."""
        done = total = 0
        for number in self.shards:
            part, shard = self._part(number, self.current), self.plan.shards[number]
            length = shard.end - shard.begin
            if self.current:  # a shard with dead letters is part of every round
                before = self.journal.last(self._part(number, self.current - 1).name)
                length = 0 if before is None else Tally.of([before.counts]).dead
            entry = self.journal.last(part.name)
            total += length
            done += length if self._is_done(part) else 0 if entry is None else min(length, entry.at - part.begin)
        return done, total

    def _dead_of(self, shard: int) -> int:
        """Dead letters of a shard: those of the last round that it was part of, less what a retry has saved so far."""
        dead = 0
        for round in range(len(self._shards)):  # without an entry, the shard was not part of the round
            entry = self.journal.last(self._part(shard, round).name)
            if entry is not None:
                tally = Tally.of([entry.counts])
                dead = tally.dead if round == 0 or entry.state == "done" else dead - tally.rows
        return dead

    def _parts(self) -> Iterator[Part]:
        for round, shards in enumerate(self._shards):
            for number in shards:
                yield self._part(number, round)

    def _part(self, shard: int, round: int) -> Part:
        return self.plan.part(shard, self.suffix, round)

    def _is_done(self, part: Part) -> bool:
        entry = self.journal.last(part.name)
        return entry is not None and entry.state == "done"


def _list(value: object) -> Sequence[object]:
    return value if _is_list(value) else []


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)
