"""The default transport: aiohttp's client, through its public API only. No other file imports it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from sagemaker_runtime.errors import (
    CertificateError,
    ClientClosedError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    InvalidResponseError,
    ReadTimeoutError,
    SageMakerRuntimeError,
    TruncatedResponseError,
    WriteTimeoutError,
)
from sagemaker_runtime.headers import Headers
from sagemaker_runtime.transport.read_limit import ReadLimit
from sagemaker_runtime.wire import Response

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.typedefs import LooseHeaders

    from sagemaker_runtime.wire import Request, Timeout

CONNECTION_LIMIT = 2048  # connections at once; the Go SDK's MaxConnsPerHost. More calls wait for a free one
SLICE = 262_144  # bytes; with a sleep(0) between, the event loop stalls 1.4 ms at worst for a 6 MB body, against 11
WRITTEN_AT_ONCE = 65_536  # bytes; a larger body goes out in slices, and under Timeout.write
READ_LIMITS_KEPT = 16  # different values of Timeout.read, in one loop, whose timers are kept when idle
_SWITCHING_PROTOCOLS = 101
_NO_BODY_STATUSES = frozenset({204, 304})


class AioHTTPClient:
    """
    HTTP/1.1 through aiohttp: kept-alive connections, one pool for each event loop.

    A pool is made at the first request in a loop and closed by `close`, or else by the end of its loop, so that one
    client serves one ``asyncio.run`` after another. Not to be shared between threads; after a fork, make a new one.
    """

    def __init__(self) -> None:
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
        self._limits: tuple[Timeout, aiohttp.ClientTimeout] | None = None
        self._closed = False

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send *request*; see `HTTPClient.send`."""
        if self._closed:
            raise ClientClosedError("the HTTP client is closed; make a new one")
        headers, body = request.headers.raw, request.body
        if not isinstance(body, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - a middleware's
            raise ConfigError(f"the request's body is of type {type(body).__name__}, and must be bytes")
        if "expect" in headers:
            raise ConfigError("the header Expect cannot be sent: no time limit would hold while its answer is awaited")
        if headers.get("content-length") != str(len(body)):
            raise ConfigError(
                f"Content-Length is {headers.get('content-length')} and the body has {len(body)} bytes; a middleware that "
                "changes the body belongs before ComputeContentLength"
            )
        pool = self._pools.get(asyncio.get_running_loop())
        if pool is None or pool.session.closed:
            pool = await self._open_pool()
        exchange = _Exchange(headers, body, timeout, pool)
        try:
            response = await pool.session.request(
                request.method,
                _sendable(request.url),
                data=exchange,
                allow_redirects=False,
                timeout=self._client_timeout(timeout),
            )
        except (asyncio.CancelledError, aiohttp.ClientError, TimeoutError, ValueError) as error:
            exchange.abort()
            failure = self._failure(error, exchange, request, timeout)
            if failure is None:
                raise
            # Neither is fit to be shown: aiohttp's for a bad answer has all our headers in its repr.
            cause = None if isinstance(error, aiohttp.ClientResponseError | asyncio.CancelledError) else error
        else:
            return self._response(response, timeout, pool)
        finally:
            exchange.end()
        raise failure from cause  # out here, where what was caught is not its context

    def _failure(
        self, error: BaseException, exchange: _Exchange, request: Request, timeout: Timeout
    ) -> SageMakerRuntimeError | None:
        """Our exception for what ended the exchange; None for a cancellation that is the caller's."""
        if isinstance(error, asyncio.CancelledError):
            if exchange.read_limit_passed():
                return ReadTimeoutError(f"no answer from {request.host} for {timeout.read:g} s")
            if not self._closed or exchange.was_cancelled():
                return None
            # Else it is aiohttp's: closing its connector, it cancels the future of who waits for a free connection.
        if exchange.stalled:
            return WriteTimeoutError(f"{request.host} took none of the request for {timeout.write:g} s")
        if self._closed:
            return ClientClosedError("the HTTP client was closed during the call")
        return _translate(error, request, timeout)

    @staticmethod
    def _response(response: aiohttp.ClientResponse, timeout: Timeout, pool: _Pool) -> Response:
        headers = Headers.received(response.headers.items())
        return Response(response.status, headers, _Body(response, headers, timeout, pool))

    async def close(self) -> None:
        """Close the connections of the running loop. Those of another loop are closed when it ends."""
        self._closed = True
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    async def _open_pool(self) -> _Pool:
        for loop in [loop for loop in self._pools if loop.is_closed()]:
            del self._pools[loop]
        # A generator, because asyncio closes all generators of a loop before it closes the loop: the only public hook.
        owner = _session()
        pool = self._pools[asyncio.get_running_loop()] = _Pool(await anext(owner), owner)
        return pool

    def _client_timeout(self, timeout: Timeout) -> aiohttp.ClientTimeout:
        if self._limits is None or self._limits[0] is not timeout:
            # sock_connect and not connect, which also counts the wait for a free connection. Reading is limited here.
            limits = aiohttp.ClientTimeout(total=None, sock_connect=timeout.connect, sock_read=None)
            self._limits = timeout, limits
        return self._limits[1]


class _Pool:
    """What is open in one event loop, and who waits there where aiohttp would not tell that it is closed."""

    __slots__ = ("closed", "owner", "read_limits", "reading", "session", "writing")

    def __init__(self, session: aiohttp.ClientSession, owner: AsyncGenerator[aiohttp.ClientSession]) -> None:
        self.session = session
        self.owner = owner
        self.read_limits: dict[float, ReadLimit] = {}
        self.reading: set[asyncio.Timeout] = set()
        self.writing: set[_Exchange] = set()  # those with large bodies
        self.closed = False

    def read_limit(self, seconds: float) -> ReadLimit:
        limit = self.read_limits.get(seconds)
        if limit is None:
            if len(self.read_limits) >= READ_LIMITS_KEPT:  # somebody gives each call what is left of a budget
                for other, unused in list(self.read_limits.items()):
                    if unused.idle:
                        unused.stop()
                        del self.read_limits[other]
            limit = self.read_limits[seconds] = ReadLimit(seconds)
        return limit

    async def close(self) -> None:
        self.closed = True
        now = asyncio.get_running_loop().time()
        for limit in [limit for limit in self.reading if not limit.expired()]:
            limit.reschedule(now)
        for exchange in self.writing:
            exchange.abort()
        for read_limit in self.read_limits.values():
            read_limit.stop()
        await self.owner.aclose()


async def _session() -> AsyncGenerator[aiohttp.ClientSession]:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTION_LIMIT),
        request_class=_ClientRequest,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,  # a .netrc entry would break every signed call
    )
    try:
        yield session
    finally:
        await session.close()


