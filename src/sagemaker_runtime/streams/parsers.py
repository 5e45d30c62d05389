"""
Text, lines and JSON documents from the bytes of a response stream. No I/O.

The boundaries of parts are arbitrary: a character, a line ending or a document may be cut at any byte, and one part may
contain many of them. So the result of a parser depends only on the bytes, never on the boundaries.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar, overload

from sagemaker_runtime.errors import StreamContentError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_JSON_BLANKS = " \t\r"  # RFC 8259, section 2; str.isspace() would also accept U+00A0


class StreamParser(Protocol[T_co]):
    """
    Turns bytes into pieces. A parser is for one stream.

    An error never hides the content before it: `feed` and `end` first return that content; the next call, and every later
    one, raises the error. So a caller who calls `end` misses neither content nor error.
    """

    def feed(self, data: bytes, /) -> Sequence[T_co]:
        """
        Return the pieces that these bytes complete, in order; often none. *data* may be empty.

        Raises:
            StreamContentError: The stream is not in this parser's format.
        """
        ...

    def end(self) -> Sequence[T_co]:
        """
        Return the rest. Call it when the stream has ended, but not after an error.

        Raises:
            StreamContentError: The stream is not in this parser's format, or is incomplete.
        """
        ...


class TextParser:
    """
    Text, as soon as its characters are complete; no piece is empty.

    Malformed bytes become U+FFFD, so that a stray byte does not cost the rest of a response. With ``errors="strict"``, they
    raise StreamContentError. Both arguments are those of `bytes.decode`; an unknown one raises LookupError. A byte order mark
    is text, except with an encoding that removes it (``"utf-8-sig"``).
    """

    def __init__(self, encoding: str = "utf-8", *, errors: str = "replace") -> None:
        codecs.lookup_error(errors)  # otherwise a misspelt name would fail only at the first malformed byte
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
            # Raised outside the except block, because a UnicodeDecodeError as the context would contain the content.
            raise StreamContentError(self._problem)
        return []

    def _decode_bytewise(self, data: bytes) -> str:
        """The text before the malformed bytes in *data*, which a decoder that raises does not return."""
        pieces: list[str] = []
        offset = self._offset
        try:
            for offset, byte in enumerate(data, self._offset):  # noqa: B007 - used after the loop
                pieces.append(self._decoder.decode(bytes((byte,))))
            offset = self._offset + len(data)
            self._decoder.decode(b"", final=True)
        except UnicodeError as error:
            reason = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
            self._problem = f"the stream is not {self._encoding}: {reason} at byte {offset}"
        return "".join(pieces)


class LineParser:
    r"""
    Lines without line endings, including a last line without one, and empty lines.

    A line ends with ``\n`` or ``\r\n``, as in HTTP and JSON Lines. A lone ``\r`` is content, because progress bars use it to
    overwrite themselves. So are U+2028, form feed and other characters at which `str.splitlines` splits, because they occur
    in JSON.

    For malformed bytes, see `TextParser`. With ``errors="strict"``, the line that contains them is not returned.
    """

    def __init__(self, encoding: str = "utf-8", *, errors: str = "replace") -> None:
        self._text = TextParser(encoding, errors=errors)
        self._lines = Lines()

    def feed(self, data: bytes, /) -> list[str]:
        return self._split(self._text.feed(data))

    def end(self) -> list[str]:
        return self._split(self._text.end()) + self._lines.end()

    def _split(self, texts: Iterable[str]) -> list[str]:
        return [line.removesuffix("\r") for text in texts for line in self._lines.feed(text)]


class JSONLinesParser(Generic[T]):
    """
    The decoded JSON documents of a stream with one document per line (JSON Lines, NDJSON). Blank lines are skipped.

    Documents are decoded as by `json.loads`: the last of duplicate keys wins, and ``NaN`` and ``Infinity`` are accepted. A
    byte order mark at the start is skipped. Bytes that are not UTF-8, and lines that are not JSON, raise an error, because
    data must not change silently. The error says where, and never shows the content.

    Args:
        decoder: Decodes a line, such as ``msgspec.json.Decoder(Token).decode`` or ``Token.model_validate_json``; its results
            are the documents. By default `json.loads`, whose result has the type object.
    """

    @overload
    def __init__(self: JSONLinesParser[object]) -> None: ...
    @overload
    def __init__(self, *, decoder: Callable[[str], T]) -> None: ...
    def __init__(self, *, decoder: Callable[[str], Any] = json.loads) -> None:
        self._lines = LineParser(errors="strict")
        self._documents = Documents[T](decoder, "line")

    def feed(self, data: bytes, /) -> list[T]:
        self._documents.check()
        return self._decode(self._lines.feed(data))

    def end(self) -> list[T]:
        self._documents.check()
        return self._decode(self._lines.end())

    def _decode(self, lines: Iterable[str]) -> list[T]:
        documents: list[T] = []
        for line in lines:
            text = line.removeprefix(BOM) if self._documents.number == 0 else line
            if not text.strip(_JSON_BLANKS):
                self._documents.number += 1
            elif not self._documents.decode(text, documents):
                break
        return documents


class Documents(Generic[T]):
    """
    Decodes texts until one fails; its error is raised only after the documents before it have been returned.

    Args:
        decoder: Turns a text into a document.

        unit: The name of a text in errors, such as ``"line"``.
    """

    def __init__(self, decoder: Callable[[str], T], unit: str) -> None:
        self._decoder = decoder
        self._unit = unit
        self._problem: str | None = None
        self.number = 0
        """The number of texts so far; the caller adds those that it does not pass to `decode`."""

    def check(self) -> None:
        """Raise the error of an earlier text, if there is one."""
        if self._problem is not None:
            raise StreamContentError(self._problem)

    def decode(self, text: str, documents: list[T]) -> bool:
        """Decode *text* and append it to *documents*. If it fails, return False, or raise if *documents* is empty."""
        self.number += 1
        ours = self._decoder is json.loads  # the errors of other decoders may show the content
        try:
            documents.append(self._decoder(text))
        except json.JSONDecodeError as error:
            problem = f"read as JSON: {error.msg if ours else type(error).__name__} at column {error.colno}"
        except RecursionError:
            problem = "read as JSON: it is nested too deeply"
        except Exception as error:  # noqa: BLE001 - any error of a user's decoder; json.loads refuses very long numbers
            problem = f"read as JSON: {error}" if ours else f"decoded: {type(error).__name__}"
        else:
            return True
        self._problem = f"{self._unit} {self.number} of the stream cannot be {problem}"
        if not documents:
            # Raised outside the except block, because the decoder's error as the context would contain the content.
            self.check()
        return False


class Lines:
    r"""Splits text at each ``\n``. An incomplete line is kept in pieces, so that a long line takes linear time."""

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
