"""A call cancelled at any point leaves nothing behind, and the client goes on working."""

from __future__ import annotations

import asyncio
import gc

import pytest
from transport.servers import MAX_BODY, OK, client_for, other_tasks, params, request_to, serving, until_client_lets_go

from sagemaker_runtime import Timeout, TotalTimeoutError
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha"


def the_moments(reached: asyncio.Event):
    """For each moment of a call, what the server does so that the call stays there until it is cancelled."""

    async def read_nothing(exchange):
        exchange.writer.transport.pause_reading()
        reached.set()
        await resumed.wait()
        exchange.writer.transport.resume_reading()
        await exchange.until_peer_closes()

    async def read_head(exchange):
        reached.set()
        await exchange.until_peer_closes()

    async def read_all(exchange):
        await exchange.read_body()
        reached.set()
        await exchange.until_peer_closes()

    async def respond_half(exchange):
        await exchange.read_body()
        await exchange.send(HALF)
        reached.set()
        await exchange.until_peer_closes()

    resumed = asyncio.Event()
    return resumed, {"sending": read_nothing, "head": read_head, "waiting": read_all, "receiving": respond_half}


@pytest.mark.parametrize("size", [7, 100_000, MAX_BODY])
@pytest.mark.parametrize("moment", ["sending", "head", "waiting", "receiving"])
async def test_a_call_cancelled_at_a_moment_leaves_nothing(moment, size):
    """Callers cancel all the time: a user goes away, a time limit ends. A leak would add up to an outage."""
    reached = asyncio.Event()
    resumed, moments = the_moments(reached)
    async with serving(moments[moment], OK, receive_buffer=65_536) as server, client_for(server) as client:
        call = asyncio.create_task(client.invoke_endpoint(params(b"x" * size)))
        await reached.wait()
        for _ in range(100):  # let the client get as far as it can
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        await until_client_lets_go(server)
        resumed.set()
        await server.until_open(0)
        assert set() == other_tasks(server)
        del call
        gc.collect()  # what was never closed would warn here

        output = await client.invoke_endpoint(params())
        assert b"ok" == output.body
        assert 1 == server.open


async def test_a_call_cancelled_while_it_connects_leaves_nothing(full_backlog):
    """Here the connection does not even stand yet."""
    async with serving() as server, client_for(server, base_endpoint=full_backlog) as client:
        call = asyncio.create_task(client.invoke_endpoint(params()))
        for _ in range(50):
            await asyncio.sleep(0)
        waiting = other_tasks(server)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert call in waiting
        for _ in range(3):  # aiohttp's own task learns of it a turn later
            await asyncio.sleep(0)
        assert set() == other_tasks(server)
        del call, waiting
        gc.collect()


@pytest.mark.parametrize("size", [7, 300_000])
async def test_a_call_cancelled_after_any_number_of_turns_leaves_nothing(size):
    """Every await that a call goes through is a place where it may be cancelled; here each of them is hit."""
    turns, finished = 0, 0
    async with serving() as server, client_for(server) as client:
        while finished < 3:  # until calls are over before they are cancelled
            call = asyncio.create_task(client.invoke_endpoint(params(b"x" * size)))
            for _ in range(turns):
                await asyncio.sleep(0)
            in_time = call.cancel()
            await asyncio.wait([call])

            assert in_time is call.cancelled(), f"the cancellation after {turns} turns was swallowed"
            finished += not in_time
            turns += 1
        await server.until_open(1)  # the pooled one

        assert turns > 10
        assert set() == other_tasks(server)
        del call
        gc.collect()
        assert b"ok" == (await client.invoke_endpoint(params())).body
    assert 0 == server.open


async def test_calls_cancelled_together_give_all_connections_back():
    """A hundred callers that go away at once, as when a request of a web service fans out."""
    all_there = asyncio.Event()

    async def hold(exchange):
        await exchange.read_body()
        if len(server.requests) == 100:
            all_there.set()
        await exchange.until_peer_closes()

    async with serving(hold) as server, client_for(server) as client:
        calls = [asyncio.create_task(client.invoke_endpoint(params())) for _ in range(100)]
        await all_there.wait()
        for call in calls:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)

        assert {asyncio.CancelledError} == {type(result) for result in results}
        await server.until_open(0)
        assert set() == other_tasks(server)


async def test_a_call_out_of_time_leaves_nothing():
    """Timeout.total ends a call as a cancellation does."""
    reached = asyncio.Event()
    _, moments = the_moments(reached)
    async with serving(moments["receiving"]) as server, client_for(server, timeout=Timeout(total=0.05)) as client:
        with pytest.raises(TotalTimeoutError):
            await client.invoke_endpoint(params())

        await server.until_open(0)
        assert reached.is_set()
        assert set() == other_tasks(server)


async def test_a_response_that_is_closed_unread_closes_its_connection():
    """What is left of its body would otherwise be taken for the start of the next response."""
    reached = asyncio.Event()
    _, moments = the_moments(reached)
    async with serving(moments["receiving"]) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=Timeout())

        response.close()
        response.close()

        await server.until_open(0)
        await http_client.close()
