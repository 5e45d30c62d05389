"""The body of a response, read whole or piece by piece under the read limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from sagemaker_runtime.errors import ReadTimeoutError, SageMakerRuntimeError, TruncatedResponseError
from sagemaker_runtime.transport.aiohttp.failures import closed_during_call

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiohttp.streams import StreamReader

    from sagemaker_runtime.headers import Headers
    from sagemaker_runtime.transport.aiohttp.exchange import Exchange
    from sagemaker_runtime.transport.aiohttp.pool import Pool
    from sagemaker_runtime.transport.aiohttp.read_limit import ReadLimit

_NO_BODY_STATUSES = frozenset({204, 304})


class Body:
    """A response's body; see `ResponseBody`."""

    __slots__ = (
        "_content",
        "_data",
        "_exchange",
        "_failed",
        "_pieces",
        "_pool",
        "_read_limit",
        "_rest",
        "_waiting",
        "delimited",
    )

    def __init__(
        self,
        content: StreamReader,
        status: int,
        headers: Headers,
        exchange: Exchange,
        pool: Pool,
    ) -> None:
        self._content = content
        self._exchange = exchange
        self._read_limit: ReadLimit = exchange.read_limit
        self._pool = pool
        self._data: bytes | None = None
        self._rest = b""  # of that, what chunk has not given out
        self._pieces: list[bytes] | None = None  # of a read that is not at the end yet
        self._waiting = False
        self._failed: SageMakerRuntimeError | None = None  # the first failure: to be read again changes nothing
        names = headers.raw
        self.delimited = (
            "content-length" in names
            or names.get("transfer-encoding", "").lower().rpartition(",")[2].strip() == "chunked"
            or status in _NO_BODY_STATUSES
        )

    async def read(self) -> bytes:
        if self._data is None:
            content = self._content
            if self._pieces is None and not self._waiting and content.is_eof() and content.exception() is None:
                data = content.read_nowait()  # a small body comes with its head
            else:
                data = await self._read_on()
            self._data = self._rest = data
        return self._data

    async def _read_on(self) -> bytes:
        if self._pieces is None:
            self._pieces = []  # kept here, so that a read that is cancelled loses none
        while piece := await self._next():
            self._pieces.append(piece)
        data = b"".join(self._pieces)
        self._pieces = None
        return data

    def chunk(self) -> Awaitable[bytes]:  # not async itself: one coroutine less for each piece of a stream
        return self._next() if self._data is None and self._pieces is None else self._before()

    async def _before(self) -> bytes:
        """What was read before, by a read that came to the end or by one that was given up: as one piece, once."""
        if self._data is not None:
            piece, self._rest = self._rest, b""
            return piece
        if self._pieces and not self._waiting:
            piece, self._pieces = b"".join(self._pieces), None
            return piece
        return await self._next()

    async def _next(self) -> bytes:
        if self._failed is not None:
            raise self._failed
        if self._waiting:
            raise RuntimeError("the body is being read already; it has one reader at a time")
        content = self._content
        try:
            piece = content.read_nowait()
            if piece or content.at_eof():
                return piece
            # Not aiohttp's own limit: it is taken down when a broken chunk comes. Nor asyncio.timeout: 5 µs for each piece.
            self._waiting = True
            self._read_limit.add(content)
            try:
                return await content.readany()
            finally:
                self._waiting = False
                self._read_limit.discard(content)
        except (aiohttp.ClientError, RuntimeError) as error:  # the last: the connection is being closed
            failure = self._failed = self._failure(error)
            self._exchange.close()
            # Or what came before would be lost with it.
            content.set_exception(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            if piece := content.read_nowait():
                return piece
            raise failure from error

    def close(self) -> None:
        self._exchange.close()  # which gave its connection back, if the body came whole

    def _failure(self, error: Exception) -> SageMakerRuntimeError:
        if self._pool.closed:
            return closed_during_call()
        if isinstance(error, TimeoutError):
            return ReadTimeoutError(f"no more of the response's body for {self._read_limit.seconds:g} s")
        return TruncatedResponseError(f"the response's body stopped before its end: {error}")
