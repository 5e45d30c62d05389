"""What goes wrong on the way to a response: the exception for it, and whether it is tried again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from attrs import frozen
from transport.servers import OK, Exchange, client_for, params, request_to, serving

from sagemaker_runtime import (
    ATTEMPTS,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    InvalidResponseError,
    ReadTimeoutError,
    ServiceError,
    StandardRetryer,
    Timeout,
    TruncatedResponseError,
)
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PROXY_PAGE = b"HTTP/1.0 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html><h1>Bad gateway</h1></html>"


def then_fin(response: bytes = b"") -> Callable[[Exchange], Awaitable[None]]:
    """Read the request, send *response*, end the connection in good order."""

    async def step(exchange: Exchange) -> None:
        await exchange.read_body()
        await exchange.send(response)
        exchange.close()

    return step


def then_reset(response: bytes = b"") -> Callable[[Exchange], Awaitable[None]]:
    """Read the request, send *response*, end the connection with an RST."""

    async def step(exchange: Exchange) -> None:
        await exchange.read_body()
        await exchange.send(response)
        exchange.reset()

    return step


def then_silence(response: bytes = b"") -> Callable[[Exchange], Awaitable[None]]:
    """Read the request, send *response*, and nothing more."""

    async def step(exchange: Exchange) -> None:
        await exchange.read_body()
        await exchange.send(response)
        await exchange.until_peer_closes()

    return step


async def reset_unread(exchange: Exchange) -> None:
    exchange.reset()


@frozen
class Attempts:
    """Requests the server gets: by the default policy, with lost connections not retried, with read timeouts retried."""

    default: int
    lost_not_retried: int
    reads_retried: int


LOST = Attempts(3, 1, 3)
MAYBE_EXECUTED = Attempts(1, 1, 3)
ALWAYS = Attempts(3, 3, 3)

FAILURES = {
    "RST before the request was read": (reset_unread, ConnectionLostError, LOST),
    "RST before the response": (then_reset(), ConnectionLostError, LOST),
    "FIN before the response": (then_fin(), ConnectionLostError, LOST),
    "half a status line": (then_fin(b"HTTP/1.1 20"), InvalidResponseError, MAYBE_EXECUTED),
    "no status line": (then_silence(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), InvalidResponseError, MAYBE_EXECUTED),
    "a header line too long": (
        then_silence(HEAD + b"x: " + b"a" * 65_536 + b"\r\n\r\n"),
        InvalidResponseError,
        MAYBE_EXECUTED,
    ),
    "two lengths": (
        then_silence(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
        InvalidResponseError,
        MAYBE_EXECUTED,
    ),
    "a length that is not a number": (
        then_silence(HEAD + b"Content-Length: two\r\n\r\nok"),
        InvalidResponseError,
        MAYBE_EXECUTED,
    ),
    "a bad chunk size with the head": (then_silence(CHUNKED + b"zz\r\n"), InvalidResponseError, MAYBE_EXECUTED),
    "silence instead of a response": (then_silence(), ReadTimeoutError, MAYBE_EXECUTED),
    "silence in the head": (then_silence(HEAD), ReadTimeoutError, MAYBE_EXECUTED),
    "silence in the body": (then_silence(HEAD + b"Content-Length: 9\r\n\r\nhalf"), ReadTimeoutError, MAYBE_EXECUTED),
    "FIN in the body": (
        then_fin(HEAD + b"Content-Length: 9\r\n\r\nhalf"),
        TruncatedResponseError,
        MAYBE_EXECUTED,
    ),
    "RST in the body": (
        then_reset(HEAD + b"Content-Length: 9\r\n\r\nhalf"),
        TruncatedResponseError,
        MAYBE_EXECUTED,
    ),
    "FIN in a chunk": (then_fin(CHUNKED + b"9\r\nhalf"), TruncatedResponseError, MAYBE_EXECUTED),
    "FIN between chunks": (then_fin(CHUNKED + b"4\r\nhalf\r\n"), TruncatedResponseError, MAYBE_EXECUTED),
    "RST in a chunk": (then_reset(CHUNKED + b"9\r\nhalf"), TruncatedResponseError, MAYBE_EXECUTED),
    "neither a length nor chunks": (
        then_fin(HEAD + b"Connection: close\r\n\r\nperhaps half"),
        TruncatedResponseError,
        MAYBE_EXECUTED,
    ),
    "neither a length nor chunks, and RST": (
        then_reset(HEAD + b"Connection: close\r\n\r\nperhaps half"),
        TruncatedResponseError,
        MAYBE_EXECUTED,
    ),
    "a proxy's page without a length": (then_fin(PROXY_PAGE), ServiceError, ALWAYS),
}


@pytest.mark.parametrize(
    ("policy", "count"),
    [
        ({}, "default"),
        ({"retry_lost_connections": False}, "lost_not_retried"),
        ({"retry_read_timeouts": True}, "reads_retried"),
    ],
    ids=["default policy", "retry_lost_connections off", "retry_read_timeouts on"],
)
@pytest.mark.parametrize(("step", "error_type", "attempts"), FAILURES.values(), ids=FAILURES)
async def test_each_failure_has_its_exception_and_its_retries(step, error_type, attempts, policy, count):
    """Who catches it learns what may have happened; and a model that is perhaps computing must not run twice."""
    timeout = Timeout(read=0.05)
    retryer = StandardRetryer(**policy)
    async with serving(step) as server, client_for(server, retryer=retryer, timeout=timeout) as client:
        with pytest.raises(error_type) as caught:
            await client.invoke_endpoint(params())

        assert error_type is type(caught.value)
        assert getattr(attempts, count) == len(server.requests)
        assert len(server.requests) == len(caught.value.attempts)


@pytest.mark.parametrize("failure", ["RST before the response", "FIN before the response"])
async def test_a_connection_lost_once_costs_no_call(failure):
    """The next attempt goes out on a new connection and succeeds."""
    async with serving(FAILURES[failure][0], OK) as server, client_for(server) as client:
        output = await client.invoke_endpoint(params())

        assert b"ok" == output.body
        assert (2, 2) == (server.accepted, len(server.requests))


async def test_a_proxys_page_is_an_error_with_its_status_and_start():
    """An HTTP/1.0 proxy says no length; what it says is still worth more than that the length was missing."""
    async with serving(then_fin(PROXY_PAGE)) as server, client_for(server) as client:
        with pytest.raises(ServiceError) as caught:
            await client.invoke_endpoint(params())

        assert (502, "502") == (caught.value.status, caught.value.code)
        assert b"<html><h1>Bad gateway</h1></html>" == caught.value.body


async def test_an_error_whose_body_breaks_off_keeps_its_status():
    """The status says enough to decide on a retry; the lost rest of a message does not change that."""
    broken = then_fin(b"HTTP/1.1 503 X\r\nContent-Length: 99\r\n\r\n{")
    async with serving(broken, OK) as server, client_for(server) as client:
        output = await client.invoke_endpoint(params())

        assert b"ok" == output.body
        assert [503, None] == [attempt.status for attempt in output.result_metadata[ATTEMPTS]]


@pytest.mark.parametrize("end", [then_fin, then_reset])
async def test_a_stream_that_breaks_off_says_so(end):
    """Read piece by piece, a cut must not look like the end either."""
    async with serving(end(CHUNKED + b"3\r\none\r\n")) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=Timeout())

        first = await response.body.chunk()
        with pytest.raises(TruncatedResponseError, match="stopped before its end"):
            await response.body.chunk()

        assert b"one" == first
        response.close()
        await http_client.close()


async def test_a_stream_that_stalls_says_so():
    """The read limit holds for each piece."""
    async with serving(then_silence(CHUNKED + b"3\r\none\r\n")) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=Timeout(read=0.05))

        first = await response.body.chunk()
        with pytest.raises(ReadTimeoutError, match=r"for 0\.05 s"):
            await response.body.chunk()

        assert b"one" == first
        response.close()
        await http_client.close()


@pytest.mark.parametrize("how", ["read", "chunk"])
async def test_a_chunk_that_is_none_does_not_hold_the_call(how):
    """
    Where a broken chunk does not come with the head, aiohttp closes the connection and does not notify the reader.

    The read limit must end it: aiohttp's own has been taken down by then.
    """
    head_is_read = asyncio.Event()

    async def respond_in_two(exchange):
        await exchange.read_body()
        await exchange.send(CHUNKED + b"3\r\none\r\n")
        await head_is_read.wait()
        await exchange.send(b"not a chunk\r\n")
        await exchange.until_peer_closes()

    async with serving(respond_in_two) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=Timeout(read=0.05))
        if how == "chunk":
            assert b"one" == await response.body.chunk()
        asyncio.get_running_loop().call_soon(head_is_read.set)

        async with asyncio.timeout(2):
            with pytest.raises((InvalidResponseError, ReadTimeoutError)):
                await getattr(response.body, how)()

        response.close()
        await http_client.close()


async def test_a_refused_port_is_a_connect_error():
    """Nothing was sent, so it is tried again; a service that restarts is back soon."""
    with socket.socket() as bound:  # bound and not listening: refused for certain
        bound.bind(("127.0.0.1", 0))
        base_endpoint = f"http://127.0.0.1:{bound.getsockname()[1]}"
        async with serving() as server, client_for(server, base_endpoint=base_endpoint) as client:
            with pytest.raises(ConnectError, match=r"no connection to 127\.0\.0\.1:\d+: Connect call failed") as caught:
                await client.invoke_endpoint(params())

    assert ConnectError is type(caught.value)
    assert 3 == len(caught.value.attempts)
    assert isinstance(caught.value.__cause__, OSError)


async def test_an_unknown_host_is_a_connect_error():
    """Nothing was sent. It is tried again, because name servers fail for moments."""
    async with serving() as server, client_for(server, base_endpoint="http://nosuchhost.invalid") as client:
        with pytest.raises(ConnectError, match=r"no connection to nosuchhost\.invalid") as caught:
            await client.invoke_endpoint(params())

    assert ConnectError is type(caught.value)
    assert 3 == len(caught.value.attempts)


async def test_a_host_that_does_not_respond_is_a_connect_timeout(full_backlog):
    """Timeout.connect bounds each attempt; nothing was sent, so there is another one."""
    async with (
        serving() as server,
        client_for(server, base_endpoint=full_backlog, timeout=Timeout(connect=0.05)) as client,
    ):
        with pytest.raises(ConnectTimeoutError, match=r"no connection to 127.* in 0\.05 s") as caught:
            await client.invoke_endpoint(params())

    assert 3 == len(caught.value.attempts)


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_an_idle_connection_closed_by_the_server_costs_no_call(end):
    """Load balancers close idle connections all the time. Here the loop sees it before the next call."""

    async def respond_and_close_later(exchange):
        await exchange.read_body()
        await exchange.send(OK)
        await idle.wait()
        getattr(exchange, end)()

    idle = asyncio.Event()
    async with serving(respond_and_close_later, OK) as server, client_for(server) as client:
        await client.invoke_endpoint(params())
        idle.set()
        await server.until_open(0)
        output = await client.invoke_endpoint(params())

        assert b"ok" == output.body
        assert (2, 2) == (server.accepted, len(server.requests))


async def test_an_idle_connection_closed_as_the_next_call_is_sent_costs_no_call():
    """The race that nobody can win: the request is on its way as the server closes. It looks like a lost connection."""
    async with serving(OK, reset_unread, OK) as server, client_for(server) as client:
        await client.invoke_endpoint(params())
        output = await client.invoke_endpoint(params())

        assert b"ok" == output.body
        assert (2, 3) == (server.accepted, len(server.requests))


async def test_no_timeout_is_a_builtin_timeout_error():
    """So that ``asyncio.timeout`` around a call can be distinguished from ours."""
    async with serving(then_silence()) as server, client_for(server, timeout=Timeout(read=0.05)) as client:
        with pytest.raises(ReadTimeoutError, match=r"no response from 127\.0\.0\.1:\d+ for 0\.05 s") as caught:
            await client.invoke_endpoint(params())

    assert not isinstance(caught.value, TimeoutError)
