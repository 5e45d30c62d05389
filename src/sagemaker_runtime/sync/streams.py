"""`SyncResponseStream`: the events of a streamed response, for code without an event loop."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TypeVar, overload

from attrs import define, field

from sagemaker_runtime import (
    ATTEMPTS,
    REQUEST_ID,
    ClientClosedError,
    ConfigError,
    EventStreamError,
    JSONLinesParser,
    LineParser,
    Metadata,
    PayloadPart,
    SageMakerRuntimeError,
    ServerSentEventParser,
    StreamContentError,
    TextParser,
)
from sagemaker_runtime.sync.loop_thread import NotRunError
from sagemaker_runtime.sync.read_ahead import ReadAhead

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime import (
        ResponseStream,
        ResponseStreamEvent,
        ServerSentEvent,
        StreamParser,
    )
    from sagemaker_runtime.sync.loop_thread import LoopThread

T = TypeVar("T")


class SyncResponseStream:
    """
    The events of a streamed response: an iterator and a context manager::

        output = client.invoke_endpoint_with_response_stream(params)
        with output.body as stream:
            for event in stream:
                if isinstance(event, PayloadPart):
                    sys.stdout.buffer.write(event.bytes)

    It reads ahead by at most 64 events and 256 KiB; if the reader is slow, the server waits. A stream that is neither read to
    its end nor closed is closed by the garbage collector, with a ResourceWarning. Only one thread at a time may read it.
    Another thread may close it; the reader then gets an EventStreamError. A read that is interrupted, for example by Ctrl-C,
    loses nothing.

    The client creates streams. They raise the same errors as a `ResponseStream`.

    Args:
        stream: The asynchronous stream.

        thread: Runs its event loop.

        metadata: The facts of the call.

        operation: The name of the operation, for errors.
    """

    def __init__(self, stream: ResponseStream, thread: LoopThread, metadata: Metadata, operation: str) -> None:
        self._stream = stream
        self._thread = thread
        self._metadata = metadata
        self._operation = operation
        self._ahead = ReadAhead(stream)
        self._events = self._ahead.events
        self._failure: SageMakerRuntimeError | None = None
        self._waiting = False
        self._ended = False  # was read to its end
        self._closed = False  # returns no more events
        self._released = False  # needs no closing

    @property
    def ended(self) -> bool:
        """Whether it was read to the end."""
        return self._ended

    @property
    def bytes_received(self) -> int:
        """The bytes of the response's body so far, including the frames of the parts."""
        return self._stream.bytes_received

    def __iter__(self) -> Self:
        if self._ended and self._failure is None:
            raise self._with_facts(
                EventStreamError(
                    "the stream was read to its end and can be read only once; keep the events while you read"
                )
            )
        return self

    def __next__(self) -> ResponseStreamEvent:
        """The next event."""
        if self._events and not self._closed:
            with suppress(IndexError):  # another thread took it
                return self._events.popleft()  # in the reader's thread, so that an interrupted wait loses none
        return self._wait()

    def close(self) -> None:
        """Return the connection to the pool if the stream has ended, otherwise close it. May be called again."""
        self._closed = True
        self._events.clear()
        if not self._released and not self._thread.is_inherited:  # otherwise it belongs to the parent process
            if self._thread.is_current:
                self._close_soon()
            else:
                with suppress(ClientClosedError):  # the client has closed it
                    self._run(self._ahead.aclose)
                self._released = True

    def _close_soon(self) -> None:
        """Close without waiting, because the garbage collector may call this in any thread, even the loop's."""
        self._closed = self._released = True
        if not self._thread.is_inherited:
            self._thread.call_soon(self._ahead.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_released", True) or self._thread.is_inherited:
            return
        was_closed = self._closed  # by a `close` whose wait was interrupted
        self._close_soon()
        if not was_closed:
            warnings.warn(
                f"a {type(self).__name__} of {self._operation} was neither read to its end nor closed; read it in a 'with'",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled; read it first")

    def __repr__(self) -> str:
        state = "ended" if self.ended else "closed" if self._closed else "open"
        return f"<{type(self).__name__}, {state}, {self.bytes_received} bytes received>"

    def iter_bytes(self) -> Generator[bytes]:
        """The bytes of the parts, as they arrive."""
        try:
            for event in self:
                if type(event) is PayloadPart:
                    yield event.bytes
        except GeneratorExit:  # the reader has stopped
            self._close_soon()
            raise

    def iter_text(self, encoding: str = "utf-8", *, errors: str = "replace") -> Generator[str]:
        """The parts as text, split only between characters; malformed bytes become U+FFFD. See `TextParser`."""
        return self._parse(TextParser(encoding, errors=errors))

    def iter_lines(self, encoding: str = "utf-8", *, errors: str = "replace") -> Generator[str]:
        r"""The lines, without ``\n`` or ``\r\n``, including a last line without one. See `LineParser`."""
        return self._parse(LineParser(encoding, errors=errors))

    @overload
    def iter_server_sent_events(self) -> Generator[ServerSentEvent]: ...
    @overload
    def iter_server_sent_events(self, *, decoder: Callable[[str], T]) -> Generator[T]: ...
    def iter_server_sent_events(self, *, decoder: Callable[[str], T] | None = None) -> Generator[object]:
        """
        The events of a ``text/event-stream``, which most LLMs send. With a *decoder*, its result for the data of each event.

        The decoder does not get ``[DONE]``; data that it refuses raises StreamContentError. See `ServerSentEventParser`.
        """
        return self._parse(ServerSentEventParser() if decoder is None else ServerSentEventParser(decoder=decoder))

    @overload
    def iter_json_lines(self) -> Generator[object]: ...
    @overload
    def iter_json_lines(self, *, decoder: Callable[[str], T]) -> Generator[T]: ...
    def iter_json_lines(self, *, decoder: Callable[[str], T] | None = None) -> Generator[object]:
        """
        The documents of a response with one JSON document per line. With a *decoder*, its result for each line.

        A line that is not JSON, or not UTF-8, raises StreamContentError. See `JSONLinesParser`.
        """
        return self._parse(JSONLinesParser() if decoder is None else JSONLinesParser(decoder=decoder))

    def _wait(self) -> ResponseStreamEvent:
        """Wait for the next event."""
        if self._failure is not None:
            raise self._failure.with_traceback(None)  # otherwise the traceback would grow with each read
        if self._closed:
            self._refuse()
        if self._waiting:  # the stream stays open for the other thread
            raise RuntimeError("two threads read one stream; let one of them read, and pass the events on")
        if self._thread.is_current:
            raise ConfigError(
                "a SyncResponseStream was read in its client's event loop, which would wait for itself; read it in another "
                "thread"
            )
        self._waiting = True
        try:
            self._run(self._ahead.wait)
        except SageMakerRuntimeError as error:
            if self._closed:  # by another thread, which caused the error
                self._refuse()
            if not self._thread.is_inherited:
                self._failure = error
                self._closed = self._released = True  # the asynchronous stream has released its connection
            raise
        finally:
            self._waiting = False
        if self._closed:
            self._refuse()
        if self._events:
            return self._events.popleft()
        self._ended = self._closed = self._released = True
        raise StopIteration

    def _refuse(self) -> NoReturn:
        """Raise the error, or StopIteration, for a read of a closed stream."""
        if self._ended:
            raise StopIteration
        raise self._with_facts(
            EventStreamError(
                f"the stream was closed before its end, after {self.bytes_received} bytes; read it inside its 'with'"
            )
        )

    def _run(self, function: Callable[[], Coroutine[object, None, None]]) -> None:
        try:
            self._thread.run(function)
        except (NotRunError, asyncio.CancelledError):
            raise ClientClosedError(
                "this stream belongs to the parent process; make the call in this process"
                if self._thread.is_inherited
                else "the client of this stream was closed"
            ) from None

    def _parse(self, parser: StreamParser[T]) -> Generator[T]:
        try:
            for event in self:
                if type(event) is PayloadPart:
                    data = event.bytes
                    while items := parser.feed(data):  # again, because an error is raised only after all good items
                        yield from items
                        data = b""
            yield from parser.end()
        except StreamContentError as error:
            if error is not self._failure:
                self._failure = self._with_facts(error)
                self.close()
            raise
        except GeneratorExit:
            self._close_soon()
            raise

    def _with_facts(self, error: SageMakerRuntimeError) -> SageMakerRuntimeError:
        error.operation, error.metadata = self._operation, self._metadata
        error.request_id, error.attempts = self._metadata.get(REQUEST_ID), self._metadata.get(ATTEMPTS, ())
        return error


@define(kw_only=True)
class SyncResponseStreamOutput:
    """
    The head of the model's response, and the stream that follows. Members that are None were not sent.

    Attributes:
        body: The stream of parts. It occupies a connection, so read it to the end or close it.

        content_type: MIME type of the joined parts.

        invoked_production_variant: Name of the production variant that responds.

        custom_attributes: Text from the container. Never logged.

        result_metadata: The facts about the call, by key.
    """

    body: SyncResponseStream
    content_type: str | None = None
    invoked_production_variant: str | None = None
    custom_attributes: str | None = field(default=None, repr=False)
    result_metadata: Metadata = field(factory=Metadata, eq=False, repr=False)
