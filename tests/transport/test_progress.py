"""A time limit is about bytes that move: it begins anew with each byte that the peer takes, or sends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest
from transport.servers import OK, Exchange, Step, client_for, params, serving

from sagemaker_runtime import NopRetryer, ReadTimeoutError, Timeout, WriteTimeoutError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say how much the peer has taken")


SMALL_BUFFER = 8_192  # bytes


def slow_reader(pass_time: Callable[[float], Awaitable[None]]) -> Step:
    """Takes 8,000 bytes every 0.2 s of the loop's clock."""

    async def read_slowly(exchange: Exchange) -> None:
        left = int(dict(exchange.headers)["content-length"])
        while left:
            left -= len(await exchange.reader.read(min(left, 8_000)))
            await pass_time(0.2)
        await exchange.send(OK)

    return read_slowly


async def test_an_upload_over_a_slow_link_lasts_as_long_as_it_takes(pass_time):
    """Steady progress is no stand-still, although no part of the body takes less than the limit."""
    loop, limit = asyncio.get_running_loop(), 3.0
    began = loop.time()
    async with (
        serving(slow_reader(pass_time), receive_buffer=SMALL_BUFFER) as server,
        client_for(server, timeout=Timeout(write=limit, read=60), retryer=NopRetryer()) as client,
    ):
        output = await client.invoke_endpoint(params(b"x" * 400_000))

        assert b"ok" == output.body
        assert loop.time() - began > 2 * limit


async def test_an_upload_that_stands_still_after_a_while_is_ended():
    """Progress before does not count any more, once the peer takes nothing."""

    async def stop_reading(exchange: Exchange) -> None:
        await exchange.reader.readexactly(100_000)
        await asyncio.Event().wait()

    async with (
        serving(stop_reading, receive_buffer=SMALL_BUFFER) as server,
        client_for(server, timeout=Timeout(write=0.3, read=10), retryer=NopRetryer()) as client,
    ):
        with pytest.raises(WriteTimeoutError, match=r"accepted none of the request for 0\.3 s"):
            await client.invoke_endpoint(params(b"x" * 6_000_000))


async def test_the_read_limit_begins_when_the_peer_has_all_of_the_request(pass_time):
    """What waits in the kernel of a slow link has not been sent, so there can be no response to it yet."""
    async with (
        serving(slow_reader(pass_time), receive_buffer=SMALL_BUFFER) as server,
        client_for(server, timeout=Timeout(write=3, read=3), retryer=NopRetryer()) as client,
    ):
        assert b"ok" == (await client.invoke_endpoint(params(b"x" * 300_000))).body  # which the kernel takes at once


@pytest.mark.parametrize("pieces", [[b"HTTP/1.1 200", b" OK\r\nContent-", b"Length: 2\r\n", b"\r\no", b"k"]])
async def test_each_byte_of_a_response_begins_the_read_limit_anew(pass_time, pieces):
    """Those of its head too: a slow gateway is not one that is gone."""

    async def drip(exchange):
        await exchange.read_body()
        for piece in pieces:
            await pass_time(1.2)
            await exchange.send(piece)

    async with serving(drip) as server, client_for(server, timeout=Timeout(read=3), retryer=NopRetryer()) as client:
        output = await client.invoke_endpoint(params())

        assert b"ok" == output.body


async def test_a_head_that_stops_half_way_is_ended_by_the_read_limit():
    """Bytes that came before are no reason to wait for ever."""

    async def half(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-")
        await exchange.until_peer_closes()

    async with serving(half) as server, client_for(server, timeout=Timeout(read=0.1), retryer=NopRetryer()) as client:
        with pytest.raises(ReadTimeoutError):
            await client.invoke_endpoint(params())
