"""`ManualClock`: time that passes when the test says so."""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_750_000_000.0  # seconds since 1970: 2025-06-15T15:06:40Z
TURNS = 50  # of the event loop: enough for any task to do what it can without waiting for something


@define(eq=False)
class ManualClock:
    """
    A clock for ``Options.clock`` on which waiting takes no real time.

    By default, `sleep` moves the clock forward and returns immediately. With ``auto=False`` a sleeper waits for `elapse` or
    `advance`, so that a test can look at a call in progress::

        clock = ManualClock(auto=False)
        call = asyncio.create_task(client.invoke_endpoint(params))
        await clock.elapse(1.0)  # the call does what it would do in 1 s, with retries
    """

    time: float = START
    """Wall time: seconds since 1970, UTC."""

    auto: bool = field(default=True, kw_only=True)
    """Whether a sleep moves the clock itself."""

    slept: list[float] = field(factory=list[float], init=False)
    """Seconds of each sleep that has begun, in order."""

    _start: float = field(init=False)
    _sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(
        factory=list[tuple[float, int, asyncio.Future[None]]], init=False, repr=False
    )
    _count: int = field(default=0, init=False, repr=False)
    """Sleepers so far. Of two with the same time, the one that came first wakes first."""

    def __attrs_post_init__(self) -> None:
        self._start = self.time

    def now(self) -> float:
        """Wall time: seconds since 1970, UTC."""
        return self.time

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self.time - self._start

    async def sleep(self, seconds: float, /) -> None:
        """Move the clock forward by *seconds*; with ``auto=False``, wait until `elapse` or `advance` has done so."""
        self.slept.append(seconds)
        if self.auto:
            self.advance(max(seconds, 0.0))
            await asyncio.sleep(0)  # let the loop run what is due first: a timeout's timer,
            await asyncio.sleep(0)  # and the cancellation that it requests
            return
        woken = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.time + seconds, self._count, woken))
        if seconds <= 0:
            self.advance(0.0)
        await woken

    def advance(self, seconds: float) -> None:
        """Move the clock in one step. Sleepers that are due by then wake late, as after the machine was suspended."""
        self.time += seconds
        while self._sleepers and self._sleepers[0][0] <= self.time:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():  # its task was cancelled
                woken.set_result(None)

    async def elapse(self, seconds: float) -> None:
        """Let *seconds* pass: each sleeper wakes when it is due, continues, and may sleep again within that time."""
        end = self.time + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.advance(self._sleepers[0][0] - self.time)
            await _settle()
        self.advance(end - self.time)
        await _settle()

    def drive_timeouts(self) -> None:
        """
        Make the running event loop's time move with this clock, from now on and for as long as the loop runs.

        `asyncio.timeout` then follows this clock, and so does ``Timeout.total``: a wait on the clock beyond the limit ends
        the call. Real time still passes too. Do not use it in a loop that does real I/O, whose timeouts would expire as
        well. A second call has no effect.

        Raises:
            AttributeError: The loop does not allow its time to be changed; uvloop does not.
        """
        loop = asyncio.get_running_loop()
        if not (isinstance(loop.time, _DrivenTime) and loop.time.clock is self):
            loop.time = _DrivenTime(self, loop.time)  # type: ignore[method-assign]


class _DrivenTime:
    """The time of an event loop, plus the time that passes on a clock from now on."""

    def __init__(self, clock: ManualClock, real: Callable[[], float]) -> None:
        self.clock = clock
        self._real = real
        self._before = clock.time

    def __call__(self) -> float:
        return self._real() + self.clock.time - self._before


async def _settle() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
