"""What a head may be, and what it says of the body and of the connection."""

from __future__ import annotations

from contextlib import suppress
from traceback import format_exception

import pytest
from transport.parsers import ours

from sagemaker_runtime.transport.response_head import MAX_LINE, MAX_LINES, NotHTTP, ResponseHead, read_head


def head(*lines: str | bytes, first: str = "HTTP/1.1 200 OK", method: str = "POST") -> ResponseHead:
    """The head that these lines make."""
    encoded = [line.encode() if isinstance(line, str) else line for line in (first, *lines)]
    return read_head(b"\r\n".join(encoded), method)


def refused(*lines: str | bytes, match: str, first: str = "HTTP/1.1 200 OK", method: str = "POST") -> None:
    """The head that these lines make is none; and the reason shows nothing of what came."""
    with pytest.raises(NotHTTP, match=match):
        head(*lines, first=first, method=method)


@pytest.mark.parametrize(
    ("first", "status"),
    [
        ("HTTP/1.1 200 OK", 200),
        ("HTTP/1.0 404 Not Found", 404),
        ("HTTP/1.1 503 ", 503),
        ("HTTP/1.1 503", 503),
        ("HTTP/1.1 999 größe", 999),
        ("HTTP/1.1 200  \t ", 200),
        ("HTTP/1.1 100 Continue", 100),
    ],
)
def test_a_status_line_has_a_version_a_status_and_perhaps_a_reason(first: str, status: int) -> None:
    """The reason is for people: it may be empty, be missing with its blank, and have characters beyond ASCII."""
    assert status == head("Content-Length: 0", first=first).status


def test_a_reason_need_not_be_utf_8() -> None:
    """Old servers write Latin-1."""
    assert 200 == read_head(b"HTTP/1.1 200 gr\xf6\xdfe", "POST").status


@pytest.mark.parametrize(
    "first",
    [
        "",
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 20",
        "HTTP/1.1 2000",
        "HTTP/1.1 099 X",
        "HTTP/1.1 000 X",
        "HTTP/1.1 +20 X",
        "HTTP/1.1 -20 X",
        "HTTP/1.1 2_0 X",
        "HTTP/1.1 20x X",
        "HTTP/1.1 200OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 \u0662\u0660\u0660 OK",
        "HTTP/1.2 200 OK",
        "HTTP/1.10 200 OK",
        "HTTP/1.\u0661 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/0.9 200 OK",
        "HTTP/2 200",
        "http/1.1 200 OK",
        " HTTP/1.1 200 OK",
        "ICY 200 OK",
        "200 OK",
        "SSH-2.0-OpenSSH_9.6",
        "POST / HTTP/1.1",
        "<html>",
    ],
)
def test_anything_else_is_no_status_line(first: str) -> None:
    """What is not HTTP/1 is most likely another protocol's, on a port that was mistaken."""
    refused(first=first, match="does not begin with a status line of HTTP/1")


@pytest.mark.parametrize("control", [*range(9), *range(10, 32), 127])
@pytest.mark.parametrize("line", ["X: a{}b", "X{}: a", "X: a{}", "{}X: a"])
def test_a_control_character_is_refused_wherever_it_stands(line: str, control: int) -> None:
    """A bare CR or LF ends a line for some readers, and a NUL ends a text for others: response splitting."""
    refused(line.format(chr(control)), match="a control character")


@pytest.mark.parametrize("control", ["\0", "\r", "\n", "\x0b", "\x7f"])
def test_a_control_character_in_the_status_line_is_refused(control: str) -> None:
    """The reason is shown to people, and written to logs."""
    refused(first=f"HTTP/1.1 200 O{control}K", match="a control character")


@pytest.mark.parametrize(("cr", "lf"), [("\r", ""), ("", "\n"), ("\n", "\r"), ("\r\r", "\n")])
def test_a_line_ends_in_cr_and_lf(cr: str, lf: str) -> None:
    """RFC 9112, section 2.2, lets a reader take a bare LF. Two readers that differ there disagree on every header."""
    refused(f"X: a{cr}{lf}Content-Length: 2", match="a control character")


