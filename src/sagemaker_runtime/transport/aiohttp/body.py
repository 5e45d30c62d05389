"""The body of a response, read whole or piece by piece under the read limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable

    from sagemaker_runtime.errors import SageMakerRuntimeError
    from sagemaker_runtime.transport.aiohttp.connection import Connection

LARGE = 4_096  # bytes; pieces of this size are returned one by one, because joining them would copy them
_OBJECT = 64  # bytes; the overhead of a bytes object
_PIECES_FREE = 1_024
HELD = 131_072  # bytes that are buffered for the reader; above this, the server must wait


class Body:
    """
    A response's body, a `ResponseBody`. The connection feeds it.

    Args:
        delimited: Whether the head says where it ends.

        connection: The connection that receives the body, until it ends; None for a body that is already complete.

        data: The whole body, if it is already complete.
    """

    __slots__ = ("_connection", "_data", "_failure", "_held", "_pieces", "_rest", "_waiter", "_whole", "delimited")

    def __init__(self, *, delimited: bool, connection: Connection | None = None, data: bytes | None = None) -> None:
        self.delimited = delimited
        self._connection = connection
        self._data = data
        self._rest = data  # the part of it that `chunk` has not returned
        self._pieces: list[bytes] = []
        self._held = 0  # bytes in the pieces
        self._whole = False  # whether somebody reads the whole body
        self._failure: SageMakerRuntimeError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        if self._waiter is not None:
            raise _two_readers()
        if self._data is None:
            self._whole = True  # everything is buffered, without a limit
            try:
                while self._connection is not None:
                    await self._wait(self._connection)
                if self._failure is not None:
                    raise self._failure.with_traceback(None)  # otherwise the traceback would grow with each read
            finally:
                self._whole = False
            self._data = self._rest = b"".join(self._pieces)
            self._pieces.clear()
        return self._data

    def chunk(self) -> Awaitable[bytes]:  # not async, which saves one coroutine for each piece of a stream
        return self._next()

    async def _next(self) -> bytes:
        if self._data is not None:
            piece, self._rest = self._rest, b""
            return piece or b""
        if self._waiter is not None:
            raise _two_readers()
        while not self._pieces:
            if self._connection is None:
                if self._failure is not None:
                    raise self._failure.with_traceback(None)  # otherwise the traceback would grow with each read
                return b""
            await self._wait(self._connection)
        pieces, held = self._pieces, self._held
        if held > LARGE * len(pieces):
            piece = pieces.pop(0)
            self._held -= len(piece)
        else:
            piece = b"".join(pieces)
            pieces.clear()
            self._held = 0
        if held > HELD >= self._held and self._connection is not None:
            self._connection.resume_reading()
        return piece

    async def _wait(self, connection: Connection) -> None:
        """Wait until more data has arrived, or the body has ended."""
        if self._held > HELD:
            connection.resume_reading()
        self._waiter = waiter = connection.begin_wait()
        try:
            await waiter
        finally:
            self._waiter = None
            if self._connection is not None:  # otherwise another exchange may use the connection by now
                connection.end_wait()

    def close(self) -> None:
        connection = self._connection
        if connection is not None:
            connection.abort()

    # Called by the connection.

    def feed(self, pieces: list[bytes]) -> bool:
        """Add received data; whether the server may send more."""
        self._pieces += pieces
        for piece in pieces:
            self._held += len(piece)
        # Otherwise tiny chunks would need thirty times the memory of their contents.
        if (len(self._pieces) - _PIECES_FREE) * _OBJECT > self._held:
            self._pieces = [b"".join(self._pieces)]
        self._wake()
        return self._held <= HELD or self._whole

    def end(self, failure: SageMakerRuntimeError | None = None) -> None:
        """End the body, with *failure* if it is incomplete."""
        self._connection = None
        self._failure = failure
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _two_readers() -> RuntimeError:
    return RuntimeError("the body is being read already; it has one reader at a time")
