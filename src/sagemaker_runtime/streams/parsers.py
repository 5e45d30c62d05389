"""
Text, lines, server-sent events and JSON documents out of the bytes of a response stream. No I/O.

The parts of a stream align with nothing: a character, a line end or a document may be cut at any byte, and one part may
hold many of them. So what a parser gives out depends on the bytes alone, never on where the parts end.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from attr import field, frozen

from sagemaker_runtime.errors import StreamContentError

T_co = TypeVar("T_co", covariant=True)

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_JSON_BLANKS = " \t\r"  # RFC 8259, section 2; str.isspace() would let U+00A0 pass
_RETRY_DIGITS = 18  # more would be over 31 million years, and int() refuses a few thousand digits


class StreamParser(Protocol[T_co]):
    """
    Bytes in, what they mean out. One parser is for one stream.

    An error never costs what came before it: `feed` and `end` give that out first, and the next call raises. From then
    on every call raises. So a caller who calls `end` misses neither content nor error.
    """

    def feed(self, data: bytes, /) -> Sequence[T_co]:
        """
        What these bytes complete, in order; often nothing. *data* may be empty.

        Raises:
            StreamContentError: The stream is not what this parser reads.
        """
        ...

    def end(self) -> Sequence[T_co]:
        """
        What was left. To be called when the stream has come to its end, not when it broke off.

        Raises:
            StreamContentError: The stream is not what this parser reads, or it stopped too early.
        """
        ...


class TextParser:
    """
    Text, each piece as soon as its characters are whole; no piece is empty.

    Malformed bytes become U+FFFD, since a stray byte must not cost the rest of a response; with
    ``errors="strict"`` they raise. Both arguments are those of `bytes.decode`; a name Python does not know is a
    LookupError. A byte order mark is text, unless the encoding (``"utf-8-sig"``) says otherwise.
    """

    def __init__(self, encoding: str = "utf-8", *, errors: str = "replace") -> None:
        codecs.lookup_error(errors)  # or a misspelt one would be found with the first malformed byte
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._encoding = encoding
        self._offset = 0
        self._problem: str | None = None

    def feed(self, data: bytes, /) -> list[str]:
        return self._decode(data, final=False)

    def end(self) -> list[str]:
        return self._decode(b"", final=True)

    def _decode(self, data: bytes, *, final: bool) -> list[str]:
        if self._problem is not None:
            raise StreamContentError(self._problem)
        before = self._decoder.getstate()
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError:
            self._decoder.setstate(before)
            text = self._decode_bytewise(data)
        self._offset += len(data)
        if text:
            return [text]
        if self._problem is not None:
            # Not raised where it was found: a UnicodeDecodeError in the context would carry the content along.
            raise StreamContentError(self._problem)
        return []

    def _decode_bytewise(self, data: bytes) -> str:
        """The text before the malformed bytes that are known to come, which a decoder that raises keeps to itself."""
        pieces: list[str] = []
        offset = self._offset
        try:
            for offset, byte in enumerate(data, self._offset):  # noqa: B007 - it says where the loop broke off
                pieces.append(self._decoder.decode(bytes((byte,))))
            offset = self._offset + len(data)
            self._decoder.decode(b"", final=True)
        except UnicodeError as error:
            reason = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
            self._problem = f"the stream is not {self._encoding}: {reason} at byte {offset}"
        return "".join(pieces)


class LineParser:
    r"""
    Lines without their ends, the last one too where it has no end. Empty lines count.

    A line ends with ``\n`` or ``\r\n``, as in HTTP and JSON Lines. A lone ``\r`` is content: it is how progress bars
    overwrite themselves. So are U+2028, form feed and the other ends `str.splitlines` knows, which occur within JSON.

    Malformed bytes: see `TextParser`. With ``errors="strict"`` the line that holds them is not given out.
    """

    def __init__(self, encoding: str = "utf-8", *, errors: str = "replace") -> None:
        self._text = TextParser(encoding, errors=errors)
        self._lines = _Lines()

    def feed(self, data: bytes, /) -> list[str]:
        return self._split(self._text.feed(data))

    def end(self) -> list[str]:
        return self._split(self._text.end()) + self._lines.end()

    def _split(self, texts: Iterable[str]) -> list[str]:
        return [line.removesuffix("\r") for text in texts for line in self._lines.feed(text)]


@frozen(kw_only=True)
class ServerSentEvent:
    """One event. Its repr shows only the length of the data, which is the model's."""

    event: str = "message"
    """The event's type."""

    data: str = field(repr=lambda data: f"<{len(data)} characters>")
    r"""The ``data`` lines, joined by ``\n``."""

    id: str = ""
    """The last id the stream has set, by this event or one before it; empty if none."""

    retry: int | None = None
    """Milliseconds to wait before connecting again, if it was said since the event before; otherwise None."""


