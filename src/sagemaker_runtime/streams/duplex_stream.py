"""`DuplexStream`: a conversation with a model, in which both sides send at any time."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from sagemaker_runtime.errors import SageMakerRuntimeError, StreamClosedError, TransportError, attach_facts
from sagemaker_runtime.streams.duplex_messages import Messages
from sagemaker_runtime.streams.duplex_response import DuplexResponse
from sagemaker_runtime.streams.event_writer import as_part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime.bodies import BytesLike
    from sagemaker_runtime.operations.events import DuplexMessage, RequestPayloadPart, ResponsePayloadPart
    from sagemaker_runtime.operations.invoke_endpoint_with_bidirectional_stream import (
        InvokeEndpointWithBidirectionalStreamOutput,
    )
    from sagemaker_runtime.streams.event_writer import EventWriter
    from sagemaker_runtime.streams.outgoing import OutgoingEvents

CLOSING_WAIT = 2.0  # seconds to wait for the model's last parts when a block is left without an error


class DuplexStream:
    """
    A conversation with a model: both sides send parts at the same time, and either side may end first.

    One task may send while another one reads; several tasks may send::

        async with await client.invoke_endpoint_with_bidirectional_stream(params) as stream:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(speak(stream))  # await stream.send(...), await stream.end()
                async for part in stream:
                    print(part.text)

    Leaving the block normally ends the sending, and waits up to 2 s for the model to end; parts that arrive then are dropped.
    Leaving it by an exception ends both directions immediately.

    The client creates streams. If the call has failed, all methods raise its error: the service's error, not the reset that
    came with it.
    """

    def __init__(
        self,
        call: Coroutine[None, None, InvokeEndpointWithBidirectionalStreamOutput],
        outgoing: OutgoingEvents,
        writer: EventWriter,
        operation: str,
    ) -> None:
        self._outgoing = outgoing
        self._writer = writer
        self._operation = operation
        self._loop = asyncio.get_running_loop()
        self._response = DuplexResponse(call)
        self._ahead: deque[ResponsePayloadPart] = deque()  # parts that a sender read while it looked for an error
        self._read: asyncio.Future[None] | None = None  # set while somebody reads; done when that read has ended
        self._looking = False  # whether the reader is a sender that looks for an error
        self._pieces: list[ResponsePayloadPart] = []  # parts of an incomplete message
        self._failure: SageMakerRuntimeError | None = None
        self._ended = False  # by the model
        self._end_sent = False
        self._closed = False

    async def begun(self) -> None:
        """Wait until the request has begun, so that parts can be sent. Raises the call's error."""
        await self._outgoing.first_attempt()

    # Sending.

    async def send(self, part: str | BytesLike | RequestPayloadPart, *, partial: bool = False) -> None:
        """
        Send a part, and wait until the service accepts it. If the model does not read, the sender waits.

        Text is sent as UTF8, bytes as BINARY. If cancelled, the part was sent completely or not at all.

        Args:
            part: Text, bytes, or a `RequestPayloadPart` with its own headers.

            partial: Whether the message continues in the next part.

        Raises:
            InvalidParamsError: The part is invalid; nothing was sent.
            ServiceError: The service, or the model, failed.
            StreamClosedError: The stream was closed or ended, or the model ended the conversation.
            WriteTimeoutError: Nothing was accepted within ``Timeout.write``.
            TransportError: The connection failed.
            SageMakerRuntimeError: Any other error of the call.
        """
        event = self._writer.write(as_part(part, partial=partial))
        if self._end_sent:
            self._refuse("nothing can be sent after end()")
        await self._send(event)

    async def end(self) -> None:
        """End the sending; the model's parts can still be read. May be called again. Raises like `send`."""
        if not self._end_sent:
            self._end_sent = True
            try:
                await self._send(b"", end=True)
            except asyncio.CancelledError:
                self._end_sent = self._outgoing.ended  # false if it was still waiting for another sender
                raise
            except StreamClosedError:
                if self._closed or not self._ended:  # if the model has ended the conversation, no end is needed
                    raise

    async def _send(self, event: bytes, *, end: bool = False) -> None:
        self._raise_failure()
        try:
            await self._outgoing.send(event, end=end)
        except (TransportError, StreamClosedError) as error:
            if self._failure is None and error is not self._outgoing.failure:
                await self._find_reason()
            if self._failure is not None:
                raise self._failure.with_traceback(None) from None
            raise

    async def _find_reason(self) -> None:
        """Read what arrived before the exchange broke, because it may contain the service's error. This does not wait."""
        while self._failure is None and not self._ended:
            if self._read is not None:
                await asyncio.wait([self._read])
            else:
                self._looking = True
                try:
                    with suppress(SageMakerRuntimeError):
                        part = await self._next()
                        if part is not None:
                            self._ahead.append(part)
                finally:
                    self._looking = False
        if self._ended and self._failure is None:
            self._failure = self._closed_error("the model has ended the conversation and accepts nothing more")
            self._outgoing.fail(self._failure)

    # Reading.

    async def initial_response(self) -> InvokeEndpointWithBidirectionalStreamOutput:
        """
        Return the head of the response: the variant and the metadata. A model may not send it before the first part.

        Raises:
            SageMakerRuntimeError: The error of the call.
        """
        try:
            output = await self._response.output()
        except SageMakerRuntimeError as error:
            if self._failure is None:
                self._failure = error
            raise
        if output is None:
            self._refuse("it was closed before the response began")
        return output

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ResponsePayloadPart:
        """
        Return the next part from the model; unknown events are skipped. A cancelled read loses nothing.

        Raises:
            ModelStreamError: The model's container failed, or closed the conversation with an error.
            InternalStreamFailure: The service failed.
            EventStreamError: The stream is broken.
            TransportError: The connection failed, or the peer no longer responds.
            StreamClosedError: The stream was closed.
            SageMakerRuntimeError: Any other error of the call.
        """
        while self._looking and self._read is not None and not self._ahead:
            await asyncio.wait([self._read])
        if self._ahead:
            return self._ahead.popleft()
        if self._read is not None:
            raise RuntimeError("two tasks read one stream; let one of them read, and pass the events on")
        part = await self._next()
        if part is None:
            raise StopAsyncIteration
        return part

    async def _next(self) -> ResponsePayloadPart | None:
        if self._ended:
            return None
        if self._closed:
            self._raise_failure()
        self._read = self._loop.create_future()
        try:
            if not self._response.begun:
                await self.initial_response()
            part = await self._response.next_part()
        except SageMakerRuntimeError as error:
            if self._failure is None:
                self._failure = error
                self._outgoing.fail(error)
            if self._closed:
                raise self._failure.with_traceback(None) from None
            raise
        else:
            self._ended = part is None
            return part
        finally:
            self._read.set_result(None)
            self._read = None

    def messages(self) -> AsyncIterator[DuplexMessage]:
        """
        The messages from the model: parts marked PARTIAL are joined with the following ones.

        A cancelled read loses nothing: continue with this iterator or another one.

        Raises:
            EventStreamError: The model ended the conversation inside a message.
            SageMakerRuntimeError: The errors of iterating over the parts.
        """
        return Messages(self, self._pieces, self._operation)

    # Closing.

    @property
    def ended(self) -> bool:
        """Whether the model's parts were read to the end."""
        return self._ended

    @property
    def parts_sent(self) -> int:
        """The number of parts that were sent."""
        return self._outgoing.parts

    @property
    def bytes_sent(self) -> int:
        """The bytes of these parts, with their frames, but without their signatures."""
        return self._outgoing.size

    def close(self) -> None:
        """End both directions immediately, for code that cannot await. May be called again."""
        if self._closed:
            return
        self._closed = True
        if self._failure is None:
            self._failure = self._closed_error("the stream was closed")
        self._ahead.clear()
        self._response.close()
        self._outgoing.close(self._failure)

    async def aclose(self) -> None:
        """End both directions immediately, and wait until the call has ended. May be called again."""
        self.close()
        await self._response.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if exc_type is None and self._failure is None:  # a failure was already raised
                await self._finish()
        finally:
            await self.aclose()

    async def _finish(self) -> None:
        """End the sending, and drop the parts that still arrive within `CLOSING_WAIT`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_WAIT):
                await self.end()
                self._ahead.clear()
                if self._read is None:  # otherwise another task reads to the end
                    while await self._next() is not None:
                        pass

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and not self._loop.is_closed():
            whole = self._ended and self._end_sent
            self.close()  # first, because the warning may be raised
            if not whole:
                warnings.warn(
                    f"a {type(self).__name__} of {self._operation} was not closed; use it in an 'async with'",
                    ResourceWarning,
                    source=self,
                    stacklevel=2,
                )

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled")

    def __repr__(self) -> str:
        state = "closed" if self._closed else "ended" if self._ended else "open"
        return f"<{type(self).__name__}, {state}, {self.parts_sent} parts sent>"

    def _raise_failure(self) -> None:
        """Raise the error of the call, if it has failed."""
        if self._failure is not None:
            raise self._failure.with_traceback(None)

    def _refuse(self, problem: str) -> NoReturn:
        self._raise_failure()
        raise self._closed_error(f"the stream cannot be used any more: {problem}")

    def _closed_error(self, problem: str) -> StreamClosedError:
        error = StreamClosedError(problem)
        attach_facts(error, operation=self._operation)
        return error
