"""`FrameWriter`: writes the frames of one iteration of the event loop together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from h2.connection import H2Connection

_AT_ONCE = 65_536  # bytes; less is collected until the next iteration of the loop, which costs a third less CPU


class FrameWriter:
    """
    Writes the frames that h2 has to send.

    Args:
        h2: Produces the frames.

        write: Passes them to the transport.

    Attributes:
        paused: Whether the transport's buffer is full.

        pressed: Whether senders should wait, for the next iteration of the loop or for the transport.
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
        """Note that the transport's buffer is full."""
        self.paused = self.pressed = True

    def resume(self) -> None:
        """Note that the transport accepts more."""
        self.paused = self.pressed = False

    def flush_soon(self, size: int) -> None:
        """Write in the next iteration of the loop; immediately if *size* more bytes make it much."""
        self._unwritten += size
        if self._unwritten >= _AT_ONCE:
            self.flush()
            self.pressed = True  # so that other tasks run, and received data is read
        if not self._due:
            self._due = True
            self._loop.call_soon(self._flush_when_due)

    def _flush_when_due(self) -> None:
        self._due = False
        self.pressed = self.paused
        self.flush()

    def flush(self) -> None:
        """Write everything that h2 has to send now."""
        self._unwritten = 0
        data = self._h2.data_to_send()
        if data:
            self._write(data)
