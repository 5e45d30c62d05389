"""One request and its response, over a connection that aiohttp has opened and will keep."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp

from sagemaker_runtime.transport.aiohttp.failures import NotConnected
from sagemaker_runtime.transport.aiohttp.upload import WRITTEN_AT_ONCE, Upload

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

    from sagemaker_runtime.transport.aiohttp.pool import Pool
    from sagemaker_runtime.transport.aiohttp.read_limit import ReadLimit
    from sagemaker_runtime.wire import Request


class Exchange:
    """
    One request and its response on one connection: `start`, `read_head`, `stop_waiting`, and `begin_body` with what came.

    This does for a POST what aiohttp's session does for any request, with its connector, its protocol and its parser, and
    without what a signed request must not have: headers of its own, cookies, redirects, a second sending. Nor is there a
    task for a body that goes out at once. It costs half of the session's time.

    Args:
        connection: From aiohttp's connector, for this exchange alone.

        pool: Keeps the exchanges that are under way.

        read_limit: Holds from when the request has gone out until `stop_waiting`.

    Raises:
        NotConnected: The connection cannot be used; nothing was sent.
    """

    __slots__ = ("_connection", "_content", "_pool", "_protocol", "_transport", "_upload", "read_limit")

    def __init__(self, connection: Connection, pool: Pool, read_limit: ReadLimit) -> None:
        protocol, transport = connection.protocol, connection.transport
        # aiohttp gives out a kept connection without a look at what came on it since, and would take that for the response.
        if protocol is None or transport is None or connection.closed or protocol.should_close:
            connection.close()
            raise NotConnected("a response came before the request was sent")
        self._connection = connection
        self._protocol = protocol
        self._transport = transport
        self._pool = pool
        self.read_limit = read_limit
        self._upload: Upload | None = None
        self._content: StreamReader | None = None
        pool.exchanges[protocol] = self

    def start(self, head: bytes, request: Request, write_limit: float) -> None:
        """
        Send a request.

        Args:
            head: Of the request; see `request_head`.

            request: For its method and body.

            write_limit: Seconds without progress while a large body goes out.
        """
        protocol, transport, body = self._protocol, self._transport, request.body
        if len(body) <= WRITTEN_AT_ONCE:
            transport.write(head + body)
            self.read_limit.add(protocol)
        else:
            transport.write(head)
            self._upload = Upload(protocol, transport, body, limit=write_limit, read_limit=self.read_limit)
        # Afterwards, when the request is on its way: nothing can come before this task lets others run.
        protocol.set_response_params(
            skip_payload=request.method == "HEAD", read_until_eof=True, auto_decompress=False, read_timeout=None
        )

    def read_head(self) -> Coroutine[Any, Any, tuple[RawResponseMessage, StreamReader]]:
        """
        Wait for the head of the response, or of an interim one before it.

        Raises:
            Stalled: The write limit is over.
            aiohttp.SocketTimeoutError: The read limit is over.
            aiohttp.ClientError: The connection was lost.
            aiohttp.http.HttpProcessingError: The response is not HTTP.
        """
        return self._protocol.read()

    def stop_waiting(self) -> None:
        """Called in any case, as soon as nobody waits for the head."""
        self.read_limit.discard(self._protocol)
        if self._upload is not None:
            self._upload.response_began()

    def begin_body(self, content: StreamReader) -> None:
        """The head is there; at the end of *content* the connection goes back to its pool."""
        self._content = content
        content.on_eof(self._release)

    def lost(self) -> None:
        """The connection has ended. Where the body has a broken chunk, aiohttp does not notify its reader."""
        self._end_body("what came is not HTTP")

    def _end_body(self, problem: str) -> None:
        """End the body with an error, so that its reader does not wait for more, unless it has ended already."""
        content = self._content
        if content is not None and not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError(problem))

    def _release(self) -> None:
        if self._upload is not None and not self._upload.gone_out:
            self.abort()  # with some of the request still to go out, nobody else can use the connection
        else:
            if self._upload is not None:
                self._upload.over()
            self._end()
            self._connection.release()

    def close(self) -> None:
        """Close the connection, unless it went back to its pool at the end of the response. May be called again."""
        if self._upload is not None and self._under_way:
            self.abort()
        else:
            self._end()
            with suppress(RuntimeError):  # its loop is closed, and the connection with it
                self._connection.close()
                self._end_body("it was closed")

    def abort(self) -> None:
        """Drop the connection with all that is still to be sent: to close it would wait for the peer to read that."""
        self._end()
        transport = self._connection.transport  # not the exchange's own, which may be another exchange's by now
        with suppress(RuntimeError):
            if self._upload is not None:
                self._upload.stop()
            if transport is not None:
                transport.abort()
            self._connection.close()
            self._end_body("it was closed")

    @property
    def _under_way(self) -> bool:
        return self._pool.exchanges.get(self._protocol) is self

    def _end(self) -> None:
        if self._under_way:
            del self._pool.exchanges[self._protocol]
            self._pool.places.release()
