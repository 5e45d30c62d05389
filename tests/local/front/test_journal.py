"""What a local endpoint keeps of the requests that arrived."""

from __future__ import annotations

import asyncio
import sys
import threading
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from types import FrameType
from urllib.parse import urlsplit

import aiohttp
import pytest
from both_clients import Client
from support import NOON, ManualClock

from sagemaker_runtime import (
    REQUEST_ID,
    ConfigError,
    ConnectionLostError,
    Headers,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    ServiceError,
    StandardRetryer,
    StaticCredentialsProvider,
    override,
)
from sagemaker_runtime.local import (
    ConversationEvent,
    CutKeepAlive,
    Exchange,
    InjectedFault,
    Invocation,
    Journal,
    LocalEndpoint,
    Reset,
)

HOME = "/sagemaker_runtime/local/"
AT_ONCE = override(retryer=StandardRetryer(draw=lambda: 0.0))


def echo_input(body: bytes = b"", **members: str) -> InvokeEndpointInput:
    return InvokeEndpointInput(**{"endpoint_name": "echo", "body": body, **members})


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


@pytest.mark.twice
async def test_an_exchange_has_what_arrived_and_what_was_sent_back() -> None:
    """A user's test asserts on what its program sent: as the model sees it, and as it was on the wire."""
    clock = ManualClock()

    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}, clock=clock) as local,
        Client(local.options(), override(clock=clock)) as client,
    ):
        output = await client.invoke_endpoint(echo_input(b"body", content_type="text/csv"))

    (exchange,) = local.journal
    assert (1, 1, NOON) == (exchange.number, exchange.connection, exchange.time)
    assert ("POST", "/endpoints/echo/invocations") == (exchange.method, exchange.target)
    assert ("InvokeEndpoint", "echo") == (exchange.operation, exchange.endpoint_name)
    assert b"body" == exchange.body
    assert (b"content-type", b"text/csv") in exchange.raw_headers
    assert "text/csv" == exchange.headers["Content-Type"]
    assert exchange.invocation is not None
    assert (b"body", "text/csv") == (exchange.invocation.body, exchange.invocation.content_type)
    assert output.result_metadata[REQUEST_ID] == exchange.request_id
    assert (200, None, None, True) == (exchange.status, exchange.error_code, exchange.fault, exchange.written)


@pytest.mark.twice
async def test_the_attempts_of_a_call_are_found_by_its_id(local: LocalEndpoint) -> None:
    """The client gives them one id, so that a service, or a test, can distinguish a retry from another call."""
    local.inject("echo", Reset(), call=1)
    local.fail("echo", call=2)

    async with Client(local.options(), AT_ONCE) as client:
        await client.invoke_endpoint(echo_input(b"first"))
        await client.invoke_endpoint(echo_input(b"second"))

    invocation_id = local.journal[0].invocation_id
    assert invocation_id is not None
    attempts = local.journal.attempts_of(invocation_id)
    assert 4 == uuid.UUID(invocation_id).version
    assert [None, 503, 200] == [attempt.status for attempt in attempts]
    assert [None, "ServiceUnavailable", None] == [attempt.error_code for attempt in attempts]
    assert [False, True, True] == [attempt.written for attempt in attempts]
    assert [InjectedFault(Reset(), "echo", 1), "ErrorAnswer", None] == [
        attempts[0].fault,
        attempts[1].fault and attempts[1].fault.name,
        attempts[2].fault,
    ]
    assert [b"second"] == [exchange.body for exchange in local.journal if exchange not in attempts]


@pytest.mark.twice
async def test_connections_can_be_distinguished(local: LocalEndpoint) -> None:
    """Whether a connection was kept, or cut and replaced, is what a test of keep-alive asks."""
    local.inject("echo", CutKeepAlive(at_next_request=True), call=2)

    async with Client(local.options(), AT_ONCE) as client:
        for _ in range(3):
            await client.invoke_endpoint(echo_input())

    assert [1, 1, 1, 2] == [exchange.connection for exchange in local.journal]
    assert [200, 200, None, 200] == [exchange.status for exchange in local.journal]


@pytest.mark.twice
async def test_the_exchanges_of_one_endpoint_are_found(local: LocalEndpoint) -> None:
    """One that does not exist has some too: a wrong name is what such a test is looking for."""
    async with Client(local.options()) as client:
        await client.invoke_endpoint(echo_input())
        with pytest.raises(ServiceError):
            await client.invoke_endpoint(echo_input(endpoint_name="ehco"))

    assert [200] == [exchange.status for exchange in local.journal.of("echo")]
    assert [(400, "ValidationError")] == [
        (exchange.status, exchange.error_code) for exchange in local.journal.of("ehco")
    ]


