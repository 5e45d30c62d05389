"""
The default transport, on aiohttp's connections: its connector with the pool, TLS and proxies, and the parser of each
connection. What its session adds for any kind of request is left out; `exchange` says why.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.http import HttpProcessingError

from sagemaker_runtime.checks import checked
from sagemaker_runtime.errors import (
    ClientClosedError,
    ConfigError,
    SageMakerRuntimeError,
)
from sagemaker_runtime.headers import Headers
from sagemaker_runtime.transport.aiohttp.body import Body
from sagemaker_runtime.transport.aiohttp.failures import closed_during_call, fit_to_be_shown, translate
from sagemaker_runtime.transport.aiohttp.pool import Pool
from sagemaker_runtime.transport.proxies import Proxies, Proxy
from sagemaker_runtime.transport.request_head import request_head
from sagemaker_runtime.transport.tls import StrPath, tls_context
from sagemaker_runtime.wire import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

    from sagemaker_runtime.transport.aiohttp.exchange import Exchange
    from sagemaker_runtime.wire import Request, Timeout

MAX_CONNECTIONS = 2048  # the Go SDK's MaxConnsPerHost
_INTERIM = frozenset({100, *range(102, 200)})  # RFC 9110, section 15.2: the response itself is to come; 101 ends HTTP


class AioHTTPClient:
    """
    HTTP/1.1 through aiohttp: kept-alive connections, one pool for each event loop.

    A pool is made at the first request in a loop and closed by `close`, or else by the end of its loop, so that one
    client serves one ``asyncio.run`` after another. Not to be shared between threads. After a fork, use it in a new
    event loop, or make a new one.

    Certificates and host names are always checked, and TLS 1.2 is the least. A request is sent once: of whatever method
    it is, another attempt is for the retryer to decide.

    Args:
        ca_bundle: The certificates to trust instead of the system's: a file in PEM, or a directory of such files with
            the names that ``openssl rehash`` gives. None for the system's. Read now, once.

        client_certificate: What to show to a server, or an https proxy, that asks: a file in PEM with a certificate and
            its key, not encrypted, or two files ``(certificate, key)``. None for nothing. Read now, once.

        proxies: Proxies by the scheme of the request, such as ``{"https": "http://user:password@proxy:3128"}``;
            ``"all"`` serves for a scheme that is not named. They are used for all hosts. An https request goes through
            a tunnel (CONNECT), an http request in absolute form; a proxy is of http:// or https://, not SOCKS. None for
            the environment's (``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, less the hosts in ``NO_PROXY``), or the
            system's, as `urllib.request.getproxies` finds them at the first request in a loop; localhost and loopback
            addresses are then reached directly. ``{}`` for none.

        max_connections: Connections at once in each loop; more calls wait for a free one.

    Raises:
        ConfigError: A file cannot be used, a proxy's URL cannot be read, or *max_connections* is no number above 0.
    """

    def __init__(
        self,
        *,
        ca_bundle: StrPath | None = None,
        client_certificate: StrPath | tuple[StrPath, StrPath] | None = None,
        proxies: Mapping[str, str] | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        if checked(max_connections, int, "max_connections", "a whole number above 0") < 1:
            raise ConfigError(f"max_connections is {max_connections!r}; it takes a whole number above 0")
        self._max_connections = max_connections
        self._tls = tls_context(ca_bundle, client_certificate)
        self._trusts_environment = proxies is None
        self._proxies = None if proxies is None else Proxies.given(proxies)
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._limits: tuple[Timeout, aiohttp.ClientTimeout] | None = None
        self._closed = False

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send *request*; see `HTTPClient.send`."""
        if self._closed:
            raise ClientClosedError("the HTTP client is closed; make a new one")
        pool = self._pools.get(asyncio.get_running_loop())
        if pool is None or pool.closed:
            pool = await self._open_pool()
        _check_body(request)
        proxy = None if pool.proxies is None else pool.proxies.proxy_for(request.scheme, request.host)
        head = request_head(request, proxy)
        route = pool.route(request, proxy)
        cancelled = _times_cancelled()
        exchange = None
        try:
            exchange = await pool.connect(route, self._connect_limit(timeout), timeout.read)
            exchange.start(head, request, timeout.write)
            del head  # a call may wait for a minute
            try:
                message, content = await exchange.read_head()
                while message.code in _INTERIM:
                    message, content = await exchange.read_head()
            finally:
                exchange.stop_waiting()
            exchange.begin_body(content)
        except BaseException as error:
            if exchange is not None:
                exchange.abort()
            failure = self._failure(error, cancelled, request, timeout, proxy)
            if failure is None:
                raise
            cause = error if fit_to_be_shown(error) else None
        else:
            return _response(message, content, exchange, pool)
        try:
            raise failure from cause  # out here, where what was caught is not its context
        finally:
            del failure, cause  # or they and this frame would keep one another alive

    def _failure(
        self, error: BaseException, cancelled: int, request: Request, timeout: Timeout, proxy: Proxy | None
    ) -> SageMakerRuntimeError | None:
        """Our exception for what ended the exchange; None for what is none of ours, as a cancellation by the caller."""
        if isinstance(error, asyncio.CancelledError):
            # aiohttp's, perhaps: a connector that is closed cancels who waits for it.
            if not self._closed or _times_cancelled() > cancelled:
                return None
        elif not isinstance(error, aiohttp.ClientError | HttpProcessingError | OSError | ValueError):
            return None
        if self._closed:
            return closed_during_call()
        return translate(error, request, timeout, proxy)

    async def close(self) -> None:
        """Close the connections of the running loop. Those of another loop are closed when it ends."""
        self._closed = True
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    async def _open_pool(self) -> Pool:
        for loop in [loop for loop in self._pools if loop.is_closed()]:
            del self._pools[loop]
        proxies = Proxies.of_environment() if self._trusts_environment else self._proxies
        pool = await Pool.open(max_connections=self._max_connections, tls=self._tls, proxies=proxies)
        self._pools[asyncio.get_running_loop()] = pool
        return pool

    def _connect_limit(self, timeout: Timeout) -> aiohttp.ClientTimeout:
        if self._limits is None or self._limits[0] is not timeout:
            # sock_connect and not connect, which also counts the wait for a free connection.
            self._limits = timeout, aiohttp.ClientTimeout(total=None, sock_connect=timeout.connect)
        return self._limits[1]


def _response(head: RawResponseMessage, content: StreamReader, exchange: Exchange, pool: Pool) -> Response:
    headers = Headers.received(head.headers.items())
    return Response(head.code, headers, Body(content, head.code, headers, exchange, pool))


def _check_body(request: Request) -> None:
    body, length = request.body, request.headers.raw.get("content-length")
    if type(body) is not bytes:
        raise ConfigError(f"the request's body is of type {type(body).__name__}, and must be bytes")
    if length != str(len(body)):
        raise ConfigError(
            f"Content-Length is {length} and the body has {len(body)} bytes; a middleware that changes the body belongs "
            "before ComputeContentLength"
        )


def _times_cancelled() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
