"""One request on its way: its headers and body as aiohttp takes them, and the limits while it is written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from multidict import CIMultiDict

from sagemaker_runtime.transport.failures import NotConnected

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.typedefs import LooseHeaders
    from yarl import URL

    from sagemaker_runtime.transport.pool import Pool
    from sagemaker_runtime.transport.read_limit import ReadLimit
    from sagemaker_runtime.wire import Timeout

SLICE = 262_144  # bytes; with a sleep(0) between, the event loop stalls 1.4 ms at worst for a 6 MB body, against 11
WRITTEN_AT_ONCE = 65_536  # bytes; a larger body goes out in slices, and under Timeout.write


class ClientRequest(aiohttp.ClientRequest):
    """
    aiohttp's request with the headers of ours, and no others.

    They come with the body: the session would copy them twice, name by name, which costs 5 µs.
    """

    DEFAULT_HEADERS = {}  # noqa: RUF012 - "Accept: */*" is unsigned, and a container may take it for a wish

    def __init__(self, method: str, url: URL, *, data: Exchange, **others: Any) -> None:
        headers = others["headers"] = data.request_headers
        if "user-agent" not in headers or "content-type" not in headers:
            others["skip_auto_headers"] = ("User-Agent", "Content-Type")  # or they would be added
        super().__init__(method, url, data=data, **others)

    def update_headers(self, headers: LooseHeaders | None) -> None:
        self.headers = CIMultiDict(headers or ())

    def send(  # pyright: ignore[reportIncompatibleMethodOverride] - a coroutine of its own would cost one more
        self, conn: aiohttp.connector.Connection
    ) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        # aiohttp gives a kept connection out without a look at what came on it since, and would take that for the answer.
        if getattr(conn.protocol, "should_close", False):
            raise NotConnected("an answer came before the request was sent")
        return super().send(conn)


class Exchange(aiohttp.Payload):
    """
    The body of one request, and what is to be known of its way: aiohttp calls `write` once it is connected.

    A large body goes out in slices that need no copy, giving way to other tasks between them, each under a time limit.
    """

    stalled = False
    _read_limit: ReadLimit | None = None
    _transport: asyncio.WriteTransport | None = None
    _ended = False
    _expired = False

    def __init__(self, headers: dict[str, str], body: bytes, timeout: Timeout, pool: Pool) -> None:
        super().__init__(body, content_type="application/octet-stream")
        self.request_headers = headers
        self._body = body
        self._timeout = timeout
        self._pool = pool
        self.task = cast("asyncio.Task[object]", asyncio.current_task())
        self._cancelling = self.task.cancelling()
        if len(body) > WRITTEN_AT_ONCE:
            pool.writing.add(self)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # pragma: no cover - abstract in aiohttp
        return self._body.decode(encoding, errors)  # and called by its own forms only

    async def write(self, writer: AbstractStreamWriter) -> None:
        self._transport = getattr(writer, "transport", None)
        if len(self._body) <= WRITTEN_AT_ONCE:
            await writer.write(self._body)
        else:
            await self._write_slices(writer)
        if not self._ended:  # an answer may come before the request has gone out
            self._read_limit = self._pool.read_limit(self._timeout.read)
            self._read_limit.add(self)

    async def _write_slices(self, writer: AbstractStreamWriter) -> None:
        view = memoryview(self._body)
        try:
            for start in range(0, len(view), SLICE):
                try:
                    async with asyncio.timeout(self._timeout.write):
                        await writer.write(view[start : start + SLICE])
                except TimeoutError:
                    self.stalled = True
                    raise
                await asyncio.sleep(0)
        except BaseException:
            self.abort()
            raise

    def expire(self) -> None:
        """End the wait for the answer: the limit is over."""
        self._expired = True
        self.task.cancel()

    def read_limit_passed(self) -> bool:
        """Whether the cancellation just caught is that of `expire`, and nobody else's too."""
        return self._expired and self.task.uncancel() <= self._cancelling

    def was_cancelled(self) -> bool:
        """Whether somebody has cancelled the task since this began."""
        return self.task.cancelling() > self._cancelling

    def abort(self) -> None:
        """Drop the connection with all that is still to be written: to close it would wait for the peer to read that."""
        if self._transport is not None:
            self._transport.abort()

    def end(self) -> None:
        """Nobody waits any more, for better or for worse."""
        self._ended = True
        if self._read_limit is not None:
            self._read_limit.discard(self)
        if len(self._body) > WRITTEN_AT_ONCE:
            self._pool.writing.discard(self)
