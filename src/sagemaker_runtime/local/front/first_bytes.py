"""`FirstBytes`: reads the first bytes of a connection, and hands it over to HTTP/1.1 or HTTP/2."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, section 3.4; no HTTP/1.1 request begins with its first line


class FirstBytes(asyncio.Protocol):
    """
    Serves a connection until its first bytes have arrived.

    Args:
        http1: Makes the protocol for a connection over HTTP/1.1.

        http2: The same for HTTP/2. If it returns None, the connection is closed.

        waiting: Contains the connection until its first bytes have arrived.
    """

    def __init__(
        self,
        http1: Callable[[], asyncio.Protocol],
        http2: Callable[[], asyncio.Protocol | None],
        waiting: set[asyncio.BaseTransport],
    ) -> None:
        self._http1 = http1
        self._http2 = http2
        self._waiting = waiting
        self._transport: asyncio.BaseTransport | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first bytes."""
        self._transport = transport
        self._waiting.add(transport)

    def data_received(self, data: bytes) -> None:
        """Choose, as soon as the bytes leave only one protocol possible."""
        transport, self._data = self._transport, self._data + data
        if transport is None or (len(self._data) < len(PREFACE) and PREFACE.startswith(self._data)):
            return
        self._waiting.discard(transport)
        protocol = (self._http2 if self._data.startswith(PREFACE) else self._http1)()
        if protocol is None:
            transport.close()
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(self._data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection: it was closed before its first bytes."""
        del exc
        if self._transport is not None:
            self._waiting.discard(self._transport)
