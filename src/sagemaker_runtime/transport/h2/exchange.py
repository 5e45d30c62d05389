"""One stream of a connection: the request is sent while the response arrives, and either may end first."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes

from sagemaker_runtime.errors import (
    ClientClosedError,
    ConnectionLostError,
    InvalidResponseError,
    ReadTimeoutError,
    RefusedStreamError,
    SageMakerRuntimeError,
    StreamClosedError,
    TruncatedResponseError,
    WriteTimeoutError,
)
from sagemaker_runtime.transport.h2.body import Body
from sagemaker_runtime.transport.h2.head import response_head
from sagemaker_runtime.wire import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagemaker_runtime.transport.h2.connection import Connection
    from sagemaker_runtime.wire import Timeout


class Exchange:
    """
    A request and its response, a `DuplexExchange`.

    Args:
        connection: The connection of the stream.

        id: The number of the stream.

        host: The peer's host, for errors.

        timeout: ``read`` limits the wait for the response's head, ``write`` each wait for the peer to accept data.

    Attributes:
        status: The status of the response; 0 before it has arrived.
    """

    __slots__ = (
        "_body",
        "_connection",
        "_drainers",
        "_end_pending",
        "_failure",
        "_head",
        "_home",
        "_host",
        "_loop",
        "_pending",
        "_response",
        "_sent_at",
        "_sent_end",
        "_taken",
        "_timeout",
        "id",
        "status",
    )

    def __init__(self, connection: Connection, id: int, host: str, timeout: Timeout) -> None:
        self.id = id
        self.status = 0
        self._connection: Connection | None = connection  # None once both directions have ended
        self._home = connection
        self._host = host
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._head: asyncio.Future[None] = self._loop.create_future()
        self._response: Response | None = None
        self._body = Body(self)
        self._failure: SageMakerRuntimeError | None = None  # raised to senders
        self._pending: deque[memoryview] = deque()  # data that must wait for the windows, or for the transport
        self._end_pending = False
        self._sent_end = False
        self._taken = 0  # bytes that h2 has accepted
        self._sent_at = self._loop.time()
        self._drainers: list[asyncio.Future[None]] = []

    # The request.

    def write(self, data: bytes, *, end: bool = False) -> bool:
        """Queue *data*; False if `drain` should be awaited before the next write."""
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        connection = self._connection
        if connection is None or self._end_pending or self._sent_end:
            raise StreamClosedError("nothing can be sent after the end of the request's stream")
        self._sent_at = self._loop.time()
        if not self._pending and (data or end) and connection.send_at_once(self.id, data, end=end):
            self._taken += len(data)
            self._sent_end = end
            self._free_if_done()
            return not connection.writer.pressed
        if data:
            self._pending.append(memoryview(data))
        self._end_pending = end
        self.pump()
        return not self._pending and not connection.writer.pressed

    async def drain(self) -> None:
        """
        Wait until the peer, or the connection, has accepted what was written.

        Raises:
            WriteTimeoutError: The peer accepted nothing within ``timeout.write``.
            TransportError: The exchange has failed.
        """
        if not self._pending:
            connection = self._connection
            if connection is None or self._failure is not None or not connection.writer.paused:
                await asyncio.sleep(0)  # otherwise a sender that never has to wait would block all other tasks
        while self._failure is None and (
            self._pending or (self._connection is not None and self._connection.writer.paused)
        ):
            taken, future = self._taken, self._loop.create_future()
            self._drainers.append(future)
            try:
                async with asyncio.timeout(self._timeout.write):
                    await future
            except TimeoutError:
                if taken == self._taken:
                    self.fail(
                        WriteTimeoutError(f"{self._host} accepted none of the stream for {self._timeout.write:g} s"),
                        reset=True,
                    )
            finally:
                with suppress(ValueError):
                    self._drainers.remove(future)
        if self._failure is not None:
            raise self._failure.with_traceback(None)

    def pump(self) -> None:
        """Send what the windows allow now."""
        pending, connection = self._pending, self._connection
        if connection is None or (not pending and not self._end_pending):
            if connection is None or not connection.writer.paused:
                self._wake()
            return
        while pending and (size := connection.room(self.id)) > 0:
            first = pending[0]
            if len(first) > size:
                pending[0] = first[size:]
                first = first[:size]
            else:
                pending.popleft()
            self._taken += len(first)
            self._sent_end = self._end_pending and not pending
            connection.send_data(self.id, bytes(first), end=self._sent_end)
        if not pending:
            if self._end_pending and not self._sent_end:  # only the end had to be sent
                self._sent_end = True
                connection.send_data(self.id, b"", end=True)
            self._end_pending = False
            if not connection.writer.paused:
                self._wake()
            self._free_if_done()

    def _wake(self) -> None:
        for future in self._drainers:
            if not future.done():
                future.set_result(None)

    # The response.

    async def response(self) -> Response:
        """
        Wait for the head of the response.

        Raises:
            RefusedStreamError: The peer did not process the request.
            ConnectionLostError: The stream, or the connection, ended before the head.
            ReadTimeoutError: No head arrived within ``timeout.read`` after the last write.
        """
        while not self._head.done():
            left = self._sent_at + self._timeout.read - self._loop.time()
            if left <= 0:
                self.fail(ReadTimeoutError(f"no response from {self._host} for {self._timeout.read:g} s"), reset=True)
                break
            await asyncio.wait([self._head], timeout=left)
        if self._response is not None:
            return self._response
        raise self._failed().with_traceback(None)

    def _failed(self) -> SageMakerRuntimeError:
        return self._failure or ConnectionLostError(f"the stream to {self._host} was closed before a response")

    def acknowledge(self, size: int) -> None:
        """Give *size* bytes of the windows back to the peer; those of the connection even if the stream has ended."""
        self._home.acknowledge(size, self.id)

    def close(self) -> None:
        """Release the stream; it is cancelled unless both sides have ended. May be called again."""
        if self._connection is not None:
            self.fail(StreamClosedError("the stream was closed"), reset=True)
        self.acknowledge(self._body.discard())

    # Called by the connection.

    def head(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        """Handle the head of the response."""
        try:
            status, headers = response_head(fields)
        except ValueError as error:
            self.fail(InvalidResponseError(f"the head of the response is not HTTP/2: {error}"), reset=True)
            return
        if self._response is None:
            self.status = status
            self._response = Response(status, headers, self._body)
            if not self._head.done():
                self._head.set_result(None)

    def data(self, data: bytes, flow_controlled: int) -> None:
        """Handle a piece of the body."""
        self._body.feed(data, flow_controlled)

    def end(self) -> None:
        """Handle the end of the response."""
        if self._response is None:
            self.fail(InvalidResponseError(f"the stream of {self._host} ended without a response"), reset=True)
            return
        self._body.end()
        self._free_if_done()

    def reset(self, code: int) -> None:
        """Handle a reset by the peer; after the end of the response, it only means that the peer accepts nothing more."""
        if self._body.ended:
            self.fail(StreamClosedError(f"{self._host} has ended the stream and accepts nothing more"))
        elif self._response is not None:
            self.fail(
                TruncatedResponseError(f"the response of {self._host} was cut off: it reset the stream, {_name(code)}")
            )
        elif code == ErrorCodes.REFUSED_STREAM:
            self.fail(RefusedStreamError(f"{self._host} refused to begin another stream"))
        else:
            self.fail(ConnectionLostError(f"{self._host} reset the stream before a response: {_name(code)}"))

    def lost(self, problem: str) -> None:
        """Handle the end of the connection."""
        if self._response is not None:
            self.fail(TruncatedResponseError(f"the response of {self._host} was cut off: {problem}"))
        else:
            self.fail(ConnectionLostError(f"the connection to {self._host} was lost before a response: {problem}"))

    def refused(self) -> None:
        """Handle a GOAWAY of a peer that has not processed this stream."""
        self.fail(RefusedStreamError(f"{self._host} ended the connection before it processed this stream"))

    def client_closed(self) -> None:
        """Fail, because the client was closed."""
        self.fail(ClientClosedError("the HTTP client was closed during the call"))

    def fail(self, error: SageMakerRuntimeError, *, reset: bool = False) -> None:
        """End both directions with *error*; data of the response that has arrived can still be read."""
        connection, self._connection = self._connection, None
        if self._failure is None:
            self._failure = error
        self._pending.clear()
        self._end_pending = False
        self._body.end(error)
        if not self._head.done():
            self._head.set_result(None)
        self._wake()
        if connection is not None:
            connection.forget(self, reset=reset)

    def _free_if_done(self) -> None:
        """Release the place once both sides have ended; data of the response may still be unread."""
        if self._sent_end and self._body.ended and self._connection is not None:
            connection, self._connection = self._connection, None
            self._wake()
            connection.forget(self, reset=False)


def _name(code: int) -> str:
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error code {code}"
