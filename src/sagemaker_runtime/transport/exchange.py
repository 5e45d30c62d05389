"""One request and its answer, over a connection that aiohttp has opened and will keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.headers import header_problem
from sagemaker_runtime.transport.failures import NotConnected
from sagemaker_runtime.transport.upload import WRITTEN_AT_ONCE, Upload

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

    from sagemaker_runtime.transport.pool import Pool
    from sagemaker_runtime.wire import Request, Timeout

_INTERIM = frozenset({100, *range(102, 200)})  # RFC 9110, section 15.2: the answer itself is to come; 101 ends HTTP


class Exchange:
    """
    One request and its answer on one connection.

    This does for a POST what aiohttp's session does for any request, with its connector, its protocol and its parser, and
    without what a signed request must not have: headers of its own, cookies, redirects, a second sending. Nor is there a
    task for a body that goes out at once. It costs half of the session's time.

    Args:
        connection: From aiohttp's connector, for this exchange alone.
    """

    __slots__ = ("_connection", "_upload")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._upload: Upload | None = None

    async def send(
        self, head: bytes, request: Request, timeout: Timeout, pool: Pool
    ) -> tuple[RawResponseMessage, StreamReader]:
        """
        Send a request; return the head of its answer as soon as it is there, and the body still to come.

        Args:
            head: Of the request; see `request_head`.

            request: For its method and body.

            timeout: ``write`` holds while a large body goes out, ``read`` from then until the head of the answer.

            pool: Keeps the limits.

        Raises:
            NotConnected: The connection cannot be used; nothing was sent.
            Stalled: ``timeout.write`` is over.
            TimeoutError: ``timeout.read`` is over.
            aiohttp.ClientError: The connection was lost.
            aiohttp.http.HttpProcessingError: The answer is not HTTP.
        """
        connection = self._connection
        protocol, transport = connection.protocol, connection.transport
        # aiohttp gives a kept connection out without a look at what came on it since, and would take that for the answer.
        if protocol is None or transport is None or transport.is_closing() or protocol.should_close:
            raise NotConnected("an answer came before the request was sent")
        protocol.set_response_params(
            skip_payload=request.method == "HEAD", read_until_eof=True, auto_decompress=False, read_timeout=None
        )
        body = request.body
        limit = pool.read_limit(timeout.read)
        if len(body) <= WRITTEN_AT_ONCE:
            transport.write(head + body)
            limit.add(protocol)
        else:
            transport.write(head)
            self._upload = Upload(
                protocol, transport, body, limit=timeout.write, read_limit=limit, uploads=pool.uploads
            )
        try:
            message, content = await protocol.read()
            while message.code in _INTERIM:
                message, content = await protocol.read()
        finally:
            limit.discard(protocol)
            if self._upload is not None:
                self._upload.answered()
        content.on_eof(connection.release if self._upload is None else self._release)
        return message, content

    def _release(self) -> None:
        """Give the connection back; if some of the request is still to go out, nobody can use it any more."""
        if self._upload is not None and self._upload.gone_out:
            self._connection.release()
        else:
            self.abort()

    def close(self) -> None:
        """Close the connection, unless it went back to its pool at the end of the answer. May be called again."""
        if self._upload is not None and not self._connection.closed:
            self._upload.abort()
        self._connection.close()

    def abort(self) -> None:
        """Drop the connection with all that is still to be sent: to close it would wait for the peer to read that."""
        transport = self._connection.transport
        if transport is not None:
            transport.abort()
        self.close()


def request_head(request: Request, proxy_authorization: str | None, *, absolute: bool) -> bytes:
    """
    The request line and the headers as they are sent: byte for byte what was signed.

    Args:
        request: Its path and query are percent-encoded.

        proxy_authorization: What a proxy is told beside; None for nothing.

        absolute: Whether the scheme and the host stand before the path, as a proxy wants it.

    Raises:
        ConfigError: The method, the path, the query or a header cannot stand in a line, or would end it.
    """
    target = f"{request.path}?{request.query}" if request.query else request.path
    if absolute:
        target = f"{request.scheme}://{request.host}{target}"
    line = f"{request.method} {target} HTTP/1.1"
    # With a blank or a newline, a middleware would write a header, or a second request.
    printable = line.isascii() and line.isprintable() and line.count(" ") == 2 and "#" not in line  # noqa: PLR2004 - parts
    if not printable or not request.method or request.path[:1] != "/":
        raise ConfigError(f"{request.method} {request.url!r} cannot be sent; percent-encode its path and query")
    lines = [line, *[f"{name}: {value}" for name, value in request.headers.raw.items()]]
    if proxy_authorization is not None:
        lines.append(f"proxy-authorization: {proxy_authorization}")
    lines += "", ""
    head, ends = "\r\n".join(lines), len(lines) - 1
    if head.count("\n") == ends == head.count("\r") and "\0" not in head:
        try:
            return head.encode()
        except UnicodeEncodeError:  # a lone surrogate
            pass
    raise ConfigError(f"{request.method} {request.url!r} cannot be sent: {_problem(request)}")


def _problem(request: Request) -> str:
    """Which header cannot be sent, and why; its value, which may be secret, is not shown."""
    for name, value in request.headers.raw.items():
        if not name.isprintable() or not name.isascii():
            return f"{name!r} cannot be the name of a header"
        problem = header_problem(value)
        if problem is not None:
            return f"the value of header {name!r} {problem}"
    return "a header holds a newline"
