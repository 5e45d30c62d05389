"""The connections of one event loop, idle and in use, and the calls that wait for one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sagemaker_runtime.transport.aiohttp.connecting import FULL, Connector, Route
from sagemaker_runtime.transport.aiohttp.connection import Connection
from sagemaker_runtime.transport.aiohttp.failures import closed_during_call
from sagemaker_runtime.transport.aiohttp.read_limit import ReadLimit
from sagemaker_runtime.transport.loop_end import before_loop_ends
from sagemaker_runtime.transport.request_head import check_destination

if TYPE_CHECKING:
    import ssl
    from typing import Self

    from sagemaker_runtime.transport.proxies import Proxies

MAX_CONNECTIONS = 2048  # the Go SDK's MaxConnsPerHost
KEPT_ALIVE = 15.0  # seconds for which a connection may be idle; aiohttp's default
READ_LIMITS_KEPT = 16  # different values of Timeout.read, in one loop, whose timers are kept when idle
BUFFER = 65_536  # bytes of one read
ROUTES_KEPT = 256  # hosts; a client calls few
_LOOK_FOR_DESCRIPTORS = 0.05  # seconds between two attempts, if none of our connections can release a descriptor
_FULL_FOR = 5.0  # seconds for which fewer connections are opened after that
_TURNS = 2  # iterations of the loop, in which a server in the same loop ends by itself: asyncio logs cancelled handlers

_Waiter: TypeAlias = "tuple[Route, asyncio.Future[Connection | None]]"
"""A call that waits for a connection on its route, or for a place in which to open one."""


class Pool:
    """
    The connections of one event loop.

    Each occupies a place, from before it is opened until it has ended. Calls that find no place wait, first come, first
    served.

    Args:
        connector: Opens connections.

        max_connections: The number of places.

        proxies: The proxies; None to connect to all hosts directly.
    """

    def __init__(self, connector: Connector, max_connections: int, proxies: Proxies | None) -> None:
        self.proxies = proxies
        self.closed = False
        self._process = os.getpid()
        self._connector = connector
        self._owner = before_loop_ends(self._close)
        self._loop = asyncio.get_running_loop()
        self._places = self._max_connections = max_connections
        self._used = 0  # places in use
        self._opener: asyncio.TimerHandle | None = None  # set while there are fewer places
        self._waiters: deque[_Waiter] = deque()
        self._gave_up = 0  # cancelled waiters, at most
        self._connections: set[Connection] = set()
        self._idle: dict[Route, list[Connection]] = {}  # the last one used is the last in its list
        self._sweeper: asyncio.TimerHandle | None = None
        self._read_limits: dict[float, ReadLimit] = {}
        self._buffer = memoryview(bytearray(BUFFER))

    @classmethod
    async def open(cls, *, max_connections: int | None, tls: ssl.SSLContext | None, proxies: Proxies | None) -> Self:
        """Create a pool for the running loop, without connecting."""
        pool = cls(Connector(tls), max_connections or default_max_connections(), proxies)
        await anext(pool._owner)
        return pool

    def take(self, route: Route) -> Connection | None:
        """Take an idle connection for an exchange; None if there is none."""
        idle = self._idle.get(route)
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    async def connect(self, route: Route, seconds: float) -> Connection:
        """
        Get a connection for an exchange, as soon as there is a place for it.

        Args:
            route: The scheme, the host and the proxy.

            seconds: The limit for opening a connection; waiting for a place does not count.

        Raises:
            ConfigError: The scheme and the host do not form an http(s) URL.
            NotConnected, CertificateRefused, ProxyRefused, TimeoutError: No connection could be opened.
        """
        if route not in self._idle:
            check_destination(route[0], route[1])
            self._forget_routes()
            self._idle[route] = []
        deadline = None  # for getting a descriptor
        while not self.closed:
            connection = self.take(route) or await self._place(route)
            if connection is not None:
                if connection.quiet:
                    return connection
                connection.close()  # the server has closed it after the last response
                continue
            if self.closed:
                self._give_place_back()
                break
            try:
                connection = await self._connector.open(route, seconds, lambda: self._protocol(route))
            except BaseException as error:
                cause = error.__cause__
                if not (isinstance(cause, OSError) and cause.errno in FULL):
                    self._give_place_back()
                    raise
                deadline = self._loop.time() + seconds if deadline is None else deadline
                await self._wait_for_descriptors(error, deadline)
            else:
                self._connections.add(connection)
                if not self.closed:
                    return connection
                connection.close()
        raise closed_during_call()

    def _protocol(self, route: Route) -> Connection:
        # On Windows, the system completes reads, so two of them may be in progress at the same time.
        buffer = memoryview(bytearray(BUFFER)) if sys.platform == "win32" else self._buffer
        return Connection(route, buffer, self._free, self._lost)

    async def _place(self, route: Route) -> Connection | None:
        """Wait for a place, and return None; or return a connection that another call has released."""
        if self._used < self._places:
            self._used += 1
            return None
        self._close_one_elsewhere()
        future: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiters.append((route, future))
        try:
            return await future
        except asyncio.CancelledError:
            if future.cancelled():
                self._gave_up += 1
                if self._gave_up * 2 > len(self._waiters):
                    self._waiters = deque(waiter for waiter in self._waiters if not waiter[1].done())
                    self._gave_up = 0
            elif future.exception() is None:
                connection = future.result()  # it was provided in the same iteration of the loop
                if connection is None:
                    self._give_place_back()
                else:
                    self._free(connection)
            raise

    async def _wait_for_descriptors(self, error: BaseException, deadline: float) -> None:
        """There was a place, but no descriptor, so reduce the places for a while, and wait if necessary."""
        self._used -= 1  # not passed on, because a waiting call would get no descriptor either
        self._places = max(self._used, 1)
        if self._opener is None:
            self._opener = self._loop.call_later(_FULL_FOR, self._open_places)
        if not self._connections:  # other code has all descriptors
            if self._loop.time() >= deadline:
                self._open_places()
                raise error
            await asyncio.sleep(_LOOK_FOR_DESCRIPTORS)

    def _open_places(self) -> None:
        """Restore all places, because other code may have released descriptors."""
        if self._opener is not None:
            self._opener.cancel()
            self._opener = None
        self._places = self._max_connections
        while self._used < self._places and self._first_waiter() is not None:
            self._used += 1
            self._waiters.popleft()[1].set_result(None)

    def _free(self, connection: Connection) -> None:
        """Called when an exchange has ended and its connection may be used again."""
        waiter = self._first_waiter()
        if waiter is None:
            self._idle.setdefault(connection.route, []).append(connection)
            if self._sweeper is None:
                self._sweeper = self._loop.call_later(KEPT_ALIVE, self._sweep)
        elif waiter[0] == connection.route:
            self._waiters.popleft()[1].set_result(connection)
        else:
            connection.close()  # to free its place for the waiting call

    def _lost(self, connection: Connection) -> None:
        """Called when a connection has ended."""
        self._connections.discard(connection)
        idle = self._idle.get(connection.route)
        if idle and connection in idle:
            idle.remove(connection)
        self._give_place_back()

    def _give_place_back(self) -> None:
        if self._used <= self._places and self._first_waiter() is not None:
            self._waiters.popleft()[1].set_result(None)
        else:
            self._used -= 1

    def _first_waiter(self) -> _Waiter | None:
        """The first call that is still waiting."""
        while self._waiters:
            if not self._waiters[0][1].done():
                return self._waiters[0]
            self._waiters.popleft()
        return None

    def _close_one_elsewhere(self) -> None:
        """Close the connection that has been idle longest, so that its place becomes free."""
        oldest = min((idle[0] for idle in self._idle.values() if idle), key=_idle_since, default=None)
        if oldest is not None:
            self._idle[oldest.route].remove(oldest)
            oldest.close()

    def _forget_routes(self) -> None:
        if len(self._idle) >= ROUTES_KEPT:
            for route in [route for route, idle in self._idle.items() if not idle]:
                del self._idle[route]

    def _sweep(self) -> None:
        """Close connections that have been idle for too long, before the server does so during a call."""
        self._sweeper = None
        oldest, now = None, self._loop.time()
        for idle in self._idle.values():
            while idle and idle[0].idle_since + KEPT_ALIVE <= now:
                idle.pop(0).close()
            if idle:
                oldest = idle[0].idle_since if oldest is None else min(oldest, idle[0].idle_since)
        if oldest is not None:
            self._sweeper = self._loop.call_at(oldest + KEPT_ALIVE, self._sweep)

    def read_limit(self, seconds: float) -> ReadLimit:
        """The shared timer for all waits of *seconds*."""
        limit = self._read_limits.get(seconds)
        if limit is None:
            if len(self._read_limits) >= READ_LIMITS_KEPT:  # perhaps each call gets the rest of a time budget
                oldest = next(iter(self._read_limits))
                if not self._read_limits[oldest].idle:
                    return ReadLimit(seconds, kept=False)
                self._read_limits.pop(oldest).stop()
            limit = self._read_limits[seconds] = ReadLimit(seconds)
        return limit

    async def close(self) -> None:
        """End all calls in progress, and close the connections."""
        await self._owner.aclose()

    async def _close(self) -> None:
        self.closed = True
        if os.getpid() != self._process:
            return  # a forked child, in which the loop ends too: the connections belong to the parent
        for timer in (self._sweeper, self._opener):
            if timer is not None:
                timer.cancel()
        while (waiter := self._first_waiter()) is not None:
            self._waiters.popleft()
            waiter[1].set_exception(closed_during_call())
        for connection in list(self._connections):
            connection.close_during_call()
        for read_limit in self._read_limits.values():
            read_limit.stop()
        await self._connector.close()
        while self._connections:  # noqa: ASYNC110 - a turn or two, in which asyncio reports the end of each
            await asyncio.sleep(0)
        for _ in range(_TURNS):
            await asyncio.sleep(0)


def default_max_connections() -> int:
    """2,048, or three quarters of the descriptors that the process may still open, which leaves some to other code."""
    try:
        limit = os.sysconf("SC_OPEN_MAX")  # as RLIMIT_NOFILE, but to import `resource` takes 0.4 ms
        opened = sum(1 for _ in Path("/dev/fd").iterdir())
    except (AttributeError, ValueError, OSError):  # a system without such a limit
        return MAX_CONNECTIONS
    return MAX_CONNECTIONS if limit < 0 else max(1, min(MAX_CONNECTIONS, (limit - opened) * 3 // 4))


def _idle_since(connection: Connection) -> float:
    return connection.idle_since
