"""The read limit: one timer for all calls that have the same, each of which still gets its own time."""

from __future__ import annotations

import asyncio

import pytest
from transport.servers import MAX_BODY, OK, client_for, params, request_to, serving

from sagemaker_runtime import (
    ClientClosedError,
    ConfigError,
    InvalidResponseError,
    NopRetryer,
    ReadTimeoutError,
    Timeout,
    TruncatedResponseError,
    override,
)
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient
from sagemaker_runtime.transport.aiohttp.pool import READ_LIMITS_KEPT
from sagemaker_runtime.transport.aiohttp.read_limit import ReadLimit


async def hold(exchange):
    """Never respond."""
    await exchange.until_peer_closes()


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 100_000], ids=len)
async def test_a_body_of_any_size_is_followed_by_the_read_limit(body):
    """The limit starts when the body has gone out; where there is none to write, it must start all the same."""
    async with serving(hold) as server, client_for(server, timeout=Timeout(read=0.05), retryer=NopRetryer()) as client:
        with pytest.raises(ReadTimeoutError):
            await client.invoke_endpoint(params(body))


async def test_each_of_many_calls_has_its_own_time():
    """The one timer goes from the first deadline to the next; none is skipped and none is early."""
    loop = asyncio.get_running_loop()
    ended: list[tuple[int, float]] = []

    async def call(client, number):
        started = loop.time()
        with pytest.raises(ReadTimeoutError):
            await client.invoke_endpoint(params())
        ended.append((number, loop.time() - started))

    async with (
        serving(hold) as server,
        client_for(server, timeout=Timeout(read=0.08), retryer=NopRetryer()) as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(3):
            group.create_task(call(client, number))
            while len(server.requests) <= number:
                await asyncio.sleep(0)

    assert [0, 1, 2] == [number for number, _ in ended]
    assert all(seconds >= 0.079 for _, seconds in ended)


async def test_a_longer_limit_of_one_call_does_not_hold_up_a_shorter_one():
    """Limits of different lengths have timers of their own."""
    async with serving(hold) as server, client_for(server, timeout=Timeout(read=30), retryer=NopRetryer()) as client:
        slow = asyncio.create_task(client.invoke_endpoint(params()))
        while not server.requests:
            await asyncio.sleep(0)

        with pytest.raises(ReadTimeoutError):
            await client.invoke_endpoint(params(), override(timeout=Timeout(read=0.05)))

        assert not slow.done()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow


async def test_a_timeout_leaves_the_task_uncancelled():
    """What ends the wait must not be a cancellation: an ``asyncio.timeout`` further out would take it for its own."""
    async with (
        serving(hold, OK) as server,
        client_for(server, timeout=Timeout(read=0.05), retryer=NopRetryer()) as client,
    ):
        async with asyncio.timeout(20):
            with pytest.raises(ReadTimeoutError):
                await client.invoke_endpoint(params())
            output = await client.invoke_endpoint(params())

        task = asyncio.current_task()
        assert b"ok" == output.body
        assert task is not None
        assert 0 == task.cancelling()


async def test_a_request_that_goes_on_after_its_response_is_not_limited_any_more():
    """A response may come while the body still goes out: a limit set then would break the connection in its next call."""

    async def respond_first(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await exchange.read_body()
        await exchange.send(b"3\r\ntwo\r\n0\r\n\r\n")

    async with serving(respond_first, receive_buffer=65_536) as server:
        http = AioHTTPClient()
        request = request_to(server, body=b"x" * MAX_BODY)
        response = await http.send(request, timeout=Timeout(read=30))
        (pool,) = http._pools.values()
        (connection,) = pool._connections
        gone_out = connection._upload.gone_out

        pieces = [await response.body.chunk(), await response.body.chunk(), await response.body.chunk()]

        assert [b"one", b"two", b""] == pieces
        assert not gone_out
        assert pool._read_limits[30].idle
        await http.close()


async def test_a_body_found_broken_before_it_is_read_is_truncated():
    """The connection can end between the head's arrival and the read."""

    async def half(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        exchange.close()

    async with serving(half) as server:
        http = AioHTTPClient()
        response = await http.send(request_to(server), timeout=Timeout())
        while response.body._failure is None:
            await asyncio.sleep(0)

        with pytest.raises(TruncatedResponseError) as first:
            await response.body.read()
        with pytest.raises(TruncatedResponseError) as second:
            await response.body.read()

        assert first.value is second.value
        await http.close()


async def test_limits_that_nobody_waits_under_are_not_kept():
    """A caller who gives each call what is left of a budget has another limit each time."""
    async with serving(hold, *[OK] * 100) as server:
        http = AioHTTPClient()
        waiting = asyncio.create_task(http.send(request_to(server), timeout=Timeout(read=29)))
        while not server.requests:
            await asyncio.sleep(0)
        for number in range(100):
            response = await http.send(request_to(server), timeout=Timeout(read=30 + number / 7))
            assert b"ok" == await response.body.read()

        (pool,) = http._pools.values()

        assert len(pool._read_limits) <= READ_LIMITS_KEPT
        assert not pool._read_limits[29].idle
        await http.close()
        with pytest.raises(ClientClosedError):
            await waiting


async def test_a_limit_taken_down_is_put_up_again_for_who_waits_after_all():
    """A call that is still connecting when idle limits are cleared away must not be left without one."""
    expired = asyncio.Event()

    class Call:
        def time_out(self):
            expired.set()

    limit = ReadLimit(0.01)
    limit.add(Call())
    limit.stop()

    limit.add(Call())
    async with asyncio.timeout(5):
        await expired.wait()


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_response_whose_coding_does_not_end_it_is_truncated(coding):
    """Only chunked coding says where a body ends; after any other, a cut looks like the end."""

    async def cut(exchange):
        await exchange.send(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\nhel".encode())
        exchange.close()

    async with serving(cut) as server, client_for(server, retryer=NopRetryer()) as client:
        with pytest.raises(InvalidResponseError):
            await client.invoke_endpoint(params())


async def test_the_cause_of_a_bad_response_shows_no_header_of_ours():
    """An exception of the connection has no place for them, and none is chained to ours."""

    async def garbage(exchange):
        await exchange.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

    async with serving(garbage) as server, client_for(server, retryer=NopRetryer()) as client:
        with pytest.raises(InvalidResponseError) as caught:
            await client.invoke_endpoint(params(custom_attributes="tenant=secret"))

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_failed_read_fails_the_same_way_again():
    """What logs a body reads it first; the call must not end differently for that."""

    async def drip(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await exchange.until_peer_closes()

    async with serving(drip) as server:
        http = AioHTTPClient()
        response = await http.send(request_to(server), timeout=Timeout(read=0.05))

        with pytest.raises(ReadTimeoutError) as first:
            await response.body.read()
        with pytest.raises(ReadTimeoutError) as second:
            await response.body.read()

        assert first.value is second.value
        await http.close()


async def test_a_body_in_slices_leaves_a_connection_that_serves_the_next_call():
    """The response may be read before the request's writer has ended; to close then would cost a connection each call."""
    async with serving(*[OK] * 5) as server, client_for(server) as client:
        for _ in range(5):
            await client.invoke_endpoint(params(b"x" * 100_000))

        assert (1, 5) == (server.accepted, len(server.requests))


async def test_a_body_that_is_no_bytes_is_refused_before_it_is_sent():
    """A middleware's mistake; the connection would fail as if it had been lost."""
    async with serving(OK) as server:
        http = AioHTTPClient()
        request = request_to(server)
        request.body = "text"  # type: ignore[assignment]

        with pytest.raises(ConfigError, match="is of type str; it must be bytes"):
            await http.send(request, timeout=Timeout())

        assert not server.requests
        await http.close()


async def test_what_came_in_time_is_no_timeout_because_the_loop_was_late():
    """A loop that was held up meets the data and the limit in one turn: what arrived is delivered first."""
    got: list[str] = []

    class Reader:
        def time_out(self):
            got.append("too late")

    loop = asyncio.get_running_loop()
    limit, reader = ReadLimit(0.001), Reader()

    def wake():  # as a task is that was waiting: in the turn after the data have come
        limit.discard(reader)
        got.append("data")

    limit.add(reader)
    loop.call_soon(lambda: loop.call_soon(wake))
    while loop.time() < limit._deadlines[reader]:  # the loop is held up until the limit is over
        pass
    for _ in range(5):
        await asyncio.sleep(0)

    assert ["data"] == got
