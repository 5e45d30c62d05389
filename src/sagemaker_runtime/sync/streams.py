"""`SyncResponseStream`: the events of a streamed response, for code without an event loop."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TypeVar

from sagemaker_runtime import (
    ATTEMPTS,
    REQUEST_ID,
    ClientClosedError,
    JSONLinesParser,
    LineParser,
    PayloadPart,
    SageMakerRuntimeError,
    ServerSentEventParser,
    StreamContentError,
    TextParser,
)
from sagemaker_runtime.sync.loop_thread import NotRunError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime import (
        Metadata,
        ResponseStream,
        ResponseStreamEvent,
        ServerSentEvent,
        StreamParser,
    )
    from sagemaker_runtime.sync.loop_thread import LoopThread

T = TypeVar("T")

_EVENTS_AHEAD = 64  # events that are taken before anybody asks for them: one hand-over for all of them
_BYTES_AHEAD = 262_144  # the same for their bytes

_INHERITED: list[_Ahead] = []
"""Of streams that the parent of this process has opened. Kept: their end would be that of the parent's connections."""


class SyncResponseStream:
    """
    The events of a streamed response: an iterator and a context manager::

        output = client.invoke_endpoint_with_response_stream(params)
        with output.body as stream:
            for event in stream:
                if isinstance(event, PayloadPart):
                    sys.stdout.buffer.write(event.bytes)

    It reads ahead by at most 64 events and 256 KiB, so that a slow reader stops the server. One that is neither read to
    its end nor closed is closed by the garbage collector, with a ResourceWarning. To be read by one thread at a time.

    The client makes them. They raise what a `ResponseStream` raises.

    Args:
        stream: The asynchronous one.

        thread: Has its event loop.

        metadata: The facts of the call.

        operation: The name of the operation, for errors.
    """

    def __init__(self, stream: ResponseStream, thread: LoopThread, metadata: Metadata, operation: str) -> None:
        self._stream = stream
        self._thread = thread
        self._metadata = metadata
        self._operation = operation
        self._ahead = _Ahead(stream)
        self._closed = self._failed = False
        self._process = os.getpid()

    @property
    def ended(self) -> bool:
        """Whether it was read to its end."""
        return self._stream.ended and not self._ahead.events

    @property
    def bytes_received(self) -> int:
        """Bytes of the response's body so far: the parts, and what frames them."""
        return self._stream.bytes_received

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ResponseStreamEvent:
        """The next event."""
        events = self._ahead.events
        if not events and not self._closed:
            try:
                self._run(self._ahead.wait())
            except SageMakerRuntimeError:
                self._failed = True  # and has let go of its connection
                raise
        if events:  # here and not in the loop, so that an interrupted wait loses none
            return events.popleft()
        self._closed = True
        raise StopIteration

    def close(self) -> None:
        """Let go of the connection: back to the pool at the stream's end, else closed. May be called again."""
        if not self._closed and self._process == os.getpid():  # or it is the parent's
            self._closed = True
            self._ahead.events.clear()
            with suppress(ClientClosedError):  # the client has closed it
                self._run(self._ahead.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_closed", True) or self._failed:
            return
        if self._process != os.getpid():
            _INHERITED.append(self._ahead)
        else:
            self._closed = True
            self._thread.start(self._ahead.close())
            warnings.warn(
                f"a {type(self).__name__} of {self._operation} was neither read to its end nor closed; read it in a 'with'",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled; read it first")

    def __repr__(self) -> str:
        state = "ended" if self.ended else "closed" if self._closed or self._failed else "open"
        return f"<{type(self).__name__}, {state}, {self.bytes_received} bytes received>"

    def iter_bytes(self) -> Generator[bytes]:
        """The bytes of the parts, as they come."""
        try:
            for event in self:
                if isinstance(event, PayloadPart):
                    yield event.bytes
        except GeneratorExit:  # whoever reads has left
            self.close()
            raise

    def iter_text(self, encoding: str = "utf-8", *, errors: str = "replace") -> Generator[str]:
        """The parts as text, in pieces that never cut a character; see `TextParser`."""
        return self._parse(TextParser(encoding, errors=errors))

    def iter_lines(self, encoding: str = "utf-8", *, errors: str = "replace") -> Generator[str]:
        """The lines, without their ends, the last one too if nothing ends it; see `LineParser`."""
        return self._parse(LineParser(encoding, errors=errors))

    def iter_server_sent_events(self) -> Generator[ServerSentEvent]:
        """The events of a ``text/event-stream``, which most LLMs send; see `ServerSentEventParser`."""
        return self._parse(ServerSentEventParser())

    def iter_json_lines(self) -> Generator[object]:
        """The documents of a response with one JSON document on each line; see `JSONLinesParser`."""
        return self._parse(JSONLinesParser())

    def _run(self, coroutine: Coroutine[object, None, None]) -> None:
        try:
            self._thread.run(coroutine)
        except (NotRunError, asyncio.CancelledError):
            raise ClientClosedError(
                "the client of this stream was closed"
                if self._process == os.getpid()
                else "this stream is the parent process's; make the call in this one"
            ) from None

    def _parse(self, parser: StreamParser[T]) -> Generator[T]:
        try:
            for event in self:
                if isinstance(event, PayloadPart):
                    data = event.bytes
                    while items := parser.feed(data):  # again, because an error waits for the call after what is good
                        yield from items
                        data = b""
            yield from parser.end()
        except StreamContentError as error:
            error.operation, error.metadata = self._operation, self._metadata
            error.request_id, error.attempts = self._metadata.get(REQUEST_ID), self._metadata.get(ATTEMPTS, ())
            self.close()
            raise
        except GeneratorExit:
            self.close()
            raise


class _Ahead:
    """
    Takes events in the loop before they are asked for, up to a limit. Made, and used but for ``events``, in its thread.

    Attributes:
        events: Those that are there, the next one first.
    """

    def __init__(self, stream: ResponseStream) -> None:
        self.events: deque[ResponseStreamEvent] = deque()
        self._stream = stream
        self._task: asyncio.Task[None] | None = None  # None before the first is asked for
        self._some, self._room = asyncio.Event(), asyncio.Event()

    async def wait(self) -> None:
        """Wait until there is an event, or the end. Raises what ended the stream, when all before that were taken."""
        if self._task is None:
            self._task = asyncio.create_task(self._read(), name="read ahead")
            self._task.add_done_callback(_forget_error)
        while not self.events and not self._task.done():
            self._room.set()
            self._some.clear()
            await self._some.wait()
        if not self.events:
            await self._task

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._stream.close()

    async def _read(self) -> None:
        size = 0
        try:
            async for event in self._stream:
                self.events.append(event)
                self._some.set()
                size += len(event.bytes if isinstance(event, PayloadPart) else event.payload)
                if size >= _BYTES_AHEAD or len(self.events) >= _EVENTS_AHEAD:
                    self._room.clear()
                    await self._room.wait()
                    size = 0
        finally:
            self._some.set()


def _forget_error(task: asyncio.Task[None]) -> None:
    """Or asyncio would log that nobody asked for it, where the reader has left."""
    if not task.cancelled():
        task.exception()
