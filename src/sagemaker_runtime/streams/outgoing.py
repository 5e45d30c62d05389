"""`OutgoingEvents`: what is sent into a duplex call, in order, to the attempt at hand; and again to the next one."""

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
        """What of a `DuplexExchange` is written to."""

        def write(self, data: bytes, *, end: bool = False) -> bool: ...
        async def drain(self) -> None: ...
        def close(self) -> None: ...


REPLAY_BUFFER_SIZE = 2**20
"""Bytes of events that are kept for another attempt, where the options do not say."""


class AttemptWriter:
    """
    Signs what is sent, and writes it to the exchange of one attempt.

    Args:
        outgoing: The call's.

        signer: Of the attempt's events; None to send them unsigned.

        now: Seconds since 1970, on the service's clock.

        log: Is given each event; None for no log.
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
        """Write to *exchange* from now on, first of all what attempts before this one were given."""
        self._exchange = exchange
        self._outgoing.attached(self)

    def write(self, event: bytes, *, end: bool = False) -> bool:
        """Queue an event; False where `drain` should be awaited before more is written."""
        if self._log is not None:
            self._log(event)
        if self._signer is not None:
            event = self._signer.sign(event, int(self._now() * 1000))
        return self._exchange.write(event, end=end)

    async def drain(self) -> None:
        """Wait until the peer has taken what was written."""
        await self._exchange.drain()

    def close(self) -> None:
        """End both directions of the exchange."""
        self._exchange.close()


class OutgoingEvents:
    """
    The events of one call's request, in the order of their senders.

    They are kept, unsigned, until the response has begun, so that another attempt can be given them too.

    Args:
        replay_buffer: Bytes that are kept; when more have been sent, there is no other attempt.

    Attributes:
        parts: Events that were sent.

        size: Bytes of their frames.

        ended: Whether the end was sent.

        failure: Why nothing can be sent any more; None as long as it can.
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
        self._busy = False  # somebody writes
        self._turns: deque[asyncio.Future[None]] = deque()
        self._changed: list[asyncio.Future[None]] = []

    async def send(self, event: bytes, *, end: bool = False) -> None:
        """
        Send an event, after all that were to be sent before.

        Cancelled, it has been sent whole or not at all.

        Raises:
            SageMakerRuntimeError: What the call has failed with; once the response has begun, what broke the sending.
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
        Wait for what comes of an attempt that takes no more: another one, which is given the event, or the call's error.

        Once the response has begun, what it still says is for its reader to find: what broke the sending is raised.
        """
        while self.failure is None:
            if self._begun:
                raise error
            if self._writer is not None and self._writer is not writer:
                return
            await self._change()
        raise self.failure.with_traceback(None)

    async def _change(self) -> None:
        """Until there is a writer, or another one, or the call has begun or failed."""
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
                self._next_turn()  # cancelled as it was woken: the turn goes to the next one
            raise

    def _next_turn(self) -> None:
        while self._turns:
            future = self._turns.popleft()
            if not future.done():
                self._busy = True  # or who comes now would go first
                future.set_result(None)
                return

    def _wake(self) -> None:
        for future in self._changed:
            if not future.done():
                future.set_result(None)

    # What the stack, and the stream, say.

    def attached(self, writer: AttemptWriter) -> None:
        """An attempt has begun: it is given all that is kept, which is bounded, so it is queued at once."""
        self._writer = writer
        for event, end in self._kept or ():
            try:
                writer.write(event, end=end)
            except (TransportError, StreamClosedError):
                break  # and what comes of the attempt says why
        self._wake()

    async def first_attempt(self) -> None:
        """Wait until something can be sent, or the call has failed; raises what it has failed with."""
        while self._writer is None:
            await self._change()

    def begun(self) -> None:
        """The response has begun: there is no other attempt any more."""
        self._begun = True
        self._kept = None
        self._wake()

    def fail(self, error: SageMakerRuntimeError) -> None:
        """Nothing can be sent any more; whoever sends gets *error*."""
        if self.failure is None:
            self.failure = error
            self._kept = None
            self._wake()

    def close(self, error: SageMakerRuntimeError) -> None:
        """End the exchange, both directions of it; whoever sends gets *error*."""
        self.fail(error)
        if self._writer is not None:
            self._writer.close()

    def forbids_retry(self, error: Exception) -> str | None:
        """
        Why there can be no other attempt after *error*; None if there can be one.

        Until that has begun nothing is sent: what is kept for it would not stay within its limit.
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
"""What is sent into a duplex call. Set by the client."""

STREAM_WRITER: Key[AttemptWriter] = Key("stream writer")
"""Takes what is sent to the exchange of the attempt. Set by InitializeStreamWriter."""
