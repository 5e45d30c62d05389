"""Responses of the shapes that RFC 9112 allows, and of many that it does not."""

from __future__ import annotations

import string
from random import Random

from attrs import define

_TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
_VALUES = [
    "",
    "a",
    "text/csv",
    "a: b",
    "http://x:1/: y",
    '"with \\" quotes"',
    "a,b",
    "größe",
    "\xa0x",
    "(c)  d",
    ":",
    "é",
]
_BLANKS = ["", " ", "  ", "\t", " \t "]
_EXTENSIONS = ["", "", "", ";a", ";a=b", ';a="b c"', ";a;b=1", ";a-b.c=d"]
_NASTY = [
    b"\0",
    b"\r",
    b"\n",
    b"\t",
    b" ",
    b"\x0b",
    b"\x0c",
    b"\x1f",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xc2\xa0",
    b"\xe2\x80\xa8",
]
_NASTY += [b":", b",", b";", b"+", b"-", b"=", b"0", b"x", b"\r\n", b"\r\n\r\n", b"\n\n", b"\n\r\n", b"\r\r\n"]
_NASTY_LINES = [
    b"Content-Length: 3",
    b"Content-Length: 3, 3",
    b"Content-Length: +3",
    b"Content-Length: -1",
    b"Content-Length: 0x3",
    b"Content-Length: 3 3",
    b"Content-Length: 1_0",
    b"Content-Length: \xd9\xa3",  # an Arabic 3
    b"Content-Length:\x0b3",
    b"Content-Length : 3",
    b" Content-Length: 3",
    b"Content-Length",
    b"Content-Length:",
    b"Content\xadLength: 3",
    b"Content_Length: 3",
    b"Content-Length: 18446744073709551619",
    b"Content-Length: 99999999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked;q=1",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding: \xe2\x84\xaahunked",
    b"Transfer-Encoding: chun\xe2\x84\xaaed",  # a Kelvin sign, which str.lower makes a k
    b"Transfer-Encoding: chunked,",
    b"Transfer-Encoding: ,chunked",
    b"Transfer-Encoding: 'chunked'",
    b"Transfer-Encoding : chunked",
    b"Transfer\xe2\x80\x90Encoding: chunked",
    b"X: a\r\n Transfer-Encoding: chunked",
    b"X: a\r\n\tb",
    b"X: a\nContent-Length: 3",
    b"X: a\rContent-Length: 3",
    b"Connection: close",
    b"Connection: keep-alive, close",
    b"Connection: Close,",
    b"Connection: keep-alive",
    b"Connection: upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key1: 1",
    b"Content-Encoding: gzip",
    b": nothing",
    b"no colon",
    b"X(Y): a",
    b"\xff: a",
]
STATUSES = [200, 200, 200, 201, 400, 404, 413, 500, 503, 599, 600, 999, 204, 304, 205, 101]


@define
class Generated:
    """
    A response, and what was meant by it.

    Attributes:
        end: Its length; what is behind that is the surplus of a pipeline.

        until_end: Whether its body ends with the connection.
    """

    data: bytes
    status: int
    body: bytes
    end: int
    until_end: bool


def cut_at_random(draw: Random, data: bytes) -> list[bytes]:
    """*data* in pieces."""
    places = (
        sorted(draw.sample(range(1, len(data)), min(len(data) - 1, draw.choice([0, 1, 2, 5, 2000])))) if data else []
    )
    return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]


