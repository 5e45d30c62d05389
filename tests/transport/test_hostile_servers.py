"""What a caller gets from servers that go wrong, through a whole client; and that nothing of it stays behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import Awaitable, Callable

import pytest
from support import ManualClock
from transport.servers import (
    OK,
    Exchange,
    Step,
    client_for,
    other_tasks,
    params,
    request_to,
    serving,
    until_client_lets_go,
)

from sagemaker_runtime import (
    ATTEMPTS,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    InvalidResponseError,
    NopRetryer,
    ReadTimeoutError,
    SageMakerRuntimeError,
    ServiceError,
    Timeout,
    TotalTimeoutError,
    TruncatedResponseError,
)
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient

HEAD = b"HTTP/1.1 200 OK\r\n"
PAGE = b"<html><h1>Bad gateway</h1></html>"
THROTTLED = b'{"__type": "ThrottlingException", "message": null}'
LATE = "Mon, 16 Jun 2025 16:06:40 GMT"  # a day and an hour after the clock of these tests


def with_length(status: str, body: bytes, *headers: str) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def then(end: str, response: bytes = b"", *, read: bool = True) -> Callable[[Exchange], Awaitable[None]]:
    """Read the request, send *response*, and end the connection as *end* says: close, reset or until_peer_closes."""

    async def step(exchange: Exchange) -> None:
        if read:
            await exchange.read_body()
        await exchange.send(response)
        if (ended := getattr(exchange, end)()) is not None:
            await ended

    return step


async def flood(exchange: Exchange) -> None:
    """A head without end."""
    await exchange.read_body()
    await exchange.send(HEAD)
    while True:
        await exchange.send(b"".join(b"X-%d: flood\r\n" % number for number in range(1000)))


SURVIVED: dict[str, tuple[list[Step], bytes, list[int | None]]] = {
    "throttled once, without a message": ([with_length("400 X", THROTTLED), OK], b"ok", [400, None]),
    "an HTML page of a proxy, then a response": ([with_length("502 X", PAGE), OK], b"ok", [502, None]),
    "an error cut off in its body": ([then("close", b"HTTP/1.1 500 X\r\nContent-Length: 99\r\n\r\n{"), OK], b"ok", [500, None]),
    "a reset, then a response": ([then("reset"), OK], b"ok", [None, None]),
    "a response that is HTML": ([with_length("200 OK", PAGE, "Content-Type: text/html")], PAGE, [None]),
    "hints before the response": ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK], b"ok", [None]),
    "a response in chunks of a byte": ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"], b"ok", [None]),
    "a response, then a FIN": ([then("close", with_length("200 OK", b"ok", "Connection: close"))], b"ok", [None]),
    "a date an hour ahead": ([with_length("200 OK", b"ok", f"Date: {LATE}")], b"ok", [None]),
    "a date that is none": ([with_length("200 OK", b"ok", "Date: tomorrow")], b"ok", [None]),
    "a response before the request is read": ([then("until_peer_closes", OK, read=False)], b"ok", [None]),
}  # fmt: skip


@pytest.mark.parametrize(("script", "body", "statuses"), SURVIVED.values(), ids=SURVIVED)
async def test_what_can_be_survived_costs_the_caller_nothing(script, body, statuses):
    """Servers are restarted, throttle and sit behind proxies every day; the response is worth more than the trouble."""
    async with serving(*script) as server:
        async with client_for(server) as client:
            output = await client.invoke_endpoint(params())

            assert body == output.body
            assert statuses == [attempt.status for attempt in output.result_metadata[ATTEMPTS]]
        await nothing_is_left(server)


FAILURES: dict[str, tuple[Step, type[SageMakerRuntimeError], str]] = {
    "throttled for ever": (with_length("400 X", THROTTLED), ServiceError, "ThrottlingException"),
    "a proxy's page for ever": (with_length("502 X", PAGE), ServiceError, "Bad gateway"),
    "half a status line": (then("close", b"HTTP/1.1 2"), InvalidResponseError, "within its head"),
    "half a header": (then("close", HEAD + b"Content-Le"), InvalidResponseError, "within its head"),
    "half a header, and a reset": (then("reset", HEAD + b"Content-Le"), ConnectionLostError, "before a response"),
    "half a header, and silence": (
        then("until_peer_closes", HEAD + b"Content-Le"),
        ReadTimeoutError,
        "no response from",
    ),
    "two lengths": (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", InvalidResponseError, "is not HTTP"),
    "a length and chunks": (
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        InvalidResponseError,
        "is not HTTP",
    ),
    "a body too short": (then("close", with_length("200 OK", b"whole")[:-1]), TruncatedResponseError, "stopped before"),
    "a chunk cut off": (
        then("close", HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhal"),
        TruncatedResponseError,
        "stopped before its end",
    ),
    "no length, no chunks": (then("close", HEAD + b"\r\nhalf?"), TruncatedResponseError, "neither"),
    "a hint and no response": (
        then("close", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ConnectionLostError,
        "before a response",
    ),
    "a refusal before the request is read": (
        then("until_peer_closes", with_length("413 X", b"too much"), read=False),
        ServiceError,
        "too much",
    ),
}


@pytest.mark.parametrize("size", [7, 300_000])
@pytest.mark.parametrize(("step", "error_type", "text"), FAILURES.values(), ids=FAILURES)
async def test_what_cannot_be_survived_is_raised_and_leaves_nothing(step, error_type, text, size):
    """An error that says what happened saves an hour; a connection or a task left by each adds up to an outage."""
    async with serving(step) as server:
        async with client_for(server, timeout=Timeout(read=0.1), retryer=NopRetryer()) as client:
            with pytest.raises(error_type, match=text) as caught:
                await client.invoke_endpoint(params(b"x" * size))

            assert error_type is type(caught.value)
            assert 1 == len(server.requests)
        await nothing_is_left(server)


async def nothing_is_left(server):
    """Neither a connection nor a task; and what was not closed would warn as it is collected."""
    await until_client_lets_go(server)
    await server.until_open(0)
    gc.collect()
    assert set() == other_tasks(server)


async def test_a_head_without_end_does_not_hold_the_call():
    """Newer versions of aiohttp count the headers; under older ones it is the read limit that ends it."""
    async with serving(flood) as server, client_for(server, timeout=Timeout(read=0.2), retryer=NopRetryer()) as client:
        with pytest.raises((InvalidResponseError, ReadTimeoutError)):
            await client.invoke_endpoint(params())

        await nothing_is_left(server)


async def drip(exchange: Exchange) -> None:
    """A byte now and then, for ever."""
    while True:
        await exchange.send(b"x")
        await asyncio.sleep(0.01)


async def test_a_response_that_drips_in_is_ended_by_the_total_limit_alone():
    """Each byte is progress, so Timeout.read never fires: who must have a response in time sets Timeout.total."""

    async def drip_a_body(exchange):
        await exchange.send(HEAD + b"Content-Length: 99999\r\n\r\n")
        await drip(exchange)

    async with serving(drip_a_body) as server:
        async with client_for(server, timeout=Timeout(read=0.4, total=0.8)) as client:
            with pytest.raises(TotalTimeoutError):
                await client.invoke_endpoint(params())

            assert 1 == len(server.requests)
        await nothing_is_left(server)


async def test_a_head_that_drips_in_is_ended_by_the_total_limit_alone():
    """A byte of the head is progress as much as one of the body: a gateway that is slow is not one that is gone."""

    async def drip_a_head(exchange):
        await exchange.send(HEAD + b"X-Long: ")
        await drip(exchange)

    async with serving(drip_a_head) as server:
        async with client_for(server, timeout=Timeout(read=0.4, total=0.8), retryer=NopRetryer()) as client:
            with pytest.raises(TotalTimeoutError):
                await client.invoke_endpoint(params())
        await nothing_is_left(server)


async def test_a_server_that_is_restarted_in_the_middle_of_a_call_costs_no_call():
    """The first attempt loses its connection, the second finds nobody, the third a new server on the same port."""
    gone, back = asyncio.Event(), asyncio.Event()

    class RestartingClock(ManualClock):
        async def sleep(self, seconds, /):
            await super().sleep(seconds)
            if len(self.slept) == 1:
                await gone.wait()
            else:
                restart.set()
                await back.wait()

    async def die(exchange):
        exchange.reset()
        dying.set()

    dying, restart = asyncio.Event(), asyncio.Event()

    async def run_twice():
        async with serving(die, port=port) as first:
            started.set_result(first)
            await dying.wait()
        gone.set()
        await restart.wait()
        async with serving(port=first.port):
            back.set()
            await over.wait()

    port, over = 0, asyncio.Event()
    started: asyncio.Future = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(run_twice())
    async with client_for(await started, clock=RestartingClock()) as client:
        output = await client.invoke_endpoint(params())

    over.set()
    await running
    errors = [attempt.error_type for attempt in output.result_metadata[ATTEMPTS]]
    assert b"ok" == output.body
    assert ["ConnectionLostError", "ConnectError", None] == errors


@pytest.mark.parametrize("size", [7, 300_000])
async def test_a_response_nobody_asked_for_is_not_given_to_the_next_call(size):
    """
    It would be another caller's, or an attacker's.

    A connection on which something comes between two calls is closed, and the next call opens another one.
    """
    idle, sent = asyncio.Event(), asyncio.Event()

    async def respond_twice(exchange):
        await exchange.read_body()
        await exchange.send(OK)
        await idle.wait()
        await exchange.send(with_length("200 OK", b"somebody else's"))
        sent.set()
        await exchange.until_peer_closes()

    async with serving(respond_twice, OK) as server, client_for(server) as client:
        await client.invoke_endpoint(params())
        idle.set()
        await sent.wait()
        await asyncio.sleep(0.01)  # until the client has seen it
        output = await client.invoke_endpoint(params(b"x" * size))

        assert b"ok" == output.body
        assert [None] == [attempt.error_type for attempt in output.result_metadata[ATTEMPTS]]
        assert (2, 2) == (server.accepted, len(server.requests))
        await server.until_open(1)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST"])
@pytest.mark.parametrize(
    ("response", "error_type"),
    [(b"", ConnectionLostError), (b"HTTP/1.1 20", InvalidResponseError)],
    ids=["none", "half"],
)
async def test_a_request_of_any_method_is_sent_once(method, response, error_type):
    """Of itself, aiohttp would send those that are idempotent twice; the retryer would not know, and its limits would not hold."""
    async with serving(then("close", response)) as server:
        http_client = AioHTTPClient()
        with pytest.raises(error_type) as caught:
            await http_client.send(request_to(server, method=method), timeout=Timeout())

        assert error_type is type(caught.value)
        assert 1 == len(server.requests)
        await http_client.close()


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_request_of_an_idempotent_method_gets_its_response(method):
    """What keeps it from being sent twice must not stand in the way of a response, nor of a refused connection."""
    async with serving() as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server, method=method), timeout=Timeout())
        body = await response.body.read()
    with pytest.raises(ConnectError):
        await http_client.send(request_to(server, method=method), timeout=Timeout())

    assert b"ok" == body
    await http_client.close()


async def test_a_name_server_that_does_not_respond_is_a_connect_timeout(monkeypatch):
    """Timeout.connect holds for all that comes before the request; a name server may be silent for a minute."""
    silent = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: silent.wait())
    async with serving() as server:
        timeout = Timeout(connect=0.05)
        async with client_for(server, base_endpoint="http://runtime.test", timeout=timeout) as client:
            with pytest.raises(ConnectTimeoutError, match=r"no connection to runtime\.test in 0\.05 s") as caught:
                await client.invoke_endpoint(params())

            assert 3 == len(caught.value.attempts)
        await nothing_is_left(server)
    silent.set()  # for the threads that still ask
