"""`StreamFormat`: how the bytes of a streamed response are parsed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import field, frozen

from sagemaker_runtime import (
    JSONLinesParser,
    LineParser,
    ServerSentEvent,
    ServerSentEventParser,
    StreamContentError,
    TextParser,
)
from sagemaker_runtime.predictor.documents import DocumentReader, is_blank
from sagemaker_runtime.predictor.exceptions import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sagemaker_runtime import StreamParser
    from sagemaker_runtime.predictor.documents import DocumentType, ObjectHook

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@frozen
class StreamFormat(Generic[T_co]):
    """
    How the bytes of a streamed response are parsed.

    ``StreamFormat("text", TextParser)`` is `TEXT`. For a format of your own, write a `StreamParser`.

    Attributes:
        name: The name in a repr.

        parser: Creates the parser of one stream.
    """

    name: str
    parser: Callable[[], StreamParser[T_co]] = field(repr=False)


class _BytesParser:
    """The bytes as they come."""

    def feed(self, data: bytes, /) -> list[bytes]:
        return [data] if data else []

    def end(self) -> list[bytes]:
        return []


class _DocumentParser(Generic[T]):
    """The documents of JSON Lines, each read by a `DocumentReader`."""

    def __init__(self, reader: DocumentReader[T]) -> None:
        self._lines = LineParser(errors="strict")
        self._reader = reader
        self._number = 0
        self._problem: str | None = None

    def feed(self, data: bytes, /) -> Sequence[T]:
        self._check()
        return self._documents(self._lines.feed(data))

    def end(self) -> Sequence[T]:
        self._check()
        return self._documents(self._lines.end())

    def _check(self) -> None:
        if self._problem is not None:
            raise StreamContentError(self._problem)

    def _documents(self, lines: Iterable[str]) -> list[T]:
        documents: list[T] = []
        for line in lines:
            self._number += 1
            data = line.encode()
            if is_blank(data):
                continue
            try:
                documents.append(self._reader.read_line(data, self._number))
            except UnreadableError as found:
                self._problem = f"the stream cannot be read as JSON Lines: {found}"
                break
        if not documents:
            self._check()
        return documents


def json_lines_of(reader: DocumentReader[T]) -> StreamFormat[T]:
    """The format whose pieces are documents that *reader* reads."""
    return StreamFormat("JSON Lines", partial(_DocumentParser[T], reader))  # it can be pickled, unlike a lambda


def json_lines(*, type: DocumentType[T], object_hook: ObjectHook | None = None) -> StreamFormat[T]:
    """
    The format of JSON Lines whose documents are read into a type.

    Args:
        type: The type of each document, as for `JSONCodec`.

        object_hook: Converts each JSON object, like the argument of `json.loads`. None for no conversion.

    Raises:
        ConfigError: The type cannot read JSON.
    """
    return json_lines_of(DocumentReader(type, object_hook))


TEXT: StreamFormat[str] = StreamFormat("text", TextParser)
"""Text, split only between characters; see `TextParser`."""

LINES: StreamFormat[str] = StreamFormat("lines", LineParser)
"""Lines without line endings; see `LineParser`."""

SERVER_SENT_EVENTS: StreamFormat[ServerSentEvent] = StreamFormat("server-sent events", ServerSentEventParser)
"""The events of a ``text/event-stream``; see `ServerSentEventParser`."""

JSON_LINES: StreamFormat[object] = StreamFormat("JSON Lines", JSONLinesParser)
"""The documents of a response with one JSON document per line; see `JSONLinesParser`."""

BYTES: StreamFormat[bytes] = StreamFormat("bytes", _BytesParser)
"""The bytes of the parts, as they arrive."""