@pytest.mark.parametrize("fold", [" ", "\t", "  "])
@pytest.mark.parametrize("lines", [["X: a", "{}b"], ["X: a", "{}Y: b"], ["{}Y: b"], ["X:", "{}b: c"]])
def test_a_folded_line_is_refused(lines: list[str], fold: str) -> None:
    """RFC 9112, section 5.2: obsolete, and to one reader a header of its own."""
    refused(*(line.format(fold) for line in lines), match="no colon|name of a header")


@pytest.mark.parametrize(
    "name", ["", "X ", " X", "X\t", "X Y", "X(Y)", "X,Y", "X/Y", "X\xa0", "größe", "\uff38", "X\u2010Y", "[x]"]
)
def test_a_name_is_a_token(name: str) -> None:
    """A blank before the colon, above all, hides a header from one reader and shows it to the next."""
    refused(f"{name}: a", match="name of a header")
    refused(f"{name}:a", match="name of a header")


def test_a_name_of_bytes_that_are_no_utf_8_is_refused() -> None:
    """As another that is no token."""
    refused(b"\xff: a", match="name of a header")


@pytest.mark.parametrize("line", ["X", "Content-Length", "HTTP/1.1 200 OK"])
def test_a_line_without_a_colon_is_refused(line: str) -> None:
    """There is no telling what it is."""
    refused(line, match="no colon")


@pytest.mark.parametrize("name", ["X-Amzn-RequestId", "x", "!#$%&'*+-.^_`|~09azAZ"])
def test_a_name_is_kept_in_lower_case(name: str) -> None:
    """Every character of a token may stand in it: RFC 9110, section 5.6.2."""
    assert {name.lower(): "a"} == dict(head(f"{name}: a").headers)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("X: a", "a"),
        ("X:a", "a"),
        ("X:  a", "a"),
        ("X:\ta\t", "a"),
        ("X: a  ", "a"),
        ("X:", ""),
        ("X: ", ""),
        ("X:  \t ", ""),
        ("X: a: b", "a: b"),
        ("X:a: b", "a: b"),
        ("X:http://host:1/: b", "http://host:1/: b"),
        ("X: : ", ":"),
        ("X: a  b\tc", "a  b\tc"),
        ("X: größe", "größe"),
        ("X: \xa0a\xa0", "\xa0a\xa0"),
    ],
)
def test_a_value_is_what_stands_behind_the_first_colon_without_blanks_around_it(line: str, value: str) -> None:
    """The blank behind the colon is a habit and no rule; only blanks and tabs are removed, as in RFC 9112, section 5.1."""
    assert {"x": value} == dict(head(line).headers)


def test_a_value_that_is_no_utf_8_is_kept() -> None:
    """The bytes can be had back from it."""
    assert b"gr\xf6\xdfe" == head(b"X: gr\xf6\xdfe").headers["x"].encode("utf-8", "surrogateescape")


def test_values_of_a_name_that_comes_twice_are_a_list() -> None:
    """RFC 9110, section 5.3; in the order in which they came, whatever the case of the names."""
    assert {"x": "a, b, c", "y": "d"} == dict(head("X: a", "Y: d", "x:b", "X: c").headers)


@pytest.mark.parametrize("length", ["0", "5", "0005", "999999999999999999"])
def test_a_length_is_digits(length: str) -> None:
    """And says how long the body is."""
    read = head(f"Content-Length: {length}")

    assert (int(length), False, True) == (read.length, read.chunked, read.keeps_alive)


@pytest.mark.parametrize(
    "length",
    [
        "",
        "+5",
        "-5",
        "5.0",
        "0x5",
        "5 5",
        "5,5",
        "5, 5",
        "1_0",
        "\u0665",
        "²",
        "five",
        "5;a",
        '"5"',
        "9" * 19,
        "9" * 400,
    ],
)
@pytest.mark.parametrize("status", [200, 204, 304])
def test_any_other_length_is_refused(length: str, status: int) -> None:
    """Python's int takes signs, blanks, underscores and other scripts' digits; a proxy in between reads them otherwise."""
    refused(f"Content-Length: {length}", first=f"HTTP/1.1 {status} X", match="its Content-Length is not one number")


