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
