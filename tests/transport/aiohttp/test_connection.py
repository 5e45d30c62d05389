"""A connection, and the ends that an exchange on it can have."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from contextlib import suppress

import pytest
from transport.servers import MAX_BODY, OK, client_for, other_tasks, params, request_to, serving, until_client_lets_go

from sagemaker_runtime import (
    ClientClosedError,
    ConnectError,
    ConnectionLostError,
    NopRetryer,
    Timeout,
    TruncatedResponseError,
)
from sagemaker_runtime.transport.aiohttp import upload as upload_module
from sagemaker_runtime.transport.aiohttp.body import Body
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient
from sagemaker_runtime.wire import Request

GIVEN = Timeout()
IN_TWO = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none"


async def until(done):
    while not done():
        await asyncio.sleep(0)


async def read_nothing(exchange):
    exchange.writer.transport.pause_reading()
    await asyncio.Event().wait()


def responding_in_two(go_on, first=IN_TWO, second=b"two"):
    """What a server does that sends the rest of its response when it is let go on."""

    async def step(exchange):
        await exchange.read_body()
        await exchange.send(first)
        await go_on.wait()
        await exchange.send(second)

    return step


async def test_a_body_whose_task_is_cancelled_ends_the_call():
    """A program that shuts down cancels all tasks, that of the body too; who awaits the call must not wait for ever."""
    async with serving(read_nothing, receive_buffer=65_536) as server:
        http_client = AioHTTPClient()
        call = asyncio.create_task(http_client.send(request_to(server, body=b"x" * MAX_BODY), timeout=GIVEN))
        await until(lambda: len(other_tasks(server) - {call}) == 1 and server.requests)

        (upload,) = other_tasks(server) - {call}
        upload.cancel()
        with pytest.raises(ConnectionLostError, match="was cancelled"):
            await call

        await until_client_lets_go(server)
        assert upload.cancelled()
        await http_client.close()


async def test_a_body_that_cannot_be_written_ends_the_call(monkeypatch):
    """Whatever it is that keeps it from going out, as a lack of memory: the call fails, and is not left waiting."""

    def exhausted(_):
        raise MemoryError

    monkeypatch.setattr(upload_module, "is_readable", exhausted)
    async with serving(read_nothing, receive_buffer=65_536) as server:
        http_client = AioHTTPClient()

        with pytest.raises(ConnectionLostError, match="could not be sent: MemoryError"):
            await http_client.send(request_to(server, body=b"x" * MAX_BODY), timeout=GIVEN)

        await until_client_lets_go(server)
        assert set() == other_tasks(server)
        await http_client.close()


async def test_a_body_on_a_connection_that_the_peer_resets_ends_the_call():
    """What the writer meets there shows in the connection's end."""

    async def reset(exchange):
        await exchange.reader.readexactly(300_000)
        exchange.reset()

    async with (
        serving(reset, receive_buffer=65_536) as server,
        client_for(server, retryer=NopRetryer()) as client,
    ):
        with pytest.raises(ConnectionLostError):
            await client.invoke_endpoint(params(b"x" * MAX_BODY))

        assert set() == other_tasks(server)


async def test_a_waiter_cancelled_as_it_is_woken_does_not_lose_the_place():
    """The first response of two wins: its end wakes the other, and in the same turn cancels it. A third still gets the place."""
    go_on = asyncio.Event()

    async def hold(exchange):
        await exchange.read_body()
        await go_on.wait()
        await exchange.send(OK)

    async with serving(hold, OK) as server:
        http_client = AioHTTPClient(max_connections=1)

        async def call():
            response = await http_client.send(request_to(server), timeout=GIVEN)
            return await response.body.read()

        async def win():
            response = await call()
            hedge.cancel()
            return response

        first = asyncio.create_task(win())
        await until(lambda: server.requests)
        hedge = asyncio.create_task(call())
        third = asyncio.create_task(call())
        await asyncio.sleep(0)
        go_on.set()

        assert [b"ok", b"ok"] == [await first, await third]
        assert hedge.cancelled()
        await http_client.close()


@pytest.mark.parametrize("turns", range(12))
async def test_a_connection_to_a_proxy_that_is_being_made_is_closed_with_the_client(turns):
    """At any moment of CONNECT: a proxy that does not respond would keep the socket open."""

    async def say_nothing(exchange):
        await exchange.until_peer_closes()

    async with serving(say_nothing) as proxy:
        http_client = AioHTTPClient(proxies={"https": proxy.url})
        request = Request(host="runtime.test")
        request.headers["content-length"] = "0"
        call = asyncio.create_task(http_client.send(request, timeout=GIVEN))
        for _ in range(turns):
            await asyncio.sleep(0)

        await http_client.close()
        with pytest.raises(ClientClosedError):
            await call

        await proxy.until_open(0)


