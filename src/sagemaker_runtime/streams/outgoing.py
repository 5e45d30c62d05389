"""`OutgoingEvents`: the events sent in a duplex call, in order; they are sent again if there is another attempt."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from sagemaker_runtime.context import Key
from sagemaker_runtime.errors import (
    ConnectionLostError,
    SageMakerRuntimeError,
    StreamClosedError,
    TransportError,
    WriteTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from sagemaker_runtime.event_signing import EventsSigner

    class Exchange(Protocol):
        """The part of a `DuplexExchange` that is needed for sending."""

        def write(self, data: bytes, *, end: bool = False) -> bool: ...
        async def drain(self) -> None: ...
        def close(self) -> None: ...


REPLAY_BUFFER_SIZE = 2**20
"""Bytes of events that are kept for another attempt, unless the options say otherwise."""


class AttemptWriter:
    """
    Signs events, and writes them to the exchange of one attempt.

    Args:
        outgoing: The events of the call.

        signer: Signs the events of the attempt; None to send them unsigned.

        now: Returns the time by the service's clock, in seconds since 1970.

        log: Called with each event; None for no log.
    """

    __slots__ = ("_exchange", "_log", "_now", "_outgoing", "_signer")

    _exchange: Exchange

    def __init__(
        self,
        outgoing: OutgoingEvents,
        signer: EventsSigner | None,
        now: Callable[[], float],
        log: Callable[[bytes], None] | None = None,
    ) -> None:
        self._log = log
        self._outgoing = outgoing
        self._signer = signer
        self._now = now

    def attach(self, exchange: Exchange) -> None:
        """Write to *exchange* from now on, starting with the events of earlier attempts."""
        self._exchange = exchange
        self._outgoing.attached(self)

    def write(self, event: bytes, *, end: bool = False) -> bool:
        """Queue an event; False if `drain` should be awaited before the next one."""
        if self._log is not None:
            self._log(event)
        if self._signer is not None:
            event = self._signer.sign(event, int(self._now() * 1000))
        return self._exchange.write(event, end=end)

    async def drain(self) -> None:
        """Wait until the peer has accepted the events."""
        await self._exchange.drain()

    def close(self) -> None:
        """End both directions of the exchange."""
        self._exchange.close()


class OutgoingEvents:
    """
    The events of one call's request, in the order in which they were sent.

    They are kept, unsigned, until the response has begun, so that another attempt can send them again.

    Args:
        replay_buffer: The most bytes to keep; once more have been sent, the call is not retried.

    Attributes:
        parts: The number of events that were sent.

        size: The bytes of their frames.

        ended: Whether the end was sent.

        failure: Why nothing more can be sent; None as long as events can be sent.
    """

    def __init__(self, replay_buffer: int) -> None:
        self.parts = 0
        self.size = 0
        self.ended = False
        self.failure: SageMakerRuntimeError | None = None
        self._limit = replay_buffer
        self._kept: list[tuple[bytes, bool]] | None = []
        self._kept_size = 0
        self._begun = False
        self._writer: AttemptWriter | None = None
        self._busy = False  # whether somebody is writing
        self._turns: deque[asyncio.Future[None]] = deque()
        self._changed: list[asyncio.Future[None]] = []

    async def send(self, event: bytes, *, end: bool = False) -> None:
        """
        Send an event, after those of earlier calls.

        If cancelled, it was sent completely or not at all.

        Raises:
            SageMakerRuntimeError: The call's error; once the response has begun, the error of writing.
        """
        if self._busy:
            await self._turn()
        self._busy = True
        try:
            while (writer := self._writer) is None:
                await self._change()
            if self.failure is not None:
                raise self.failure.with_traceback(None)
            self._keep(event, end=end)
            try:
                if not writer.write(event, end=end):
                    await writer.drain()
            except (TransportError, StreamClosedError) as error:
                await self._told_more(writer, error)
        finally:
            self._busy = False
            self._next_turn()

    def _keep(self, event: bytes, *, end: bool) -> None:
        self.parts += not end
        self.size += len(event)
        self.ended = end
        if self._kept is not None:
            self._kept_size += len(event)
            if self._kept_size > self._limit:
                self._kept = None
            else:
                self._kept.append((event, end))

    async def _told_more(self, writer: AttemptWriter, error: SageMakerRuntimeError) -> None:
        """
        After a failed write, wait for the next attempt, which sends the event again, or for the call's error.

        Once the response has begun, raise the error of writing: the reader finds any error in the response.
        """
        while self.failure is None:
            if self._begun:
                raise error
            if self._writer is not None and self._writer is not writer:
                return
            await self._change()
        raise self.failure.with_traceback(None)

    async def _change(self) -> None:
        """Wait until there is a new writer, or the response has begun, or the call has failed."""
        if self.failure is not None:
            raise self.failure.with_traceback(None)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed.append(future)
        try:
            await future
        finally:
            self._changed.remove(future)

    async def _turn(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._busy = False
                self._next_turn()  # cancelled just after it was woken: pass the turn on
            raise

    def _next_turn(self) -> None:
        while self._turns:
            future = self._turns.popleft()
            if not future.done():
                self._busy = True  # otherwise a new sender could go first
                future.set_result(None)
                return

    def _wake(self) -> None:
        for future in self._changed:
            if not future.done():
                future.set_result(None)

    # Called by the stack and the stream.

    def attached(self, writer: AttemptWriter) -> None:
        """Start an attempt with all events that were kept; they are limited, so they are queued without waiting."""
        self._writer = writer
        for event, end in self._kept or ():
            try:
                writer.write(event, end=end)
            except (TransportError, StreamClosedError):
                break  # the attempt will fail with the reason
        self._wake()

    async def first_attempt(self) -> None:
        """Wait until events can be sent. Raises the call's error."""
        while self._writer is None:
            await self._change()

    def begun(self) -> None:
        """Note that the response has begun, after which there is no further attempt."""
        self._begun = True
        self._kept = None
        self._wake()

    def fail(self, error: SageMakerRuntimeError) -> None:
        """Stop the sending: senders get *error*."""
        if self.failure is None:
            self.failure = error
            self._kept = None
            self._wake()

    def close(self, error: SageMakerRuntimeError) -> None:
        """End both directions of the exchange: senders get *error*."""
        self.fail(error)
        if self._writer is not None:
            self._writer.close()

    def forbids_retry(self, error: Exception) -> str | None:
        """
        Why the call must not be retried after *error*; None if it may be.

        In that case, nothing is sent until the next attempt has begun; otherwise the buffer could exceed its limit.
        """
        if self._begun:
            return "the response had begun"
        if self._kept is None:
            return f"more was sent than the {self._limit:,} bytes that are kept for another attempt (Options.replay_buffer)"
        if self.size and isinstance(error, ConnectionLostError | WriteTimeoutError):
            return "parts had been sent, and the model may have acted on them"
        self._writer = None
        return None


OUTGOING: Key[OutgoingEvents] = Key("outgoing events")
"""The events that are sent in a duplex call. Set by the client."""

STREAM_WRITER: Key[AttemptWriter] = Key("stream writer")
"""Writes events to the exchange of the attempt. Set by InitializeStreamWriter."""
