"""
The seams to HTTP: `HTTPClient`, and `DuplexHTTPClient` for calls in which both sides send at once.

In ``aiohttp`` and ``h2`` are the transports that are used unless others are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sagemaker_runtime.wire import Request, Response, Timeout

__all__ = ["DuplexExchange", "DuplexHTTPClient", "HTTPClient"]


class HTTPClient(Protocol):
    """Sends a request and gives the response. One serves all calls of a client."""

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """
        Send *request* byte for byte, with these headers and no others, and return when the head of the response is
        there. The caller closes the response.

        Connections are kept alive. Redirects are not followed, cookies are not kept, and bodies are not decompressed.

        Raises:
            ConnectError: Never connected; nothing was sent.
            ConnectionLostError: Lost before the first byte of the response.
            WriteTimeoutError: No progress while sending for ``timeout.write``.
            ReadTimeoutError: Not a byte of the response for ``timeout.read``.
            InvalidResponseError: The response is not HTTP.
        """
        ...

    async def close(self) -> None:
        """Close all connections. May be called again."""
        ...


class DuplexExchange(Protocol):
    """A request that goes on while its response comes. Whoever holds it closes it."""

    def write(self, data: bytes, *, end: bool = False) -> bool:
        """
        Queue *data*, and with *end* the end of the request's body; False where `drain` should be awaited before more.

        All of it is queued or nothing, so a caller that is cancelled while it waits leaves no half of a frame behind.

        Raises:
            TransportError: The exchange has failed.
            StreamClosedError: It was closed or ended.
        """
        ...

    async def drain(self) -> None:
        """
        Wait until the peer, by its flow control, has taken what was written.

        Raises:
            WriteTimeoutError: It took nothing for ``timeout.write``.
            TransportError: The exchange has failed.
        """
        ...

    async def response(self) -> Response:
        """
        The response, once its head is there, which may be long after parts were sent.

        Raises:
            RefusedStreamError: The server has done nothing for the request.
            ConnectionLostError: Lost, or reset, before the head.
            ReadTimeoutError: No head for ``timeout.read`` after the last thing that was sent.
        """
        ...

    def close(self) -> None:
        """End both directions at once, without waiting. May be called again."""
        ...


class DuplexHTTPClient(Protocol):
    """Opens exchanges in which both sides send at once. One serves all duplex calls of a client."""

    async def open(self, request: Request, *, timeout: Timeout) -> DuplexExchange:
        """
        Send the head of *request*, whose body is what is then written, and return before the response is there.

        Raises:
            ConnectError: Never connected; nothing was sent.
        """
        ...

    async def close(self) -> None:
        """Close all connections. May be called again."""
        ...
