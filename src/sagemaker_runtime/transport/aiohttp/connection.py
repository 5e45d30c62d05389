"""
One connection, and the exchange in progress on it.

::

    IDLE ── exchange ──▶ WAITING ── the head ──▶ READING ── the end of the body ──▶ IDLE or CLOSED
      └───────────────────────┴── lost, or over a limit ──┴──▶ CLOSED
"""

from __future__ import annotations

import asyncio
import enum
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sagemaker_runtime.errors import ReadTimeoutError, SageMakerRuntimeError, TruncatedResponseError
from sagemaker_runtime.transport.aiohttp.body import Body
from sagemaker_runtime.transport.aiohttp.failures import BrokeOff, Lost, NoResponse, closed_during_call
from sagemaker_runtime.transport.response_head import NotHTTP
from sagemaker_runtime.transport.response_reader import ResponseReader
from sagemaker_runtime.transport.sockets import duplicate, is_readable
from sagemaker_runtime.wire import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.transport.aiohttp.connecting import Route
    from sagemaker_runtime.transport.aiohttp.read_limit import ReadLimit
    from sagemaker_runtime.transport.aiohttp.upload import Upload
    from sagemaker_runtime.transport.response_head import ResponseHead
    from sagemaker_runtime.wire import Request

WRITTEN_AT_ONCE = 65_536  # bytes; a larger body is sent in slices, with Timeout.write
_REFUSALS = 400  # the lowest status of a refusal
_LEFT_AT_ONCE = 65_536  # bytes
_FRESH = 0.01  # seconds within which an idle connection hardly ever gets data, so the socket is not checked (0.65 µs)


class State(enum.Enum):
    """What a connection is doing."""

    IDLE = "idle"
    WAITING = "waiting for the head of the response"
    READING = "reading the body of the response"
    CLOSED = "closed"


IDLE, WAITING, READING, CLOSED = State


