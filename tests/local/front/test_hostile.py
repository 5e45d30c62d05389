"""What no client should send: the local endpoint refuses it, says nothing of it in the log, and serves on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from urllib.parse import quote

import pytest
from both_clients import Client
from hypothesis import given, settings, strategies as st
from support import NOON, ManualClock

from sagemaker_runtime import (
    Credentials,
    InvokeEndpointInput,
    Request,
    SigV4Signer,
    ValidationError,
    with_api_options,
)
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.local.front import bodies, listener

PATH = b"/endpoints/echo/invocations"
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
CARELESS = with_api_options(lambda stack: stack.initialize.remove("OperationInputValidation"))


@pytest.fixture(autouse=True)
async def unharmed(
    local: LocalEndpoint, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> AsyncIterator[None]:
    """After each test: the next caller is served, and only the caller at fault got an error."""
    yield
    async with Client(local.options()) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"next"))
    await local.stop()

    assert b"next" == output.body
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]
    assert ("", "") == capfd.readouterr()


def port_of(local: LocalEndpoint) -> int:
    return int(local.url.rpartition(":")[2])


@contextlib.asynccontextmanager
async def connected(local: LocalEndpoint) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(local))
    try:
        async with asyncio.timeout(10):  # a server that says nothing must not hold up the tests
            yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def response_from(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one response; its length is in a header."""
    head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    status = int(head.split()[1])
    return status, headers, b"" if status == 100 else await reader.readexactly(int(headers["content-length"]))


async def ask(local: LocalEndpoint, data: bytes) -> tuple[int, dict[str, str], bytes]:
    async with connected(local) as (reader, writer):
        writer.write(data)
        return await response_from(reader)


def request(
    path: bytes = PATH, headers: bytes = b"", body: bytes = b"", *, method: bytes = b"POST", version: bytes = b"1.1"
) -> bytes:
    """A request byte for byte; each of *headers* ends with CRLF."""
    return b"%s %s HTTP/%s\r\nHost: x\r\n%s\r\n%s" % (method, path, version, headers, body)


CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02 what is this\r\n\r\n",
        bytes.fromhex("16030100a5010000a10303"),  # TLS
        b"PRI * HTTP/1.0\r\n\r\nSM\r\n\r\n",
        request(version=b"9.9"),
        request(method=b"G@T"),
        request(b"endpoints"),
        request(b"/endpoints/\x00/invocations"),
        request(b"/endpoints/\xff/invocations"),
        request(b"/endpoints/" + b"a" * 10_000 + b"/invocations"),
        request(headers=b"X-A: a\x00b\r\n"),
        request(headers=b"X\x00A: b\r\n"),
        request(headers=b"X-A : b\r\n"),
        request(headers=b"no colon\r\n"),
        request(headers=b"X-A: a\rb\r\n"),
        request(headers=b"X-A: " + b"a" * 1_000_000 + b"\r\n"),
        request(headers=b"Content-Length: -1\r\n"),
        request(headers=b"Content-Length: 1e3\r\n"),
        request(headers=b"Content-Length: " + b"9" * 40 + b"\r\n"),
        request(headers=b"Content-Length: 1\r\nContent-Length: 2\r\n", body=b"ab"),
        request(headers=b"Content-Length: 5\r\n" + CHUNKED, body=b"0\r\n\r\n"),
        request(headers=b"Transfer-Encoding: gzip\r\n"),
        request(headers=CHUNKED, body=b"zz\r\nabc\r\n"),
        request(headers=CHUNKED, body=b"3\r\nabcde\r\n0\r\n\r\n"),
        request(headers=CHUNKED, body=b"F" * 32 + b"\r\nabc"),
    ],
)
async def test_what_is_not_http_is_a_bad_request(local: LocalEndpoint, data: bytes) -> None:
    """The response comes from whatever stands before the service, so it is not JSON; what comes next cannot be trusted."""
    async with connected(local) as (reader, writer):
        writer.write(data)
        status, headers, _ = await response_from(reader)
        with contextlib.suppress(ConnectionResetError):  # where it has not read all
            assert b"" == await reader.read()

    assert 400 == status
    assert "close" == headers.get("connection", "close")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[(method, PATH) for method in (b"GET", b"PUT", b"DELETE", b"OPTIONS", b"PATCH")],
        (b"POST", b"http://x" + PATH),
        (b"POST", b"/" + PATH),
        (b"POST", b"/endpoints/../../etc/passwd/invocations"),
        (b"POST", b"/endpoints/echo/../../etc/passwd"),
        (b"POST", b"/endpoints/echo/invocations%0A"),
        (b"POST", b"/endpoints/echo/invocations%00"),
        (b"POST", PATH + b"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Signature=b"),
    ],
)
async def test_what_is_no_operation_is_refused_in_json(local: LocalEndpoint, method: bytes, path: bytes) -> None:
    """Whatever a request line can hold, a presigned URL included: none of the service's operations takes a query."""
    status, headers, body = await ask(local, request(path, b"Content-Length: 0\r\n", method=method))

    assert (404, "UnknownOperationException") == (status, headers["x-amzn-errortype"])
    assert {"Message": "The operation is not known."} == json.loads(body)