def valid(draw: Random, method: str) -> Generated:
    """A response that a strict reader has to accept."""
    status, old = draw.choice(STATUSES), draw.random() < 0.1
    reason = draw.choice([" ", " OK", " Not Found", " größe", " a  b ", ""])
    lines = [_header(draw) for _ in range(draw.choice([0, 1, 2, 5, 20]))]
    has_body = method != "HEAD" and status not in {101, 204, 304}
    body = draw.randbytes(draw.choice([0, 1, 5, 40, 300]))
    kind = draw.choice(["length", "chunked", "end"]) if not old else draw.choice(["length", "end"])
    after = body
    if kind == "length":
        lines.append(_line(draw, "Content-Length", str(len(body)) if draw.random() < 0.9 else f"00{len(body)}"))
    elif kind == "chunked":
        lines.append(
            _line(draw, "Transfer-Encoding", draw.choice(["chunked", "Chunked", "gzip, chunked", "gzip,CHUNKED"]))
        )
        after = chunked(draw, body)
    if draw.random() < 0.3:
        lines.append(_line(draw, "Connection", draw.choice(["close", "Keep-Alive", "keep-alive, x", "x,Close", "x"])))
    draw.shuffle(lines)
    head = "\r\n".join([f"HTTP/1.{0 if old else 1} {status}{reason}", *lines, "", ""]).encode()
    interim = b"".join(
        b"HTTP/1.1 %d X\r\n%s\r\n" % (draw.choice([100, 102, 103]), draw.choice([b"", b"Link: </a>; rel=x\r\n"]))
        for _ in range(draw.choice([0, 0, 0, 1, 3]))
    )
    if not has_body:
        body = after = b""
    data = interim + head + after
    until_end = has_body and kind == "end"
    surplus = (
        b"" if until_end else draw.choice([b"", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"?", b"\r\n"])
    )
    return Generated(data + surplus, status, body, len(data), until_end)


def chunked(draw: Random, body: bytes) -> bytes:
    """*body* in chunks."""
    pieces = []
    while body:
        size = draw.randint(1, len(body))
        digits = draw.choice([f"{size:x}", f"{size:X}", f"0{size:x}"])
        pieces += [f"{digits}{draw.choice(_EXTENSIONS)}\r\n".encode(), body[:size], b"\r\n"]
        body = body[size:]
    trailers = [f"{_header(draw, plain=True)}\r\n".encode() for _ in range(draw.choice([0, 0, 1, 3]))]
    return b"".join(
        [*pieces, draw.choice([b"0", b"000"]), draw.choice(_EXTENSIONS).encode(), b"\r\n", *trailers, b"\r\n"]
    )


def mutated(draw: Random, data: bytes) -> bytes:
    """*data* with a fault or two, most of them in its head and at the ends of lines."""
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        head = data.find(b"\r\n\r\n") + 4
        at = draw.randrange((head if head > 3 and draw.random() < 0.7 else len(data)) or 1)
        if draw.random() < 0.4:  # the ends of lines, and what is near them, are where parsers differ
            ends = [place for place in range(len(data)) if data[place : place + 2] == b"\r\n"]
            at = max(0, draw.choice(ends or [0]) + draw.choice([-1, 0, 1, 2]))
        lines = data.split(b"\r\n")
        index = draw.randrange(len(lines))
        match draw.randrange(9):
            case 0:
                data = data[:at] + draw.choice(_NASTY) + data[at:]
            case 1:
                data = data[:at] + draw.choice(_NASTY) + data[at + 1 :]
            case 2:
                data = data[:at] + data[at + draw.choice([1, 1, 2, 7]) :]
            case 3 | 4:
                first = max(1, draw.randrange(len(lines[: data[:head].count(b"\r\n")]) or 1))
                data = b"\r\n".join([*lines[:first], draw.choice(_NASTY_LINES), *lines[first:]])
            case 5:
                data = b"\r\n".join([*lines[:index], lines[index], *lines[index:]])
            case 6:
                data = b"\r\n".join(
                    [*lines[:index], draw.choice([b" ", b"\t", b""]) + lines[index], *lines[index + 1 :]]
                )
            case 7:
                data = data.replace(b"\r\n", draw.choice([b"\n", b"\r", b"\r\n ", b"\r\r\n"]), draw.choice([1, 2, 99]))
            case _:
                data = data[:at] + draw.randbytes(draw.choice([1, 3])) + data[at:]
    return data


def _header(draw: Random, *, plain: bool = False) -> str:
    name = "X" + "".join(draw.choices(_TOKEN, k=draw.choice([0, 1, 8])))
    value = draw.choice(_VALUES)
    return _line(draw, name, value if value.isascii() or not plain else "plain")


def _line(draw: Random, name: str, value: str) -> str:
    name = draw.choice([name, name.lower(), name.upper()])
    return f"{name}:{draw.choice(_BLANKS)}{value}{draw.choice(_BLANKS)}"
