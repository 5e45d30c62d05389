"""A time limit is about bytes that move: it begins anew with each byte that the peer takes, or sends."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import support
from transport.servers import OK, client_for, params, serving

from sagemaker_runtime import AioHTTPClient, Client, NopRetryer, ReadTimeoutError, Timeout, WriteTimeoutError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say how much the peer has taken")


@contextmanager
def reading_slowly(size: int, until: int | None = None) -> Iterator[str]:
    """A server, in a thread, that takes 8,000 bytes every 20 ms, and after *until* bytes of *size* no more."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)  # what accept() gives inherits it
    over = threading.Event()

    def read() -> None:
        connection, _ = listening.accept()
        with connection:
            got = 0
            while got < (size if until is None else until) and (piece := connection.recv(8_000)):
                got += len(piece)
                time.sleep(0.02)
            if until is None:
                connection.sendall(OK)
            over.wait()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        listening.close()
        thread.join()


async def call(url: str, size: int, timeout: Timeout) -> bytes:
    transport = AioHTTPClient()
    options = support.options(base_endpoint=url, http_client=transport, timeout=timeout, retryer=NopRetryer())
    try:
        return (await Client(options).invoke_endpoint(params(b"x" * size))).body
    finally:
        await transport.close()


async def test_an_upload_over_a_slow_link_lasts_as_long_as_it_takes():
    """Steady progress is no stand-still, although no part of the body takes less than the limit."""
    loop, size, limit = asyncio.get_running_loop(), 400_000, 0.3
    began = loop.time()
    with reading_slowly(size) as url:
        body = await call(url, size, Timeout(write=limit, read=10))

        assert b"ok" == body
        assert loop.time() - began > 2 * limit


async def test_an_upload_that_stands_still_after_a_while_is_ended():
    """Progress before does not count any more, once the peer takes nothing."""
    with (
        reading_slowly(6_000_000, until=100_000) as url,
        pytest.raises(WriteTimeoutError, match=r"accepted none of the request for 0\.3 s"),
    ):
        await call(url, 6_000_000, Timeout(write=0.3, read=10))


async def test_the_read_limit_begins_when_the_peer_has_all_of_the_request():
    """What waits in the kernel of a slow link has not been sent, so there can be no response to it yet."""
    with reading_slowly(300_000) as url:  # which the kernel takes at once
        assert b"ok" == await call(url, 300_000, Timeout(write=0.3, read=0.3))


@pytest.mark.parametrize("pieces", [[b"HTTP/1.1 200", b" OK\r\nContent-", b"Length: 2\r\n", b"\r\no", b"k"]])
async def test_each_byte_of_a_response_begins_the_read_limit_anew(pieces):
    """Those of its head too: a slow gateway is not one that is gone."""

    async def drip(exchange):
        await exchange.read_body()
        for piece in pieces:
            await asyncio.sleep(0.06)
            await exchange.send(piece)

    async with serving(drip) as server, client_for(server, timeout=Timeout(read=0.15), retryer=NopRetryer()) as client:
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