@pytest.mark.parametrize("line", [b"OPTIONS *", b"CONNECT example.com:443", b"GET /", b"PUT /etc/passwd", b"PUT /../x"])
async def test_a_path_that_is_not_the_services_is_refused_without_a_signature(
    local: LocalEndpoint, line: bytes
) -> None:
    """The small S3 at the same port serves all such paths, and is no way around the check."""
    method, _, path = line.partition(b" ")

    status, *_ = await ask(local, request(path, b"Content-Length: 0\r\n", method=method))

    assert 403 == status


async def test_a_response_to_head_has_no_body(local: LocalEndpoint) -> None:
    """Else the next response on the connection would begin with it."""
    async with connected(local) as (reader, writer):
        writer.write(request(method=b"HEAD") + request(headers=b"Content-Length: 0\r\n"))
        first = await reader.readuntil(b"\r\n\r\n")
        second = await reader.readuntil(b"\r\n\r\n")

    assert first.startswith(b"HTTP/1.1 404 ")
    assert second.startswith(b"HTTP/1.1 403 ")


NAMES = [
    "..",
    "../../etc/passwd",
    "%2e%2e%2f",
    "\x00",
    "a\r\nb",
    "a#b",
    "a?b",
    "[",
    "\u00e9",
    "\ufffd",
    "a" * 6_000,
    "~",
]


@pytest.mark.twice
@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_no_endpoint_has_is_a_validation_error(local: LocalEndpoint, name: str) -> None:
    """Signed as it should be: names are looked up in a table, and lead to no file."""
    async with Client(local.options(), CARELESS) as client:
        with pytest.raises(ValidationError) as raised:
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name=name, body=b""))

    assert 400 == raised.value.status
    assert "at 'endpointName' failed to satisfy constraint" in raised.value.message


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_of_no_interest_without_a_signature(local: LocalEndpoint, name: str) -> None:
    """A caller without the right key learns nothing of what there is."""
    path = f"/endpoints/{quote(name, safe='')}/invocations".encode()

    status, headers, _ = await ask(local, request(path, b"Content-Length: 0\r\n"))

    assert (403, "MissingAuthenticationTokenException") == (status, headers["x-amzn-errortype"])


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (b"Authorization: \r\n", "IncompleteSignatureException"),
        (b"Authorization: Bearer x\r\n", "IncompleteSignatureException"),
        (b"Authorization: AWS4-HMAC-SHA256 \xff\xfe\r\n", "IncompleteSignatureException"),
        (b"Authorization: AWS4-HMAC-SHA256 " + b"=," * 4_000 + b"\r\n", "IncompleteSignatureException"),
        (b"Authorization: a\r\nAuthorization: b\r\n", "IncompleteSignatureException"),
        (
            b"Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=\xff, Signature=\xff\r\n",
            "UnrecognizedClientException",
        ),
    ],
)
async def test_an_authorization_that_makes_no_sense_is_refused(local: LocalEndpoint, headers: bytes, code: str) -> None:
    """It is taken apart before anything is known of the caller."""
    status, got, _ = await ask(local, request(headers=headers + b"Content-Length: 0\r\n"))

    assert (403, code) == (status, got["x-amzn-errortype"])


