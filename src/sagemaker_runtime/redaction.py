"""What is shown nowhere, and how it is taken out of a text that a peer sends back."""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64encode
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["REDACTED", "SENSITIVE_HEADERS", "Secrets"]

SENSITIVE_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-amz-security-token",
        "x-amzn-sagemaker-custom-attributes",
    }
)
"""Lower-case names of the headers whose values are shown nowhere: credentials, and what the API model calls sensitive."""

REDACTED = "<redacted>"
"""What stands in a log, repr or exception in place of a sensitive value."""

_DISTINCTIVE = 8  # bytes of a value that is looked for by itself: a shorter one may stand in any text by chance
_DISTINCTIVE_NAME = 4  # bytes of the user or the password of a proxy: people choose short ones
_CUT = 24  # bytes of the beginning of a longer value that are enough to find it: the peer may have cut the rest
_MAY_BE_CUT = 1024  # bytes; a text of ours that is as long may end within a value
_LONGEST_BODY = 4096  # bytes of a request's body that is looked for; no error keeps more of a text
_ROUNDS = 4  # of decoding: a page that quotes JSON that quotes a URL takes three

_ESCAPED = rb"""
      \\+u(d[89ab][0-9a-f]{2})\\+u(d[c-f][0-9a-f]{2})                   # JSON, two for one character
    | \\+(?:u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\})                         # JSON, JavaScript
    | \\+x([0-9a-f]{2})                                                # Python's repr of bytes
    | \\+(.)                                                           # JSON's others, such as \\/ and \\n
    | &(?:amp;)*(\#[0-9]{1,7}|\#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});    # XML, HTML
    | %(?:25)*([0-9a-f]{2})                                             # URL
    """
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_FOLDED = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ+", b"abcdefghijklmnopqrstuvwxyz ")  # a form has + for a blank

_Span: TypeAlias = tuple[int, int]


class Secrets:
    """
    What one exchange has that is shown nowhere. `redact` takes it out of a text that a peer sent.

    A peer may quote what it was sent in an encoding of its own. So a value is found in clear, with the escapes of JSON, as
    entities of XML and HTML, percent-encoded, in Python's repr, and where one of these stands in another. One of fewer than
    eight bytes is found after the name of its header alone, the user and the password of a proxy from four bytes on.

    Args:
        headers: What was sent, to the service or to a proxy. Secret are the values of those in `SENSITIVE_HEADERS`, and what
            is in them: the signature, the user and password of a proxy, each custom attribute.

        body: The request's, which is sensitive too. It is found where it is quoted whole and has at most 4,096 bytes. Empty
            where it may be shown.

        others: Further values, such as the secret access key.
    """

    __slots__ = ("_body", "_headers", "_others", "_values")

    def __init__(self, *headers: Mapping[str, str], body: bytes = b"", others: Iterable[str] = ()) -> None:
        self._headers = headers
        self._body = body if len(body) <= _LONGEST_BODY else b""
        self._others = tuple(others)
        self._values: list[bytes] | None = None  # nothing is made before there is a text

    def redact(self, text: str, instead: str = REDACTED) -> str:
        """*text* with *instead* in place of each secret that it quotes."""
        data = text.encode(errors="surrogatepass")
        redacted = self.redact_bytes(data, instead)
        return text if redacted is data else redacted.decode(errors="replace")

    def redact_bytes(self, data: bytes, instead: str = REDACTED) -> bytes:
        """The same for a body; the very same object where there is nothing to redact."""
        if self._values is None:
            self._values = sorted({form for value, least in self._found() for form in _forms(value, least)})
        spans = _quotations(data, self._values) if self._values else []
        if not spans:
            return data
        pieces, at = list[bytes](), 0
        for start, end in sorted(spans):
            if start >= at:
                pieces += (data[at:start], instead.encode())
            at = max(at, end)
        return b"".join((*pieces, data[at:]))

    def redact_error(self, error: BaseException) -> None:
        """Redact all texts of an exception, its attributes and notes among them, and those of the exceptions behind it."""
        behind: BaseException | None = error
        seen = set[int]()
        while behind is not None and id(behind) not in seen:
            seen.add(id(behind))
            args = self._redacted(behind.args)
            if args != behind.args and isinstance(args, tuple):
                behind.args = args
            facts = vars(behind)
            for name, value in list(facts.items()):
                redacted = self._redacted(value)
                if redacted != value:
                    facts[name] = redacted
            behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def _redacted(self, value: object) -> object:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, bytes):
            return self.redact_bytes(value)
        if _is_list(value):
            return list(map(self._redacted, value))
        return tuple(map(self._redacted, value)) if _is_tuple(value) else value

    def _found(self) -> Iterator[tuple[bytes, int]]:
        """The values, as they are, and from how many bytes on each is looked for."""
        for headers in self._headers:
            for name, text in headers.items():
                if name.lower() in SENSITIVE_HEADERS:
                    for value, least in ((text, _DISTINCTIVE), *_within(name.lower(), text)):
                        yield value.encode(errors="surrogatepass"), least
                    if len(text) < _DISTINCTIVE:
                        for colon in (":", ": ", "="):
                            yield f"{name}{colon}{text}".encode(errors="surrogatepass"), _DISTINCTIVE
        yield self._body, _DISTINCTIVE
        for value in self._others:
            yield value.encode(errors="surrogatepass"), _DISTINCTIVE