@lru_cache(maxsize=1024)  # a client calls few endpoints, many times
def _sendable(url: str) -> URL:
    # As it stands, because so it was signed; what aiohttp would send otherwise is refused.
    if not url.isascii() or not url.isprintable() or " " in url or "#" in url:
        raise ConfigError(f"{url!r} is no URL that can be sent to; percent-encode it")
    return URL(url, encoded=True)


class _ClientRequest(aiohttp.ClientRequest):
    """
    aiohttp's request with the headers of ours, and no others.

    They come with the body: the session would copy them twice, name by name, which costs 5 µs.
    """

    DEFAULT_HEADERS = {}  # noqa: RUF012 - "Accept: */*" is unsigned, and a container may take it for a wish

    def __init__(self, method: str, url: URL, *, data: _Exchange, **others: Any) -> None:
        headers = others["headers"] = data.request_headers
        if "user-agent" not in headers or "content-type" not in headers:
            others["skip_auto_headers"] = ("User-Agent", "Content-Type")  # or they would be added
        super().__init__(method, url, data=data, **others)

    def update_headers(self, headers: LooseHeaders | None) -> None:
        self.headers = CIMultiDict(headers or ())


class _Exchange(aiohttp.Payload):
    """
    The body of one request, and what is to be known of its way: aiohttp calls `write` once it is connected.

    A large body goes out in slices that need no copy, giving way to other tasks between them, each under a time limit.
    """

    stalled = False
    _read_limit: ReadLimit | None = None
    _transport: asyncio.WriteTransport | None = None
    _ended = False
    _expired = False

    def __init__(self, headers: dict[str, str], body: bytes, timeout: Timeout, pool: _Pool) -> None:
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


