"""What is open in one event loop: the connections, and the waits that `Pool.close` must end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from sagemaker_runtime.transport.failures import NotConnected
from sagemaker_runtime.transport.read_limit import ReadLimit

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator
    from typing import Self

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

    from sagemaker_runtime.transport.proxies import Proxies, Proxy
    from sagemaker_runtime.transport.upload import Upload

READ_LIMITS_KEPT = 16  # different values of Timeout.read, in one loop, whose timers are kept when idle
ROUTES_KEPT = 256  # hosts; a client calls few


class Pool:
    """
    The connections of one event loop, and who waits there where aiohttp would not tell that it is closed.

    Args:
        connector: Opens connections, and keeps those that can be used again.

        owner: The generator whose end closes it.

        proxies: None to go everywhere directly.

        waits: Those of `Connector`.
    """

    __slots__ = ("_owner", "_routes", "closed", "connector", "proxies", "read_limits", "uploads", "waits")

    def __init__(
        self,
        connector: Connector,
        owner: AsyncGenerator[Connector],
        proxies: Proxies | None,
        waits: set[asyncio.Timeout],
    ) -> None:
        self.connector = connector
        self._owner = owner
        self.proxies = proxies
        self.waits = waits  # for a connection, or for more of a body
        self.read_limits: dict[float, ReadLimit] = {}
        self.uploads: set[Upload] = set()
        self._routes: dict[tuple[str, str, Proxy | None], aiohttp.ClientRequest] = {}
        self.closed = False

    @classmethod
    async def open(cls, *, max_connections: int, tls: ssl.SSLContext | None, proxies: Proxies | None) -> Self:
        """A pool for the running loop; nothing is connected yet."""
        waits: set[asyncio.Timeout] = set()
        # A generator, because asyncio closes all generators of a loop before it closes the loop: the only public hook.
        owner = _connector(max_connections, tls, waits)
        return cls(await anext(owner), owner, proxies, waits)

    def route(self, scheme: str, host: str, proxy: Proxy | None) -> aiohttp.ClientRequest:
        """
        Where a connection is to lead, in the form that the connector takes it.

        Raises:
            ValueError: It leads nowhere.
        """
        try:
            return self._routes[scheme, host, proxy]
        except KeyError:
            pass
        if scheme not in ("http", "https"):
            raise ValueError(f"its scheme is {scheme!r}, not http or https")
        if not host.isascii() or not host.isprintable() or " " in host:
            raise ValueError(f"its host is {host!r}")
        proxy_headers = None
        if (
            proxy is not None and proxy.headers is not None
        ):  # with Host, which aiohttp would add to them at the first use:
            proxy_headers = {"Host": host, **proxy.headers}  # as another route, the second would have a new connection
        route = aiohttp.ClientRequest(
            "GET",
            URL(f"{scheme}://{host}/", encoded=True),
            loop=asyncio.get_running_loop(),
            proxy=None if proxy is None else URL(proxy.url),
            proxy_headers=proxy_headers,
        )
        if len(self._routes) >= ROUTES_KEPT:
            self._routes.clear()
        self._routes[scheme, host, proxy] = route
        return route

    def read_limit(self, seconds: float) -> ReadLimit:
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
        for upload in self.uploads:
            upload.abort()
        for read_limit in self.read_limits.values():
            read_limit.stop()
        await self._owner.aclose()


class Connector(aiohttp.TCPConnector):
    """
    aiohttp's, with one limit for all that comes before the request: the name server, a proxy's CONNECT, TLS.

    Its own ``sock_connect`` holds for each address and for TLS, and not for the name server, nor for a proxy's answer.
    """

    def __init__(self, *, max_connections: int, tls: ssl.SSLContext | None, waits: set[asyncio.Timeout]) -> None:
        super().__init__(limit=max_connections, ssl=True if tls is None else tls)  # pyright: ignore[reportUnknownMemberType]
        self._waits = waits

    # The hook that aiohttp documents for this. It is called for new connections only.
    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        try:
            async with asyncio.timeout(timeout.sock_connect) as wait:
                self._waits.add(wait)
                try:
                    return await super()._create_connection(req, traces, timeout)
                finally:
                    self._waits.discard(wait)
        except (aiohttp.ClientResponseError, aiohttp.ClientConnectionError) as error:
            if req.proxy is None or isinstance(error, aiohttp.ClientConnectorError):
                raise
            raise NotConnected(_refusal(error)) from error


def _refusal(error: aiohttp.ClientError) -> str:
    """What a proxy did instead of connecting us."""
    match error:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered CONNECT with {error.status} {error.message}"
        case aiohttp.ClientResponseError():
            return f"the proxy's answer to CONNECT is not HTTP: {error.message.partition(':')[0]}"
        case _:
            return f"the connection to the proxy was lost before it answered CONNECT: {error}"


async def _connector(
    max_connections: int, tls: ssl.SSLContext | None, waits: set[asyncio.Timeout]
) -> AsyncGenerator[Connector]:
    connector = Connector(max_connections=max_connections, tls=tls, waits=waits)
    try:
        yield connector
    finally:
        await connector.close()
