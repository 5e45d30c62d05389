"""
The head of a response: the status line and the headers, and how they delimit the body.

The parser is strict. It refuses everything that two parsers could understand differently, because one of them would take
a part of this response for the next one.
"""

from __future__ import annotations

from functools import lru_cache

from sagemaker_runtime.errors import InvalidHeaderError
from sagemaker_runtime.headers import CONTROLS, LOWER_NAMES, Headers, LowerNames

MAX_LINE = 65_536  # bytes of the status line, or of a header
MAX_LINES = 1_000  # headers

_LEAST_STATUS = "100"
_MINOR_VERSIONS = {"HTTP/1.0 ": 0, "HTTP/1.1 ": 1}
_NO_BODY = frozenset({*range(100, 200), 204, 304})  # statuses; RFC 9112, section 6.3
_SWITCHING_PROTOCOLS = 101
_LENGTH_DIGITS = 18  # the most digits of a Content-Length
_CACHED = 4_096  # bytes; the lines of a longer head are not cached


class NotHTTP(Exception):  # noqa: N818 - it describes the response
    """A response that is not valid HTTP. The text says why, and shows nothing of the response."""


class ResponseHead:
    """
    A parsed head.

    Attributes:
        length: Bytes of the body; None if chunks, or the end of the connection, delimit it.

        keeps_alive: Whether the connection may be used for another request after the body has ended.
    """

    __slots__ = ("chunked", "headers", "keeps_alive", "length", "status")

    def __init__(self, status: int, headers: Headers, length: int | None, *, chunked: bool, keeps_alive: bool) -> None:
        self.status = status
        self.headers = headers
        self.length = length
        self.chunked = chunked
        self.keeps_alive = keeps_alive


def read_head(block: bytes, method: str) -> ResponseHead:
    """
    Parse a head.

    Args:
        block: Its bytes, without the empty line after it.

        method: The method of the request: the response to HEAD has no body.

    Raises:
        NotHTTP: It is not an HTTP/1 head, or is ambiguous about the body.
    """
    first, *lines = block.decode("utf-8", "surrogateescape").split("\r\n")
    if len(block) - len(block.translate(None, CONTROLS)) != 2 * len(lines):
        raise NotHTTP("there is a control character in its head")
    if len(lines) > MAX_LINES:
        raise NotHTTP(f"it has more than {MAX_LINES:,} headers")
    if len(block) > MAX_LINE and max(map(len, block.split(b"\r\n"))) > MAX_LINE:
        raise NotHTTP(f"a line of its head has more than {MAX_LINE:,} bytes")
    cached = len(block) <= _CACHED  # otherwise a hostile server could fill the caches
    minor, status = (_read_status_line if cached else _read_status_line.__wrapped__)(first)
    raw = _read_lines(lines, LOWER_NAMES if cached else LowerNames())
    length, coding = raw.get("content-length"), raw.get("transfer-encoding")
    if length is not None and not (length.isdigit() and length.isascii() and len(length) <= _LENGTH_DIGITS):
        raise NotHTTP("its Content-Length is not one number")
    chunked = coding is not None and _is_chunked(coding, minor, with_length=length is not None)
    size = None if length is None else int(length)
    if status in _NO_BODY or method == "HEAD":
        size, chunked = 0, False
    connection = raw.get("connection")
    keeps_alive = minor == 1
    if connection is not None:
        keeps_alive = (_keeps_alive if cached else _keeps_alive.__wrapped__)(minor, connection)
    if (size is None and not chunked) or status == _SWITCHING_PROTOCOLS:
        keeps_alive = False
    return ResponseHead(status, Headers.of_raw(raw), size, chunked=chunked, keeps_alive=keeps_alive)


def _read_lines(lines: list[str], lower_names: LowerNames) -> dict[str, str]:
    """The headers, without the blanks around their values; the values of a repeated name are joined by a comma."""
    raw: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise NotHTTP("a line of its head has no colon")
        try:
            lower, text = lower_names[name], value.strip(" \t")
        except InvalidHeaderError:
            raise NotHTTP("a line of its head does not begin with the name of a header") from None
        raw[lower] = text if lower not in raw else f"{raw[lower]}, {text}"
    return raw


@lru_cache(maxsize=64)
def _read_status_line(line: str) -> tuple[int, int]:
    """The minor version, and the status."""
    minor, status = _MINOR_VERSIONS.get(line[:9]), line[9:12]
    is_number = status.isascii() and status.isdigit() and len(status) == len(_LEAST_STATUS) and status >= _LEAST_STATUS
    if minor is None or not is_number or line[12:13] not in ("", " "):
        raise NotHTTP("it does not begin with a status line of HTTP/1")
    return minor, int(status)


def _is_chunked(coding: str, minor: int, *, with_length: bool) -> bool:
    """Whether chunks delimit the body. Source: RFC 9112, section 6.3."""
    if with_length:
        raise NotHTTP("it has both a Content-Length and a Transfer-Encoding")
    *others, last = [each.strip(" \t").lower() for each in coding.split(",")]
    if minor == 0 or "chunked" in others or not coding.isascii():
        raise NotHTTP("its Transfer-Encoding cannot be read")
    return last == "chunked"


@lru_cache(maxsize=16)
def _keeps_alive(minor: int, connection: str) -> bool:
    options = [option.strip(" \t") for option in connection.lower().split(",")]
    return "close" not in options and (minor == 1 or ("keep-alive" in options and connection.isascii()))