async def test_closing_does_not_wait_for_a_peer_that_reads_nothing():
    """Not for a small body either, of which the kernel has not taken all: as on a line that is slow, or dead."""
    go_on = asyncio.Event()

    async def respond_and_read_no_more(exchange):
        await exchange.read_body()
        await exchange.send(IN_TWO)
        await go_on.wait()
        exchange.writer.transport.pause_reading()
        await exchange.send(b"two")
        await asyncio.Event().wait()

    async with serving(respond_and_read_no_more, receive_buffer=2048) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=GIVEN)
        (connection,) = http_client._pools[asyncio.get_running_loop()]._connections
        transport = connection._transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        go_on.set()
        await response.body.read()
        call = asyncio.create_task(http_client.send(request_to(server, body=b"x" * 60_000), timeout=GIVEN))
        await until(transport.get_write_buffer_size)

        await http_client.close()
        with pytest.raises(ClientClosedError):
            await call


async def test_a_read_that_was_given_up_loses_nothing():
    """Cancelled while it waits for the rest, it must not make the rest the whole."""
    go_on = asyncio.Event()
    async with serving(responding_in_two(go_on)) as server:
        http_client = AioHTTPClient()
        for how in ("read", "chunk"):
            response = await http_client.send(request_to(server), timeout=GIVEN)
            reading = asyncio.create_task(response.body.read())
            await until(lambda response=response: response.body._pieces)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            if how == "chunk":
                assert b"one" == await response.body.chunk()
            go_on.set()
            assert {"read": b"onetwo", "chunk": b"two"}[how] == await getattr(response.body, how)()
            go_on.clear()
        await http_client.close()


@pytest.mark.parametrize("how", ["read", "chunk"])
async def test_a_second_reader_is_refused_and_the_first_goes_on(how):
    """Each would get some of the bytes; but what the first waits for is not the second's to break."""
    go_on = asyncio.Event()
    async with serving(responding_in_two(go_on)) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=GIVEN)
        first = asyncio.create_task(response.body.read())
        await until(lambda: response.body._waiter)

        with pytest.raises(RuntimeError, match="one reader at a time"):
            await getattr(response.body, how)()
        go_on.set()

        assert b"onetwo" == await first
        await http_client.close()


async def test_a_second_reader_takes_nothing_from_the_first_that_is_about_to_wake(monkeypatch):
    """All is there then, and would be gone: the first would see an end without a byte."""
    go_on = asyncio.Event()

    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with serving(responding_in_two(go_on, head, b"hello")) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=GIVEN)
        first = asyncio.create_task(response.body.chunk())
        await until(lambda: response.body._waiter)
        raised: list[BaseException] = []

        def read_too():  # in the very turn in which the end comes
            reading = response.body.read()
            try:
                reading.send(None)
            except (RuntimeError, StopIteration) as error:
                raised.append(error)

        end = Body.end
        monkeypatch.setattr(Body, "end", lambda body, failure: (end(body, failure), read_too()))
        go_on.set()

        assert b"hello" == await first
        assert [RuntimeError] == [type(error) for error in raised]
        await http_client.close()


@pytest.mark.parametrize("size", [7, MAX_BODY])
async def test_a_broken_chunk_is_raised_at_once(size):
    """Whoever reads the body must not wait for a read timeout, a minute later."""
    head_is_read = asyncio.Event()

    async def respond_in_two(exchange):
        await exchange.read_body()
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await head_is_read.wait()
        await exchange.send(b"not a chunk\r\n")
        await exchange.until_peer_closes()

    async with serving(respond_in_two) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server, body=b"x" * size), timeout=Timeout(read=1000))
        assert b"one" == await response.body.chunk()
        head_is_read.set()

        with pytest.raises(TruncatedResponseError, match="does not begin with its size"):
            await response.body.chunk()

        response.close()
        await http_client.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of a loop that was closed with all that was open in it
@pytest.mark.parametrize("size", [7, 300_000])
def test_a_response_outlives_its_loop_without_a_fault(size):
    """A loop that is closed by hand leaves its connections to nobody; to close a response then is nothing, not an error."""

    async def half(exchange):
        await exchange.send(IN_TWO)
        await exchange.until_peer_closes()

    async def begin():
        http_client = AioHTTPClient()
        async with serving(half) as server:
            return await http_client.send(request_to(server, body=b"x" * size), timeout=GIVEN)

    loop = asyncio.new_event_loop()
    response = loop.run_until_complete(begin())
    loop.close()

    response.close()
    response.close()