@pytest.mark.parametrize("second", ["5", "6", "", "05"])
def test_two_lengths_are_refused(second: str) -> None:
    """Even if they say the same, as RFC 9112, section 6.3, allows: nobody sends that by intent."""
    refused("Content-Length: 5", f"content-length: {second}", match="its Content-Length is not one number")


@pytest.mark.parametrize(
    "coding", ["chunked", "Chunked", " chunked\t", "gzip, chunked", "gzip,CHUNKED", "gzip ,\tchunked"]
)
def test_chunked_must_be_the_last_coding(coding: str) -> None:
    """Then chunks say where the body ends."""
    read = head(f"Transfer-Encoding: {coding}")

    assert (None, True, True) == (read.length, read.chunked, read.keeps_alive)


def test_codings_in_two_lines_are_one_list() -> None:
    """RFC 9110, section 5.3; a reader of the first line alone would look for the end of the connection."""
    assert head("Transfer-Encoding: gzip", "Transfer-Encoding: chunked").chunked


@pytest.mark.parametrize("coding", ["identity", "gzip", "xchunked", "chunkedx", "chunked;q=1", '"chunked"', ""])
def test_without_chunked_the_body_ends_with_the_connection(coding: str) -> None:
    """RFC 9112, section 6.3, point 4; such a connection serves no other request."""
    read = head(f"Transfer-Encoding: {coding}")

    assert (None, False, False) == (read.length, read.chunked, read.keeps_alive)


@pytest.mark.parametrize("coding", ["chun\u212aed", "gzip, chun\u212aed", "chunked\xa0", "\u2003chunked"])
def test_a_coding_beyond_ascii_is_not_chunked(coding: str) -> None:
    """``str.lower`` makes a k of the Kelvin sign, and ``str.strip`` knows many blanks; to other readers, this is no chunked body."""
    with suppress(NotHTTP):  # to refuse it is as good
        assert not head(f"Transfer-Encoding: {coding}").chunked


@pytest.mark.parametrize(
    "coding", ["chunked, gzip", "chunked, chunked", "chunked,", "chunked, identity", "chunked , x, chunked"]
)
def test_chunked_before_another_coding_is_refused(coding: str) -> None:
    """There is no saying where such a body ends."""
    refused(f"Transfer-Encoding: {coding}", match="its Transfer-Encoding cannot be read")


def test_chunked_in_two_lines_is_refused() -> None:
    """The same in two lines."""
    refused("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", match="its Transfer-Encoding cannot be read")


@pytest.mark.parametrize("status", [200, 204, 304, 500])
@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("coding", ["chunked", "identity", ""])
def test_a_length_and_a_coding_are_refused(coding: str, method: str, status: int) -> None:
    """RFC 9112, section 6.3: an attempt of request smuggling or response splitting, with a body or without."""
    lines = ["Content-Length: 5", f"Transfer-Encoding: {coding}"]
    for pair in (lines, lines[::-1]):
        refused(
            *pair, first=f"HTTP/1.1 {status} X", method=method, match="both a Content-Length and a Transfer-Encoding"
        )


def test_a_coding_of_http_1_0_is_refused() -> None:
    """RFC 9112, section 6.1: a proxy of that version would have sent it on unread."""
    refused("Transfer-Encoding: chunked", first="HTTP/1.0 200 OK", match="its Transfer-Encoding cannot be read")


def test_with_neither_the_body_ends_with_the_connection() -> None:
    """As does the connection."""
    read = head()

    assert (None, False, False) == (read.length, read.chunked, read.keeps_alive)


@pytest.mark.parametrize("status", [100, 102, 103, 199, 204, 304])
@pytest.mark.parametrize("lines", [[], ["Content-Length: 5"], ["Transfer-Encoding: chunked"]])
def test_some_statuses_have_no_body(lines: list[str], status: int) -> None:
    """Whatever the headers say: RFC 9112, section 6.3, point 1."""
    read = head(*lines, first=f"HTTP/1.1 {status} X")

    assert (0, False, True) == (read.length, read.chunked, read.keeps_alive)


