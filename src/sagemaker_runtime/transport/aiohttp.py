"""
The default transport: aiohttp's client, through its public API only. No other file imports it.

What was found out about aiohttp, and why things are as they are here, stands in docs/design.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import aiohttp
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
    TransportError,
    TruncatedResponseError,
    WriteTimeoutError,
)
from sagemaker_runtime.headers import Headers
from sagemaker_runtime.wire import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.abc import AbstractStreamWriter

    from sagemaker_runtime.wire import Request, Timeout

CONNECTION_LIMIT = 2048  # connections at once; the Go SDK's MaxConnsPerHost. More calls wait for a free one
SLICE = 262_144  # bytes; with a sleep(0) between, the event loop stalls 1.4 ms at worst for a 6 MB body, against 11
WRITTEN_AT_ONCE = 65_536  # bytes; a larger body goes out in slices, and under Timeout.write
_NO_BODY_STATUSES = frozenset({204, 304})


class AioHTTPClient:
    """
    HTTP/1.1 through aiohttp: kept-alive connections, one pool for each event loop.

    A pool is made at the first request in a loop and closed by `close`, or else by the end of its loop, so that one
    client serves one ``asyncio.run`` after another. Not to be shared between threads; after a fork, make a new one.
    """

    def __init__(self) -> None:
        self._sessions: dict[
            asyncio.AbstractEventLoop, tuple[aiohttp.ClientSession, AsyncGenerator[aiohttp.ClientSession]]
        ] = {}
        self._limits: tuple[Timeout, aiohttp.ClientTimeout] | None = None
        self._closed = False

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send *request*; see `HTTPClient.send`."""
        if self._closed:
            raise ClientClosedError("the HTTP client is closed; make a new one")
        headers, body = request.headers.raw, request.body
        if headers.get("content-length") != str(len(body)):
            raise ConfigError(
                f"Content-Length is {headers.get('content-length')} and the body has {len(body)} bytes; a middleware that "
                "changes the body belongs before ComputeContentLength"
            )
        found = self._sessions.get(asyncio.get_running_loop())
        session = found[0] if found is not None and not found[0].closed else await self._open_session()
        sliced = _SlicedBody(body, stall=timeout.write) if len(body) > WRITTEN_AT_ONCE else None
        try:
            response = await session.request(
                request.method,
                URL(request.url, encoded=True),
                data=sliced or body,
                headers=headers,
                allow_redirects=False,
                timeout=self._client_timeout(timeout),
                middlewares=None if "accept" in headers else _WITHOUT_ACCEPT,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            if sliced is not None and sliced.stalled:
                raise WriteTimeoutError(f"{request.host} took none of the request for {timeout.write:g} s") from error
            if self._closed:
                raise ClientClosedError("the HTTP client was closed during the call") from error
            raise _translate(error, request, timeout) from error
        received = Headers.received(response.headers.items())
        return Response(response.status, received, _Body(response, received, timeout))

    async def close(self) -> None:
        """Close the connections of the running loop. Those of another loop are closed when it ends."""
        self._closed = True
        found = self._sessions.pop(asyncio.get_running_loop(), None)
        if found is not None:
            await found[1].aclose()

    async def _open_session(self) -> aiohttp.ClientSession:
        for loop in [loop for loop in self._sessions if loop.is_closed()]:
            del self._sessions[loop]
        # A generator, because asyncio closes all generators of a loop before it closes the loop: the only public hook.
        owner = _session()
        session = await anext(owner)
        self._sessions[asyncio.get_running_loop()] = session, owner
        return session

    def _client_timeout(self, timeout: Timeout) -> aiohttp.ClientTimeout:
        if self._limits is None or self._limits[0] is not timeout:
            # sock_connect and not connect, which also counts the wait for a free connection.
            limits = aiohttp.ClientTimeout(total=None, sock_connect=timeout.connect, sock_read=timeout.read)
            self._limits = timeout, limits
        return self._limits[1]


async def _session() -> AsyncGenerator[aiohttp.ClientSession]:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTION_LIMIT),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,  # a .netrc entry would break every signed call
    )
    try:
        yield session
    finally:
        await session.close()


async def _without_accept(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
) -> aiohttp.ClientResponse:
    # aiohttp adds "Accept: */*", which is unsigned and which a container may take for a wish. To delete it here costs
    # 2 µs, skip_auto_headers 5.5.
    del request.headers["Accept"]
    return await handler(request)


_WITHOUT_ACCEPT = (_without_accept,)


class _SlicedBody(aiohttp.Payload):
    """A large body in slices that need no copy, giving way to other tasks between them, each under a time limit."""

    def __init__(self, body: bytes, *, stall: float) -> None:
        super().__init__(body, content_type="application/octet-stream")
        self._body = body
        self._stall = stall
        self.stalled = False

    @property
    def size(self) -> int:
        return len(self._body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._body.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        view = memoryview(self._body)
        for start in range(0, len(view), SLICE):
            try:
                async with asyncio.timeout(self._stall):
                    await writer.write(view[start : start + SLICE])
            except TimeoutError:
                self.stalled = True
                raise
            await asyncio.sleep(0)


class _Body:
    """A response's body; see `ResponseBody`."""

    __slots__ = ("_data", "_response", "_timeout", "delimited")

    def __init__(self, response: aiohttp.ClientResponse, headers: Headers, timeout: Timeout) -> None:
        self._response = response
        self._timeout = timeout
        self._data: bytes | None = None
        names = headers.raw
        self.delimited = (
            "content-length" in names or "transfer-encoding" in names or response.status in _NO_BODY_STATUSES
        )

    async def read(self) -> bytes:
        if self._data is None:
            try:
                self._data = await self._response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise self._broken(error) from error
        return self._data

    async def chunk(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._broken(error) from error

    def close(self) -> None:
        if self._data is None:  # a body read whole has given its connection back already
            self._response.close()

    def _broken(self, error: Exception) -> TransportError:
        if isinstance(error, TimeoutError):
            return ReadTimeoutError(f"no more of the answer's body for {self._timeout.read:g} s")
        return TruncatedResponseError(f"the answer's body stopped before its end: {error}")


def _translate(error: aiohttp.ClientError | TimeoutError, request: Request, timeout: Timeout) -> SageMakerRuntimeError:
    """Our exception for one of aiohttp's; the table in ``retry`` says what each of them means for another attempt."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ServerFingerprintMismatch():
            return CertificateError(f"the certificate of {request.host} was refused: {error}")
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeoutError(f"no connection to {request.host} in {timeout.connect:g} s")
        case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError():
            return ConnectError(f"no connection to {request.host}: {error}")
        case TimeoutError():  # aiohttp's SocketTimeoutError among them
            return ReadTimeoutError(f"no answer from {request.host} for {timeout.read:g} s")
        case aiohttp.InvalidURL():
            return ConfigError(f"{request.url!r} is no URL that can be sent to")
        case aiohttp.ClientPayloadError():
            return TruncatedResponseError(f"the answer of {request.host} stopped before its end: {error}")
        case aiohttp.ClientResponseError():
            return InvalidResponseError(f"the answer of {request.host} is not HTTP: {error.message}")
        case _:
            return ConnectionLostError(f"the connection to {request.host} was lost before an answer: {error}")
