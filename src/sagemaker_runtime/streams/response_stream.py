"""`ResponseStream`: the events of a streamed response as they arrive, and their bytes as text, lines or JSON."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NoReturn, Protocol

from sagemaker_runtime.context import RAW_RESPONSE
from sagemaker_runtime.errors import EventStreamError, SageMakerRuntimeError, attach_facts
from sagemaker_runtime.operations.events import PayloadPart
from sagemaker_runtime.streams.contents import StreamContents
from sagemaker_runtime.streams.frames import Decoder, Message
from sagemaker_runtime.wire import check_delimited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from sagemaker_runtime.context import Metadata
    from sagemaker_runtime.operations.events import ResponseStreamEvent
    from sagemaker_runtime.redaction import Secrets
    from sagemaker_runtime.streams.frames import HeaderValue
    from sagemaker_runtime.wire import ResponseBody

EVENT_STREAM = "application/vnd.amazon.eventstream"


class StreamWatcher(Protocol):
    """Observes a stream; see `ResponseStream.watch`. Its exceptions are raised to whoever reads or closes the stream."""

    def first_event(self, stream: ResponseStream, /) -> None:
        """Called when the first event has arrived, before the reader gets it."""
        ...

    def closed(self, stream: ResponseStream, error: BaseException | None, /) -> None:
        """
        Called once, when the stream has released its connection.

        Args:
            stream: ``stream.ended`` says whether it was read to the end. Do not keep a reference to the stream, or it is not
                closed when it is abandoned.

            error: The exception from reading, including a CancelledError. None if the stream ended, was closed or was
                abandoned.
        """
        ...


class ResponseStream(StreamContents):
    """
    The events of a streamed response, in order. A stream can be read once.

    It occupies a connection until its end, so read it in an ``async with``, which closes it whatever happens::

        async with output.body as stream:
            async for event in stream:
                match event:
                    case PayloadPart():
                        sys.stdout.buffer.write(event.bytes)

    If the reader is slow, the server waits: at most about 400 KiB are buffered. Cancelling a reader closes the stream. A
    stream that is neither read to its end nor closed is closed by the garbage collector, with a ResourceWarning. After an
    error, each further read raises that error again.

    The client creates streams. To create one in a test, use ``sagemaker_runtime.testing.stream_output``.

    Args:
        body: The bytes as they arrive.

        read_event: Turns a message into an event, or raises its error; returns None for a message to skip.

        metadata: The facts of the call.

        operation: The name of the operation, for errors.

        log: Called with each message. None for no log.

        secrets: Redacted in errors, because a peer may quote them. None to redact nothing.

    Raises:
        ModelStreamError: The model's container failed halfway; ``error_code`` says how.
        InternalStreamFailure: The service failed halfway.
        ServiceError: The service sent another error.
        EventStreamError: The stream is broken, stops inside a frame, or is iterated again after it has ended or was closed.
        TruncatedResponseError: The response stopped, or its end cannot be told from a truncation.
        ReadTimeoutError: No byte arrived within ``Timeout.read``.
        TransportError: The connection failed in another way.
        StreamContentError: The stream does not contain the text or JSON it was read as.
    """

    def __init__(
        self,
        body: ResponseBody,
        read_event: Callable[[Message], ResponseStreamEvent | None],
        metadata: Metadata,
        operation: str,
        log: Callable[[Message], None] | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self._body = body
        self._read_event = read_event
        self._metadata = metadata
        self._operation = operation
        self._log = log
        self._secrets = secrets
        self._decoder = Decoder()
        self._received = 0  # bytes
        self._part_headers: Mapping[str, HeaderValue] | None = None  # compared by identity: equal headers are shared
        self._ready: list[bytes] = []  # parts that were decoded together, in reverse order
        self._waiting = False
        self._started = False
        self._ended = False
        self._closed = False
        self._failure: SageMakerRuntimeError | None = None
        self._watchers: list[StreamWatcher] = []

    @property
    def ended(self) -> bool:
        """Whether it was read to the end."""
        return self._ended

    @property
    def bytes_received(self) -> int:
        """The bytes of the response's body so far, including the frames of the parts."""
        return self._received

    def watch(self, watcher: StreamWatcher) -> None:
        """Call *watcher* when the first event arrives and when the stream is closed, or now if it is already closed."""
        if self._closed:
            watcher.closed(self, self._failure)
        else:
            self._watchers.append(watcher)

    def __aiter__(self) -> Self:
        if self._ended and self._failure is None:
            raise self._with_facts(
                EventStreamError(
                    "the stream was read to its end and can be read only once; keep the events while you read"
                )
            )
        return self

    async def __anext__(self) -> ResponseStreamEvent:
        """The next event."""
        if self._ready:
            return PayloadPart(self._ready.pop())
        if self._closed:
            self._refuse()
        if self._waiting:  # the stream stays open for the other task
            raise RuntimeError("two tasks read one stream; let one of them read, and pass the events on")
        try:
            while True:
                taken = self._decoder.take_apart()
                if taken is None:
                    self._waiting = True
                    try:
                        piece = await self._body.chunk()
                    finally:
                        self._waiting = False
                    if not piece:
                        self._check_end()
                        break
                    self._received += len(piece)
                    self._decoder.feed(piece)
                elif taken[0] is self._part_headers:
                    self._ready = self._decoder.take_run(taken[0])
                    return PayloadPart(taken[1])
                else:
                    message = Message(*taken)
                    if self._log is not None:
                        self._log(message)
                    event = self._read_event(message)
                    if type(event) is PayloadPart and self._log is None:
                        self._part_headers = message.headers
                    if event is not None:
                        if not self._started:
                            self._start()
                        return event
        except SageMakerRuntimeError as error:
            if self._closed:  # by another task, which caused the error
                self._refuse()
            self._fail(error)
            raise
        except BaseException as error:  # cancelled
            self._close(error)
            raise
        self._ended = True
        self.close()
        raise StopAsyncIteration

    def take_held(self) -> ResponseStreamEvent | None:
        """The next event, if it has arrived completely; None if reading would wait or end. Raises the errors of reading."""
        if self._ready:
            return PayloadPart(self._ready.pop())
        if self._closed or self._waiting:
            return None
        try:
            while (taken := self._decoder.take_apart()) is not None:
                message = Message(*taken)
                if self._log is not None:
                    self._log(message)
                event = self._read_event(message)
                if event is not None:
                    if not self._started:
                        self._start()
                    return event
        except SageMakerRuntimeError as error:
            self._fail(error)
            raise
        return None

    async def aclose(self) -> None:
        """Return the connection to the pool if the stream has ended, otherwise close it. May be called again."""
        self.close()

    def close(self) -> None:
        """The same as `aclose`, for code that cannot await; neither waits."""
        self._close(None)

    def _close(self, error: BaseException | None) -> None:
        self._closed = True
        self._ready.clear()
        self._body.close()
        while self._watchers:
            self._watchers.pop(0).closed(self, error)

    def _start(self) -> None:
        self._started = True
        for watcher in self._watchers:
            watcher.first_event(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()  # first, because the warning may be raised
            warnings.warn(
                f"a {type(self).__name__} of {self._operation} was neither read to its end nor closed; read it in an "
                "'async with'",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    def __reduce__(self) -> NoReturn:
        # Also for copy and deepcopy: a second owner would close the connection of the first.
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled; read it first")

    def __repr__(self) -> str:
        state = "ended" if self._ended else "closed" if self._closed else "open"
        return f"<{type(self).__name__}, {state}, {self._received} bytes received>"

    def _check_end(self) -> None:
        """Raise an error if the body has ended where the stream must not end."""
        if self._closed:  # by another task, which has woken this one
            self._refuse()
        self._decoder.end()
        check_delimited(self._body)

    def _refuse(self) -> None:
        """Raise the error, or StopAsyncIteration, for a read of a closed stream."""
        if self._failure is not None:
            raise self._failure.with_traceback(None)  # otherwise the traceback would grow with each read
        if self._ended:
            raise StopAsyncIteration
        raise self._with_facts(
            EventStreamError(
                f"the stream was closed before its end, after {self._received} bytes; read it inside its 'async with'"
            )
        )

    def _fail(self, error: SageMakerRuntimeError) -> None:
        self._failure = self._with_facts(error)
        self._close(error)

    def _with_facts(self, error: SageMakerRuntimeError) -> SageMakerRuntimeError:
        response = self._metadata.get(RAW_RESPONSE)
        if isinstance(error, EventStreamError) and error.offset == 0 and response is not None:
            kind = response.headers.get("content-type", EVENT_STREAM)
            if not kind.startswith(EVENT_STREAM):
                error.add_note(f"the response is of type {kind!r}, not an event stream")
        attach_facts(error, operation=self._operation, metadata=self._metadata)
        if self._secrets is not None:
            self._secrets.redact_error(error)
        return error