@pytest.mark.parametrize("lines", [[], ["Content-Length: 5"], ["Transfer-Encoding: chunked"]])
def test_the_response_to_head_has_no_body(lines: list[str]) -> None:
    """Its headers are those that a GET would have got."""
    read = head(*lines, method="HEAD")

    assert (0, False, True) == (read.length, read.chunked, read.keeps_alive)


def test_a_connection_that_switches_protocols_speaks_http_no_more() -> None:
    """Nobody has asked for it, and what comes next is not a response."""
    assert not head("Upgrade: x", "Connection: upgrade", first="HTTP/1.1 101 Switching Protocols").keeps_alive


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        ("1.1", None, True),
        ("1.1", "keep-alive", True),
        ("1.1", "x", True),
        ("1.1", "", True),
        ("1.1", "close", False),
        ("1.1", "Close", False),
        ("1.1", "keep-alive, close", False),
        ("1.1", "x,CLOSE\t,y", False),
        ("1.1", "xclose", True),
        ("1.0", None, False),
        ("1.0", "x", False),
        ("1.0", "close", False),
        ("1.0", "keep-alive", True),
        ("1.0", "Keep-Alive, x", True),
        ("1.0", "keep-alive, close", False),
        ("1.0", "xkeep-alive", False),
        ("1.0", "\u212aeep-alive", False),
    ],
)
def test_a_connection_is_kept_as_its_version_and_options_say(version: str, connection: str | None, kept: bool) -> None:  # noqa: FBT001 - a column
    """RFC 9112, section 9.3; the last one is a Kelvin sign."""
    lines = [] if connection is None else [f"Connection: {connection}"]

    assert kept == head("Content-Length: 0", *lines, first=f"HTTP/{version} 200 OK").keeps_alive


def test_connection_options_may_stand_in_two_lines() -> None:
    """A proxy adds its own."""
    assert not head("Content-Length: 0", "Connection: keep-alive", "Connection: close").keeps_alive


def test_a_line_may_have_64_kib() -> None:
    """A header of that size is a cookie or a token, and is HTTP; a longer one is an attack on memory."""
    name = "X: "

    assert MAX_LINE - len(name) == len(head(f"{name}{'a' * (MAX_LINE - len(name))}").headers["x"])
    refused(f"{name}{'a' * (MAX_LINE - len(name) + 1)}", match="more than 65,536 bytes")
    refused(first=f"HTTP/1.1 200 {'a' * MAX_LINE}", match="more than 65,536 bytes")


def test_a_line_is_measured_in_bytes() -> None:
    """What is sent is bytes; half as many characters beyond ASCII are as much."""
    refused(f"X: {'ö' * (MAX_LINE // 2)}", match="more than 65,536 bytes")


def test_a_head_may_have_1_000_headers() -> None:
    """Equal names among them; the status line does not count."""
    lines = [f"X-{number % 700}: a" for number in range(MAX_LINES)]

    assert 700 == len(head(*lines).headers)
    refused(*lines, "Y: a", match="more than 1,000 headers")


@pytest.mark.parametrize("size", [1_000, 65_536, 10**9])
@pytest.mark.parametrize(("surplus", "accepted"), [(0, True), (1, False)])
async def test_a_head_may_have_one_mib_in_whatever_pieces_it_comes(size: int, surplus: int, *, accepted: bool) -> None:
    """The limit is that of the head, and not of what happens to be read before its end."""
    fields = [f"X-{number}: {'a' * 60_000}\r\n" for number in range(17)]
    start = "".join(["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", *fields])
    data = f"{start}Y: {'a' * (1_048_576 - len(start) - 3 + surplus)}\r\n\r\n".encode()

    read = await ours([data[at : at + size] for at in range(0, len(data), size)])

    assert accepted == (read.status == 200), read.problem


@pytest.mark.parametrize("lines", [["X: SECRET\0"], ["SECRET"], ["SECRET : a"], ["Content-Length: SECRET"]])
def test_a_reason_shows_nothing_of_what_came(lines: list[str]) -> None:
    """It may be logged, and a response may be secret."""
    with pytest.raises(NotHTTP) as caught:
        head(*lines)

    assert "SECRET" not in "".join(format_exception(caught.value))
