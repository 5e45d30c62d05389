"""
The default transport: HTTP/1.1, through proxies with aiohttp's connector.

aiohttp's session, pool and protocol are not used: they cost more than the call itself, and do things that a signed
request does not allow, such as sending it twice, adding cookies and following redirects.
"""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from typing import TYPE_CHECKING
from weakref import WeakSet

from sagemaker_runtime.asyncio_only import asyncio_only, without_asyncio
from sagemaker_runtime.checks import checked
from sagemaker_runtime.errors import ClientClosedError, ConfigError
from sagemaker_runtime.transport.aiohttp.failures import FAILURES, cause_of, closed_during_call, translate
from sagemaker_runtime.transport.aiohttp.pool import Pool
from sagemaker_runtime.transport.proxies import Proxies
from sagemaker_runtime.transport.request_head import check_body, request_head
from sagemaker_runtime.transport.tls import StrPath, tls_context
from sagemaker_runtime.url import BaseURL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime.wire import Request, Response, Timeout


_CLIENTS: WeakSet[AioHTTPClient] = WeakSet()
_INHERITED: list[object] = []  # pools
_INHERITED_LOOPS: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


class AioHTTPClient:
    """
    HTTP/1.1, with keep-alive connections and one pool per event loop. aiohttp connects to proxies.

    A pool is created by the first request in a loop, and closed by `close` or at the end of its loop, so one client serves
    one ``asyncio.run`` after another. Do not share a client between threads. After a fork, use it in a new event loop.

    Certificates and host names are always checked, and TLS 1.2 is the minimum. A request is sent once, whatever its method;
    only the retryer decides about retries.

    Args:
        ca_bundle: The certificates to trust instead of the system's: a PEM file, or a directory prepared by ``openssl
            rehash``. None for the system's, or botocore's if the machine has none. Read once, now.

        client_certificate: The certificate for servers, or https proxies, that request one: a PEM file with a certificate
            and its unencrypted key, or two files ``(certificate, key)``. None for none. Read once, now.

        proxies: Proxies by the scheme of the request, such as ``{"https": "http://user:password@proxy:3128"}``; ``"all"``
            applies to schemes that are not listed. They are used for all hosts. An https request goes through a tunnel
            (CONNECT), an http request is sent in absolute form; the proxy's scheme is http or https, not SOCKS. None for
            the proxies of the environment (``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, with the exceptions in
            ``NO_PROXY``, which is read as Go reads it), or of the system, as `urllib.request.getproxies` finds them at the
            first request in a loop; localhost and loopback addresses are then reached directly. ``{}`` for none.

        max_connections: The maximum number of connections in each loop; further calls wait for a free one. None for 2,048,
            or three quarters of the file descriptors that the process may still open, if that is less.

    Raises:
        ConfigError: A file is unusable, the URL of a proxy is invalid, or *max_connections* is not above 0.
    """

    def __init__(
        self,
        *,
        ca_bundle: StrPath | None = None,
        client_certificate: StrPath | tuple[StrPath, StrPath] | None = None,
        proxies: Mapping[str, str] | None = None,
        max_connections: int | None = None,
    ) -> None:
        takes = "a whole number above 0"
        if max_connections is not None and checked(max_connections, int, "max_connections", takes) < 1:
            raise ConfigError(f"max_connections is {max_connections!r}; it takes {takes}")
        self._max_connections = max_connections
        self._tls = tls_context(ca_bundle, client_certificate)
        self._trusts_environment = proxies is None
        self._proxies = None if proxies is None else Proxies.given(proxies)
        if (Proxies.of_environment() if self._trusts_environment else self._proxies) is not None:
            import_module("sagemaker_runtime.transport.aiohttp.proxied")  # now, or it would hold up the loop for 120 ms
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._closed = False
        _CLIENTS.add(self)

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send *request*, and return when the head of the response has arrived; see `HTTPClient.send`."""
        if self._closed:
            raise ClientClosedError("the HTTP client is closed; make a new one")
        try:
            pool = self._pools.get(asyncio.get_running_loop())
        except RuntimeError as error:
            raise without_asyncio(error) or error from error
        if pool is None or pool.closed:
            pool = await self._open_pool()
        check_body(request)
        scheme, host = request.scheme, request.host
        proxy = None if pool.proxies is None else pool.proxies.proxy_for(scheme, host)
        head = request_head(request, proxy)
        route = scheme, host, proxy
        try:
            connection = pool.take(route)
        except TypeError as error:  # for example from a host that is a list
            raise ConfigError(f"nothing can be sent to scheme {scheme!r} and host {host!r}: {error}") from None
        try:
            if connection is None:
                connection = await pool.connect(route, timeout.connect)
            exchange = connection.exchange(head, request, timeout.write, pool.read_limit(timeout.read))
            del head  # 1 KB, not needed during the wait
            response = await exchange
        except FAILURES as error:
            failure = closed_during_call() if self._closed else translate(error, request, timeout, proxy)
            cause = cause_of(error)
        else:
            if proxy is not None:
                response.proxy_headers = proxy.headers
            return response
        try:
            raise failure from cause  # outside the except block, so that the caught error is not its context
        finally:
            del failure, cause  # otherwise they and this frame would be a reference cycle

    def proxy_for(self, url: str) -> str | None:
        """
        The proxy for a request to *url* in the current environment; None if it would be sent directly.

        Returns:
            The URL of the proxy, without user name and password.

        Raises:
            ConfigError: *url*, or the URL of the proxy, is invalid.
        """
        base = BaseURL.parse(url)
        proxies = Proxies.of_environment() if self._trusts_environment else self._proxies
        proxy = None if proxies is None else proxies.proxy_for(base.scheme, base.host)
        return None if proxy is None else proxy.url

    @asyncio_only
    async def close(self) -> None:
        """Close the connections of the running loop. Those of another loop are closed when it ends."""
        self._closed = True
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    async def _open_pool(self) -> Pool:
        if asyncio.get_running_loop() in _INHERITED_LOOPS:
            raise ConfigError(
                "this event loop was running calls when the process was forked, and is the parent's: in a child, start a new "
                "one, with asyncio.run()"
            )
        for loop in [loop for loop in self._pools if loop.is_closed()]:
            del self._pools[loop]
        proxies = Proxies.of_environment() if self._trusts_environment else self._proxies
        pool = await Pool.open(max_connections=self._max_connections, tls=self._tls, proxies=proxies)
        self._pools[asyncio.get_running_loop()] = pool
        return pool


def _forget_connections() -> None:
    """
    In a forked process, leave the connections to the parent.

    They are kept and never used: closing one would send a TLS close_notify, and with uvloop end it in the parent too.
    """
    for client in list(_CLIENTS):
        pools, client._pools = client._pools, {}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module
        _INHERITED.append(pools)
        _INHERITED_LOOPS.update(pools)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections)
