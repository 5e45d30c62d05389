"""`H2Stream`: one stream of an `H2Connection`, as the front reads and writes it."""

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
        connection: What it belongs to.

        number: Its id on the wire.

        headers: As they came, the pseudo-headers among them.

    Attributes:
        window: Set when there may be room for more of the body.

        lost: Whether the peer has reset it, or the connection is gone.
    """

    def __init__(self, connection: H2Connection, number: int, headers: list[tuple[str, str]]) -> None:
        self.connection = connection
        self.number = number
        self.headers = headers
        self.window = asyncio.Event()
        self.lost = False
        self._pieces: deque[tuple[bytes, int]] = deque()
        self._came = asyncio.Event()
        self._ended = False  # the peer has sent all
        self._closed = False  # we have

    def fed(self, data: bytes | None, size: int) -> None:
        """Add what came: None is the end. *size* is what it took of the window."""
        if data is None:
            self._ended = True
        else:
            self._pieces.append((data, size))
        self._came.set()

    async def read(self) -> bytes:
        """
        What has come; empty at the end. The window opens again by as much.

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
        Send some of the body, no faster than the peer takes it.

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
        """Reset it."""
        if not self.lost:
            self._closed = True
            self.connection.reset(self.number, code)
            self._let_go()

    def close(self) -> None:
        """Reset it unless the response has ended."""
        if not self._closed:
            self.reset(ErrorCodes.INTERNAL_ERROR)

    def lose(self) -> None:
        """It is gone; whoever reads or writes learns it."""
        self.lost = True
        self._let_go()
        self._came.set()
        self.window.set()

    def check(self) -> None:
        """Raise ConnectionResetError if it is gone."""
        if self.lost:
            raise ConnectionResetError("the caller has reset the stream, or left")

    def _let_go(self) -> None:
        """What is not read leaves room in the window of the connection."""
        size = sum(weight for _, weight in self._pieces)
        self._pieces.clear()
        if size:
            self.connection.taken(self.number, size)
