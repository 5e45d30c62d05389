"""The clock: wall time, monotonic time and sleep in one place, so that a test can control them."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """The source of time."""

    def now(self) -> float:
        """Wall time: seconds since 1970, UTC. For signatures and expiry."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment, never going back. For durations."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Wait. If cancelled, it raises ``CancelledError`` at once."""
        ...


class SystemClock:
    """The machine's clock."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(asyncio.sleep)
