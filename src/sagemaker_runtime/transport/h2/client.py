"""The default transport of duplex calls: HTTP/2, many streams on one connection."""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from typing import TYPE_CHECKING

from sagemaker_runtime.asyncio_only import asyncio_only, without_asyncio
from sagemaker_runtime.checks import checked, is_number
from sagemaker_runtime.errors import ClientClosedError, ConfigError
from sagemaker_runtime.transport.aiohttp.connecting import Connector
from sagemaker_runtime.transport.aiohttp.failures import FAILURES, cause_of, closed_during_call, translate
from sagemaker_runtime.transport.h2.head import request_fields
from sagemaker_runtime.transport.proxies import Proxies
from sagemaker_runtime.transport.tls import StrPath, system_tls, tls_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime.transport.h2.exchange import Exchange
    from sagemaker_runtime.transport.h2.pool import Pool
    from sagemaker_runtime.wire import Request, Timeout

# In a forked process, the parent's pools. They are kept and never used: closing a connection would send a TLS close_notify.
_INHERITED: list[dict[asyncio.AbstractEventLoop, Pool]] = []


def _require_h2() -> None:
    """Raise ConfigError if h2 is missing. The module can be imported without it: ``from sagemaker_runtime import *``."""
    try:
        import_module("h2.connection")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("h2", "hpack", "hyperframe"):
            raise
        raise ConfigError(
            "a duplex call needs HTTP/2, for which h2 is missing: pip install 'sagemaker-runtime[http2]', or set your own "
            "transport as Options.duplex_http_client"
        ) from error


class HTTP2Client:
    """
    HTTP/2 for duplex calls: many streams on one connection, one pool of connections per event loop.

    With an ``https`` endpoint, HTTP/2 is negotiated in TLS (ALPN); with an ``http`` endpoint, it is assumed. Streams above
    the server's limit use another connection, or wait; a server that allows none at first has Timeout.connect to allow
    one. Do not share a client between threads. After a fork, use it in a new event loop.

    Args:
        ca_bundle: A file or a directory of certificates to trust; None for the system's. Details are in `AioHTTPClient`.

        client_certificate: A PEM file, or two, with a certificate and its key; None for none. See `AioHTTPClient`.

        proxies: Proxies by the scheme of the request, only for https; None for those of the environment, ``{}`` for none. See
            `AioHTTPClient`.

        max_connections: The maximum number of connections to one host, in each loop.

        keep_alive: Seconds within which a peer that no longer responds is detected while a stream is open. After half of
            this time without a byte, a PING is sent.

    Raises:
        ConfigError: h2 is not installed, a file is unusable, or a value is invalid.
    """

    def __init__(
        self,
        *,
        ca_bundle: StrPath | None = None,
        client_certificate: StrPath | tuple[StrPath, StrPath] | None = None,
        proxies: Mapping[str, str] | None = None,
        max_connections: int = 100,
        keep_alive: float = 30.0,
    ) -> None:
        _require_h2()
        takes = "a whole number above 0"
        if checked(max_connections, int, "max_connections", takes) < 1:
            raise ConfigError(f"max_connections is {max_connections!r}; it takes {takes}")
        if not is_number(keep_alive) or not keep_alive > 0:
            raise ConfigError(f"keep_alive is {keep_alive!r}; it takes a number of seconds above 0")
        self._max_connections = max_connections
        self._keep_alive = keep_alive
        own = tls_context(ca_bundle, client_certificate)
        if own is not None:
            own.set_alpn_protocols(["h2"])
        self._tls = own or system_tls("h2")
        self._trusts_environment = proxies is None
        self._proxies = None if proxies is None else Proxies.given(proxies)
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._closed = False
        self._process = os.getpid()

    async def open(self, request: Request, *, timeout: Timeout) -> Exchange:
        """Send the head of *request*, and return before the response arrives; see `DuplexHTTPClient.open`."""
        if self._closed:
            raise ClientClosedError("the HTTP client is closed; make a new one")
        self._leave_connections_of_parent()
        try:
            pool = self._pools.get(asyncio.get_running_loop())
        except RuntimeError as error:
            raise without_asyncio(error) or error from error
        fields = request_fields(request)
        if pool is None or pool.closed:
            pool = await self._open_pool()
        proxy = None if pool.proxies is None else pool.proxies.proxy_for(request.scheme, request.host)
        if proxy is not None and request.scheme == "http":
            raise ConfigError(
                f"{request.url!r} would go through the proxy {proxy.url}, but HTTP/2 through a proxy requires https: list "
                "the host in NO_PROXY, or use https"
            )
        try:
            connection = await pool.place((request.scheme, request.host, proxy), timeout.connect)
        except FAILURES as error:
            failure = closed_during_call() if self._closed else translate(error, request, timeout, proxy)
            cause = cause_of(error)
        else:
            return connection.open(fields, request.host, timeout)
        try:
            raise failure from cause  # outside the except block, so that the caught error is not its context
        finally:
            del failure, cause  # otherwise they and this frame would be a reference cycle

    @asyncio_only
    async def close(self) -> None:
        """Close the connections of the running loop. Those of another loop are closed when it ends."""
        self._closed = True
        self._leave_connections_of_parent()
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    def _leave_connections_of_parent(self) -> None:
        if os.getpid() != self._process:
            self._process = os.getpid()
            _INHERITED.append(self._pools)
            self._pools = {}

    async def _open_pool(self) -> Pool:
        from sagemaker_runtime.transport.h2.pool import Pool

        if any(asyncio.get_running_loop() in pools for pools in _INHERITED):
            raise ConfigError(
                "this event loop was running calls when the process was forked, and is the parent's: in a child, start a new "
                "one, with asyncio.run()"
            )
        for loop in [loop for loop in self._pools if loop.is_closed()]:
            del self._pools[loop]
        proxies = Proxies.of_environment() if self._trusts_environment else self._proxies
        pool = await Pool.open(
            Connector(self._tls, peer_may_begin=True),
            max_connections=self._max_connections,
            proxies=proxies,
            keep_alive=self._keep_alive,
        )
        self._pools[asyncio.get_running_loop()] = pool
        return pool
