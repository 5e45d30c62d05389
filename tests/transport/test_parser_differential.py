"""
Our reader of responses beside aiohttp's, in C and in Python: never more lenient, and of one mind where both accept.

What aiohttp refuses and we accept, for good reason: `LENIENT`. What we refuse and aiohttp accepts: `STRICTER`. Where
the two of aiohttp's are at odds with RFC 9112, and thus with us: `_is_misread`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from random import Random

import aiohttp
import pytest
from transport.generated_responses import Generated, cut_at_random, mutated, valid
from transport.parsers import THEIRS, Reading, ours, theirs

pytestmark = pytest.mark.skipif(
    tuple(map(int, aiohttp.__version__.split(".")[:2])) < (3, 14),
    reason="older ones keep blanks behind a value, and know fewer of the shapes",
)

FEW, MANY = 2_000, 8_000  # responses of each kind; the latter take ten seconds, and half a minute under coverage
STRICTER = {
    "there is a control character in its head": "aiohttp takes a bare CR, a bare LF and most controls",
    "a line of its head does not begin with the name of a header": "aiohttp unfolds lines; it takes a blank after a name",
    "a line of its head has no colon": "a folded line, once more",
    "it does not begin with a status line of HTTP/1": "aiohttp skips empty lines and blanks; takes HTTP/2.0 and status 000",
    "its Content-Length is not one number": "aiohttp takes the first of two, in Python; or more digits than a size has",
    "it has both a Content-Length and a Transfer-Encoding": "aiohttp believes the latter if there is not a body",
    "its Transfer-Encoding cannot be read": "aiohttp takes chunks in chunks, and HTTP/1.0 with chunks",
    "a chunk of its body does not begin with its size": "aiohttp takes blanks before the size, and any number of digits",
    "a chunk of its body does not end where it should": "aiohttp takes a bare LF there",
    "there is something else after the chunks of its body": "aiohttp takes controls and folded lines in trailers",
    "incomplete": "aiohttp ends a head at bare LFs; we wait for CRLF, and get the end of the connection",
    "the connection was closed": "the same within chunks",
}
LENIENT = {
    "Sec-WebSocket-Key1": "a header of a draft of WebSocket; it says nothing of where a response ends",
    "Data after `Connection: close`": "said by an interim response, which ends nothing: RFC 9110, section 15.2",
    "Content-Length can't be present with Transfer-Encoding": "in a trailer, which we drop; in a head we refuse it too",
    "Duplicate 'Transfer-Encoding' header": "in development mode; a list may stand in two lines: RFC 9110, section 5.3",
}
SHAPES = {  # of request smuggling and response splitting, and the parsers' history
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "the same length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab",
    "a length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
    "a length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nab",
    "a length in hex": b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nab",
    "a length with an underscore": b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n0123456789",
    "a length in Arabic digits": b"HTTP/1.1 200 OK\r\nContent-Length: \xd9\xa2\r\n\r\nab",
    "a length of nothing": b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nab",
    "a length beyond 64 bits": b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\nab",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "chunks and a length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "a length behind a blank": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nab",
    "chunks behind a blank": b"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "chunks in a folded line": b"HTTP/1.1 200 OK\r\nX: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nab",
    "a folded coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "a first line that is folded": b"HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 2\r\n\r\nab",
    "chunks twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks first": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "nearly chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "chunks with a vertical tab": b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\x0bchunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "chunks of HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "a bare LF in a head": b"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 9\r\nContent-Length: 2\r\n\r\nab",
    "a bare CR in a head": b"HTTP/1.1 200 OK\r\nX: a\rContent-Length: 9\r\nContent-Length: 2\r\n\r\nab",
    "a NUL in a head": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nab",
    "a name with a NUL": b"HTTP/1.1 200 OK\r\nX\0: a\r\nContent-Length: 2\r\n\r\nab",
    "no name": b"HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 2\r\n\r\nab",
    "no colon": b"HTTP/1.1 200 OK\r\nX\r\nContent-Length: 2\r\n\r\nab",
    "a name beyond ASCII": b"HTTP/1.1 200 OK\r\nX\xc3\xa9: a\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/1.10": b"HTTP/1.10 200 OK\r\nContent-Length: 2\r\n\r\nab",
    "two digits of a status": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nab",
    "four digits of a status": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nab",
    "a status with a sign": b"HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nab",
    "an empty line before a head": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
    "a size with a sign": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n",
    "a size with 0x": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
    "a size with an underscore": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0_2\r\nab\r\n0\r\n\r\n",
    "a size of nothing": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nab\r\n0\r\n\r\n",
    "a size of only an extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n;a=b\r\nab\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nab\r\n0\r\n\r\n",
    "a bare LF in an extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a\nab\r\n0\r\n\r\n",
    "a bare CR in an extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a\rb\r\nab\r\n0\r\n\r\n",
    "an extension that is no token": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a b,\r\nab\r\n0\r\n\r\n",
    "a chunk that is too long": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    "a chunk that ends in LF": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\n0\r\n\r\n",
    "a trailer without a colon": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHTTP/1.1 200 OK\r\n\r\n",
    "a trailer with a length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n",
    "a trailer with a bare LF": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a\nY: b\r\n\r\n",
    "a body of 204": b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nab",
    "a body of 304": b"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "a second response": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "rubbish behind a response": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab?",
    "101 of nobody's asking": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nab",
    "a Kelvin sign in a coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chun\xe2\x84\xaaed\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "a Kelvin sign in an option": b"HTTP/1.0 200 OK\r\nConnection: \xe2\x84\xaaeep-alive\r\nContent-Length: 2\r\n\r\nab",
}


def _is_misread(data: bytes, parser_class: type) -> bool:
    """
    Whether aiohttp reads *data* otherwise than RFC 9112, and we by the RFC.

    In C, a coding with a tab behind it is none. In Python, the first of two lines with codings counts, and an interim
    response with an Upgrade is the last one.
    """
    lines = [line.lower() for line in re.split(rb"\r?\n", data)]
    codings = [line for line in lines if line.startswith(b"transfer-encoding")]
    if not parser_class.__module__.endswith(".http_parser"):
        return any(b"\t" in line.rstrip(b" ")[-4:] for line in codings)
    return len(codings) > 1 or (lines[0].startswith(b"http/1.1 10") and any(line[:7] == b"upgrade" for line in lines))


def _compared(own: Reading, other: Reading, method: str) -> str | None:
    """What is wrong with our reading in the light of theirs."""
    if (other.body is None and own.body is not None) or (other.status is None and own.status is not None):
        return (
            None
            if any(reason.lower() in other.problem.replace("\\'", "'").lower() for reason in LENIENT)
            else "we are more lenient"
        )
    if own.body is None:
        return None if other.body is None or own.problem in STRICTER else "we are stricter without a word of it"
    if (own.status, own.headers, own.body) != (other.status, other.headers, other.body):
        return "we read something else"
    # aiohttp gives up a connection whose response to HEAD has no length: harmless, and not asked for.
    return "we use a connection again" if own.reusable and not other.reusable and method != "HEAD" else None


def _outcome(reading: Reading) -> object:
    """What may not depend on where a response is cut. What is wrong with a bad one may: the first fault that is seen."""
    return None if reading.body is None else (reading.status, reading.headers, reading.body, reading.reusable)


async def differences(data: bytes, pieces: list[bytes], method: str) -> list[str]:
    """What is wrong with how we read *data*."""
    own, cut = await ours([data], method), await ours(pieces, method)
    found = [] if _outcome(own) == _outcome(cut) else [f"in pieces it is something else: {own}, {cut}"]
    for parser_class in THEIRS:
        other = theirs(parser_class, data, method)
        if _is_misread(data, parser_class):
            continue
        exact = own if other.end in {None, len(data)} else await ours([data[: other.end]], method)
        problem = _compared(exact, other, method)
        if problem is None and own.reusable and other.end not in {None, len(data)}:
            problem = "what is behind the response is left for the next one"
        if problem is not None:
            found.append(f"{problem} than {parser_class.__module__}: {exact}, {other}")
    return found


async def _compare(seed: int) -> None:
    draw = Random(seed)
    method = draw.choice(["POST"] * 9 + ["HEAD"])
    data = mutated(draw, valid(draw, method).data)

    found = await differences(data, cut_at_random(draw, data), method)

    assert [] == found, f"seed {seed}, {method}: {data!r}"


async def _accept(seed: int) -> None:
    draw = Random(seed)
    method = draw.choice(["POST"] * 9 + ["HEAD"])
    given: Generated = valid(draw, method)

    read = await ours(cut_at_random(draw, given.data), method)

    assert (given.status, given.body) == (read.status, read.body), f"seed {seed}, {method}: {given.data!r} is {read}"
    assert given.end == len(given.data) or not read.reusable, f"seed {seed}: the surplus is left for the next response"


@pytest.mark.parametrize("name", SHAPES)
async def test_a_shape_of_request_smuggling_is_read_no_more_leniently_than_by_aiohttp(name: str) -> None:
    """Each is a way by which two readers of one connection have been made to disagree; aiohttp has learned from them."""
    data = SHAPES[name]

    found = await differences(data, [data[at : at + 1] for at in range(len(data))], "POST")

    assert [] == found


async def test_a_response_with_a_fault_is_read_no_more_leniently_than_by_aiohttp() -> None:
    """Nobody thinks of all shapes; a generator finds some of the others."""
    for seed in range(FEW):
        await _compare(seed)


async def test_a_response_that_follows_the_rfc_is_accepted() -> None:
    """Strictness must not cost a response: blanks, obsolete characters, extensions and trailers are HTTP."""
    for seed in range(FEW):
        await _accept(seed)


@pytest.mark.slow
async def test_many_responses_with_a_fault_are_read_no_more_leniently_than_by_aiohttp() -> None:
    """The same for longer, from where the quick one ends."""
    for seed in range(FEW, MANY):
        await _compare(seed)


@pytest.mark.slow
async def test_many_responses_that_follow_the_rfc_are_accepted() -> None:
    """The same for longer, from where the quick one ends."""
    for seed in range(FEW, MANY):
        await _accept(seed)


@pytest.mark.slow
def test_the_shapes_are_read_no_more_leniently_in_development_mode() -> None:
    """In ``-X dev`` aiohttp is stricter: it takes no bare LF and no folded line."""
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-X", "dev", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", __file__]

    process = subprocess.run(command, cwd=tests.parent, capture_output=True, text=True, check=False)  # noqa: S603 - our own words

    assert 0 == process.returncode, process.stdout
