"""Scales: the positions of times and numbers on a chart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime.bulk.page.texts import clock, day

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH = 1_000.0  # of a chart, in units of its own
GAP = 0.06  # of the running time: the width of a stop, at most
GAPS = 0.3  # of the running time: the width of all stops together, at most
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
_MINUTE = 60
_DECADES = 20  # ratio of the largest to the smallest number above which 2 and 5 have no marks


@frozen
class Stop:
    """A stretch of time in which no process was running."""

    begin: float
    end: float
    left: float
    """Where it begins on the chart."""

    right: float


@frozen
class Tick:
    """A mark on the time axis, and its label."""

    at: float
    label: str
    note: str = ""
    """The day, if it differs from that of the mark before."""


class TimeScale:
    """
    Times, from left to right. Long stops are shortened, or there would be nothing else to see.

    Args:
        begin: Seconds since 1970.

        end: After *begin*.

        stops: When no process was running, in order: pairs of times.
    """

    def __init__(self, begin: float, end: float, stops: Sequence[tuple[float, float]]) -> None:
        self.begin, self.end = begin, max(end, begin + 1.0)
        worked = self.end - begin - sum(after - before for before, after in stops)
        longest = max(worked, 1.0) * min(GAP, GAPS / max(1, len(stops)))
        drawn = worked + sum(min(longest, after - before) for before, after in stops)
        self._scale = WIDTH / drawn
        self.stops: list[Stop] = []
        left, last = 0.0, begin
        for before, after in stops:
            left += (before - last) * self._scale
            right = left + min(longest, after - before) * self._scale
            self.stops.append(Stop(before, after, left, right))
            left, last = right, after

    def x(self, at: float) -> float:
        """The position of a time."""
        at = min(max(at, self.begin), self.end)
        left, last = 0.0, self.begin
        for stop in self.stops:
            if at < stop.begin:
                break
            if at < stop.end:
                return stop.left + (at - stop.begin) / (stop.end - stop.begin) * (stop.right - stop.left)
            left, last = stop.right, stop.end
        return left + (at - last) * self._scale

    def ticks(self, most: int) -> Sequence[Tick]:
        """At most *most* marks, at round times."""
        room = WIDTH / most
        step = next((each for each in _STEPS if each * self._scale >= room), _STEPS[-1])
        while step * self._scale < room:
            step *= 2
        found: list[Tick] = []
        right = -room
        last_day = ""
        for at in self._round_times(step):
            x = self.x(at)
            if x - right < room * 0.9:
                continue
            found.append(Tick(x, clock(at, with_seconds=step < _MINUTE), day(at) if day(at) != last_day else ""))
            right, last_day = x, day(at)
        return found

    def _round_times(self, step: int) -> Iterator[float]:
        """The round times at which a process was running."""
        begin = self.begin
        for end, next_begin in [*((stop.begin, stop.end) for stop in self.stops), (self.end, self.end)]:
            at = math.ceil(begin / step) * step
            while at <= end:
                yield at
                at += step
            begin = next_begin


class LinearScale:
    """
    Numbers from 0 up to a round number.

    Args:
        most: The largest number.

        whole: Whether all numbers are integers.
    """

    def __init__(self, most: float, *, whole: bool = False) -> None:
        rough = (most or 1.0) / 3
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough * 0.999)
        if whole:
            step = max(1.0, math.ceil(step))
        self.marks = [step * number for number in range(math.ceil((most or 1.0) / step - 1e-9) + 1)]
        """The numbers on the axis."""

    def y(self, number: float) -> float:
        """The height of a number, from 0.0 to 1.0."""
        return min(1.0, max(0.0, number / self.marks[-1]))


class LogScale:
    """
    Numbers over several powers of ten.

    Args:
        least: The smallest number, above 0.

        most: The largest number.
    """

    def __init__(self, least: float, most: float) -> None:
        digits = (1,) if most / least > _DECADES else (1, 2, 5)
        steps = [digit * 10.0**power for power in range(-7, 8) for digit in digits]
        low = max((each for each in steps if each <= least * 1.001), default=steps[0])
        high = min((each for each in steps if each >= most * 0.999), default=steps[-1])
        inside = [each for each in steps if low <= each <= high]
        self.marks = inside if len(inside) > 1 else [low, low * 10]
        """The numbers on the axis."""

    def y(self, number: float) -> float:
        """The height of a number, from 0.0 to 1.0."""
        low, high = math.log(self.marks[0]), math.log(self.marks[-1])
        return min(1.0, max(0.0, (math.log(max(number, 1e-9)) - low) / (high - low)))
