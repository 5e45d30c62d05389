"""`DuplexStream`: a conversation with a model, in which both sides send as they like."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from sagemaker_runtime.errors import (
    EventStreamError,
    InvalidParamsError,
    SageMakerRuntimeError,
    StreamClosedError,
    TransportError,
    attach_facts,
)
from sagemaker_runtime.operations.events import DuplexMessage, RequestPayloadPart, ResponsePayloadPart

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime.bodies import BytesLike
    from sagemaker_runtime.operations.events import ResponseStreamEvent
    from sagemaker_runtime.operations.invoke_endpoint_with_bidirectional_stream import (
        InvokeEndpointWithBidirectionalStreamOutput,
    )
    from sagemaker_runtime.streams.event_writer import EventWriter
    from sagemaker_runtime.streams.outgoing import OutgoingEvents
    from sagemaker_runtime.streams.response_stream import ResponseStream

CLOSING_WAIT = 2.0  # seconds for the model's last parts, when a block is left without an error


class DuplexStream:
    """
    A conversation with a model: parts go both ways at once, and either side may end first.

    One task may send while another one reads, without any care of yours; a third may send too::

        async with await client.invoke_endpoint_with_bidirectional_stream(params) as stream:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(speak(stream))  # await stream.send(...), await stream.end()
                async for part in stream:
                    print(part.text)

    Leaving the block normally ends the sending and waits 2 s at most for the model's end; what comes then is dropped.
    Leaving it by an exception ends both directions at once.

    The client makes them. All methods raise what the call has failed with, again and again: the service's error, not the
    reset that came with it.
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
        self._task = asyncio.get_running_loop().create_task(call)
        self._ahead: deque[ResponsePayloadPart] = deque()  # what a sender has read, when it looked for an error
        self._waiting: asyncio.Task[ResponseStreamEvent | None] | None = None  # reads
        self._read: asyncio.Future[None] | None = None  # done when the one who reads has got something
        self._failure: SageMakerRuntimeError | None = None
        self._ended = False  # by the model
        self._end_sent = False
        self._closed = False

    async def begun(self) -> None:
        """Wait until the request has begun, so that parts can be sent; raises what the call has failed with."""
        await self._outgoing.first_attempt()

    # Sending.

    async def send(self, part: str | BytesLike | RequestPayloadPart, *, partial: bool = False) -> None:
        """
        Send a part, and wait until the service takes it: a model that does not read makes the sender wait.

        A text goes as UTF8 and bytes as BINARY. Cancelled, the part was sent whole or not at all.

        Args:
            part: A `RequestPayloadPart` goes as it is, for other headers.

            partial: Whether the message goes on in the next part.

        Raises:
            InvalidParamsError: It is no part; nothing was sent.
            ServiceError: The service, or the model, has failed.
            StreamClosedError: The stream was closed or ended, or the model has ended the conversation.
            WriteTimeoutError: Nothing was taken for ``Timeout.write``.
            TransportError: The connection broke.
            SageMakerRuntimeError: Whatever else the call has failed with.
        """
        if isinstance(part, RequestPayloadPart):
            if partial:
                raise _refused("partial=True is for text and bytes; set completion_state='PARTIAL' on the part itself")
        elif isinstance(part, str):
            part = RequestPayloadPart(
                _utf8(part), data_type="UTF8", completion_state="PARTIAL" if partial else "COMPLETE"
            )
        else:
            part = RequestPayloadPart(part, data_type="BINARY", completion_state="PARTIAL" if partial else "COMPLETE")
        event = self._writer.write(part)
        if self._end_sent:
            self._refuse("end() was called, and nothing can be sent after that")
        await self._send(event)

    async def end(self) -> None:
        """End the sending; what the model still says can be read. May be called again. Raises as `send` does."""
        if not self._end_sent:
            self._end_sent = True
            try:
                await self._send(b"", end=True)
            except StreamClosedError:
                if self._closed or not self._ended:  # a model that has ended the conversation needs no end of ours
                    raise

    async def _send(self, event: bytes, *, end: bool = False) -> None:
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        try:
            await self._outgoing.send(event, end=end)
        except (TransportError, StreamClosedError) as error:
            if self._failure is None and error is not self._outgoing.failure:
                await self._find_reason()
            if self._failure is not None:
                raise self._failure.with_traceback(None) from None
            raise

    async def _find_reason(self) -> None:
        """Read what had come before the exchange broke: the service's error may be in it. All of it is there already."""
        while self._failure is None and not self._ended:
            if self._read is not None:
                await asyncio.wait([self._read])
            else:
                with suppress(SageMakerRuntimeError):
                    part = await self._next()
                    if part is not None:
                        self._ahead.append(part)
        if self._ended and self._failure is None:
            reason = StreamClosedError("the model has ended the conversation, and takes no more")
            attach_facts(reason, operation=self._operation)
            self._failure = reason
            self._outgoing.fail(reason)

    # Reading.

    async def initial_response(self) -> InvokeEndpointWithBidirectionalStreamOutput:
        """
        The head of the response: the variant, and the facts of the call. A model may send it after the first part only.

        Raises:
            SageMakerRuntimeError: What the call has failed with.
        """
        if not self._task.done():
            await asyncio.wait([self._task])
        if self._task.cancelled():
            self._refuse("it was closed before a response")
        error = self._task.exception()
        if isinstance(error, SageMakerRuntimeError) and self._failure is None:
            self._failure = error
        if error is not None:
            raise error.with_traceback(None)
        return self._task.result()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ResponsePayloadPart:
        """
        The next part of the model; those of unknown types are passed over. Cancelled, it loses nothing: read on.

        Raises:
            ModelStreamError: The model's container failed, or closed the conversation with an error.
            InternalStreamFailure: The service failed.
            EventStreamError: The stream is broken.
            TransportError: The connection broke; or a peer that has vanished was noticed.
            StreamClosedError: The stream was closed.
            SageMakerRuntimeError: Whatever else the call has failed with.
        """
        if self._ahead:
            return self._ahead.popleft()
        if self._read is not None:
            raise RuntimeError("two tasks read one stream; let one of them read, and pass on what it gets")
        part = await self._next()
        if part is None:
            raise StopAsyncIteration
        return part

    async def _next(self) -> ResponsePayloadPart | None:
        if self._ended:
            return None
        if self._failure is not None and self._closed:
            raise self._failure.with_traceback(None)
        self._read = asyncio.get_running_loop().create_future()
        try:
            if not self._task.done() or self._task.cancelled() or self._task.exception() is not None:
                await self.initial_response()
            body = self._task.result().body
            while True:
                event = body.take_held() if self._waiting is None else None
                if event is None:
                    event = await self._wait(body)
                if event is None:
                    self._ended = True
                    return None
                if isinstance(event, ResponsePayloadPart):
                    return event
        except SageMakerRuntimeError as error:
            if self._failure is None:
                self._failure = error
                self._outgoing.fail(error)
            if self._closed:
                raise self._failure.with_traceback(None) from None
            raise
        finally:
            self._read.set_result(None)
            self._read = None

    async def _wait(self, body: ResponseStream) -> ResponseStreamEvent | None:
        """The next event where none is held, in a task: a reader that is cancelled loses nothing, and may read on."""
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_task(_next_of(body))
        await asyncio.wait([self._waiting])
        waiting, self._waiting = self._waiting, None
        return waiting.result()

    async def messages(self) -> AsyncGenerator[DuplexMessage]:
        """
        The messages of the model: parts marked PARTIAL are joined with those that follow, up to the one that is not.

        Raises:
            EventStreamError: The model has ended the conversation inside a message.
            SageMakerRuntimeError: As iteration over the parts.
        """
        pieces: list[bytes] = []
        data_type: str | None = None
        async for part in self:
            if not pieces:
                data_type = part.data_type
            pieces.append(part.bytes)
            if not part.partial:
                yield DuplexMessage(b"".join(pieces), data_type)
                pieces.clear()
        if pieces:
            raise EventStreamError(
                f"the conversation ended inside a message, after {sum(map(len, pieces)):,} bytes of it"
            )

    # Closing.

    @property
    def ended(self) -> bool:
        """Whether the model's parts were read to their end."""
        return self._ended

    @property
    def parts_sent(self) -> int:
        """Parts that were sent."""
        return self._outgoing.parts

    @property
    def bytes_sent(self) -> int:
        """Bytes of these parts and of what frames them, without their signatures."""
        return self._outgoing.size

    def close(self) -> None:
        """End both directions at once, for code that cannot wait. May be called again."""
        if self._closed:
            return
        self._closed = True
        if self._failure is None:
            self._failure = StreamClosedError("the stream was closed")
            attach_facts(self._failure, operation=self._operation)
        self._ahead.clear()
        if not self._task.done():
            self._task.cancel()
        elif not self._task.cancelled() and self._task.exception() is None:
            self._task.result().body.close()
        self._outgoing.close(self._failure)
        if self._waiting is not None:
            self._waiting.add_done_callback(_retrieve)

    async def aclose(self) -> None:
        """End both directions at once, and wait until nothing of the call is left. May be called again."""
        self.close()
        tasks = [task for task in (self._task, self._waiting) if task is not None and not task.done()]
        if tasks:
            await asyncio.wait(tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if exc_type is None and self._failure is None:  # or it has been raised already
                await self._finish()
        finally:
            await self.aclose()

    async def _finish(self) -> None:
        """End the sending, and drop what still comes; not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_WAIT):
                await self.end()
                self._ahead.clear()
                if self._read is None:  # or another task reads to the end
                    while await self._next() is not None:
                        pass

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and not self._task.get_loop().is_closed():
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

    def _refuse(self, problem: str) -> NoReturn:
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        error = StreamClosedError(f"the stream takes no more: {problem}")
        attach_facts(error, operation=self._operation)
        raise error


async def _next_of(body: ResponseStream) -> ResponseStreamEvent | None:
    return await anext(body, None)


def _retrieve(task: asyncio.Task[ResponseStreamEvent | None]) -> None:
    """Of a read that nobody waits for any more: what it ended with is no news."""
    if not task.cancelled():
        task.exception()


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _refused("the text has a lone surrogate, which UTF-8 cannot carry") from None


def _refused(problem: str) -> InvalidParamsError:
    return InvalidParamsError(problem, (problem,))