async def test_requests_may_come_one_behind_the_other(local: LocalEndpoint) -> None:
    """Each gets its response in its turn."""
    async with connected(local) as (reader, writer):
        writer.write(request(headers=b"Content-Length: 1\r\n", body=b"x") * 3)
        statuses = [(await response_from(reader))[0] for _ in range(3)]

    assert [403, 403, 403] == statuses


async def test_the_first_version_of_http_is_spoken_and_closes_the_connection(local: LocalEndpoint) -> None:
    """Some load balancers check with it, and wait for the end."""
    async with connected(local) as (reader, writer):
        writer.write(request(headers=b"Content-Length: 1\r\n", body=b"x", version=b"1.0"))
        status, *_ = await response_from(reader)
        rest = await reader.read()

    assert (403, b"") == (status, rest)


async def test_garbage_behind_a_request_costs_the_connection_only(local: LocalEndpoint) -> None:
    """Aiohttp logs a traceback, which would stand among the lines of somebody's tests."""
    async with connected(local) as (reader, writer):
        writer.write(request(headers=b"Content-Length: 0\r\n"))
        first, *_ = await response_from(reader)
        writer.write(b"\x00 garbage\r\n\r\n")
        second, *_ = await response_from(reader)
        rest = await reader.read()

    assert (403, 400, b"") == (first, second, rest)


async def test_an_expectation_that_is_not_known_is_refused(local: LocalEndpoint) -> None:
    """The only one there is asks whether to send the body."""
    status, *_ = await ask(local, request(headers=b"Expect: the-unexpected\r\nContent-Length: 0\r\n"))

    assert 417 == status


@pytest.mark.parametrize("length", [6_291_457, 10**8, 10**15])
async def test_a_body_that_is_said_to_be_too_large_is_refused_before_it_comes(
    local: LocalEndpoint, length: int
) -> None:
    """Not a byte of it is needed to know that; a client that can wait saves itself the trouble."""
    status, headers, body = await ask(local, request(headers=b"Content-Length: %d\r\n" % length))

    assert 413 == status
    assert "x-amzn-errortype" not in headers
    assert {"Message": "Request body is larger than 6291456 bytes."} == json.loads(body)


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch, *, chunked: bool) -> None:
    """The response comes early, what follows is thrown away for a moment, and then the connection is reset."""
    monkeypatch.setattr(listener, "LINGERING_TIME", 0.05)
    block = bytes(65_536)
    piece = b"10000\r\n%s\r\n" % block if chunked else block
    head = request(headers=CHUNKED if chunked else b"Content-Length: %d\r\n" % 10**15)
    tracemalloc.start()

    async with LocalEndpoint({"echo": lambda it: it.body}) as other, connected(other) as (reader, writer):

        async def send_on() -> None:
            while True:
                writer.write(piece)
                await writer.drain()

        writer.write(head)
        sending = asyncio.create_task(send_on())
        status, *_ = await response_from(reader)
        with pytest.raises(ConnectionError):
            await sending

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 413 == status
    assert peak < 40_000_000, "bytes; six of these bodies"


