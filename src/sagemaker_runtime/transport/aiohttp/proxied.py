"""Opens connections through proxies with aiohttp's connector: CONNECT, TLS to the proxy, and TLS within it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from sagemaker_runtime.redaction import Secrets
from sagemaker_runtime.transport.aiohttp.failures import CertificateRefused, NotConnected, ProxyRefused
from sagemaker_runtime.transport.aiohttp.names import AddressInfo, start_lookup

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from sagemaker_runtime.transport.proxies import Proxy

_REFUSALS = range(400, 500)  # statuses of a proxy that would respond the same way again
_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class ProxyConnector:
    """
    Opens connections through proxies in one event loop. Nothing else imports aiohttp, which takes 120 ms.

    Args:
        tls: The context of https connections, with the protocols to offer (ALPN); None for aiohttp's own context.
    """

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._aiohttp = aiohttp.TCPConnector(limit=0, resolver=Resolver(), ssl=True if tls is None else tls)  # pyright: ignore[reportUnknownMemberType]

    async def connect(self, scheme: str, host: str, proxy: Proxy) -> asyncio.Transport:
        """
        Connect to *host* through *proxy*. Nobody reads from the transport any more.

        Raises:
            NotConnected, ProxyRefused, CertificateRefused: There is no connection.
        """
        request = aiohttp.ClientRequest(
            "GET",
            URL(f"{scheme}://{host}/", encoded=True),
            loop=asyncio.get_running_loop(),
            proxy=URL(proxy.url),
            proxy_headers=proxy.headers,
        )
        try:
            connection = await self._aiohttp.connect(request, [], aiohttp.ClientTimeout(total=None))
        except aiohttp.ClientConnectorCertificateError as error:  # of the proxy, or of the host
            refused = error.certificate_error
            raise CertificateRefused(f"{error.host}:{error.port}", refused) from refused
        except aiohttp.ClientConnectorError as error:  # aiohttp's text repeats the host, and names ssl:default
            raise NotConnected(error.strerror or repr(error.os_error)) from error.os_error
        except (aiohttp.ClientResponseError, aiohttp.ClientConnectionError) as error:
            raise _refused_by_proxy(error, proxy.headers) from None  # aiohttp's error has the headers
        except aiohttp.InvalidURL as error:
            raise NotConnected(error) from None
        handler, transport = connection.protocol, connection.transport
        if handler is None or transport is None or handler.should_close:
            connection.close()
            raise NotConnected("something came before the request was sent")
        transport.pause_reading()
        handler.connection_lost(None)  # otherwise aiohttp's connector would wait for it when it is closed
        connection.close()
        return transport

    async def close(self) -> None:
        """Forget what aiohttp keeps; its connections have been handed over."""
        await self._aiohttp.close()


def _refused_by_proxy(
    error: aiohttp.ClientError, secret_headers: Mapping[str, str] | None
) -> NotConnected | ProxyRefused:
    """The exception for a proxy that did not connect us. It may have quoted *secret_headers*, so they are redacted."""
    match error:
        case aiohttp.ClientHttpProxyError(status=status, message=message):
            reason = Secrets(secret_headers or {}).redact(message)
            kind = ProxyRefused if status in _REFUSALS else NotConnected
            return kind(f"the proxy responded to CONNECT with {status} {reason}")
        case aiohttp.ClientResponseError():
            return NotConnected(f"the proxy's response to CONNECT is not HTTP: {error.message.partition(':')[0]}")
        case _:
            return NotConnected(f"the connection to the proxy was lost before it responded to CONNECT: {error}")


class Resolver(AbstractResolver):
    """aiohttp's ``ThreadedResolver`` without the event loop's executor; aiohttp keeps what it finds."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """
        The addresses of a name, in the order that the system prefers.

        Raises:
            OSError: There are none.
        """
        return [_result(host, info) for info in await start_lookup(host, port, family)]

    async def close(self) -> None:
        """There is nothing to close."""


def _result(host: str, info: AddressInfo) -> ResolveResult:
    family, _, proto, _, address = info
    name, port = address[0], address[1]
    if address[3:] not in ((), (0,)):  # in a zone, like link-local addresses
        name, service = socket.getnameinfo(address, _NUMERIC)
        port = int(service)
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=name, port=port, family=family, proto=proto, flags=flags)
