"""The contents of a response stream, joined from its parts: bytes, text, lines, server-sent events, JSON documents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar, overload

from sagemaker_runtime.errors import EventStreamError, StreamContentError
from sagemaker_runtime.operations.events import PayloadPart
from sagemaker_runtime.streams.parsers import JSONLinesParser, LineParser, TextParser
from sagemaker_runtime.streams.server_sent_events import ServerSentEventParser

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from sagemaker_runtime.errors import SageMakerRuntimeError
    from sagemaker_runtime.operations.events import ResponseStreamEvent
    from sagemaker_runtime.streams.parsers import StreamParser
    from sagemaker_runtime.streams.server_sent_events import ServerSentEvent

T = TypeVar("T")


class StreamContents(ABC):
    """
    The ways to read the contents of a stream of events.

    Events of unknown types are skipped. If a loop ends early, the stream is closed by its ``async with``, or soon
    afterwards by the event loop. Read the whole stream with one iterator of text, lines, events or documents: it may have
    buffered the beginning of the next piece, which another iterator would miss.
    """

    _closed: bool
    _is_parsed = False
    """Whether there is an iterator that may have buffered the beginning of the next piece."""

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[ResponseStreamEvent]: ...

    @abstractmethod
    def close(self) -> None:
        """Release the connection."""

    @abstractmethod
    def _fail(self, error: SageMakerRuntimeError) -> None:
        """Close the stream because of *error*."""

    async def iter_bytes(self) -> AsyncGenerator[bytes]:
        """The bytes of the parts, as they arrive."""
        try:
            async for event in self:
                if type(event) is PayloadPart:
                    yield event.bytes
        except GeneratorExit:  # the reader has stopped
            self.close()
            raise

    def iter_text(self, encoding: str = "utf-8", *, errors: str = "replace") -> AsyncGenerator[str]:
        """The parts as text, split only between characters; malformed bytes become U+FFFD. See `TextParser`."""
        return self._parse(TextParser(encoding, errors=errors))

    def iter_lines(self, encoding: str = "utf-8", *, errors: str = "replace") -> AsyncGenerator[str]:
        r"""The lines, without ``\n`` or ``\r\n``, including a last line without one. See `LineParser`."""
        return self._parse(LineParser(encoding, errors=errors))

    @overload
    def iter_server_sent_events(self) -> AsyncGenerator[ServerSentEvent]: ...
    @overload
    def iter_server_sent_events(self, *, decoder: Callable[[str], T]) -> AsyncGenerator[T]: ...
    def iter_server_sent_events(self, *, decoder: Callable[[str], T] | None = None) -> AsyncGenerator[object]:
        """
        The events of a ``text/event-stream``, which most LLMs send. With a *decoder*, its result for the data of each event.

        The decoder does not get ``[DONE]``; data that it refuses raises StreamContentError. See `ServerSentEventParser`.
        """
        return self._parse(ServerSentEventParser() if decoder is None else ServerSentEventParser(decoder=decoder))

    @overload
    def iter_json_lines(self) -> AsyncGenerator[object]: ...
    @overload
    def iter_json_lines(self, *, decoder: Callable[[str], T]) -> AsyncGenerator[T]: ...
    def iter_json_lines(self, *, decoder: Callable[[str], T] | None = None) -> AsyncGenerator[object]:
        """
        The documents of a response with one JSON document per line. With a *decoder*, its result for each line.

        A line that is not JSON, or not UTF-8, raises StreamContentError. See `JSONLinesParser`.
        """
        return self._parse(JSONLinesParser() if decoder is None else JSONLinesParser(decoder=decoder))

    async def _parse(self, parser: StreamParser[T]) -> AsyncGenerator[T]:
        if self._is_parsed and not self._closed:
            raise EventStreamError(
                "another iterator has begun to read the stream, and may have buffered a part of the next piece; "
                "continue with that one"
            )
        self._is_parsed = True
        try:
            async for event in self:
                if type(event) is PayloadPart:
                    data = event.bytes
                    while items := parser.feed(data):  # again, because an error is raised only after all good items
                        for item in items:
                            yield item
                        data = b""
            for item in parser.end():
                yield item
        except StreamContentError as error:
            self._fail(error)
            raise
        except GeneratorExit:
            self.close()
            raise