def _within(name: str, value: str) -> Iterator[tuple[str, int]]:
    """What stands in the value of a sensitive header, and is a secret by itself."""
    if name.endswith("authorization"):
        scheme, _, rest = value.partition(" ")
        if scheme.startswith("AWS4"):
            yield rest.rpartition("Signature=")[2], _DISTINCTIVE
            return
        yield rest, _DISTINCTIVE
        try:
            pair = b64decode(rest, validate=True)
        except ValueError:
            return
        yield urlsafe_b64encode(pair).decode(), _DISTINCTIVE
        text = pair.decode(errors="replace")
        for part in (text, *text.split(":", 1)):
            yield part, _DISTINCTIVE_NAME
    elif name != "x-amz-security-token":
        for part in re.split("[,;]", value):
            yield part.strip(), _DISTINCTIVE
            yield part.partition("=")[2].strip(" \"'"), _DISTINCTIVE


def _forms(value: bytes, least: int) -> Iterator[bytes]:
    """A value as it is looked for: as it stands, and as it is after decoding; nothing if it is too short."""
    for form in (value, *_decodings(value)):
        if len(form) >= least:
            yield form.translate(_FOLDED)


def _decodings(data: bytes) -> Iterator[bytes]:
    for _ in range(_ROUNDS):
        decoded = _Decoded(data)
        if not decoded.starts:
            return
        data = decoded.data
        yield data


def _quotations(data: bytes, values: list[bytes]) -> list[_Span]:
    """Where *data* quotes one of *values*."""
    spans = _found_in(data, values)
    rounds = list[_Decoded]()
    for _ in range(_ROUNDS):
        rounds.append(_Decoded(data))
        if not rounds[-1].starts:
            break
        data = rounds[-1].data
        found = _found_in(data, values)
        for decoded in reversed(rounds):
            found = [decoded.encoded(span) for span in found]
        spans += found
    return spans


def _found_in(data: bytes, values: list[bytes]) -> list[_Span]:
    folded, spans = data.translate(_FOLDED), list[_Span]()
    for value in values:
        beginning = value[:_CUT]
        at = folded.find(beginning)
        while at >= 0:
            end = at + len(beginning)
            while end < len(folded) and end - at < len(value) and folded[end] == value[end - at]:
                end += 1
            spans.append((at, end))
            at = folded.find(beginning, end)
        for length in range(len(beginning) - 1, _DISTINCTIVE - 1, -1) if len(data) >= _MAY_BE_CUT else ():
            if folded.endswith(value[:length]):
                spans.append((len(data) - length, len(data)))
                break
    return spans


class _Decoded:
    """A text decoded once, and where each part of it stood."""

    def __init__(self, data: bytes) -> None:
        pieces, length, at = list[bytes](), 0, 0
        self.starts: list[int] = []  # in the decoded text, of what was encoded
        self._encoded: list[tuple[int, _Span]] = []  # where that ends, and its span in the text before
        for escaped in _escaped().finditer(data):
            literal, decoded = data[at : escaped.start()], _decode(escaped)
            pieces += (literal, decoded)
            length += len(literal)
            self.starts.append(length)
            length += len(decoded)
            self._encoded.append((length, escaped.span()))
            at = escaped.end()
        self.data = b"".join((*pieces, data[at:]))

    def encoded(self, span: _Span) -> _Span:
        """The span in the text before decoding."""
        first, last = self._place(span[0]), self._place(span[1] - 1)
        return first[0], last[1]

    def _place(self, position: int) -> _Span:
        index = bisect_right(self.starts, position) - 1
        if index < 0:
            return position, position + 1
        end, span = self._encoded[index]
        if position < end:
            return span
        at = span[1] + position - end
        return at, at + 1


@lru_cache(maxsize=1)
def _escaped() -> re.Pattern[bytes]:
    """Compiled when there is a text: it takes a millisecond, and a program that starts has none."""
    return re.compile(_ESCAPED, re.IGNORECASE | re.VERBOSE | re.DOTALL)


def _decode(escaped: re.Match[bytes]) -> bytes:
    high, low, json, javascript, byte, character, entity, percent = escaped.groups()
    if character is not None:
        return _CONTROLS.get(character, character)
    if byte or percent:
        return bytes([int(byte or percent, 16)])
    if entity:
        from html import unescape  # 2 ms, and few texts have an entity

        return unescape(f"&{entity.decode()};").encode(errors="surrogatepass")
    code = int(json or javascript or high, 16)
    if low:
        code = 0x10000 + ((code & 0x3FF) << 10) + (int(low, 16) & 0x3FF)
    return chr(min(code, 0x10FFFF)).encode(errors="surrogatepass")


def _is_list(value: object) -> TypeGuard[list[object]]:
    return type(value) is list


def _is_tuple(value: object) -> TypeGuard[tuple[object, ...]]:
    return type(value) is tuple  # and no record of an attempt, whose texts were redacted when it was made