@pytest.mark.twice
async def test_a_refused_request_is_kept_with_what_is_known(local: LocalEndpoint) -> None:
    """Why a request was refused is asked more often than why one was not."""
    wrong = override(credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret"))

    async with Client(local.options(), wrong) as client:
        with pytest.raises(ServiceError):
            await client.invoke_endpoint(echo_input(b"body"))
    async with aiohttp.ClientSession() as session, session.post(f"{local.url}/ping?deep=1"):
        pass

    refused, unknown = local.journal
    assert (403, "UnrecognizedClientException") == (refused.status, refused.error_code)
    assert ("echo", b"body", None) == (refused.endpoint_name, refused.body, refused.invocation)
    assert ("POST", "/ping?deep=1", 404) == (unknown.method, unknown.target, unknown.status)
    assert (None, None, None) == (unknown.operation, unknown.endpoint_name, unknown.invocation_id)
    assert [] == local.journal.of("ping")


async def test_a_caller_that_leaves_in_the_middle_of_its_request_is_kept(local: LocalEndpoint) -> None:
    """It has arrived, whatever became of it."""
    address = urlsplit(local.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /endpoints/echo/invocations HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf")
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    await until(lambda: len(local.journal) == 1)

    assert (b"", None, False) == (local.journal[0].body, local.journal[0].status, local.journal[0].written)


@pytest.mark.twice
async def test_a_response_that_the_caller_left_is_not_written_to_its_end() -> None:
    """Its head was sent, so the status is there; only `written` shows it."""
    left: list[str] = []

    async def endless(invocation: Invocation) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            left.append("model")

    params = InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=b"")
    async with LocalEndpoint({"it": endless}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint_with_response_stream(params)
        async with output.body as stream:
            await anext(stream)
        await until(lambda: bool(left))

    (exchange,) = local.journal
    assert ("InvokeEndpointWithResponseStream", 200, False) == (exchange.operation, exchange.status, exchange.written)


@pytest.mark.twice
async def test_nothing_secret_is_shown(local: LocalEndpoint) -> None:
    """Tests print what they assert on, and what they print is kept in logs."""
    async with Client(local.options()) as client:
        await client.invoke_endpoint(echo_input(b"patient 7", custom_attributes="token 7"))
    async with aiohttp.ClientSession() as session, session.post(f"{local.url}/x?X-Amz-Signature=7"):
        pass

    assert "<Exchange 1 on connection 1: POST /endpoints/echo/invocations, 200>" == repr(local.journal[0])
    assert "<Exchange 2 on connection 2: POST /x, 404, UnknownOperationException>" == repr(local.journal[1])
    assert "<Journal of 2 exchanges, 0 dropped>" == repr(local.journal)


@pytest.mark.twice
async def test_a_fault_is_shown(local: LocalEndpoint) -> None:
    """So a failing test says by itself what went wrong on request."""
    local.inject("echo", Reset(), call=1, times=3)

    async with Client(local.options(), AT_ONCE) as client:
        with pytest.raises(ConnectionLostError):
            await client.invoke_endpoint(echo_input())

    assert repr(local.journal[0]) == (
        "<Exchange 1 on connection 1: POST /endpoints/echo/invocations, no response, Reset(after_head=False)>"
    )


def exchange(
    body: bytes = b"", target: str = "/endpoints/echo/invocations", raw_headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Exchange:
    return Exchange(
        connection=1,
        time=NOON,
        method="POST",
        target=target,
        raw_headers=raw_headers,
        headers=Headers(),
        request_id="id",
        body=body,
    )


def test_the_oldest_are_dropped_when_there_are_too_many() -> None:
    """A test that runs all night must not fill the memory, and one that counts must be able to see that it cannot."""
    journal = Journal(max_exchanges=2)

    for _ in range(5):
        journal.record(exchange())

    assert [4, 5] == [kept.number for kept in journal]
    assert 3 == journal.dropped


def test_the_oldest_are_dropped_when_their_bodies_are_too_large() -> None:
    """Six megabytes each: a few hundred would do it."""
    journal = Journal(max_bytes=10)

    for size in (4, 4, 3, 11, 1, 9):
        journal.record(exchange(bytes(size), target=""))

    assert [b"\0", bytes(9)] == [kept.body for kept in journal]
    assert 4 == journal.dropped


def test_headers_and_targets_count_as_bodies_do() -> None:
    """What refused requests bring is in their heads, and a thousand heads of a megabyte would be a gigabyte."""
    journal = Journal(max_bytes=10)

    journal.record(exchange(b"12", target="/345", raw_headers=((b"67", b"8"), (b"9", b""))))
    kept = len(journal)
    for _ in range(2):
        journal.record(exchange(target="/", raw_headers=((b"1234", b"567890"),)))

    assert (1, 0, 3) == (kept, len(journal), journal.dropped)


def test_threads_may_take_while_others_record() -> None:
    """A test in one thread takes what arrives in another: no exchange may be lost between the two."""
    journal = Journal(max_bytes=100)
    taken: list[Exchange] = []

    def record() -> None:
        for _ in range(2_000):
            journal.record(exchange(b"1" * 30, target=""))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=record) for _ in range(2)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            taken += journal.take()
    finally:
        sys.setswitchinterval(before)
    taken += journal.take()
    journal.record(exchange(bytes(100), target=""))

    assert 4_000 == len({each.number for each in taken}) + journal.dropped
    assert 1 == len(journal)


def test_what_is_taken_is_forgotten() -> None:
    """A test of several steps asserts on each by itself; the bounds begin anew, and the numbers go on."""
    journal = Journal(max_bytes=10)
    journal.record(exchange(bytes(10), target=""))

    taken = journal.take()
    journal.record(exchange(bytes(10), target=""))
    kept = journal[:]
    journal.clear()

    assert ([1], [2], 0) == ([each.number for each in taken], [each.number for each in kept], len(journal))
    assert 0 == journal.dropped


@pytest.mark.parametrize("bounds", [{"max_exchanges": 0}, {"max_bytes": 0}])
def test_a_journal_that_keeps_nothing_is_refused(bounds: dict[str, int]) -> None:
    """Every assertion on it would hold."""
    with pytest.raises(ConfigError, match="each must be 1 or more"):
        Journal(**bounds)


@pytest.mark.twice
async def test_a_journal_of_ones_own_is_used() -> None:
    """Its bounds are then what the test needs."""
    journal = Journal(max_exchanges=1)

    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}, journal=journal) as local,
        Client(local.options()) as client,
    ):
        for body in (b"1", b"2", b"3"):
            await client.invoke_endpoint(echo_input(body))

    assert local.journal is journal
    assert [(3, b"3")] == [(kept.number, kept.body) for kept in journal]


