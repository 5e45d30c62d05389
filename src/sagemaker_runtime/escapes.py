"""Decodes all kinds of escapes in a peer's text in one pass, and records where each of them was."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""The start and the end of something in a text; the end is exclusive."""

_ESCAPED = re.compile(
    rb"""
      \\+u(d[89ab][0-9a-f]{2})\\+u(d[c-f][0-9a-f]{2})                   # JSON, two for one character
    | \\+(?:u\{([0-9a-f]{1,6})\}|(?-i:U)([0-9a-f]{8}))                  # JavaScript; Python
    | (?:\\+|%(?:25)*)u([0-9a-f]{4})                                   # JSON; JavaScript's escape()
    | \\+x([0-9a-f]{2})                                                # Python's repr of bytes; nginx
    | \\+([0-3][0-7]{2})                                               # C, protobuf's text
    | \\+(.)                                                           # JSON's others, such as \\/ and \\n
    | &(?:amp;)*(\#0*[0-9]{1,7}|\#x0*[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});?  # XML, HTML: browsers take one without its end
    | %(?:25)*([0-9a-f]{2})                                             # URL
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_SHORT = 12  # bytes; a longer escape may be part of a secret, or megabytes of backslashes, and is not cached
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


class Decoded:
    """A text decoded once, and where each decoded part was before."""

    def __init__(self, data: bytes) -> None:
        pieces, length, at = list[bytes](), 0, 0
        self.starts: list[int] = []
        """Where each part that was encoded begins in the decoded text; empty if nothing was encoded."""

        self._encoded: list[tuple[int, Span]] = []  # where the part ends, and its span in the encoded text
        for escaped in _ESCAPED.finditer(data):
            span, text = escaped.span(), escaped[0]
            decoded = _decode_short(text) if len(text) <= _SHORT else _decode(text)
            pieces += (data[at : span[0]], decoded)
            length += span[0] - at
            self.starts.append(length)
            length += len(decoded)
            self._encoded.append((length, span))
            at = span[1]
        self.data = b"".join((*pieces, data[at:]))
        """The decoded text."""

    def encoded(self, span: Span) -> Span:
        """The span in the encoded text that corresponds to *span* in the decoded one."""
        first, last = self._place(span[0]), self._place(span[1] - 1)
        return first[0], last[1]

    def _place(self, position: int) -> Span:
        index = bisect_right(self.starts, position) - 1
        if index < 0:
            return position, position + 1
        end, span = self._encoded[index]
        if position < end:
            return span
        at = span[1] + position - end
        return at, at + 1


def _decode(text: bytes) -> bytes:
    escaped = _ESCAPED.fullmatch(text)
    if escaped is None:  # never: *text* is a match
        return text
    high, low, javascript, python, code, byte, octal, character, entity, percent = escaped.groups()
    if character is not None:
        return _CONTROLS.get(character, character)
    if byte or percent:
        return bytes([int(byte or percent, 16)])
    if octal:
        return bytes([int(octal, 8)])
    if entity:
        from html import unescape  # 2 ms, and few texts have an entity

        end = ";" if text.endswith(b";") else ""
        return unescape(f"&{entity.decode()}{end}").encode(errors="surrogatepass")
    point = int(code or javascript or python or high, 16)
    if low:
        point = 0x10000 + ((point & 0x3FF) << 10) + (int(low, 16) & 0x3FF)
    return chr(min(point, 0x10FFFF)).encode(errors="surrogatepass")


_decode_short = lru_cache(maxsize=1024)(_decode)  # a text has the same few escapes many times