class _Body:
    """A response's body; see `ResponseBody`."""

    __slots__ = ("_data", "_failed", "_pool", "_response", "_rest", "_timeout", "delimited")

    def __init__(self, response: aiohttp.ClientResponse, headers: Headers, timeout: Timeout, pool: _Pool) -> None:
        self._response = response
        self._pool = pool
        self._timeout = timeout
        self._data: bytes | None = None
        self._rest = b""  # of that, what chunk has not given out
        self._failed: SageMakerRuntimeError | None = None  # the first failure: to be read again changes nothing
        names = headers.raw
        self.delimited = (
            "content-length" in names
            or names.get("transfer-encoding", "").lower().rpartition(",")[2].strip() == "chunked"
            or response.status in _NO_BODY_STATUSES
        )

    async def read(self) -> bytes:
        if self._data is None:
            content = self._response.content
            try:
                data = content.read_nowait()
            except aiohttp.ClientError as error:
                raise self._broken(error) from error
            if not content.at_eof():  # a small body comes with its head
                pieces = [data]
                while piece := await self.chunk():
                    pieces.append(piece)
                data = b"".join(pieces)
            self._data = self._rest = data
        return self._data

    async def chunk(self) -> bytes:
        if self._failed is not None:
            raise self._failed
        if self._data is not None:  # read whole before: as one piece, once
            piece, self._rest = self._rest, b""
            return piece
        content = self._response.content
        try:
            piece = content.read_nowait()
            if piece or content.at_eof():
                return piece
            # Not aiohttp's own limit: it is taken down when a broken chunk comes, and the reader is told nothing.
            async with asyncio.timeout(self._timeout.read) as limit:
                self._pool.reading.add(limit)
                try:
                    return await content.readany()
                finally:
                    self._pool.reading.discard(limit)
        except (aiohttp.ClientError, TimeoutError, RuntimeError) as error:  # the last: the connection is being closed
            failure = self._broken(error)
            content.set_exception(None)  # type: ignore[arg-type] # or what came before would be lost with it
            if piece := content.read_nowait():
                return piece
            raise failure from error

    def close(self) -> None:
        # A body read whole gives its connection back by itself, once the request has gone out too; but for a 101's, which
        # aiohttp leaves to who asked for another protocol.
        if self._data is None or self._response.status == _SWITCHING_PROTOCOLS:
            self._response.close()
            self._response.release()  # where the loop is closed, close() lets the connection warn a second time

    def _broken(self, error: Exception) -> SageMakerRuntimeError:
        if self._failed is not None:
            return self._failed
        self._failed = self._failure(error)
        self._response.close()
        return self._failed

    def _failure(self, error: Exception) -> SageMakerRuntimeError:
        if self._pool.closed:
            return ClientClosedError("the HTTP client was closed during the call")
        if isinstance(error, TimeoutError):
            return ReadTimeoutError(f"no more of the answer's body for {self._timeout.read:g} s")
        return TruncatedResponseError(f"the answer's body stopped before its end: {error}")


def _translate(error: BaseException, request: Request, timeout: Timeout) -> SageMakerRuntimeError:
    """Our exception for one of aiohttp's; the table in ``retry`` says what each of them means for another attempt."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ServerFingerprintMismatch():
            return CertificateError(f"the certificate of {request.host} was refused: {error}")
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeoutError(f"no connection to {request.host} in {timeout.connect:g} s")
        case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError():
            return ConnectError(f"no connection to {request.host}: {error}")
        case ValueError() | aiohttp.NonHttpUrlClientError():  # aiohttp's InvalidURL among them
            return ConfigError(f"{request.method} {request.url!r} cannot be sent: {error}")
        case aiohttp.ClientResponseError():
            return InvalidResponseError(f"the answer of {request.host} is not HTTP: {error.message}")
        case aiohttp.ServerDisconnectedError(message=message) if not isinstance(message, str):
            return InvalidResponseError(f"the answer of {request.host} broke off within its head")
        case _:
            return ConnectionLostError(f"the connection to {request.host} was lost before an answer: {error}")
