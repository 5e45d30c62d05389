"""The clock: wall time, monotonic time and sleep in one place, so that a test can turn the hands."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the package asks of time."""

    def now(self) -> float:
        """Wall time: seconds since 1970, UTC. Signatures and expiry are reckoned by it."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, never set back. Durations are reckoned by it."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Wait; a cancelled wait raises ``CancelledError`` at once."""
        ...


class SystemClock:
    """The machine's clock."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(asyncio.sleep)


_EARLIEST = 946_684_800.0  # seconds since 1970: the year 2000
_LATEST = 32_503_680_000.0  # the year 3000


class ClockSkew:
    """
    How far the service's clock is ahead of ours, as its last answer said. One for each client.

    Measured against the middle of the round trip, the best guess of when the service wrote the ``Date`` header.
    """

    __slots__ = ("date", "seconds")

    def __init__(self) -> None:
        self.date: str | None = None
        """The ``Date`` header last measured. It changes once a second, and so often is worth a look."""

        self.seconds: float | None = None
        """Seconds to add to our time to get the service's; None until an answer has told."""

    def measure(self, date: float, *, sent: float, received: float) -> None:
        """
        Take note of an answer.

        Args:
            date: The answer's ``Date``, in seconds since 1970.

            sent: `Clock.now` when the request was sent.

            received: `Clock.now` when the answer came.
        """
        if _EARLIEST < date < _LATEST:  # or there would be no time to sign with, and so no answer to put it right
            self.seconds = date - (sent + received) / 2


class CorrectedClock:
    """A clock whose wall time is the service's, as far as that is known."""

    def __init__(self, clock: Clock, skew: ClockSkew) -> None:
        self._clock = clock
        self._skew = skew
        self.monotonic = clock.monotonic
        self.sleep = clock.sleep

    def now(self) -> float:
        """Wall time, corrected."""
        return self._clock.now() + (self._skew.seconds or 0.0)
