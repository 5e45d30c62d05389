"""The clock: wall time, monotonic time and sleep in one object, so that a test can control them."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A source of time. `SystemClock` is the default."""

    def now(self) -> float:
        """Wall time, in seconds since 1970, UTC. For signatures and expiry."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never decreases. For durations."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Wait for *seconds*. Raises ``CancelledError`` as soon as it is cancelled."""
        ...


class SystemClock:
    """The machine's clock."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(asyncio.sleep)
