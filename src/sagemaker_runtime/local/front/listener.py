"""`Listener`: the port, and aiohttp's server behind it, with limits for untrusted requests."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from ipaddress import IPv4Address, ip_address
from socket import AI_PASSIVE, SOCK_STREAM, getaddrinfo, inet_aton
from typing import TYPE_CHECKING

from aiohttp import web

from sagemaker_runtime import ConfigError
from sagemaker_runtime.extras import missing
from sagemaker_runtime.local.front.first_bytes import FirstBytes
from sagemaker_runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

    from sagemaker_runtime.local.duplex.connection import H2Connection
    from sagemaker_runtime.local.duplex.stream import H2Stream

logger = logging.getLogger("sagemaker_runtime.local")

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - what a user must write to be reached from other machines

BACKLOG = 1024  # connections not accepted yet; with aiohttp's 128, a larger burst waits a second for TCP to retry
LINGERING_TIME = 1.0  # seconds to read on after an early response, which an immediate close would lose to a reset
SHUTDOWN_TIMEOUT = 1.0  # seconds that `stop` leaves to models that are still running


class _AtDebug(logging.LoggerAdapter[logging.Logger]):
    """aiohttp logs a traceback for a malformed request, which is the caller's mistake. Our own errors are logged here."""

    def exception(self, msg: object, *args: object, exc_info: object = True, **_: object) -> None:
        self.logger.debug(msg, *args, exc_info=bool(exc_info))


class ListenError(OSError):
    """It cannot listen: the port is taken, or there is no such host or port."""


class Listener:
    """
    Listens on a port, and receives requests.

    The response to a line or a header of more than 8 KiB, or to more than 128 headers (aiohttp 3.13.4 or newer), is 400,
    and the connection is closed. There is no limit to how slowly a head may arrive. An idle connection stays open as long
    as aiohttp keeps it, which is an hour. `stop` closes both immediately.

    Args:
        handle: Responds to a request over HTTP/1.1.

        host: The name or the address to listen on.

        port: The port. 0 for a free one, which changes with each start.

        converse: Serves a stream over HTTP/2. None closes connections over HTTP/2.

        max_streams: Concurrent streams on one connection.

        tls: Makes the server's TLS context at each start. None for plain HTTP.

    Raises:
        ConfigError: The host is empty, or another way to write `EVERYWHERE`.
    """

    def __init__(
        self,
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        host: str,
        port: int,
        converse: Callable[[H2Stream], Awaitable[None]] | None = None,
        max_streams: int = 1,
        tls: Callable[[], SSLContext] | None = None,
    ) -> None:
        if not host or (_is_zero(host) and host not in EVERYWHERE):
            raise ConfigError(
                f"the host {host!r} would be every address of this machine: write {EVERYWHERE[0]!r} for that"
            )
        self._handle = handle
        self._host = host
        self._port = port
        self._converse = converse
        self._max_streams = max_streams
        self._tls = tls
        self._server: web.Server | None = None
        self._sockets: list[asyncio.Server] = []
        self._silent: set[asyncio.BaseTransport] = set()  # connections that have not sent a byte yet
        self._duplex: set[H2Connection] = set()

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @property
    def url(self) -> str:
        """
        Where it listens, as seen from this machine.

        Raises:
            ConfigError: It is not running.
        """
        if self._server is None:
            raise ConfigError("the local endpoint is not running; use it in `with` or `async with`, or start() it")
        name, port = self._sockets[0].sockets[0].getsockname()[:2]
        scheme = "http" if self._tls is None else "https"
        address = ip_address(name)
        everywhere = address.is_unspecified  # means all addresses of the machine, and is not one that can be called
        if isinstance(address, IPv4Address):
            return f"{scheme}://{'127.0.0.1' if everywhere else address}:{port}"
        return f"{scheme}://[{'::1' if everywhere else address}]:{port}"

    async def start(self) -> None:
        """
        Start listening.

        Raises:
            ListenError: The port is taken, or there is no such host or port.
        """
        server = web.Server(
            self._respond,
            access_log=None,
            auto_decompress=False,  # the signature covers the body as it was sent
            handler_cancellation=True,  # otherwise a waiting model would not be cancelled when the caller leaves
            lingering_time=LINGERING_TIME,
            logger=_AtDebug(logger),
        )
        loop, tls = asyncio.get_running_loop(), None if self._tls is None else self._tls()

        def first_bytes() -> FirstBytes:
            return FirstBytes(server, self._http2, self._silent)

        try:
            # Resolved here, because asyncio would use a thread of the loop's executor, which may be full.
            found = await in_thread(getaddrinfo, self._host, self._port, type=SOCK_STREAM, flags=AI_PASSIVE)
            for address in dict.fromkeys(str(each[4][0]) for each in found):
                socket = await loop.create_server(first_bytes, address, self._port, backlog=BACKLOG, ssl=tls)
                self._sockets.append(socket)
        except BaseException as error:
            await self._close(server)
            if isinstance(error, OSError | OverflowError | UnicodeError):
                where = f"cannot listen at {self._host!r}, port {self._port}"
                raise ListenError(f"{where}: {error}") from error
            raise
        self._server = server

    def _http2(self) -> asyncio.Protocol | None:
        if self._converse is None:
            return None
        try:
            from sagemaker_runtime.local.duplex.connection import H2Connection
        except ImportError:
            logger.warning("%s", missing("h2", "local-duplex", "a connection over HTTP/2, which was just closed,"))
            return None
        connection = H2Connection(self._converse, max_streams=self._max_streams, lost=self._duplex.discard)
        self._duplex.add(connection)
        return connection

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """Respond without a `web.Application`, whose router would be searched in vain for each request."""
        if "Expect" in request.headers:
            await _expect(request)
        try:
            return await self._handle(request)
        except Exception:
            logger.exception("the local endpoint failed; this is a bug in it")
            raise  # aiohttp sends 500, or closes the connection if the response has begun

    async def stop(self) -> None:
        """Close the port and all connections. Does nothing if it is not running."""
        server, self._server = self._server, None
        if server is not None:
            await self._close(server)

    async def _close(self, server: web.Server) -> None:
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            socket.close()
        await asyncio.sleep(0)  # requests that have arrived begin, which distinguishes them from idle connections
        silent, duplex = list(self._silent), list(self._duplex)
        self._silent.clear()
        self._duplex.clear()
        for transport in silent:
            transport.close()
        server.pre_shutdown()
        await asyncio.gather(server.shutdown(SHUTDOWN_TIMEOUT), *(each.stop(SHUTDOWN_TIMEOUT) for each in duplex))


def _is_zero(host: str) -> bool:
    """Whether the system reads *host* as the IPv4 or IPv6 address of all zeros; ``0`` is an example."""
    with suppress(ValueError):
        return ip_address(host).is_unspecified
    with suppress(OSError, UnicodeError):
        return not any(inet_aton(host))
    return False


async def _expect(request: web.BaseRequest) -> None:
    """Ask for the body if the caller waits for that. RFC 9110, section 10.1.1: HTTP/1.0 has no expectations."""
    expected = request.headers["Expect"]
    if request.version < (1, 1) or not expected:
        return
    if expected.lower() != "100-continue":
        raise web.HTTPExpectationFailed
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # aiohttp tells by it whether the response has begun
