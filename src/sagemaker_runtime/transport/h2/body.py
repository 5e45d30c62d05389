"""The body of a response on one stream. The flow-control window limits the bytes that are received but not read."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from sagemaker_runtime.error_responses import json_object
from sagemaker_runtime.wire import SUCCESS

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sagemaker_runtime.errors import SageMakerRuntimeError
    from sagemaker_runtime.transport.h2.exchange import Exchange

_ERROR_WAIT = 0.5  # seconds to wait for more of an error's body: the status and the headers say enough
_ERROR_TIME = 2.0  # seconds for the whole of it
_ERROR_SIZE = 1_048_576  # bytes of it, so that an endless body does not delay the error
_LARGE = 4_096  # bytes; pieces of this size are returned one by one, because joining them would copy them


class Body:
    """A response's body, a `ResponseBody`. Its exchange feeds it."""

    __slots__ = ("_data", "_exchange", "_failure", "_held", "_pieces", "_unacknowledged", "_waiter", "ended")

    delimited = True  # END_STREAM marks the end, so a truncation is recognized

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._pieces: list[bytes] = []
        self._held = 0  # bytes in the pieces
        self._unacknowledged = 0  # bytes of the window to give back to the peer once the pieces have been read
        self._data: bytes | None = None
        self._failure: SageMakerRuntimeError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False

    async def read(self) -> bytes:
        if self._data is None:
            data = b""
            if self._exchange.status in SUCCESS:
                while piece := await self._next():
                    data += piece
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_ERROR_TIME):
                        while len(data) < _ERROR_SIZE and (piece := await self._next_of_error(data)):
                            data += piece
            self._data = data
        return self._data

    async def _next_of_error(self, data: bytes) -> bytes:
        """
        The next piece of an error's body after *data*; empty if none arrives soon, or *data* is a complete JSON document.

        A server may delay the end of its body until we end ours, but the error must be raised without delay.
        """
        if data and not self._pieces and not self.ended and json_object(data) is not None:
            return b""
        try:
            async with asyncio.timeout(_ERROR_WAIT):
                return await self._next()
        except TimeoutError:
            return b""

    def chunk(self) -> Awaitable[bytes]:
        return self._next()

    async def _next(self) -> bytes:
        while not self._pieces:
            if self.ended:
                if self._failure is not None:
                    raise self._failure.with_traceback(None)  # otherwise the traceback would grow with each read
                return b""
            if self._waiter is not None:
                raise RuntimeError("the body is being read already; it has one reader at a time")
            self._waiter = waiter = asyncio.get_running_loop().create_future()
            try:
                await waiter
            finally:
                self._waiter = None
        pieces = self._pieces
        if self._held > _LARGE * len(pieces):
            piece = pieces.pop(0)
            self._held -= len(piece)
            given = len(piece)
        else:
            piece = b"".join(pieces) if len(pieces) > 1 else pieces[0]
            pieces.clear()
            self._held = given = 0
        back = self._unacknowledged if not given else min(given, self._unacknowledged)
        self._unacknowledged -= back
        self._exchange.acknowledge(back)
        return piece

    def close(self) -> None:
        if not self.ended:  # once the peer has ended, the request may still continue
            self._exchange.close()

    # Called by the exchange.

    def feed(self, data: bytes, flow_controlled: int) -> None:
        """Add received data, which took *flow_controlled* bytes of the window, including padding."""
        if data:
            self._pieces.append(data)
            self._held += len(data)
        self._unacknowledged += flow_controlled
        self._wake()

    def end(self, failure: SageMakerRuntimeError | None = None) -> None:
        """End the body, with *failure* if it is incomplete. Data received before can still be read."""
        if not self.ended:
            self.ended = True
            self._failure = failure
            self._wake()

    def discard(self) -> int:
        """Drop the unread data, and return the bytes of the window that it took."""
        back, self._unacknowledged = self._unacknowledged, 0
        self._pieces.clear()
        self._held = 0
        return back

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
