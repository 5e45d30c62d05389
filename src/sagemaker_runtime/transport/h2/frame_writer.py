"""The writing of frames: those of one turn of the loop go out together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from h2.connection import H2Connection

_AT_ONCE = 65_536  # bytes; less is collected for a turn of the loop, which costs a third less CPU


class FrameWriter:
    """
    Writes what h2 has to send.

    Args:
        h2: Has the frames.

        write: Gives them to the transport.

    Attributes:
        paused: Whether the transport holds as much as it can.

        pressed: Whether whoever writes should wait for a turn, or for the transport.
    """

    __slots__ = ("_due", "_h2", "_loop", "_unwritten", "_write", "paused", "pressed")

    def __init__(self, h2: H2Connection, write: Callable[[bytes], None]) -> None:
        self.paused = False
        self.pressed = False
        self._h2 = h2
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._unwritten = 0  # bytes
        self._due = False

    def pause(self) -> None:
        """The transport holds as much as it can."""
        self.paused = self.pressed = True

    def resume(self) -> None:
        """The transport takes more."""
        self.paused = self.pressed = False

    def flush_soon(self, size: int) -> None:
        """Write in the next turn; at once where much is there with these *size* bytes."""
        self._unwritten += size
        if self._unwritten >= _AT_ONCE:
            self.flush()
            self.pressed = True  # so that others run, and what has come is read
        if not self._due:
            self._due = True
            self._loop.call_soon(self._flush_when_due)

    def _flush_when_due(self) -> None:
        self._due = False
        self.pressed = self.paused
        self.flush()

    def flush(self) -> None:
        """Write all that h2 has now."""
        self._unwritten = 0
        data = self._h2.data_to_send()
        if data:
            self._write(data)
