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

        Connections are kept alive. Redirects are not followed, cookies are not stored, and bodies are not decompressed.

        Args:
            request: The request, signed.

            timeout: The limits ``connect``, ``write`` and ``read``, in seconds; the client enforces ``total``.

        Raises:
            ConnectError: There was no connection; nothing was sent.
            ConnectionLostError: The connection was lost before the first byte of the response.
            WriteTimeoutError: The peer accepted nothing within ``timeout.write``.
            ReadTimeoutError: No byte of the response arrived within ``timeout.read``.
            InvalidResponseError: The response is not HTTP.
        """
        ...

    async def close(self) -> None:
        """Close all connections. May be called again."""
        ...


class DuplexExchange(Protocol):
    """A request that continues while its response arrives. Close it, unless both directions have ended."""

    def write(self, data: bytes, *, end: bool = False) -> bool:
        """
        Queue *data* and, with *end*, the end of the body. Returns False if `drain` should be awaited before the next write.

        All of *data* is queued or nothing, so a cancelled caller never leaves half a frame behind.

        Raises:
            TransportError: The exchange has failed.
            StreamClosedError: The exchange was closed or ended.
        """
        ...

    async def drain(self) -> None:
        """
        Wait until the peer's flow control has accepted everything written.

        Raises:
            WriteTimeoutError: The peer accepted nothing within ``timeout.write``.
            TransportError: The exchange has failed.
        """
        ...

    async def response(self) -> Response:
        """
        Return the response when its head has arrived, which may be long after parts were sent.

        Raises:
            RefusedStreamError: The server did not process the request.
            ConnectionLostError: The connection was lost, or the stream was reset, before the head.
            ReadTimeoutError: No head arrived within ``timeout.read`` after the last write.
        """
        ...

    def close(self) -> None:
        """End both directions immediately, without waiting. May be called again."""
        ...


class DuplexHTTPClient(Protocol):
    """Opens exchanges in which both sides send. One object serves all duplex calls of a client."""

    async def open(self, request: Request, *, timeout: Timeout) -> DuplexExchange:
        """
        Send the head of *request*, and return before the response arrives. The caller writes the body to the exchange.

        Args:
            request: The request, signed, without a body.

            timeout: The limits ``connect``, ``write`` and ``read``, in seconds.

        Raises:
            ConnectError: There was no connection; nothing was sent.
        """
        ...

    async def close(self) -> None:
        """Close all connections. May be called again."""
        ...
