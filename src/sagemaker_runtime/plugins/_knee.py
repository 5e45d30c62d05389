"""`Knee`: the policy of `KneeLimit`, without a clock and without an event loop."""

from __future__ import annotations

import math

from attrs import define, field

DECREASE = 0.7  # what an overload leaves of the limit
GROWTH = 0.02  # by which a window without an overload raises it, by one at least
SLOW_START = 2.0  # by which each window multiplies the limit at first
FOLLOWS = 1.3  # throughput that has grown by less after a doubling no longer follows: the knee lies between the two
BEYOND = 1.4  # the limit then, in multiples of the one before the doubling
PROBE = 0.7  # of the limit, for a window, to see whether fewer calls do as much
HELD = 0.93  # of the throughput at which fewer calls did as much
WINDOWS = 20  # from probe to probe
ATTEMPTS = 100  # of a window, at least
SLOWEST = 20.0  # seconds; a third of the 60 that a model has, or retries could fill an endpoint that is slow
WEIGHT = 8  # attempts over which the time of one is averaged, roughly


@define(eq=False)
class Knee:
    """
    Seeks the number of calls at once beyond which an endpoint's throughput no longer grows.

    It starts low and doubles as long as the throughput follows. From then on it rises by 2 % with each window of at least
    100 attempts, and every 20 windows it looks whether 70 % do as much; if so, they are kept. An overload leaves 70 %, once
    for all calls that were under way, and once only while nothing succeeds: an outage says nothing of concurrency.

    Attributes:
        limit: Calls at once, as a fraction too; `int` of it are let through.

    Source: compared in a simulation with AIMD, Vegas and gradient2, of which each fails where endpoints queue deeply, are slow,
    or have responses that differ much in time. The simulation is a test.
    """

    minimum: float
    maximum: float
    limit: float
    _since: float = -math.inf
    """When the limit was last moved; attempts that began before say nothing of it."""

    _first: float | None = None
    """When the window began, with the first success; None before that."""

    _successes: int = 0
    """In the window."""

    _full: int = 0
    """Of these, how many found all places taken."""

    _slow_start: bool = True
    _before: tuple[float, float] | None = None
    """The limit and the throughput of the window before, in slow start."""

    _probed: tuple[float, float] | None = None
    """The limit and the throughput before the probe that is under way; None without one."""

    _windows_left: int = WINDOWS
    _cut: float = -math.inf
    """When an overload last lowered the limit."""

    _passed: bool = field(default=True)
    """Whether an attempt has succeeded since."""

    _seconds: float = 0.0
    """That an attempt takes, averaged."""

    def overloaded(self, *, started: float, now: float) -> None:
        """
        An attempt was throttled, or had no response in time.

        Args:
            started: When its call got its place, in monotonic time: the failures of the calls that were there at the last
                cut are the same piece of news, however often they try.

            now: When the attempt ended.
        """
        if started <= self._cut or not self._passed:
            return
        self._cut, self._passed, self._slow_start = now, False, False
        self._probed, self._windows_left = None, WINDOWS
        self._move(self.limit * DECREASE, now)

    def succeeded(self, *, started: float, now: float, taken: int) -> None:
        """
        An attempt has done its work.

        Args:
            started: When it began, in monotonic time.

            now: When it ended.

            taken: Places that are taken, its own included.
        """
        self._passed = True
        self._seconds += (now - started - self._seconds) / WEIGHT
        if self._seconds > SLOWEST:
            self.overloaded(started=started, now=now)
        if started < self._since:
            return
        if self._first is None:
            self._first = now
            return
        self._successes += 1
        self._full += taken >= int(self.limit)
        enough = min(ATTEMPTS, 4 * self.limit) if self._slow_start else ATTEMPTS
        if self._successes >= max(self.limit, enough):
            self._end_window(self._successes / max(now - self._first, 1e-9), now)

    def _end_window(self, throughput: float, now: float) -> None:
        if self._full < self._successes / 2 and self._probed is None:
            self._move(self.limit, now)  # the limit is not what holds the calls up
        elif self._probed is not None:
            (limit, before), self._probed = self._probed, None
            held = throughput >= HELD * before
            self._windows_left = 1 if held else WINDOWS
            self._move(self.limit if held else limit, now)
        elif self._slow_start:
            if self._before is not None and throughput < FOLLOWS * self._before[1]:
                self._slow_start = False
                self._move(self._before[0] * BEYOND, now)
            else:
                self._before = self.limit, throughput
                self._move(self.limit * SLOW_START, now)
        elif self._windows_left <= 0:
            self._probed = self.limit, throughput
            self._move(self.limit * PROBE, now)
        else:
            self._windows_left -= 1
            self._move(self.limit + max(1.0, GROWTH * self.limit), now)

    def _move(self, limit: float, now: float) -> None:
        self.limit = min(self.maximum, max(self.minimum, limit))
        self._since, self._first = now, None
        self._successes = self._full = 0
