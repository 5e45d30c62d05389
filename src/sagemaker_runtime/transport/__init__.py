"""The seam to HTTP: `HTTPClient`, and in ``aiohttp`` the transport that is used unless another is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sagemaker_runtime.wire import Request, Response, Timeout

__all__ = ["HTTPClient"]


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
