"""
Opens connections: DNS, happy eyeballs, TLS, proxies.

The result is an asyncio transport with a protocol of our own. aiohttp's connector is used for proxies only, because to
import aiohttp takes more time than all else of a program's first call.
"""

from __future__ import annotations

import asyncio
import errno
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

FULL = frozenset({errno.EMFILE, errno.ENFILE})  # the process, or the machine, has no descriptors left
_NEXT_ADDRESS_AFTER = 0.25  # seconds until the next address is tried beside the last one; RFC 8305, section 5


class Connector:
    """
    Opens connections in one event loop.

    Args:
        tls: The context of https connections, with the protocols to offer (ALPN); None to trust the system's certificates,
            and to offer HTTP/1.1.

        peer_may_begin: Whether the peer may send something before the request, as in HTTP/2. If not, a connection on which it
            comes with the handshake is not used, because the next request would get it as its response.
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
        proxied = None if proxy is None else self._through_proxies()  # its import does not count
        async with asyncio.timeout(seconds) as wait:
            self._waits.add(wait)
            try:
                if proxied is None or proxy is None:
                    transport, early = await self._connect(plain(scheme), plain(host))
                else:
                    transport, early = await proxied.connect(plain(scheme), plain(host), proxy), b""
            finally:
                self._waits.discard(wait)
        if transport.is_closing() or (early and not self._peer_may_begin):
            transport.abort()
            raise NotConnected(f"{'something came' if early else 'it was closed'} before the request was sent")
        protocol = protocol_factory()
        transport.pause_reading()  # uvloop asks the protocol for its buffer when reading begins
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        transport.resume_reading()
        if early and isinstance(protocol, asyncio.Protocol):
            protocol.data_received(early)
        return protocol

    async def _connect(self, scheme: str, host: str) -> tuple[asyncio.Transport, bytes]:
        """Connect directly. Returns the transport, and what the peer has sent already."""
        parts = urlsplit(f"//{host}")
        name = parts.hostname or ""
        port = DEFAULT_PORTS[scheme] if parts.port is None else parts.port
        try:
            tls = (self._tls or system_tls("http/1.1")) if scheme == "https" else None
            return await self._connect_to_one(await self._names.look_up(name, port), tls, name.rstrip("."))
        except ssl.SSLCertVerificationError as error:
            raise CertificateRefused(f"{name}:{port}", error) from error
        except OSError as error:
            raise NotConnected(error.strerror or repr(error)) from error

    async def _connect_to_one(
        self, addresses: list[AddressInfo], tls: ssl.SSLContext | None, name: str
    ) -> tuple[asyncio.Transport, bytes]:
        """Connect to one of the addresses: with TLS, to the first that has it."""
        loop = asyncio.get_running_loop()
        full: list[OSError] = []  # for several errors, that of `start_connection` has no number, which the pool needs
        failure: OSError | None = None  # the first one of TLS, or that of a certificate

        def make(address: AddressInfo) -> socket.socket:
            try:
                return _socket(address)
            except OSError as error:
                if error.errno in FULL:
                    full.append(error)
                raise

        while addresses:
            try:
                connected = await aiohappyeyeballs.start_connection(  # pyright: ignore[reportUnknownMemberType]
                    addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER, socket_factory=make
                )
            except OSError as error:
                raise failure or next(iter(full), error) from None
            peer = _peer_of(connected)
            try:
                transport, opening = await loop.create_connection(
                    _Opening, sock=connected, ssl=tls, server_hostname=None if tls is None else name
                )
            except OSError as error:
                if failure is None or isinstance(error, ssl.SSLCertVerificationError):
                    failure = error
                others = [address for address in addresses if address[4] != peer]
                addresses = others if len(others) < len(addresses) else addresses[1:]
            else:
                return transport, opening.received
        raise failure or OSError(f"{name!r} has no address")

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
    """Holds a connection, and what comes on it, until its own protocol takes it."""

    received = b""

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self.received += data


def _socket(address: AddressInfo) -> socket.socket:
    family, kind, proto = address[:3]
    made = socket.socket(family, kind, proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # or a firewall may forget an idle connection
    return made


def _peer_of(connected: socket.socket) -> object:
    try:
        return connected.getpeername()
    except OSError:  # it has been reset already
        return None
