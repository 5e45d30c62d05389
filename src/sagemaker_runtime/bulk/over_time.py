"""`Record`: a run over time, and the processes that worked on it; bounded in size, however long the run takes."""

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
SLIVER = 0.25  # of an interval; a rate over less time says little
_PLACE = itemgetter("seconds", "file", "first_record")


@define
class Point:
    """What happened in an interval of time."""

    at: int
    """When it begins: seconds since 1970, UTC."""

    seconds: float = 0.0
    """For how many seconds of it a process was running."""

    waited: float = 0.0
    """For how many seconds of it every attempt failed."""

    reason: str | None = None
    """The last error of those attempts; None if there were none."""

    throttled: int = 0
    """Attempts that were throttled."""

    errors: int = 0
    """Attempts that failed otherwise; errors of the model are not counted."""

    limit: float = 0.0
    """The limit of concurrent calls, on average."""

    in_flight: float = 0.0
    """Requests in flight, on average."""

    tally: Tally = field(factory=Tally)
    """Counts of what came back. Work that a killed process could not write is counted again in the next one."""

    def joined(self, other: Point) -> Point:
        """Merge this point with a later one; the result begins where this one does."""
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
        """All values but zeros and None, as JSON values."""
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
        """Restore a point from the result of `to_json`."""
        rest = {name: value for name, value in facts.items() if name != "tally"}
        return cls(tally=Tally.of([facts.get("tally", {})]), **rest)


@define
class Process:
    """A process that worked on the run."""

    began: float
    """Seconds since 1970, UTC."""

    seen: float
    """When it was last seen running: seconds since 1970, UTC."""

    round: int = 0
    """0 for the records of the input; 1 for the first retry of dead letters, and so on."""

    done: int = 0
    """Records that were done when it began, counted once for each round."""

    records: int | None = None
    """Records that it did; None for the last process, whose number only the journal knows."""

    end: str | None = None
    """``"finished"`` or ``"stopped"``; None if it was killed or is still running."""

    reason: str | None = None
    """Why it stopped; None if it finished, was killed, or is still running."""


@define
class Record:
    """The history of a run. Its lines may be torn, or edited by anyone, so `take` raises for those that it cannot use."""

    interval: int = 1
    """Seconds between two points; a power of 2."""

    points: list[Point] = field(factory=list[Point])
    """In order; at most `POINTS` after `thin`."""

    processes: list[Process] = field(factory=list[Process])
    """In order; if there are more than `PROCESSES`, the first and the last ones."""

    omitted: int = 0
    """How many processes in the middle are left out."""

    slowest: list[dict[str, object]] = field(factory=list[dict[str, object]])
    """The slowest requests, the slowest one first."""

    failures: list[dict[str, object]] = field(factory=list[dict[str, object]])
    """The first dead letters of the last round, without their records."""

    def take(self, facts: Mapping[str, Any]) -> None:
        """
        Add the facts of a line.

        Raises:
            ValueError, TypeError, LookupError, AttributeError: They are not as `History` writes them.
        """
        if "process" in facts:
            self._begin(Process(**facts["process"]))
        if "point" in facts:
            point = Point.of(facts["point"])
            self.points.append(point)
            if self.processes:  # a compacted file has them after its points
                last = self.processes[-1]
                last.seen = max(last.seen, point.at + point.seconds)
        if "end" in facts:
            last = self.processes[-1]
            last.end, last.reason, last.seen = facts["end"], facts["reason"], max(last.seen, facts["seen"])
        for failure in facts.get("failures", ()):
            if len(self.failures) < REPORTED and not any(_is_same(failure, other) for other in self.failures):
                self.failures.append(dict(failure))
        if "slowest" in facts:
            # An entry of both lists is one request; one that a list has twice is two, such as the halves of a batch.
            known = Counter(map(_PLACE, self.slowest)) | Counter(map(_PLACE, facts["slowest"]))
            self.slowest = [
                {"seconds": seconds, "file": file, "first_record": first}
                for seconds, file, first in sorted(known.elements(), reverse=True)[:REPORTED]
            ]
        self.interval = max(self.interval, facts.get("interval", 1))
        self.omitted += facts.get("omitted", 0)

    def lines(self) -> Iterator[dict[str, object]]:
        """Facts from which `take` makes the same record again."""
        yield {"interval": self.interval, "omitted": self.omitted}
        for point in self.points:
            yield {"point": point.to_json()}
        for process in self.processes:
            yield {"process": asdict(process)}
        yield {"slowest": self.slowest, "failures": self.failures}

    def thin(self) -> None:
        """Merge points until there are at most `POINTS`: the interval doubles as the run grows."""
        while len({point.at // self.interval for point in self.points}) > POINTS:
            self.interval *= 2
        self.points = list(_gathered(self.points, self.interval))

    def even(self) -> Sequence[Point]:
        """The points, where any that covers only a sliver of its interval is merged with its neighbour."""
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
    """When none of the processes was running: pairs of times."""
    return [(before.seen, after.began) for before, after in pairwise(processes) if after.began > before.seen]
