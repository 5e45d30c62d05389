"""The HTTP/2 connections of one event loop, and the calls that wait for a place on one of them."""

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

KEPT_ALIVE = 15.0  # seconds that a connection without streams is kept
_TURNS = 2  # of the loop, in which a server in the same loop sees the end


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

    One is opened at a time for a route, and another one only when those that stand are full. Calls that find no place wait
    in the order they came.

    Args:
        connector: Opens connections.

        max_connections: At most so many for a route.

        proxies: None to go everywhere directly.

        keep_alive: Seconds in which a peer that has vanished is noticed.
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
        """A pool for the running loop; nothing is connected yet."""
        pool = cls(connector, max_connections, proxies, keep_alive)
        await anext(pool._owner)
        return pool

    async def place(self, route: Route, seconds: float) -> Connection:
        """
        A connection on which a place has been reserved for the caller.

        Args:
            route: Where to.

            seconds: For opening one; waiting for a place does not count.

        Raises:
            NotConnected, ProxyRefused, ClientConnectorError, TimeoutError: None could be opened.
            ClientClosedError: The client was closed.
        """
        while not self.closed:
            site = self._sites.setdefault(route, _Site())  # each time: it may have been forgotten since
            future: asyncio.Future[Connection] = self._loop.create_future()
            site.waiters.append(future)
            self._serve(route, site, seconds)
            try:
                connection = await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled() and future.exception() is None:
                    future.result().reserved -= 1  # it came in the same turn; the place goes to the next one
                self._serve(route, site, seconds)
                raise
            if connection.usable and connection.places >= 0:
                return connection
            connection.reserved -= 1  # it has ended since, or the peer takes fewer streams now
        raise closed_during_call()

    def _serve(self, route: Route, site: _Site, seconds: float) -> None:
        """Give places to those who wait; where there are none, open a connection."""
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
        """Open a connection, and wait until it is known how many streams it takes. A failure is that of all who wait."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connector.open(route, seconds, lambda: self._protocol(route, seconds))
                _check_alpn(route, connection)
                await connection.settled
            _check_places(connection)
        except BaseException as error:
            site.connecting = None
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
        """Close what has had no stream for long, and forget routes that lead nowhere any more."""
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
        """End all that is under way, and close the connections."""
        await self._owner.aclose()

    async def end(self) -> None:
        """What `close` does; asyncio does it at the end of the loop where nobody has."""
        self.closed = True
        if os.getpid() != self._process:
            return  # forked off within the loop, which ends here too: the connections are the parent's
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
        raise NotConnected(f"the server speaks no HTTP/2: TLS settled on {connection.alpn or 'no protocol'}")


def _check_places(connection: Connection) -> None:
    if connection.places <= 0:
        raise NotConnected("the server allows no stream")
