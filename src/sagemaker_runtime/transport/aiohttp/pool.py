"""What is open in one event loop: the connections, and what is under way on them."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from sagemaker_runtime.checks import plain
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.redaction import REDACTED
from sagemaker_runtime.transport.aiohttp.exchange import Exchange
from sagemaker_runtime.transport.aiohttp.failures import NotConnected
from sagemaker_runtime.transport.aiohttp.read_limit import ReadLimit
from sagemaker_runtime.url import BaseURL

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Mapping
    from typing import Self

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.tracing import Trace

    from sagemaker_runtime.transport.proxies import Proxies, Proxy
    from sagemaker_runtime.wire import Request

READ_LIMITS_KEPT = 16  # different values of Timeout.read, in one loop, whose timers are kept when idle
ROUTES_KEPT = 256  # hosts; a client calls few


class Pool:
    """
    The connections of one event loop, and all that is under way on them.

    Args:
        connector: Opens connections, and keeps those that can be used again.

        owner: The generator whose end closes it.

        max_connections: Exchanges at once.

        proxies: None to go everywhere directly.
    """

    __slots__ = ("_connector", "_owner", "_routes", "closed", "exchanges", "places", "proxies", "read_limits", "waits")

    def __init__(
        self, connector: Connector, owner: AsyncGenerator[Connector], max_connections: int, proxies: Proxies | None
    ) -> None:
        self._connector = connector
        self._owner = owner
        self.proxies = proxies
        # Not aiohttp's own limit, which loses a place if a waiter is cancelled as it is woken.
        self.places = asyncio.Semaphore(max_connections)
        self.waits = connector.waits
        self.exchanges = connector.exchanges
        self.read_limits: dict[float, ReadLimit] = {}
        self._routes: dict[tuple[str, str, Proxy | None], Route] = {}
        self.closed = False

    @classmethod
    async def open(cls, *, max_connections: int, tls: ssl.SSLContext | None, proxies: Proxies | None) -> Self:
        """A pool for the running loop; nothing is connected yet."""
        # A generator, because asyncio closes all generators of a loop before it closes the loop: the only public hook.
        owner = _connector(tls)
        return cls(await anext(owner), owner, max_connections, proxies)

    async def connect(self, route: Route, limits: aiohttp.ClientTimeout, read_limit: float) -> Exchange:
        """
        Begin an exchange, as soon as there is a place for it.

        Raises:
            NotConnected: There was a connection, and it could not be used.
            aiohttp.ClientConnectorError, TimeoutError: There was none.
        """
        if self.places.locked():
            async with asyncio.timeout(None) as wait:  # without a limit, but ended by `close`
                self.waits.add(wait)
                try:
                    await self.places.acquire()
                finally:
                    self.waits.discard(wait)
        else:
            await self.places.acquire()
        try:
            return Exchange(await self._connector.connect(route, [], limits), self, self._read_limit(read_limit))
        except BaseException:
            self.places.release()
            raise

    def route(self, request: Request, proxy: Proxy | None) -> Route:
        """
        Where the connection for a request is to lead.

        Raises:
            ConfigError: It leads nowhere.
        """
        where = request.scheme, request.host, proxy
        try:
            route = self._routes.get(where)
        except TypeError as error:  # a list, say
            raise ConfigError(f"nothing can be sent to scheme {where[0]!r} and host {where[1]!r}: {error}") from None
        if route is None:
            route = _route(*where)
            if len(self._routes) >= ROUTES_KEPT:
                self._routes.clear()
            self._routes[where] = route
        return route

    def _read_limit(self, seconds: float) -> ReadLimit:
        """The timer for all that wait so long."""
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
        """End all that is under way, and close the connections."""
        self.closed = True
        now = asyncio.get_running_loop().time()
        for wait in [wait for wait in self.waits if not wait.expired()]:
            wait.reschedule(now)
        for exchange in list(self.exchanges.values()):
            exchange.abort()  # what is still to be sent to a dead peer would be waited for
        for read_limit in self.read_limits.values():
            read_limit.stop()
        while self.waits:  # noqa: ASYNC110 - a few turns; a connector closed before would leave a proxy's connection open
            await asyncio.sleep(0)
        await self._owner.aclose()


class Route(aiohttp.ClientRequest):
    """Where a connection leads, in the form that aiohttp's connector takes it. Nothing of it is sent, but with CONNECT."""

    @cached_property
    def connection_key(self) -> ConnectionKey:  # pyright: ignore[reportIncompatibleMethodOverride] - read as a property is
        """What connections in the pool are found by. Made once: for each call it would be 1 µs."""
        return super().connection_key


