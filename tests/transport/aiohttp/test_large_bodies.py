"""Large bodies: whole, without holding the event loop, and without being held by a peer that stops reading."""

from __future__ import annotations

import asyncio
import sys
from hashlib import sha256

import pytest
from transport.servers import LIMIT, MAX_BODY, OK, client_for, other_tasks, params, serving, until_client_lets_go

from sagemaker_runtime import (
    ConnectionLostError,
    NopRetryer,
    ReadTimeoutError,
    ServiceError,
    StandardRetryer,
    Timeout,
    WriteTimeoutError,
)

BODY = bytes(range(256)) * (MAX_BODY // 256)
SMALL_BUFFER = 65_536  # bytes; beside it the client's kernel takes about 2.5 MB
REFUSAL = b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 8\r\n%b\r\ntoo much"


@pytest.mark.parametrize("size", [65_536, 65_537, 262_144, 262_145, MAX_BODY])
async def test_a_body_arrives_whole(size):
    """At the borders of the slices nothing is lost or comes twice."""
    async with serving() as server, client_for(server) as client:
        await client.invoke_endpoint(params(BODY[:size]))

        (received,) = server.requests
        assert str(size) == dict(received.headers)["content-length"]
        assert "transfer-encoding" not in dict(received.headers)
        assert sha256(BODY[:size]).digest() == sha256(received.body).digest()


async def test_a_large_response_comes_whole():
    """Responses are as large as requests."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    async with serving(head + BODY) as server, client_for(server) as client:
        output = await client.invoke_endpoint(params())

        assert sha256(BODY).digest() == sha256(output.body).digest()


async def test_a_body_sent_again_is_the_same():
    """A body that was used up by the first attempt would be sent empty, or not at all, by the second."""

    async def fail(exchange):
        await exchange.read_body()
        await exchange.send(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")

    async with serving(fail, OK) as server, client_for(server) as client:
        await client.invoke_endpoint(params(BODY))

        assert [sha256(BODY).digest()] * 2 == [sha256(request.body).digest() for request in server.requests]


async def test_other_tasks_run_while_a_large_body_is_sent():
    """One caller's 6 MB must not be everybody's pause; it goes out in slices, with a turn for the others between."""
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with serving() as server, client_for(server) as client:
        counting = asyncio.create_task(count())
        await client.invoke_endpoint(params(BODY))
        counting.cancel()

        assert turns > 20


async def test_a_peer_that_reads_slowly_is_waited_for(pass_time):
    """The write limit is for a stand-still: while slices go out, it starts anew for each."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def read_a_slice_each_half_second(exchange):
        left = len(BODY)
        while left:
            left -= len(await exchange.reader.readexactly(min(left, 262_144)))
            await pass_time(0.5)
        await exchange.send(OK)

    async with (
        serving(read_a_slice_each_half_second, receive_buffer=SMALL_BUFFER) as server,
        client_for(server, timeout=Timeout(write=4.0), retryer=NopRetryer()) as client,
    ):
        output = await client.invoke_endpoint(params(BODY))

    assert b"ok" == output.body
    assert loop.time() - began >= 12.0


async def stop_reading(exchange):
    exchange.writer.transport.pause_reading()
    await asyncio.Event().wait()


@pytest.mark.parametrize(("retryer", "sent"), [(StandardRetryer(), 3), (NopRetryer(), 1)])
async def test_a_peer_that_stops_reading_is_a_write_timeout(retryer, sent):
    """A limit that aiohttp lacks. The request never arrived whole, so nothing ran, and it is sent again."""
    async with (
        serving(stop_reading, receive_buffer=SMALL_BUFFER) as server,
        client_for(server, timeout=Timeout(write=0.1), retryer=retryer) as client,
    ):
        with pytest.raises(WriteTimeoutError, match=r"accepted none of the request for 0\.1 s") as caught:
            await client.invoke_endpoint(params(BODY))

        assert sent == len(server.requests) == len(caught.value.attempts)
        await until_client_lets_go(server)


async def test_a_small_body_that_nobody_reads_is_a_read_timeout():
    """It goes out at once, and the read limit begins there."""
    async with (
        serving(stop_reading, receive_buffer=4096) as server,
        client_for(server, timeout=Timeout(write=0.1, read=0.05)) as client,
    ):
        with pytest.raises(ReadTimeoutError):
            await client.invoke_endpoint(params(BODY[:65_536]))

        assert 1 == len(server.requests)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say how much the peer has taken")
async def test_a_body_that_the_kernel_takes_and_the_peer_does_not_is_a_write_timeout():
    """It has not arrived whole, so the model is not at work on it, and the call may be tried again."""
    async with (
        serving(stop_reading, receive_buffer=4096) as server,
        client_for(server, timeout=Timeout(write=0.1, read=0.05), retryer=NopRetryer()) as client,
    ):
        with pytest.raises(WriteTimeoutError):
            await client.invoke_endpoint(params(BODY[:100_000]))

        assert 1 == len(server.requests)


async def test_a_response_before_the_end_of_the_body_is_taken():
    """A proxy refuses a large body at its head, and reads the rest to nowhere until we hang up."""

    async def refuse(exchange):
        await exchange.send(REFUSAL % b"Connection: close\r\n")
        await exchange.until_peer_closes()

    async with serving(refuse) as server, client_for(server) as client:
        with pytest.raises(ServiceError, match="too much") as caught:
            await client.invoke_endpoint(params(BODY))

        assert 413 == caught.value.status
        assert 1 == len(server.requests)


@pytest.mark.parametrize("connection", [b"", b"Connection: close\r\n"])
async def test_a_response_from_a_peer_that_reads_no_further_is_taken(connection):
    """The response is there; that the rest of the body does not go out must not turn it into a timeout, or hold it up."""

    async def refuse(exchange):
        await exchange.send(REFUSAL % connection)
        await stop_reading(exchange)

    async with (
        serving(refuse, receive_buffer=SMALL_BUFFER) as server,
        client_for(server, timeout=Timeout(write=LIMIT * 2)) as client,
    ):
        with pytest.raises(ServiceError, match="too much") as caught:
            await client.invoke_endpoint(params(BODY))

        assert 413 == caught.value.status
        assert 1 == len(server.requests)
        await until_client_lets_go(server)
        assert set() == other_tasks(server)  # aiohttp's writer among them, at once and not after Timeout.write


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_response_from_a_peer_that_hangs_up_ends_the_call(end):
    """Whether the response or the RST is seen first is chance. Either is said clearly, and nothing hangs."""

    async def refuse_and_hang_up(exchange):
        await exchange.send(REFUSAL % b"Connection: close\r\n")
        getattr(exchange, end)()

    async with serving(refuse_and_hang_up) as server, client_for(server, timeout=Timeout(write=0.5)) as client:
        with pytest.raises((ServiceError, ConnectionLostError)) as caught:
            await client.invoke_endpoint(params(BODY))

        assert isinstance(caught.value, ConnectionLostError) or 413 == caught.value.status


async def test_an_early_response_on_a_kept_connection_does_not_spoil_the_next_call():
    """What is left of the refused body must not be taken for the head of the next request."""

    async def refuse_and_read_on(exchange):
        await exchange.send(REFUSAL % b"")
        await exchange.read_body()

    async with serving(refuse_and_read_on, OK) as server, client_for(server) as client:
        with pytest.raises(ServiceError, match="too much"):
            await client.invoke_endpoint(params(BODY))
        output = await client.invoke_endpoint(params(b"next"))

        assert b"ok" == output.body
        assert b"next" == server.requests[-1].body
