"""`Knee`: the policy of `KneeLimit`, without a clock and without an event loop."""

from __future__ import annotations

import math

from attrs import define, field

DECREASE = 0.7  # an overload multiplies the limit by this
GROWTH = 0.02  # a window without an overload raises it by this fraction, and by at least one call
SLOW_START = 2.0  # at first, each window multiplies the limit by this
FOLLOWS = 1.3  # if a doubling of the limit raises the throughput by a smaller factor, the knee lies between the two
BEYOND = 1.4  # the limit is then this multiple of the one before the doubling
PROBE = 0.7  # fraction of the limit that is tried for one window, to see whether fewer calls achieve as much
HELD = 0.93  # fraction of the throughput that counts as the same
WINDOWS = 20  # between two probes
ATTEMPTS = 100  # in a window, at least
SLOWEST = 20.0  # seconds; a third of the 60 that a model may take: beyond that, retries could fill a slow endpoint
WEIGHT = 8  # attempts over which their duration is averaged, roughly


@define(eq=False)
class Knee:
    """
    Seeks the number of concurrent calls above which an endpoint's throughput no longer grows.

    The limit starts low and doubles as long as the throughput follows. From then on it rises by 2 % with each window of at
    least 100 attempts, and every 20 windows it is tried whether 70 % of it achieve as much; if so, it stays there. An overload
    reduces it to 70 %: once for all calls in progress, and not again until an attempt succeeds, because an outage says nothing
    about concurrency.

    Attributes:
        limit: Concurrent calls; may be a fraction, of which `int` are admitted.

    Source: a simulation, which is one of the tests, against AIMD, Vegas and gradient2. Each of those fails on endpoints that
    queue deeply, are slow, or vary much in response time.
    """

    minimum: float
    maximum: float
    limit: float
    _since: float = -math.inf
    """When the limit last changed; attempts that began before say nothing about it."""

    _first: float | None = None
    """When the window began, which is at its first success; None before that."""

    _successes: int = 0
    """Since then, in this window."""

    _full: int = 0
    """How many of these ran while all places were taken."""

    _slow_start: bool = True
    _before: tuple[float, float] | None = None
    """The limit and the throughput of the previous window, in slow start; None in its first window."""

    _probed: tuple[float, float] | None = None
    """The limit and the throughput before the current probe; None if there is no probe."""

    _windows_left: int = WINDOWS
    _cut: float = -math.inf
    """When an overload last lowered the limit."""

    _passed: bool = field(default=True)
    """Whether an attempt has succeeded since then."""

    _seconds: float = 0.0
    """The average duration of an attempt."""

    def overloaded(self, *, started: float, now: float) -> None:
        """
        Record an attempt that was throttled, or got no response in time.

        Args:
            started: When its call got its place, in monotonic time. Calls that had one at the last cut do not cause another,
                however often they retry: their failures have the same cause.

            now: When the attempt ended.
        """
        if started <= self._cut or not self._passed:
            return
        self._cut, self._passed, self._slow_start = now, False, False
        self._probed, self._windows_left = None, WINDOWS
        self._move(self.limit * DECREASE, now)

    def succeeded(self, *, started: float, now: float, taken: int) -> None:
        """
        Record an attempt whose work was done.

        Args:
            started: When it began, in monotonic time.

            now: When it ended.

            taken: How many places are taken, its own included.
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
            self._move(self.limit, now)  # the limit is not the bottleneck
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