def _route(scheme: str, host: str, proxy: Proxy | None) -> Route:
    try:
        url = f"{plain(scheme)}://{plain(host)}"
        base = BaseURL.parse(url)
    except (ConfigError, TypeError) as error:
        raise ConfigError(f"nothing can be sent to scheme {scheme!r} and host {host!r}: {error}") from None
    if base != (scheme, host, "", ""):
        raise ConfigError(f"nothing can be sent to scheme {scheme!r} and host {host!r}: there is more in them")
    return Route(
        "GET",
        URL(f"{url}/", encoded=True),
        loop=asyncio.get_running_loop(),
        proxy=None if proxy is None else URL(proxy.url),
        proxy_headers=None if proxy is None else proxy.headers,
    )


class Connector(aiohttp.TCPConnector):
    """
    aiohttp's, with one limit for all that comes before the request: the name server, a proxy's CONNECT, TLS.

    Its own ``sock_connect`` holds for each address and for TLS, but not for the name server, nor for a proxy's response.
    """

    def __init__(self, *, tls: ssl.SSLContext | None) -> None:
        super().__init__(limit=0, ssl=True if tls is None else tls)  # pyright: ignore[reportUnknownMemberType]
        self.waits: set[asyncio.Timeout] = set()  # for a place, or for a connection
        self.exchanges: dict[ResponseHandler, Exchange] = {}

    # The hook that aiohttp documents for this. It is called for new connections only.
    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        try:
            async with asyncio.timeout(timeout.sock_connect) as wait:
                self.waits.add(wait)
                try:
                    protocol = await super()._create_connection(req, traces, timeout)
                finally:
                    self.waits.discard(wait)
        except (aiohttp.ClientResponseError, aiohttp.ClientConnectionError) as error:
            if req.proxy is None or isinstance(error, aiohttp.ClientConnectorError):
                raise
            raise NotConnected(_refusal(error, req.proxy_headers)) from error
        if (closed := protocol.closed) is not None:
            closed.add_done_callback(lambda closed: self._lost(protocol, closed))
        return protocol

    def _lost(self, protocol: ResponseHandler, closed: asyncio.Future[None]) -> None:
        if not closed.cancelled():
            closed.exception()  # looked at, so that asyncio does not log it
        if protocol in self.exchanges:
            self.exchanges[protocol].lost()


def _refusal(error: aiohttp.ClientError, secret_headers: Mapping[str, str] | None) -> str:
    """What a proxy did instead of connecting us. It may have sent back *secret_headers*, so they are redacted."""
    match error:
        case aiohttp.ClientHttpProxyError():
            reason = error.message
            for secret in [part for value in (secret_headers or {}).values() for part in value.split()]:
                reason = reason.replace(secret, REDACTED)
            return f"the proxy responded to CONNECT with {error.status} {reason}"
        case aiohttp.ClientResponseError():
            return f"the proxy's response to CONNECT is not HTTP: {error.message.partition(':')[0]}"
        case _:
            return f"the connection to the proxy was lost before it responded to CONNECT: {error}"


async def _connector(tls: ssl.SSLContext | None) -> AsyncGenerator[Connector]:
    connector = Connector(tls=tls)
    try:
        yield connector
    finally:
        await connector.close()
