"""
Opens connections with aiohttp's connector: DNS, happy eyeballs, TLS, proxies.

The result is an asyncio transport, which aiohttp no longer uses.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

import aiohttp
from yarl import URL

from sagemaker_runtime.checks import plain
from sagemaker_runtime.transport.aiohttp.failures import NotConnected, refused_by_proxy
from sagemaker_runtime.transport.aiohttp.resolver import Resolver

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import TypeVar

    from sagemaker_runtime.transport.proxies import Proxy

    P = TypeVar("P", bound=asyncio.BufferedProtocol | asyncio.Protocol)


Route: TypeAlias = "tuple[str, str, Proxy | None]"
"""The target of a connection: scheme, host (with the port, unless it is the scheme's default), and the proxy, or None."""


class Connector:
    """
    Opens connections in one event loop.

    Args:
        tls: The context of https connections, with the protocols to offer (ALPN); None for aiohttp's own context.
    """

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._aiohttp = aiohttp.TCPConnector(limit=0, resolver=Resolver(), ssl=True if tls is None else tls)  # pyright: ignore[reportUnknownMemberType]
        self._waits: set[asyncio.Timeout] = set()

    async def open(self, route: Route, seconds: float, protocol_factory: Callable[[], P]) -> P:
        """
        Open a connection with our own protocol, whose ``connection_made`` gets the transport.

        Args:
            route: The scheme, the host and the proxy.

            seconds: The limit for all of it: DNS, each address, a proxy's CONNECT, TLS.

            protocol_factory: Creates the protocol.

        Raises:
            NotConnected, ProxyRefused, aiohttp.ClientConnectorError, TimeoutError: There is no connection.
        """
        scheme, host, proxy = route
        request = aiohttp.ClientRequest(
            "GET",
            URL(f"{plain(scheme)}://{plain(host)}/", encoded=True),
            loop=asyncio.get_running_loop(),
            proxy=None if proxy is None else URL(proxy.url),
            proxy_headers=None if proxy is None else proxy.headers,
        )
        try:
            async with asyncio.timeout(seconds) as wait:
                self._waits.add(wait)
                try:
                    connection = await self._aiohttp.connect(request, [], aiohttp.ClientTimeout(total=None))
                finally:
                    self._waits.discard(wait)
        except (aiohttp.ClientResponseError, aiohttp.ClientConnectionError) as error:
            if proxy is None or isinstance(error, aiohttp.ClientConnectorError):
                raise
            raise refused_by_proxy(error, proxy.headers) from error
        handler, transport = connection.protocol, connection.transport
        if handler is None or transport is None or handler.should_close:
            connection.close()
            raise NotConnected("something came before the request was sent")
        protocol = protocol_factory()
        transport.pause_reading()  # uvloop asks the protocol for its buffer when reading begins
        transport.set_protocol(protocol)
        handler.connection_lost(None)  # otherwise aiohttp's connector would wait for it when it is closed
        connection.close()
        protocol.connection_made(transport)
        transport.resume_reading()
        return protocol

    async def close(self) -> None:
        """End every attempt to connect."""
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(now)
        while self._waits:  # noqa: ASYNC110 - a few turns; a connector closed before would leave a proxy's connection open
            await asyncio.sleep(0)
        await self._aiohttp.close()
