"""The HTTP/2 connections of one event loop, and the calls that wait for a stream on one of them."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING

from sagemaker_runtime.transport.aiohttp.failures import NotConnected, closed_during_call
from sagemaker_runtime.transport.h2.connection import Connection
from sagemaker_runtime.transport.loop_end import before_loop_ends

if TYPE_CHECKING:
    from typing import Self

    from sagemaker_runtime.transport.aiohttp.connecting import Connector, Route
    from sagemaker_runtime.transport.proxies import Proxies

KEPT_ALIVE = 15.0  # seconds for which a connection without streams is kept
_TURNS = 2  # iterations of the loop, so that a server in the same loop notices the end


class _Site:
    """The connections of one route."""

    __slots__ = ("connecting", "connections", "waiters")

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.connecting: asyncio.Task[None] | None = None
        self.waiters: deque[asyncio.Future[Connection]] = deque()


class Pool:
    """
    The connections of one event loop.

    For each route, they are opened one at a time, and only if the existing ones have no place for another stream. Calls that
    find no place wait, first come, first served.

    Args:
        connector: Opens connections.

        max_connections: The maximum number for one route.

        proxies: The proxies; None to connect to all hosts directly.

        keep_alive: Seconds within which a peer that no longer responds is detected.
    """

    def __init__(self, connector: Connector, max_connections: int, proxies: Proxies | None, keep_alive: float) -> None:
        self.proxies = proxies
        self.closed = False
        self._connector = connector
        self._max_connections = max_connections
        self._keep_alive = keep_alive
        self._process = os.getpid()
        self._loop = asyncio.get_running_loop()
        self._sites: dict[Route, _Site] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._owner = before_loop_ends(self.end)

    @classmethod
    async def open(
        cls, connector: Connector, *, max_connections: int, proxies: Proxies | None, keep_alive: float
    ) -> Self:
        """Create a pool for the running loop, without connecting."""
        pool = cls(connector, max_connections, proxies, keep_alive)
        await anext(pool._owner)
        return pool

    async def place(self, route: Route, seconds: float) -> Connection:
        """
        A connection on which a place for a stream is reserved for the caller.

        Args:
            route: The scheme, the host and the proxy.

            seconds: The limit for opening a connection; waiting for a place does not count.

        Raises:
            NotConnected, CertificateRefused, ProxyRefused, TimeoutError: No connection could be opened.
            ClientClosedError: The client was closed.
        """
        while not self.closed:
            site = self._sites.setdefault(route, _Site())  # again in each round, because it may have been removed
            future: asyncio.Future[Connection] = self._loop.create_future()
            site.waiters.append(future)
            self._serve(route, site, seconds)
            try:
                connection = await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled() and future.exception() is None:
                    future.result().reserved -= 1  # it was reserved in the same iteration; pass the place on
                self._serve(route, site, seconds)
                raise
            if connection.usable and connection.places >= 0:
                return connection
            connection.reserved -= 1  # the connection has ended since, or the peer now allows fewer streams
        raise closed_during_call()

    def _serve(self, route: Route, site: _Site, seconds: float) -> None:
        """Give places to waiting calls; if there are none, open a connection."""
        waiters = site.waiters
        for connection in site.connections:
            while waiters and connection.places > 0:
                waiter = waiters.popleft()
                if not waiter.done():
                    connection.reserved += 1
                    waiter.set_result(connection)
        while waiters and waiters[0].done():
            waiters.popleft()
        usable = sum(connection.usable for connection in site.connections)
        if waiters and site.connecting is None and not self.closed and usable < self._max_connections:
            site.connecting = self._loop.create_task(self._connect(route, site, seconds))

    async def _connect(self, route: Route, site: _Site, seconds: float) -> None:
        """Open a connection, and wait until it takes streams. If this fails, all waiting calls fail."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connector.open(route, seconds, lambda: self._protocol(route, seconds))
                _check_alpn(route, connection)
                await connection.settled
        except BaseException as error:
            site.connecting = None
            if isinstance(error, TimeoutError) and connection is not None and connection.allows_none:
                error = NotConnected(f"the server allowed no stream for {seconds:g} s")
            if connection is not None:
                connection.close()
            if isinstance(error, asyncio.CancelledError):
                raise
            waiters, site.waiters = site.waiters, deque()
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            site.connecting = None
            site.connections.append(connection)
            self._sweep_later()
            self._serve(route, site, seconds)

    def _protocol(self, route: Route, seconds: float) -> Connection:
        return Connection(route, self._keep_alive, lambda connection: self._connection_changed(connection, seconds))

    def _connection_changed(self, connection: Connection, seconds: float) -> None:
        site = self._sites.get(connection.route)
        if site is None:
            return
        if not connection.usable and not connection.exchanges and connection in site.connections:
            site.connections.remove(connection)
        if not connection.exchanges:
            self._sweep_later()
        if site.waiters:
            self._serve(connection.route, site, seconds)

    def _sweep_later(self) -> None:
        if self._sweeper is None and not self.closed:
            self._sweeper = self._loop.call_later(KEPT_ALIVE, self._sweep)

    def _sweep(self) -> None:
        """Close connections that have been idle for too long, and remove routes without connections."""
        self._sweeper = None
        now, again = self._loop.time(), False
        for route, site in list(self._sites.items()):
            for connection in list(site.connections):
                if not connection.exchanges and not connection.reserved:
                    if connection.idle_since + KEPT_ALIVE <= now:
                        site.connections.remove(connection)
                        connection.close()
                    else:
                        again = True
            if not site.connections and not site.waiters and site.connecting is None:
                del self._sites[route]
        if again:
            self._sweep_later()

    async def close(self) -> None:
        """End all calls in progress, and close the connections."""
        await self._owner.aclose()

    async def end(self) -> None:
        """Close the pool; called by `close`, or by asyncio at the end of the loop."""
        self.closed = True
        if os.getpid() != self._process:
            return  # a forked child, in which the loop ends too: the connections belong to the parent
        if self._sweeper is not None:
            self._sweeper.cancel()
        connections: list[Connection] = []
        for site in self._sites.values():
            if site.connecting is not None:
                site.connecting.cancel()
            for waiter in site.waiters:
                if not waiter.done():
                    waiter.set_exception(closed_during_call())
            connections += site.connections
        for connection in connections:
            connection.close()
        await self._connector.close()
        for connection in connections:
            await connection.ended
        for _ in range(_TURNS):
            await asyncio.sleep(0)


def _check_alpn(route: Route, connection: Connection) -> None:
    if route[0] == "https" and connection.alpn != "h2":
        raise NotConnected(f"the server does not speak HTTP/2: TLS negotiated {connection.alpn or 'no protocol'}")
