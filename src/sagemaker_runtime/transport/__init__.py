"""
The interfaces to HTTP: `HTTPClient`, and `DuplexHTTPClient` for calls in which both sides send.

The default transports are in ``aiohttp`` and ``h2``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sagemaker_runtime.wire import Request, Response, Timeout

__all__ = ["DuplexExchange", "DuplexHTTPClient", "HTTPClient"]


class HTTPClient(Protocol):
    """Sends requests and returns responses. One object serves all calls of a client."""

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """
        Send *request* byte for byte, with these headers and no others, and return when the head of the response has
        arrived. The caller closes the response.

        Connections are kept alive. Redirects are not followed, cookies are not kept, and bodies are not decompressed.

        Raises:
            ConnectError: There was no connection; nothing was sent.
            ConnectionLostError: The connection was lost before the first byte of the response.
            WriteTimeoutError: No progress in sending within ``timeout.write``.
            ReadTimeoutError: No byte of the response within ``timeout.read``.
            InvalidResponseError: The response is not HTTP.
        """
        ...

    async def close(self) -> None:
        """Close all connections. May be called again."""
        ...


class DuplexExchange(Protocol):
    """A request that continues while its response arrives. Whoever holds it closes it."""

    def write(self, data: bytes, *, end: bool = False) -> bool:
        """
        Queue *data* and, with *end*, the end of the body. Returns False if `drain` should be awaited before the next write.

        Either all of it is queued or nothing, so a cancelled caller never leaves half a frame behind.

        Raises:
            TransportError: The exchange has failed.
            StreamClosedError: The exchange was closed or ended.
        """
        ...

    async def drain(self) -> None:
        """
        Wait until the peer's flow control has accepted everything written.

        Raises:
            WriteTimeoutError: It accepted nothing within ``timeout.write``.
            TransportError: The exchange has failed.
        """
        ...

    async def response(self) -> Response:
        """
        Return the response when its head has arrived, which may be long after parts were sent.

        Raises:
            RefusedStreamError: The server has not processed the request.
            ConnectionLostError: The connection was lost, or the stream reset, before the head.
            ReadTimeoutError: No head within ``timeout.read`` after the last write.
        """
        ...

    def close(self) -> None:
        """End both directions at once, without waiting. May be called again."""
        ...


class DuplexHTTPClient(Protocol):
    """Opens exchanges in which both sides send. One object serves all duplex calls of a client."""

    async def open(self, request: Request, *, timeout: Timeout) -> DuplexExchange:
        """
        Send the head of *request*, whose body is written afterwards, and return before the response arrives.

        Raises:
            ConnectError: There was no connection; nothing was sent.
        """
        ...

    async def close(self) -> None:
        """Close all connections. May be called again."""
        ...
