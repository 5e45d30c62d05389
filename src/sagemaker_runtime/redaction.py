"""Which values are never shown, and how they are removed from a peer's text."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sagemaker_runtime.escapes import Decoded, Span

__all__ = ["REDACTED", "SENSITIVE_HEADERS", "Secrets"]

SENSITIVE_HEADERS = frozenset(
    {
        "api-key",
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-access-token",
        "x-amz-s3session-token",
        "x-amz-security-token",
        "x-amzn-sagemaker-custom-attributes",
        "x-api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-xsrf-token",
    }
)
"""
Lower-case names of headers whose values are never shown: credentials, under the names that AWS, gateways and frameworks have for
them, and what the API model marks as sensitive.
"""

REDACTED = "<redacted>"
"""The replacement of a sensitive value in a log, repr or exception."""

_DISTINCTIVE = 8  # the least bytes of a value that is searched for by itself: a shorter one may occur by chance
_DISTINCTIVE_NAME = 4  # the same for the user and the password of a proxy: people choose short ones
_CUT = 24  # bytes at the beginning of a longer value that are enough to find it: the peer may have cut off the rest
_MAY_BE_CUT = 1024  # bytes; a text of this length may have been truncated in the middle of a value
_LONGEST_BODY = 4096  # bytes of a request's body that are searched for; no error keeps more of a text
_ROUNDS = 4  # of decoding: a page that quotes JSON that quotes a URL needs three

_LISTS = ("cookie", "set-cookie", "x-amzn-sagemaker-custom-attributes")

_FOLDED = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ+", b"abcdefghijklmnopqrstuvwxyz ")  # forms encode a blank as +
_BLANKS = b" \t\r\n\0"  # line breaks and indents, and the zero bytes of UTF-16
_WRAPS = (b"\n", b"\r", b"\0")


class Secrets:
    """
    The secrets of one exchange. `redact` removes them from a text that a peer sent.

    A peer may quote what it received in any encoding. So a value is found in clear text, with JSON escapes, as XML and HTML
    entities, percent-encoded, in Python's repr, in base64 or hexadecimal digits, broken into lines, in UTF-16 (if it is
    ASCII), and in combinations of these. Values of fewer than eight bytes are found only after the name of their header,
    except the user and password of a proxy, which are found if they have at least four bytes.

    Args:
        headers: The headers that were sent, to the service or to a proxy. The values of those in `SENSITIVE_HEADERS` are
            secret, and so are their parts: the signature, the user and password of a proxy, each cookie and custom attribute.

        body: The body of the request, which is sensitive too. Its first 4,096 bytes are searched for; a quotation is found if
            it starts at the beginning. Empty if the body may be shown.

        others: Additional values, such as the secret access key.
    """

    __slots__ = ("_body", "_headers", "_others", "_values")

    def __init__(self, *headers: Mapping[str, str], body: bytes = b"", others: Iterable[str] = ()) -> None:
        self._headers = headers
        self._body = body[:_LONGEST_BODY]
        self._others = tuple(others)
        self._values: list[bytes] | None = None  # computed when there is a text to redact

    def redact(self, text: str, instead: str = REDACTED) -> str:
        """Return *text* with each secret replaced by *instead*."""
        data = text.encode(errors="surrogatepass")
        redacted = self.redact_bytes(data, instead)
        return text if redacted is data else redacted.decode(errors="replace")

    def redact_bytes(self, data: bytes, instead: str = REDACTED) -> bytes:
        """Return *data* with each secret replaced by *instead*; the same object if there is nothing to redact."""
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
        """Redact all texts of an exception, including its attributes, notes, causes and contexts."""
        waiting, seen = [error], set[int]()
        while waiting:
            each = waiting.pop()
            if id(each) in seen:
                continue
            seen.add(id(each))
            args = self._redacted(each.args)
            if args != each.args and isinstance(args, tuple):
                each.args = args
            facts = vars(each)
            for name, value in list(facts.items()):
                redacted = self._redacted(value)
                if redacted != value:
                    facts[name] = redacted
            within = each.exceptions if _is_group(each) else ()
            waiting += [other for other in (each.__cause__, each.__context__, *within) if other is not None]

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
        """The secret values, each with the least number of bytes of a form of it that is searched for."""
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
    """The parts of a sensitive header's value that are secret by themselves."""
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
    elif name in _LISTS:
        for part in re.split("[,;]", value):
            yield part.strip(), _DISTINCTIVE
            yield part.partition("=")[2].strip(" \"'"), _DISTINCTIVE
    else:
        yield value.rpartition(" ")[2], _DISTINCTIVE  # without a scheme, such as Bearer


