"""The watch over a peer: after a time without a byte it is asked for one, by a PING, and then it is given up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class KeepAlive:
    """
    Watches one connection, while there is something to wait for.

    Args:
        seconds: In which a peer that has vanished is noticed; after half of it, it is pinged.

        ping: Sends a PING.

        dead: Told why, when nothing came of it.
    """

    __slots__ = ("_dead", "_half", "_loop", "_ping", "_pinged_at", "_received_at", "_timer")

    def __init__(self, seconds: float, *, ping: Callable[[], None], dead: Callable[[str], None]) -> None:
        self._half = seconds / 2
        self._ping = ping
        self._dead = dead
        self._loop = asyncio.get_running_loop()
        self._received_at = 0.0
        self._pinged_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch from now on, unless it does already."""
        if self._timer is None:
            self.received()
            self._timer = self._loop.call_later(self._half, self._look)

    def stop(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def received(self) -> None:
        """Something came."""
        self._received_at = self._loop.time()

    def _look(self) -> None:
        now = self._loop.time()
        silent = now - self._received_at
        if silent < self._half:
            self._timer = self._loop.call_later(self._half - silent, self._look)
        elif self._pinged_at <= self._received_at:
            self._pinged_at = now
            self._timer = self._loop.call_later(self._half, self._look)
            self._ping()
        else:
            self._timer = None
            self._dead(f"the peer answered no PING in {self._half:g} s")
