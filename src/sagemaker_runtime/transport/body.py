"""The body of a response, read whole or piece by piece under the read limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from sagemaker_runtime.errors import (
    ClientClosedError,
    ReadTimeoutError,
    SageMakerRuntimeError,
    TruncatedResponseError,
)

if TYPE_CHECKING:
    from aiohttp.streams import StreamReader

    from sagemaker_runtime.headers import Headers
    from sagemaker_runtime.transport.exchange import Exchange
    from sagemaker_runtime.transport.pool import Pool
    from sagemaker_runtime.wire import Timeout

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
        "_rest",
        "_timeout",
        "_waiting",
        "delimited",
    )

    def __init__(
        self, content: StreamReader, status: int, headers: Headers, exchange: Exchange, timeout: Timeout, pool: Pool
    ) -> None:
        self._content = content
        self._exchange = exchange
        self._pool = pool
        self._timeout = timeout
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
            if self._pieces is None and content.is_eof() and content.exception() is None:
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

    async def chunk(self) -> bytes:
        if self._data is not None:  # read whole before: as one piece, once
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
            # Not aiohttp's own limit: it is taken down when a broken chunk comes.
            async with asyncio.timeout(self._timeout.read) as limit:
                self._waiting = True
                self._pool.waits.add(limit)
                try:
                    return await content.readany()
                finally:
                    self._waiting = False
                    self._pool.waits.discard(limit)
        except (aiohttp.ClientError, TimeoutError, RuntimeError) as error:  # the last: the connection is being closed
            failure = self._broken(error)
            # Or what came before would be lost with it.
            content.set_exception(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            if piece := content.read_nowait():
                return piece
            raise failure from error

    def close(self) -> None:
        # A body read whole has given its connection back at its end.
        if self._data is None:
            self._let_go()

    def _let_go(self) -> None:
        self._exchange.close()
        if self._content.exception() is None:  # who waits for more of it would wait for ever
            self._content.set_exception(aiohttp.ClientConnectionError("the answer was closed"))

    def _broken(self, error: Exception) -> SageMakerRuntimeError:
        if self._failed is not None:
            return self._failed
        self._failed = self._failure(error)
        self._let_go()
        return self._failed

    def _failure(self, error: Exception) -> SageMakerRuntimeError:
        if self._pool.closed:
            return ClientClosedError("the HTTP client was closed during the call")
        if isinstance(error, TimeoutError):
            return ReadTimeoutError(f"no more of the answer's body for {self._timeout.read:g} s")
        return TruncatedResponseError(f"the answer's body stopped before its end: {error}")