class Connection(asyncio.BufferedProtocol):
    """
    A connection that a connector has opened, for one exchange at a time.

    Args:
        route: The scheme, the host and the proxy.

        buffer: The buffer that the loop reads into. The connections of a loop may share it, because data is copied out of
            it immediately. For other protocols, asyncio allocates 256 KiB for each read, which costs 13 µs.

        on_free: Called with the connection when an exchange has ended and another one may begin.

        on_lost: Called with the connection, once, when it has ended.
    """

    __slots__ = (
        "_body",
        "_has_refused",
        "_head",
        "_keeps_alive",
        "_large_reads",
        "_loop",
        "_on_free",
        "_on_lost",
        "_process",
        "_read_limit",
        "_reader",
        "_reading_paused",
        "_reads_into",
        "_transport",
        "_upload",
        "idle_since",
        "route",
        "state",
    )

    _transport: asyncio.Transport
    _read_limit: ReadLimit
    _reader: ResponseReader

    def __init__(
        self,
        route: Route,
        buffer: memoryview,
        on_free: Callable[[Connection], None],
        on_lost: Callable[[Connection], None],
    ) -> None:
        self.route = route
        self._reads_into = buffer
        self.state = IDLE
        self.idle_since = 0.0
        self._on_free = on_free
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()
        self._head: asyncio.Future[Response] | None = None
        self._body: Body | None = None
        self._upload: Upload | None = None
        self._reading_paused = False
        self._has_refused = self._large_reads = False

    async def exchange(self, head: bytes, request: Request, write_limit: float, read_limit: ReadLimit) -> Response:
        """
        Send a request, and wait for the head of its response.

        Args:
            head: The head of the request; see `request_head`.

            request: The request; its method and body are used.

            write_limit: Seconds within which the peer must accept some of a large body.

            read_limit: Applies once the request has been sent, and again after each byte of the response.

        Raises:
            Lost, BrokeOff, NotHTTP, NoResponse, Stalled: There is no response.
        """
        body = request.body
        self._reader = reader = ResponseReader(request.method)
        self._head = self._loop.create_future()
        self._read_limit = read_limit
        self.state = WAITING
        if len(body) <= WRITTEN_AT_ONCE:
            self._transport.write(head + body)
            read_limit.add(self)
        else:
            from sagemaker_runtime.transport.aiohttp.upload import Upload  # takes 0.3 ms, so not at start-up

            self._transport.write(head)
            self._upload = Upload(self._transport, body, write_limit, self._sent, self._fail)
        del head, body, request  # not needed during the wait, which may take a minute
        try:
            return await self._head  # not a local variable, which the exception's traceback would keep alive
        except asyncio.CancelledError:
            # Not if the response arrived in the same iteration of the loop: another call may use the connection by now.
            if self._reader is reader and self.state is not IDLE:
                self.abort()
            raise

    @property
    def usable(self) -> bool:
        """Whether an idle connection may be used: it is open, and has received no unexpected data."""
        fresh = self._loop.time() - self.idle_since < _FRESH and not self._has_refused
        return not self._transport.is_closing() if fresh else self.quiet

    @property
    def quiet(self) -> bool:
        """The same, but also checks the socket, which may have unread data after the last response."""
        return not (self._transport.is_closing() or is_readable(self._transport))

    def _sent(self) -> None:
        """Called when all of a large request has been sent."""
        if self.state is WAITING:
            self._read_limit.add(self)

    # Receiving.

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        return self._reads_into

    def buffer_updated(self, nbytes: int) -> None:
        self.receive(bytes(self._reads_into[:nbytes]))
        if nbytes == len(self._reads_into) and self.state is READING and not self._reading_paused:
            self._large_reads = True
            self._hand_to(_LargeReads(self))

    def _hand_to(self, protocol: Connection | _LargeReads) -> None:
        self._transport.pause_reading()  # uvloop asks the protocol how it reads when reading begins
        self._transport.set_protocol(protocol)
        self._transport.resume_reading()

    def receive(self, data: bytes) -> None:
        """Process received data."""
        if self.state is IDLE or self.state is CLOSED:
            self.abort()  # unexpected data, which the next call must not get
            return
        reader = self._reader
        try:
            pieces = reader.feed(data)
        except NotHTTP as problem:
            self._fail(problem)
            return
        if self.state is READING:
            self._feed(pieces)
        elif reader.head is not None:
            self._begin_body(reader.head, pieces)
        elif self._upload is None or self._upload.gone_out:
            self._read_limit.add(self)

    def _begin_body(self, head: ResponseHead, pieces: list[bytes]) -> None:
        self._read_limit.discard(self)
        self._keeps_alive = head.keeps_alive
        self._has_refused = head.status >= _REFUSALS  # perhaps before reading the request, and about to close
        if self._upload is not None and self._has_refused:
            self._upload.stop()  # the rest of the request is not needed
            self._keeps_alive = False  # a server that has not read everything resets the connection, whatever it says
        if self._reader.ended:  # a small body arrives with the head
            body = Body(delimited=True, data=pieces[0] if len(pieces) == 1 else b"".join(pieces))
            self._over()
        else:
            self._body = body = Body(delimited=head.length is not None or head.chunked, connection=self)
            self.state = READING
            self._feed(pieces)
        waiter, self._head = self._head, None
        if waiter is None or waiter.done():  # the call was cancelled in this iteration of the loop
            body.close()
        else:
            waiter.set_result(Response(head.status, head.headers, body))

    def _feed(self, pieces: list[bytes]) -> None:
        wants_more = self._body is None or self._body.feed(pieces)
        if self._reader.ended:
            self._end_body(None)
            self._over()
        elif not wants_more and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def _over(self) -> None:
        """End the exchange after a complete response. Only this method decides whether the connection is used again."""
        upload, self._upload = self._upload, None
        usable = self._keeps_alive and not self._reader.surplus and not self._transport.is_closing()
        if usable and (upload is None or upload.gone_out):
            if upload is not None:
                upload.stop()
            self.resume_reading()
            if self._large_reads:
                self._large_reads = False
                self._hand_to(self)
            self.state = IDLE
            self.idle_since = self._loop.time()
            self._on_free(self)
        else:
            if upload is not None:
                upload.stop()
            self.state = CLOSED
            self._transport.abort()

    # The body's reader.

    def begin_wait(self) -> asyncio.Future[None]:
        """A future that the body completes when it gets data; the read limit applies."""
        self._read_limit.add(self)
        return self._loop.create_future()

    def end_wait(self) -> None:
        """End a wait of a body that has not ended."""
        self._read_limit.discard(self)

    def resume_reading(self) -> None:
        """Let the server send more."""
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    # Ending.

    def time_out(self) -> None:
        """Fail, because the read limit has expired."""
        if self.state is WAITING:
            self._fail(NoResponse())
        elif self.state is READING:
            seconds = self._read_limit.seconds
            self._end_body(ReadTimeoutError(f"no more of the response's body for {seconds:g} s"))
            self.abort()

    def close(self) -> None:
        """Close an idle connection."""
        self.state = CLOSED
        if os.getpid() == self._process:
            self._transport.close()  # sends TLS's close_notify
            self._transport.abort()  # does not wait for the peer's

    def abort(self) -> None:
        """Drop the connection with all unsent data: closing it would wait for the peer to read that."""
        if self.state is READING:
            self._end_body(TruncatedResponseError("the response's body stopped before its end: it was closed"))
        self._drop()

    def close_during_call(self) -> None:
        """End the exchange in progress, because the client is closed."""
        if self.state is IDLE:
            self.close()
        elif self.state is WAITING:
            self._fail(closed_during_call())
        else:
            self._end_body(closed_during_call())
            self._drop()

    def _fail(self, error: Exception) -> None:
        """End the wait for the head with *error*, or cut off the body."""
        waiter, self._head = self._head, None
        if self.state is READING:
            self._end_body(TruncatedResponseError(f"the response's body stopped before its end: {error}"))
        self._drop()
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    def _drop(self) -> None:
        if self.state is WAITING:
            self._read_limit.discard(self)
        self.state = CLOSED
        if self._upload is not None:
            self._upload.stop()
            self._upload = None
        if os.getpid() != self._process:
            return  # a forked child: ending it here would end it for the parent too, because their loops share a selector
        with suppress(RuntimeError):  # the loop is closed, and so is the connection
            self._transport.abort()

    def _end_body(self, failure: SageMakerRuntimeError | None) -> None:
        body, self._body = self._body, None
        if body is not None:
            self._read_limit.discard(self)
            body.end(failure)

    # asyncio's side.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self._transport = transport

    def pause_writing(self) -> None:
        if self._upload is not None:
            self._upload.pause()

    def resume_writing(self) -> None:
        if self._upload is not None:
            self._upload.resume()

    def eof_received(self) -> None:
        # Closing would wait until the peer, which has stopped sending, has accepted all unsent data.
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.state in (WAITING, READING) and exc is not None:
            self._receive_what_is_left()
        if self.state is WAITING:
            self._read_limit.discard(self)
            cut = self._reader.within_head and exc is None  # a reset is as likely before the head as within it
            lost = Lost("the server closed it" if exc is None else exc, large=self._upload is not None)
            self._fail(BrokeOff() if cut else lost)
        elif self.state is READING:
            whole = self._reader.ends_with_connection and exc is None
            problem = "the connection was closed" if exc is None else str(exc)
            self._end_body(
                None if whole else TruncatedResponseError(f"the response's body stopped before its end: {problem}")
            )
        self.state = CLOSED
        if self._upload is not None:
            self._upload.stop()
            self._upload = None
        self._on_lost(self)

    def _receive_what_is_left(self) -> None:
        """
        Read what arrived before sending failed: a server that refuses a body responds, and closes the connection.

        This is not possible over TLS, where the rest is ciphertext.
        """
        if self._transport.get_extra_info("sslcontext") is not None:
            return
        with suppress(OSError), duplicate(self._transport) as held:
            while self.state in (WAITING, READING) and (data := held.recv(_LEFT_AT_ONCE)):
                self.receive(data)


class _LargeReads(asyncio.Protocol):
    """For bodies that fill the connection's buffer: copying costs more than a new buffer for each read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def data_received(self, data: bytes) -> None:
        self._connection.receive(data)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def eof_received(self) -> None:
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)
