"""`PredictionStream` and `SyncPredictionStream`, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from sagemaker_runtime import ConfigError, EventStreamError, PayloadPart, SageMakerRuntimeError, StreamContentError
from sagemaker_runtime.predictor.exceptions import with_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime import (
        InvokeEndpointWithResponseStreamOutput,
        Metadata,
        ResponseStreamEvent,
        StreamParser,
        SyncResponseStreamOutput,
    )
    from sagemaker_runtime.predictor.formats import StreamFormat

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

OPERATION = "InvokeEndpointWithResponseStream"


class _Pieces(Generic[T_co]):
    """The pieces that a parser finds in events, returned one by one."""

    def __init__(self, parser: StreamParser[T_co]) -> None:
        self._parser = parser
        self._ready: Iterator[T_co] = iter(())

    def add(self, event: ResponseStreamEvent) -> None:
        """Read an event; one of an unknown type is skipped."""
        if isinstance(event, PayloadPart):
            self._ready = self._parsed(event.bytes)

    def end(self) -> None:
        """Read what is left."""
        self._ready = iter(self._parser.end())

    def take(self) -> list[T_co]:
        """The next piece in a list; an empty one if more must be read first."""
        for piece in self._ready:
            return [piece]
        return []

    def _parsed(self, data: bytes) -> Iterator[T_co]:
        while pieces := self._parser.feed(data):  # again, because an error is raised by the call after the good pieces
            yield from pieces
            data = b""


class _State(Generic[T_co]):
    """How far a stream has come, and the error that it raises when it is read again."""

    def __init__(self, format: StreamFormat[T_co]) -> None:
        self.format = format
        self.pieces = _Pieces(format.parser())
        self.read = False  # whether all events have been read
        self.ended = False
        self.reading = False
        self.closed = False
        self.failure: BaseException | None = None

    def check(self) -> None:
        """
        Raise if nothing more can be read.

        Raises:
            EventStreamError: The stream was closed before its end.
            BaseException: The error that ended the stream.
        """
        if self.failure is not None:
            raise self.failure.with_traceback(None)  # or the traceback would grow with each read
        if self.closed and not self.ended:
            raise EventStreamError("the stream was closed before its end")

    def begin_read(self) -> None:
        """
        Like `check`, and make sure that nobody else is reading.

        Raises:
            RuntimeError: Another task or thread is reading. It can continue; the stream is not affected.
        """
        self.check()
        if self.reading:
            raise RuntimeError("two tasks or threads read one stream; let one of them read, and pass the events on")
        self.reading = True

    def fail(self, error: BaseException, metadata: Metadata | None) -> None:
        """Remember the error that ended the stream."""
        if isinstance(error, StreamContentError) and metadata is not None:
            with_facts(error, OPERATION, metadata)
        if isinstance(error, SageMakerRuntimeError):
            self.failure = error

    def not_open(self, use: str) -> NoReturn:
        """Raise, because there is no output yet."""
        raise ConfigError(f"the stream is not open yet, so it has no output; it opens at its first piece, or at {use}")

    def __repr__(self) -> str:
        return f"{self.format.name}, {'ended' if self.ended else 'closed' if self.closed else 'open'}"


class PredictionStream(Generic[T_co]):
    """
    The pieces of a streamed response: an async iterator, and an async context manager that closes it::

        async with predictor.stream("Tell me a story") as story:
            async for text in story:
                print(text, end="")

    The call is made when the first piece is asked for, or at ``async with``. A stream that is left before its end without ``async
    with`` or `aclose` is closed by the garbage collector, with a ResourceWarning.

    `Predictor.stream` returns it. Reading raises the errors of the call and of a `ResponseStream`, and `StreamContentError` for
    content that is not in the format. After an error, reading raises the same error again.
    """

    def __init__(
        self,
        open: Callable[[], Coroutine[object, object, InvokeEndpointWithResponseStreamOutput]],
        format: StreamFormat[T_co],
    ) -> None:
        self._open = open
        self._state = _State(format)
        self._output: InvokeEndpointWithResponseStreamOutput | None = None

    @property
    def output(self) -> InvokeEndpointWithResponseStreamOutput:
        """
        The head of the response: content type, variant, metadata. Do not read its body, which this stream reads.

        Raises:
            ConfigError: The stream is not open yet.
        """
        return self._state.not_open("'async with'") if self._output is None else self._output

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        """The next piece."""
        state = self._state
        state.begin_read()
        try:
            output = self._output or await self._opened()
            while not state.ended:
                for piece in state.pieces.take():
                    return piece
                if state.read:
                    state.ended = True
                elif (event := await anext(output.body, None)) is not None:
                    state.pieces.add(event)
                else:
                    state.read = True
                    state.pieces.end()
        except BaseException as error:
            state.fail(error, None if self._output is None else self._output.result_metadata)
            await self.aclose()
            raise
        finally:
            state.reading = False
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the stream and release its connection. May be called again."""
        self._state.closed = True
        if self._output is not None:
            self._output.body.close()

    async def __aenter__(self) -> Self:
        self._state.check()
        if self._output is None:
            await self._opened()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _opened(self) -> InvokeEndpointWithResponseStreamOutput:
        self._output = await self._open()
        self._state.check()
        return self._output

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._state!r}>"


class SyncPredictionStream(Generic[T_co]):
    """
    `PredictionStream` for code without an event loop: an iterator, and a context manager that closes it::

        with predictor.stream("Tell me a story") as story:
            for text in story:
                print(text, end="")
    """

    def __init__(self, open: Callable[[], SyncResponseStreamOutput], format: StreamFormat[T_co]) -> None:
        self._open = open
        self._state = _State(format)
        self._output: SyncResponseStreamOutput | None = None

    @property
    def output(self) -> SyncResponseStreamOutput:
        """
        The head of the response: content type, variant, metadata. Do not read its body, which this stream reads.

        Raises:
            ConfigError: The stream is not open yet.
        """
        return self._state.not_open("'with'") if self._output is None else self._output

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T_co:
        """The next piece."""
        state = self._state
        state.begin_read()
        try:
            output = self._output or self._opened()
            while not state.ended:
                for piece in state.pieces.take():
                    return piece
                if state.read:
                    state.ended = True
                elif (event := next(output.body, None)) is not None:
                    state.pieces.add(event)
                else:
                    state.read = True
                    state.pieces.end()
        except BaseException as error:
            state.fail(error, None if self._output is None else self._output.result_metadata)
            self.close()
            raise
        finally:
            state.reading = False
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Close the stream and release its connection. May be called again."""
        self._state.closed = True
        if self._output is not None:
            self._output.body.close()

    def __enter__(self) -> Self:
        self._state.check()
        if self._output is None:
            self._opened()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _opened(self) -> SyncResponseStreamOutput:
        self._output = self._open()
        self._state.check()
        return self._output

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._state!r}>"