async def test_a_body_whose_rest_cannot_be_read_is_not_waited_for_without_end(
    local: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aiohttp's parser gives up on a broken chunk, and does not notify the reader of the body."""
    monkeypatch.setattr(bodies, "BODY_TIMEOUT", 0.05)
    async with connected(local) as (reader, writer):
        writer.write(request(headers=b"Expect: 100-continue\r\n" + CHUNKED))
        first, *_ = await response_from(reader)
        writer.write(b"3\r\nabc\r\nzz\r\n")
        second, headers, _ = await response_from(reader)

    assert 100 == first, "the body is being read"
    assert (408, "RequestTimeout") == (second, headers["x-amzn-errortype"])


@pytest.mark.skipif(
    tuple(map(int, version("aiohttp").split(".")[:3])) < (3, 13, 4), reason="this aiohttp takes any number"
)
async def test_headers_without_end_are_cut_off(local: LocalEndpoint) -> None:
    """One small line after the other would fill the memory as well as a large one."""
    async with connected(local) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\n")
        responding = asyncio.create_task(response_from(reader))
        with contextlib.suppress(ConnectionError):
            while not responding.done():
                writer.write(b"X-A: b\r\n")
                await writer.drain()
                await asyncio.sleep(0)
        status, *_ = await responding

    assert 400 == status


async def test_a_header_that_trickles_in_without_end_is_cut_off(local: LocalEndpoint) -> None:
    """A few bytes at a time are no way around the limit of 8 KiB."""
    async with connected(local) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nX-A: ")
        responding = asyncio.create_task(response_from(reader))
        with contextlib.suppress(ConnectionError):
            while not responding.done():
                writer.write(b"a" * 16)
                await writer.drain()
                await asyncio.sleep(0)
        status, *_ = await responding

    assert 400 == status


@pytest.mark.twice
async def test_callers_that_never_finish_their_request_hold_up_nobody(local: LocalEndpoint) -> None:
    """They cost a connection each, and are dropped at the end; the fixture's own call comes after them."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(50):
            _, writer = await stack.enter_async_context(connected(local))
            writer.write(b"POST /endpoints/echo/invocations HTTP/1.1\r\nHost:")
            await writer.drain()
        async with Client(local.options()) as client:
            output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"1"))

        assert b"1" == output.body

        async with asyncio.timeout(0.9):  # less than is left to models at work
            await local.stop()
    await local.start()


def test_one_wrong_byte_anywhere_gets_no_server_error(caplog: pytest.LogCaptureFixture) -> None:
    """A request that is nearly right goes further in than garbage does."""
    good = signed()
    with LocalEndpoint({"echo": lambda it: it.body}, credentials=KEYS, clock=ManualClock()) as target:
        address = ("127.0.0.1", port_of(target))

        @settings(max_examples=150, deadline=None, derandomize=True, database=None)
        @given(st.integers(0, len(good) - 1), st.binary(max_size=3), st.integers(0, 3))
        def mutate(position: int, inserted: bytes, removed: int) -> None:
            data = good[:position] + inserted + good[position + removed :]
            with socket.create_connection(address, timeout=0.02) as connection:
                connection.sendall(data)
                try:
                    response = connection.recv(65_536)
                except (TimeoutError, ConnectionResetError):  # it waits for more, or has not read all
                    return
            assert response == b"" or int(response.split()[1]) in {200, *range(400, 500)}, (data, response)

        mutate()

        with socket.create_connection(address, timeout=5) as connection:
            connection.sendall(good)
            response = connection.recv(65_536)

    assert response.startswith(b"HTTP/1.1 200 ")
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]


def signed() -> bytes:
    """A whole request, as our client would send it at noon."""
    it = Request(host="127.0.0.1:8080", path=PATH.decode(), body=b"1,2,3")
    it.headers.update({"host": it.host, "content-type": "text/csv", "content-length": "5"})
    SigV4Signer().sign_http(
        it,
        credentials=KEYS,
        payload_hash=sha256(it.body).hexdigest(),
        service="sagemaker",
        region="us-east-1",
        signing_time=datetime.fromtimestamp(NOON, UTC),
    )
    headers = "".join(f"{name}: {value}\r\n" for name, value in it.headers.items())
    return f"POST {it.path} HTTP/1.1\r\n{headers}\r\n".encode() + it.body
