"""
Opens connections: DNS, happy eyeballs, TLS, proxies.

The result is an asyncio transport with a protocol of our own. aiohttp's connector is used for proxies only, because to
import aiohttp takes more time than all else of a program's first call.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import aiohappyeyeballs  # a part of aiohttp that is published separately

from sagemaker_runtime.checks import plain
from sagemaker_runtime.transport.aiohttp.failures import CertificateRefused, NotConnected
from sagemaker_runtime.transport.aiohttp.names import AddressInfo, Names
from sagemaker_runtime.transport.tls import system_tls
from sagemaker_runtime.url import DEFAULT_PORTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from sagemaker_runtime.transport.aiohttp.proxied import ProxyConnector
    from sagemaker_runtime.transport.proxies import Proxy

    P = TypeVar("P", bound=asyncio.BufferedProtocol | asyncio.Protocol)


Route: TypeAlias = "tuple[str, str, Proxy | None]"
"""The target of a connection: scheme, host (with the port, unless it is the scheme's default), and the proxy, or None."""

_NEXT_ADDRESS_AFTER = 0.25  # seconds until the next address is tried beside the last one; RFC 8305, section 5


class Connector:
    """
    Opens connections in one event loop.

    Args:
        tls: The context of https connections, with the protocols to offer (ALPN); None to trust the system's certificates,
            and to offer HTTP/1.1.

        peer_may_begin: Whether the peer may send something before the request, as in HTTP/2. If not, such a connection is
            not used, because the next request would get it as its response.
    """

    def __init__(self, tls: ssl.SSLContext | None, *, peer_may_begin: bool = False) -> None:
        self._tls = tls
        self._peer_may_begin = peer_may_begin
        self._names = Names()
        self._proxied: ProxyConnector | None = None
        self._waits: set[asyncio.Timeout] = set()

    async def open(self, route: Route, seconds: float, protocol_factory: Callable[[], P]) -> P:
        """
        Open a connection with our own protocol, whose ``connection_made`` gets the transport.

        Args:
            route: The scheme, the host and the proxy.

            seconds: The limit for all of it: DNS, each address, a proxy's CONNECT, TLS.

            protocol_factory: Creates the protocol.

        Raises:
            NotConnected, CertificateRefused, ProxyRefused, TimeoutError: There is no connection.
            ValueError: The name of the host cannot be looked up.
        """
        scheme, host, proxy = route
        async with asyncio.timeout(seconds) as wait:
            self._waits.add(wait)
            try:
                if proxy is None:
                    transport = await self._connect(plain(scheme), plain(host))
                else:
                    transport = await self._through_proxies().connect(plain(scheme), plain(host), proxy)
            finally:
                self._waits.discard(wait)
        protocol = protocol_factory()
        transport.pause_reading()  # uvloop asks the protocol for its buffer when reading begins
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        transport.resume_reading()
        return protocol

    async def _connect(self, scheme: str, host: str) -> asyncio.Transport:
        """Connect directly."""
        parts = urlsplit(f"//{host}")
        name = parts.hostname or ""
        port = DEFAULT_PORTS[scheme] if parts.port is None else parts.port
        tls = None
        if scheme == "https":
            tls = self._tls or system_tls("http/1.1")
        try:
            addresses = await self._names.look_up(name, port)
            return await self._connect_to_one(addresses, tls, name.rstrip("."))
        except ssl.SSLCertVerificationError as error:
            raise CertificateRefused(f"{name}:{port}", error) from error
        except OSError as error:
            if isinstance(error, TimeoutError) and error.errno is None:  # not the system's
                raise
            raise NotConnected(error.strerror or repr(error)) from error

    async def _connect_to_one(
        self, addresses: list[AddressInfo], tls: ssl.SSLContext | None, name: str
    ) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected = await aiohappyeyeballs.start_connection(  # pyright: ignore[reportUnknownMemberType]
                    addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER, socket_factory=_socket
                )
            except RuntimeError as error:  # uvloop's, for some errors of the system
                raise NotConnected(error) from None
            try:
                transport, opening = await loop.create_connection(
                    lambda: _Opening(waits=self._peer_may_begin),
                    sock=connected,
                    ssl=tls,
                    server_hostname=None if tls is None else name,
                )
            except OSError:  # no TLS with the host at this address
                del addresses[0]
                if not addresses:
                    raise
                continue
            if opening.has_data or transport.is_closing():
                transport.abort()
                raise NotConnected("something came before the request was sent")
            return transport

    def _through_proxies(self) -> ProxyConnector:
        if self._proxied is None:
            from sagemaker_runtime.transport.aiohttp.proxied import ProxyConnector  # takes 120 ms, and few need it

            self._proxied = ProxyConnector(self._tls)
        return self._proxied

    async def close(self) -> None:
        """End every attempt to connect."""
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(now)
        while self._waits:  # noqa: ASYNC110 - a few turns; a connector closed before would leave a proxy's connection open
            await asyncio.sleep(0)
        if self._proxied is not None:
            await self._proxied.close()


class _Opening(asyncio.Protocol):
    """
    Holds a connection until its own protocol takes it.

    Args:
        waits: Whether data must wait for that protocol.
    """

    def __init__(self, *, waits: bool) -> None:
        self._waits = waits
        self.has_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        if self._waits and isinstance(transport, asyncio.ReadTransport):
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self.has_data = self.has_data or bool(data)


def _socket(address: AddressInfo) -> socket.socket:
    family, kind, proto = address[:3]
    made = socket.socket(family, kind, proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # or a firewall may forget an idle connection
    return made