class ServerSentEventParser:
    r"""
    Server-sent events, each with the very byte that completes it: a ``\r`` ends its line before it is known whether a
    ``\n`` follows.

    An event that the blank line after it was forgotten for is given out at the end, its last line complete or not,
    if it has data. (The standard discards it, since it cannot distinguish the end of a stream from a broken connection.
    Here the latter has raised before, and containers do forget that line: the last token would be lost.)

    Nothing raises: as the standard says, malformed UTF-8 becomes U+FFFD and a line of no meaning is ignored. ``[DONE]``
    is data like any other.

    Source: HTML Living Standard, section 9.2.6, "Interpreting an event stream".
    """

    def __init__(self) -> None:
        self._text = TextParser()
        self._lines = _Lines()
        self._started = False
        self._after_cr = False
        self._event = ""
        self._data: list[str] = []
        self._id = ""
        self._retry: int | None = None

    def feed(self, data: bytes, /) -> list[ServerSentEvent]:
        return self._events(line for text in self._text.feed(data) for line in self._split(text))

    def end(self) -> list[ServerSentEvent]:
        left = [line for text in self._text.end() for line in self._split(text)]
        return self._events([*left, *self._lines.end(), ""])

    def _split(self, text: str) -> list[str]:
        if not self._started:
            self._started = True
            text = text.removeprefix(_BOM)
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


class JSONLinesParser:
    """
    The JSON documents of a stream that has one on each line (JSON Lines, NDJSON), decoded; blank lines are skipped.

    A document is what `json.loads` makes of it: the last of duplicate keys counts, and ``NaN`` and ``Infinity`` pass.
    A byte order mark at the start is skipped. Bytes that are not UTF-8 raise, as does a line that is not JSON: data must
    not change in silence. The error says where, and never shows the content.
    """

    def __init__(self) -> None:
        self._lines = LineParser(errors="strict")
        self._number = 0
        self._problem: str | None = None

    def feed(self, data: bytes, /) -> list[object]:
        self._check()
        return self._documents(self._lines.feed(data))

    def end(self) -> list[object]:
        self._check()
        return self._documents(self._lines.end())

    def _check(self) -> None:
        if self._problem is not None:
            raise StreamContentError(self._problem)

    def _documents(self, lines: Iterable[str]) -> list[object]:
        documents: list[object] = []
        for line in lines:
            self._number += 1
            text = line.removeprefix(_BOM) if self._number == 1 else line
            if not text.strip(_JSON_BLANKS):
                continue
            try:
                documents.append(json.loads(text))
                continue
            except json.JSONDecodeError as error:
                problem = f"{error.msg} at column {error.colno}"
            except RecursionError:
                problem = "it is nested too deeply"
            except ValueError as error:  # a number of thousands of digits
                problem = str(error)
            self._problem = f"line {self._number} of the stream cannot be read as JSON: {problem}"
            break
        if not documents:
            # Not raised where it was found: a JSONDecodeError in the context would carry the content along.
            self._check()
        return documents


class _Lines:
    r"""Text cut at each ``\n``. A line's start is kept in pieces, so that a long line takes linear time."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def feed(self, text: str) -> list[str]:
        *lines, rest = text.split("\n")
        if lines:
            self._pieces.append(lines[0])
            lines[0] = "".join(self._pieces)
            self._pieces.clear()
        if rest:
            self._pieces.append(rest)
        return lines

    def end(self) -> list[str]:
        rest = "".join(self._pieces)
        self._pieces.clear()
        return [rest] if rest else []
