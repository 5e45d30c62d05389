"""`Following`: the status of a run, from the reports of its workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.bulk.status import Status
from sagemaker_runtime.bulk.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime.bulk.execution import Noted
    from sagemaker_runtime.bulk.rounds import Rounds


class Following:
    """
    Adds up the parts of a round. Workers report totals, so a report that is lost or comes twice does no harm.

    Args:
        rounds: The progress of the run.

        noted: Knows when this process began.
    """

    def __init__(self, rounds: Rounds, noted: Noted) -> None:
        self._noted = noted
        self._done = self._failed = 0  # of parts that are done
        self._throttled = self._errors = 0
        self._units, self._total = 0.0, 0
        for number in rounds.shards:
            entry = rounds.journal.last(rounds.plan.part(number, rounds.suffix, rounds.current).name)
            length = length_of(rounds, number)
            self._total += length
            if entry is not None and entry.state == "done":
                tally = Tally.of([entry.counts])
                self._done += tally.rows + tally.dead
                self._failed += tally.dead
                self._units += length
        self._lengths: dict[str, int] = {}
        self._said: dict[str, Status] = {}
        self._before: dict[str, int] = {}  # records of a part that other processes had done
        self._began_with = self._done

    def begin(self, name: str, length: int) -> None:
        """A task for a part was submitted; its length is as by `length_of`."""
        self._lengths[name] = length

    def hear(self, said: Mapping[str, Status]) -> None:
        """Take in the reports of workers."""
        for name, status in said.items():
            if name in self._lengths:
                self._said[name] = status
                if name not in self._before:
                    self._before[name] = status.done
                    self._began_with += status.done

    def end(self, name: str, tally: Tally) -> None:
        """A part was published."""
        said = self._said.pop(name, None)
        if said is not None:
            self._throttled += said.throttled
            self._errors += said.errors
        self._units += self._lengths.pop(name)
        self._done += tally.rows + tally.dead
        self._failed += tally.dead

    def status(self, now: float) -> Status:
        """The status of the round; *now* is the time of the event loop."""
        said = list(self._said.values())
        seconds = now - self._noted.began
        done = self._done + sum(each.done for each in said)
        units = self._units + sum(each.share * self._lengths[name] for name, each in self._said.items())
        waiting = min(said, key=lambda each: each.paused, default=None)  # all of them wait, if this one does
        return Status(
            done=done,
            failed=self._failed + sum(each.failed for each in said),
            share=min(1.0, units / self._total) if self._total else 1.0,
            records_per_second=max(0, done - self._began_with) / seconds if seconds > 0 else 0.0,
            in_flight=sum(each.in_flight for each in said),
            limit=sum(each.limit for each in said),
            throttled=self._throttled + sum(each.throttled for each in said),
            paused=0.0 if waiting is None else waiting.paused,
            reason=None if waiting is None else waiting.reason,
            errors=self._errors + sum(each.errors for each in said),
        )


def length_of(rounds: Rounds, number: int) -> int:
    """How long the part of a shard is: in the format's unit for the input, in dead letters for a retry."""
    if not rounds.current:
        return rounds.plan.shards[number].end - rounds.plan.shards[number].begin
    before = rounds.journal.last(rounds.plan.part(number, rounds.suffix, rounds.current - 1).name)
    return 0 if before is None else Tally.of([before.counts]).dead
