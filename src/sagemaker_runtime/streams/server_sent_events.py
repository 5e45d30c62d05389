"""Server-sent events from the bytes of a response stream. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, overload

from attr import field, frozen

from sagemaker_runtime.streams.parsers import BOM, Documents, Lines, TextParser

T = TypeVar("T")

DONE = "[DONE]"
"""The data of the last event of many LLMs, a convention of OpenAI's API. It is not JSON."""

_RETRY_DIGITS = 18  # more would be over 31 million years, and int() refuses thousands of digits


@frozen(kw_only=True)
class ServerSentEvent:
    """An event. Its repr shows only the length of the data, which comes from the model."""

    event: str = "message"
    """The event's type."""

    data: str = field(repr=lambda data: f"<{len(data)} characters>")
    r"""The ``data`` lines, joined by ``\n``."""

    id: str = ""
    """The last id in the stream, set by this event or an earlier one; empty if there is none."""

    retry: int | None = None
    """Milliseconds to wait before reconnecting, if set since the previous event; otherwise None."""


class ServerSentEventParser(Generic[T]):
    r"""
    Server-sent events, each as soon as its last byte arrives: a ``\r`` ends its line before it is known whether a ``\n``
    follows.

    If the blank line after the last event is missing, the event is returned at the end, provided that it has data, even if
    its last line is incomplete. (The standard discards it, because it cannot tell the end of a stream from a broken
    connection. Here, a broken connection raises an error; and some containers omit that line, so the last token would be
    lost.)

    Without a decoder, nothing raises: as the standard says, malformed UTF-8 becomes U+FFFD, and unknown lines are ignored.
    ``[DONE]`` is ordinary data.

    With a *decoder*, its results for the data of each event are returned. Events whose data is ``[DONE]``, which most LLMs
    send last, are skipped. Data that it cannot decode raises StreamContentError, with the number of the event, but without
    its content.

    Source: HTML Living Standard, section 9.2.6, "Interpreting an event stream".

    Args:
        decoder: Decodes the data of an event, such as ``json.loads`` or ``Chunk.model_validate_json``. By default, the
            events are returned.
    """

    @overload
    def __init__(self: ServerSentEventParser[ServerSentEvent]) -> None: ...
    @overload
    def __init__(self, *, decoder: Callable[[str], T]) -> None: ...
    def __init__(self, *, decoder: Callable[[str], Any] | None = None) -> None:
        self._documents = None if decoder is None else Documents[Any](decoder, "event")
        self._text = TextParser()
        self._lines = Lines()
        self._started = False
        self._after_cr = False
        self._event = ""
        self._data: list[str] = []
        self._id = ""
        self._retry: int | None = None

    def feed(self, data: bytes, /) -> list[T]:
        return self._give(line for text in self._text.feed(data) for line in self._split(text))

    def end(self) -> list[T]:
        left = [line for text in self._text.end() for line in self._split(text)]
        return self._give([*left, *self._lines.end(), ""])

    def _give(self, lines: Iterable[str]) -> list[Any]:
        if self._documents is None:
            return self._events(lines)
        self._documents.check()
        given: list[Any] = []
        for event in self._events(lines):
            if event.data == DONE:
                self._documents.number += 1
            elif not self._documents.decode(event.data, given):
                break
        return given

    def _split(self, text: str) -> list[str]:
        if not self._started:
            self._started = True
            text = text.removeprefix(BOM)
        if self._after_cr:
            text = text.removeprefix("\n")
        self._after_cr = text.endswith("\r")
        return self._lines.feed(text.replace("\r\n", "\n").replace("\r", "\n"))

    def _events(self, lines: Iterable[str]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        for line in lines:
            if line:
                self._interpret(line)
                continue
            if self._data:
                events.append(
                    ServerSentEvent(
                        event=self._event or "message", data="\n".join(self._data), id=self._id, retry=self._retry
                    )
                )
                self._data.clear()
                self._retry = None
            self._event = ""
        return events

    def _interpret(self, line: str) -> None:
        name, _, value = line.partition(":")  # a comment is a field without a name
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) <= _RETRY_DIGITS:
            self._retry = int(value)
