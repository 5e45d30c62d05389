"""
The head of a response: the status line and the headers, and what they say of the body.

It is strict: whatever two readers of one connection could understand differently is refused, because one of them would
take a part of this response for the next one.
"""

from __future__ import annotations

from functools import lru_cache

from sagemaker_runtime.errors import InvalidHeaderError
from sagemaker_runtime.headers import CONTROLS, Headers, lower_name

MAX_LINE = 65_536  # bytes of the status line, or of a header
MAX_LINES = 1_000  # headers

_LEAST_STATUS = "100"
_MINOR_VERSIONS = {"HTTP/1.0 ": 0, "HTTP/1.1 ": 1}
_NO_BODY = frozenset({*range(100, 200), 204, 304})  # statuses; RFC 9112, section 6.3
_SWITCHING_PROTOCOLS = 101
_LENGTH_DIGITS = 18  # the most of a length that is believed
_CACHED = 4_096  # bytes of a head
_BLANK = 32


class NotHTTP(Exception):  # noqa: N818 - what came is that
    """A response that cannot be read. The text says why, and shows nothing of what came."""


class ResponseHead:
    """
    What a head says.

    Attributes:
        length: Bytes of the body; None if its chunks, or the end of the connection, say where it ends.

        keeps_alive: Whether the connection may serve another request once the body has ended.
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
    Read a head.

    Args:
        block: Its bytes, without the empty line behind it.

        method: That of the request: the response to HEAD has no body.

    Raises:
        NotHTTP: It is not a head of HTTP/1, or says two things of the body.
    """
    first, *lines = block.decode("utf-8", "surrogateescape").split("\r\n")
    if len(block) - len(block.translate(None, CONTROLS)) != 2 * len(lines):
        raise NotHTTP("there is a control character in its head")
    if len(lines) > MAX_LINES:
        raise NotHTTP(f"it has more than {MAX_LINES:,} headers")
    if len(block) > MAX_LINE and max(map(len, block.split(b"\r\n"))) > MAX_LINE:
        raise NotHTTP(f"a line of its head has more than {MAX_LINE:,} bytes")
    cached = len(block) <= _CACHED  # or the caches would keep what a hostile server sends
    minor, status = (_read_status_line if cached else _read_status_line.__wrapped__)(first)
    to_lower = lower_name if cached else lower_name.__wrapped__
    try:
        raw = {to_lower(name): value for name, value in [line.split(": ", 1) for line in lines]}
        if len(raw) != len(lines) or b" \r\n" in block or b":  " in block or b"\t" in block or block[-1] == _BLANK:
            raw = _read_lines(lines)
    except (ValueError, InvalidHeaderError):  # no blank behind the colon
        raw = _read_lines(lines)
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


def _read_lines(lines: list[str]) -> dict[str, str]:
    """The headers, where a blank or a name that comes twice needs care."""
    raw: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise NotHTTP("a line of its head has no colon")
        try:
            lower, text = lower_name.__wrapped__(name), value.strip(" \t")
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
    """Whether chunks say where the body ends. Source: RFC 9112, section 6.3."""
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