def test_a_watcher_is_told_of_each_exchange_and_event_until_it_ends() -> None:
    """A page, or a user's own log, follows a journal without looking at it again and again."""
    journal = Journal()
    seen: list[tuple[int, str | None]] = []
    event = ConversationEvent(NOON, "endpoint", "head")

    end = journal.watch(lambda exchange, event: seen.append((exchange.number, event and event.name)))
    first = exchange()
    journal.record(first)
    journal.note(first, event)
    end()
    end()
    journal.record(exchange())
    journal.note(first, event)

    assert [(1, None), (1, "head")] == seen
    assert () == journal.watchers


async def test_a_journal_that_is_not_watched_has_no_response(local: LocalEndpoint) -> None:
    """It would cost every test a copy of what it gets anyway."""
    async with Client(local.options()) as client:
        await client.invoke_endpoint(echo_input(b"body"))

    (kept,) = local.journal
    assert (None, [], True) == (kept.response, list(kept.events), kept.signature_holds)


async def test_nothing_is_done_for_watchers_that_are_not_there() -> None:
    """Counted, and not timed: the functions of the local endpoint that a call runs through."""

    async def echo(invocation: Invocation) -> bytes:  # in the loop: which threads there are for others is chance
        return invocation.body

    clock = ManualClock()  # or the second may change, and with it the Date, which is kept as long as it stays the same
    async with (
        LocalEndpoint({"echo": echo}, clock=clock) as local,
        Client(local.options(), override(clock=clock)) as client,
    ):
        await client.invoke_endpoint(echo_input())
        before = await functions_of(lambda: client.invoke_endpoint(echo_input()))
        end = local.journal.watch(lambda exchange, event: None)
        meanwhile = await functions_of(lambda: client.invoke_endpoint(echo_input()))
        end()
        after = await functions_of(lambda: client.invoke_endpoint(echo_input()))

    assert before == after
    assert sum(before.values()) < sum(meanwhile.values())
    assert not [name for name in before if "watched" in name or "_note" in name]


async def functions_of(call: Callable[[], Awaitable[object]]) -> Counter[str]:
    """How often each function of the local endpoint ran for a call."""
    counted: Counter[str] = Counter()

    def look(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and HOME in frame.f_code.co_filename:
            counted[f"{frame.f_code.co_filename.partition(HOME)[2]}:{frame.f_code.co_qualname}"] += 1

    sys.setprofile(look)
    try:
        await call()
    finally:
        sys.setprofile(None)
    return counted