def _forms(value: bytes, least: int) -> Iterator[bytes]:
    """The forms of a value to search for: unchanged, decoded, in hexadecimal and base64; none if it is too short."""
    if len(value) >= _DISTINCTIVE:
        yield value.hex().encode()
        yield from map(_folded, _in_base64(value))
    for form in (value, *_decodings(value)):
        if len(form) >= least:
            yield _folded(form)


def _in_base64(value: bytes) -> Iterator[bytes]:
    """The base64 digits of a value at each offset in the encoded text, without digits that depend on its neighbours."""
    for before in range(3):
        digits = b64encode(bytes(before) + value)[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]
        yield digits
        yield digits.replace(b"+", b"-").replace(b"/", b"_")


def _folded(data: bytes) -> bytes:
    return data.translate(_FOLDED)


def _decoded(data: bytes) -> Decoded:
    from sagemaker_runtime.escapes import Decoded  # 2 ms, and not needed before there is a text to redact

    return Decoded(data)


def _decodings(data: bytes) -> Iterator[bytes]:
    for _ in range(_ROUNDS):
        decoded = _decoded(data)
        if not decoded.starts:
            return
        data = decoded.data
        yield data


def _quotations(data: bytes, values: list[bytes]) -> list[Span]:
    """Where *data* quotes one of *values*."""
    spans = _found_in(data, values)
    rounds: list[Decoded] = []
    for _ in range(_ROUNDS):
        rounds.append(_decoded(data))
        if not rounds[-1].starts:
            break
        data = rounds[-1].data
        found = _found_in(data, values)
        for decoded in reversed(rounds):
            found = [decoded.encoded(span) for span in found]
        spans += found
    return spans


def _found_in(data: bytes, values: list[bytes]) -> list[Span]:
    folded = _folded(data)
    may_be_cut = len(data) >= _MAY_BE_CUT
    spans = [span for value in values for span in _occurrences(folded, value, may_be_cut=may_be_cut)]
    if any(wrap in data for wrap in _WRAPS):
        joined = folded.translate(None, _BLANKS)
        whole = [value for value in (value.translate(None, _BLANKS) for value in values) if len(value) >= _DISTINCTIVE]
        found = [span for value in whole for span in _occurrences(joined, value, may_be_cut=may_be_cut)]
        if found:
            places = [at for at, byte in enumerate(folded) if byte not in _BLANKS]
            spans += [(places[start], places[end - 1] + 1) for start, end in found]
    return spans


def _occurrences(folded: bytes, value: bytes, *, may_be_cut: bool) -> Iterator[Span]:
    beginning = value[:_CUT]
    at = folded.find(beginning)
    while at >= 0:
        end = at + len(beginning)
        while end < len(folded) and end - at < len(value) and folded[end] == value[end - at]:
            end += 1
        yield at, end
        at = folded.find(beginning, end)
    for length in range(len(beginning) - 1, _DISTINCTIVE - 1, -1) if may_be_cut else ():
        if folded.endswith(value[:length]):
            yield len(folded) - length, len(folded)
            return


def _is_list(value: object) -> TypeGuard[list[object]]:
    return type(value) is list


def _is_tuple(value: object) -> TypeGuard[tuple[object, ...]]:
    return type(value) is tuple  # not an AttemptRecord, whose texts were redacted when it was created


def _is_group(error: BaseException) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    return isinstance(error, BaseExceptionGroup)
