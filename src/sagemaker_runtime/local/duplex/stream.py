"""`H2Stream`: one stream of an `H2Connection`, for the front to read and write."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagemaker_runtime.local.duplex.connection import H2Connection


class H2Stream:
    """
    One request and its response.

    Args:
        connection: The connection that it belongs to.

        number: Its stream id.

        headers: The headers, as received, including the pseudo-headers.

    Attributes:
        window: Set when the peer's window may have room for more of the body.

        lost: Whether the peer has reset it, or the connection is lost.
    """

    def __init__(self, connection: H2Connection, number: int, headers: list[tuple[str, str]]) -> None:
        self.connection = connection
        self.number = number
        self.headers = headers
        self.window = asyncio.Event()
        self.lost = False
        self._pieces: deque[tuple[bytes, int]] = deque()
        self._came = asyncio.Event()
        self._ended = False  # by the peer, which has sent everything
        self._closed = False  # by us

    def fed(self, data: bytes | None, size: int) -> None:
        """Add received data; None is the end. *size* is how much of the window it used."""
        if data is None:
            self._ended = True
        else:
            self._pieces.append((data, size))
        self._came.set()

    async def read(self) -> bytes:
        """
        The data received so far; empty at the end. The window is opened again by as much.

        Raises:
            ConnectionResetError: The stream is gone.
        """
        while True:
            self.check()
            if self._pieces:
                pieces, size = list[bytes](), 0
                while self._pieces:
                    piece, weight = self._pieces.popleft()
                    pieces.append(piece)
                    size += weight
                self.connection.taken(self.number, size)
                if data := b"".join(pieces):
                    return data
            if self._ended:
                return b""
            self._came.clear()
            await self._came.wait()

    def send_head(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """
        Send the head of the response.

        Raises:
            ConnectionResetError: The stream is gone.
        """
        self.check()
        self.connection.send_head(self.number, [(":status", str(status)), *headers])

    async def send(self, data: bytes) -> None:
        """
        Send a part of the body, no faster than the peer's windows allow.

        Raises:
            ConnectionResetError: The stream is gone.
        """
        self.check()
        await self.connection.send(self, data)

    def end(self) -> None:
        """End the response. A peer that is still sending is told to stop (RFC 9113, section 8.1)."""
        if self._closed or self.lost:
            return
        self._closed = True
        self.connection.end(self.number)
        if not self._ended:
            self.connection.reset(self.number, ErrorCodes.NO_ERROR)
        self._let_go()

    def reset(self, code: int) -> None:
        """Reset the stream."""
        if not self.lost:
            self._closed = True
            self.connection.reset(self.number, code)
            self._let_go()

    def close(self) -> None:
        """Reset the stream, unless the response has ended."""
        if not self._closed:
            self.reset(ErrorCodes.INTERNAL_ERROR)

    def lose(self) -> None:
        """Mark the stream as gone; reads and writes that wait raise ConnectionResetError."""
        self.lost = True
        self._let_go()
        self._came.set()
        self.window.set()

    def check(self) -> None:
        """Raise ConnectionResetError if the stream is gone."""
        if self.lost:
            raise ConnectionResetError("the caller has reset the stream, or left")

    def _let_go(self) -> None:
        """Drop unread data, and open the window of the connection by as much."""
        size = sum(weight for _, weight in self._pieces)
        self._pieces.clear()
        if size:
            self.connection.taken(self.number, size)
