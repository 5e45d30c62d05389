"""`KeepAlive`: sends a PING to a silent peer, and ends the connection if the peer does not respond."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class KeepAlive:
    """
    Watches one connection while streams are open.

    Args:
        seconds: The time within which a peer that no longer responds is detected; after half of it, a PING is sent.

        ping: Sends a PING.

        dead: Called with the reason if the peer does not respond.
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
        """Start to watch, unless it is already watching."""
        if self._timer is None:
            self.received()
            self._timer = self._loop.call_later(self._half, self._look)

    def stop(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def received(self) -> None:
        """Note that data has arrived."""
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
            self._dead(f"the peer did not respond to a PING within {self._half:g} s")