async def test_a_secret_that_a_proxy_repeats_does_not_reach_the_error():
    """Some respond with the request in their status line; a password has no place in an exception."""

    async def repeat(exchange):
        secret = dict(exchange.headers)["proxy-authorization"].encode()
        await exchange.send(b"HTTP/1.1 407 not " + secret + b"\r\nContent-Length: 0\r\n\r\n")

    async with serving(repeat) as proxy:
        http_client = AioHTTPClient(proxies={"https": f"http://user:secret@127.0.0.1:{proxy.port}"})
        request = Request(host="runtime.test")
        request.headers["content-length"] = "0"

        with pytest.raises(ConnectError, match="responded to CONNECT with 407 not <redacted>"):
            await http_client.send(request, timeout=GIVEN)

        await http_client.close()


async def test_a_call_that_failed_is_gone_when_it_is_forgotten():
    """An exception that holds the frame that holds it would keep request and response until the garbage collector runs."""

    async def hang_up(exchange):
        exchange.close()

    async with serving(hang_up) as server:
        http_client = AioHTTPClient()
        request = request_to(server)
        gone = weakref.ref(request)
        gc.collect()
        gc.disable()
        try:
            with suppress(ConnectionLostError):
                await http_client.send(request, timeout=GIVEN)
            del request
            await asyncio.sleep(0)  # the turn in which it failed is over

            assert gone() is None
        finally:
            gc.enable()
        await http_client.close()


@pytest.mark.parametrize("size", [300_000, MAX_BODY])
async def test_an_upload_to_a_peer_that_closes_its_side_and_reads_no_more_ends(size):
    """It will not respond, and what is still to be sent will never be taken: nothing is left to wait for."""

    async def close_one_side(exchange):
        exchange.writer.transport.pause_reading()
        exchange.writer.write_eof()
        await asyncio.Event().wait()

    async with serving(close_one_side, receive_buffer=4_096) as server:
        http_client = AioHTTPClient()
        with pytest.raises(ConnectionLostError, match=f"a body of {size:,} bytes"):
            await http_client.send(request_to(server, body=b"x" * size), timeout=GIVEN)
        await http_client.close()


async def test_a_call_that_was_cancelled_leaves_nothing_under_the_read_limit():
    """Each would be kept for 70 s, with its connection: hedging and short deadlines end many calls so."""

    async def say_nothing(exchange):
        await exchange.until_peer_closes()

    async with serving(say_nothing) as server:
        http_client = AioHTTPClient()
        for number in range(3):
            call = asyncio.create_task(http_client.send(request_to(server), timeout=GIVEN))
            await until(lambda number=number: len(server.requests) > number)
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call

        assert http_client._pools[asyncio.get_running_loop()].read_limit(GIVEN.read).idle
        await http_client.close()


async def test_a_large_body_is_freed_when_its_call_has_ended():
    """Its sending ends by a cancellation, whose traceback must not hold it until the garbage collector runs."""
    async with serving(OK) as server, client_for(server) as client:
        await client.invoke_endpoint(params(b"x" * 300_000))
        gc.collect()
        gc.disable()
        try:
            response = await client.invoke_endpoint(params(b"x" * 300_000))
            for _ in range(5):
                await asyncio.sleep(0)

            assert b"ok" == response.body
            assert not [view for view in gc.get_objects() if isinstance(view, memoryview) and view.nbytes == 300_000]
        finally:
            gc.enable()


async def test_a_body_in_tiny_chunks_does_not_weigh_many_times_its_size():
    """A peer that sends byte by byte must not have us keep an object for each."""
    chunks = b"2\r\nab\r\n" * 100_000
    async with serving(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n") as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=GIVEN)
        reading = asyncio.create_task(response.body.read())
        most = 0
        while not reading.done():
            most = max(most, len(response.body._pieces))
            await asyncio.sleep(0)

        assert b"ab" * 100_000 == await reading
        assert most < 40_000
        await http_client.close()


async def test_a_connection_that_its_server_closes_is_not_handed_to_a_call_that_waits():
    """One that does not announce the end would cost each second call an attempt."""

    async def respond_and_close(exchange):
        await exchange.read_body()
        await exchange.send(OK)
        exchange.close()

    async with serving(*[respond_and_close] * 40) as server:
        http_client = AioHTTPClient(max_connections=2)

        async def call():
            response = await http_client.send(request_to(server), timeout=GIVEN)
            await response.body.read()

        outcomes = await asyncio.gather(*[call() for _ in range(40)], return_exceptions=True)

        assert sum(isinstance(each, ConnectionLostError) for each in outcomes) < 10
        await http_client.close()
