"""`Record`: what a run was like over time, and which processes worked on it; with bounds, however long it takes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from attrs import asdict, define, evolve, field

from sagemaker_runtime.bulk.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

POINTS = 240
PROCESSES = 50
REPORTED = 10  # requests, and failures
SLIVER = 0.25  # of an interval; a rate over less says little
_PLACE = itemgetter("seconds", "file", "first_record")


@define
class Point:
    """A stretch of time."""

    at: int
    """When it begins: seconds since 1970, UTC."""

    seconds: float = 0.0
    """For how much of it a process was at work."""

    waited: float = 0.0
    """For how much of it every attempt failed."""

    reason: str | None = None
    """With what, at last; None if one succeeded."""

    throttled: int = 0
    """Attempts that were throttled."""

    errors: int = 0
    """Attempts that failed otherwise, without those that failed in the model."""

    limit: float = 0.0
    """Concurrent calls that were allowed, on average."""

    in_flight: float = 0.0
    """Requests in flight, on average."""

    tally: Tally = field(factory=Tally)
    """What came back. What a killed process could not write comes back in the next one again."""

    def joined(self, other: Point) -> Point:
        """Both together, from the beginning of the first."""
        seconds = self.seconds + other.seconds
        share = other.seconds / seconds if seconds else 1.0
        return Point(
            self.at,
            seconds,
            self.waited + other.waited,
            other.reason or self.reason,
            self.throttled + other.throttled,
            self.errors + other.errors,
            self.limit + share * (other.limit - self.limit),
            self.in_flight + share * (other.in_flight - self.in_flight),
            Tally.of([self.tally.to_json(), other.tally.to_json()]),
        )

    def to_json(self) -> dict[str, object]:
        """What differs from nothing, as JSON has it."""
        numbers = {
            "seconds": round(self.seconds, 3),
            "waited": round(self.waited, 3),
            "throttled": self.throttled,
            "errors": self.errors,
            "limit": round(self.limit, 3),
            "in_flight": round(self.in_flight, 3),
        }
        tally = {name: value for name, value in self.tally.to_json().items() if value}
        facts = {"at": self.at, **numbers, "reason": self.reason, "tally": tally}
        return {name: value for name, value in facts.items() if value or name == "at"}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Point:
        """What `to_json` gave."""
        rest = {name: value for name, value in facts.items() if name != "tally"}
        return cls(tally=Tally.of([facts.get("tally", {})]), **rest)


@define
class Process:
    """A process that worked on the run."""

    began: float
    """Seconds since 1970, UTC."""

    seen: float
    """When it was at work for the last time."""

    round: int = 0
    """0 for the records of the input; from 1 on, for each time that dead letters were taken up."""

    done: int = 0
    """Records that had been done when it began, once for each round."""

    records: int | None = None
    """Records that it did; None for the last one, as far as is known here."""

    end: str | None = None
    """``"finished"`` or ``"stopped"``; None if it was killed, or goes on."""

    reason: str | None = None
    """What stopped it."""


@define
class Record:
    """All of it. What is added may be torn, or edited by anyone: what makes no sense is left out."""

    interval: int = 1
    """Seconds between two points; a power of 2."""

    points: list[Point] = field(factory=list[Point])
    """At most `POINTS` once they are `thin`, in order."""

    processes: list[Process] = field(factory=list[Process])
    """In order; of more than `PROCESSES`, the first and the last ones."""

    omitted: int = 0
    """Processes that are left out in the middle."""

    slowest: list[dict[str, object]] = field(factory=list[dict[str, object]])
    """The slowest requests, the slowest one first."""

    failures: list[dict[str, object]] = field(factory=list[dict[str, object]])
    """The first dead letters of the last round, without their records."""

    def take(self, facts: Mapping[str, Any]) -> None:
        """
        Add what a line says.

        Raises:
            ValueError, TypeError, LookupError, AttributeError: It makes no sense.
        """
        if "process" in facts:
            self._begin(Process(**facts["process"]))
        if "point" in facts:
            point = Point.of(facts["point"])
            self.points.append(point)
            if self.processes:  # a file that was made shorter has them behind its points
                last = self.processes[-1]
                last.seen = max(last.seen, point.at + point.seconds)
        if "end" in facts:
            last = self.processes[-1]
            last.end, last.reason, last.seen = facts["end"], facts["reason"], max(last.seen, facts["seen"])
        for failure in facts.get("failures", ()):
            if len(self.failures) < REPORTED and not any(_is_same(failure, other) for other in self.failures):
                self.failures.append(dict(failure))
        if "slowest" in facts:
            # What both have is one request; what one of them has twice are two, such as the halves of a batch.
            known = Counter(map(_PLACE, self.slowest)) | Counter(map(_PLACE, facts["slowest"]))
            self.slowest = [
                {"seconds": seconds, "file": file, "first_record": first}
                for seconds, file, first in sorted(known.elements(), reverse=True)[:REPORTED]
            ]
        self.interval = max(self.interval, facts.get("interval", 1))
        self.omitted += facts.get("omitted", 0)

    def lines(self) -> Iterator[dict[str, object]]:
        """What makes the same again, given to `take`."""
        yield {"interval": self.interval, "omitted": self.omitted}
        for point in self.points:
            yield {"point": point.to_json()}
        for process in self.processes:
            yield {"process": asdict(process)}
        yield {"slowest": self.slowest, "failures": self.failures}

    def thin(self) -> None:
        """Join points until there are at most `POINTS`: the interval doubles as the run grows."""
        while len({point.at // self.interval for point in self.points}) > POINTS:
            self.interval *= 2
        self.points = list(_gathered(self.points, self.interval))

    def even(self) -> Sequence[Point]:
        """The points, but those that are a sliver of an interval are part of their neighbours."""
        found: list[Point] = []
        for point in self.points:
            follows = found and point.at - found[-1].at <= self.interval
            if follows and min(point.seconds, found[-1].seconds) < SLIVER * self.interval:
                found[-1] = found[-1].joined(point)
            else:
                found.append(point)
        return found

    def _begin(self, process: Process) -> None:
        if self.processes:
            last = self.processes[-1]
            last.records = process.done - last.done if last.records is None else last.records
            if process.round != last.round:
                self.failures.clear()
        self.processes.append(process)
        if len(self.processes) > PROCESSES:
            del self.processes[PROCESSES // 2]
            self.omitted += 1


def _is_same(failure: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return (failure["file"], failure["record"]) == (other["file"], other["record"])


def _gathered(points: Iterable[Point], interval: int) -> Iterator[Point]:
    last: Point | None = None
    for point in sorted(points, key=lambda point: point.at):
        at = point.at // interval * interval
        if last is None or last.at != at:
            if last is not None:
                yield last
            last = evolve(point, at=at)
        else:
            last = last.joined(point)
    if last is not None:
        yield last


def stops(processes: Sequence[Process]) -> list[tuple[float, float]]:
    """When none of the processes was at work: pairs of times."""
    return [(before.seen, after.began) for before, after in pairwise(processes) if after.began > before.seen]
