"""Containers that speak WebSocket: what reaches them, and what their frames become. They run on aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web
from local.backends.containers import listening
from local.duplex_client import Peer, Stream, connected, event
from support import ManualClock

from sagemaker_runtime.local import Container, Duplex, LocalEndpoint, Variants

Talk = Callable[[web.WebSocketResponse, web.Request], Awaitable[object]]
ANY_TIME = 30.0  # seconds; the platform's 250 ms are too short for a machine under load


@asynccontextmanager
async def container(talk: Talk) -> AsyncIterator[str]:
    """The URL of a container that talks so."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/ping":
            return web.Response()
        if request.headers.get("upgrade") != "websocket":
            return web.Response(status=404)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await talk(socket, request)
        return socket

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    async with listening(application) as url:
        yield url


@asynccontextmanager
async def talking(talk: Talk, **options: float) -> AsyncIterator[Peer]:
    async with (
        container(talk) as url,
        LocalEndpoint({"it": Container(url, **{"accept_timeout": ANY_TIME, **options})}) as local,
        connected(local) as peer,
    ):
        yield peer


async def echo(socket: web.WebSocketResponse, request: web.Request) -> None:
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(f"{request.path_qs} {message.data}")
        else:
            await socket.send_bytes(message.data)


async def test_text_and_bytes_go_both_ways() -> None:
    """A part is one frame; DataType says of which kind."""
    async with talking(echo) as peer:
        stream = peer.call()
        stream.send("one")
        await stream.until("/invocations-bidirectional-stream one")
        stream.send(b"two", end=True)
        await stream.done()

    assert ["/invocations-bidirectional-stream one", "b:two"] == stream.said
    assert (200, True, None) == (stream.status, stream.ended, stream.reset)


async def test_the_caller_says_where_the_container_listens() -> None:
    """Path and query of the WebSocket are members of the request."""
    async with talking(echo) as peer:
        stream = peer.call(
            headers={
                "x-amzn-sagemaker-model-invocation-path": "v1/listen",
                "x-amzn-sagemaker-model-query-string": "language=de&rate=16000",
            }
        )
        stream.send("one", end=True)
        await stream.done()

    assert ["/v1/listen?language=de&rate=16000 one"] == stream.said


async def test_partial_parts_are_fragments_of_one_message() -> None:
    """The container gets one message, even if a character was cut."""
    async with talking(echo) as peer:
        stream = peer.call()
        for data, data_type, state in (
            (b"caf\xc3", "UTF8", "PARTIAL"),
            (b"\xa9", "UTF8", "COMPLETE"),
            (b"\x00", "BINARY", "PARTIAL"),
            (b"\x01", None, None),
        ):
            stream.write(stream.signed(event(data, data_type, state)))
        stream.send(end=True)
        await stream.done()

    assert ["/invocations-bidirectional-stream café", "b:\x00\x01"] == stream.said


async def test_fragments_of_the_container_are_partial_parts() -> None:
    """Frames are neither merged nor split, whatever pieces TCP brings them in."""
    frames = b"\x01\x03one" + b"\x80\x03two" + b"\x02\x01\xff" + b"\x00\x00" + b"\x80\x01\xfe"

    async def fragments(socket: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        assert isinstance(request.transport, asyncio.WriteTransport)
        for byte in frames:
            request.transport.write(bytes([byte]))
            await asyncio.sleep(0)
        await socket.receive()

    async with talking(fragments) as peer:
        stream = peer.call()
        await stream.until("one+", "two", "b:\ufffd+", "b:+", "b:\ufffd")


async def test_a_ping_of_the_container_is_answered() -> None:
    """It would give the connection up."""
    answered = asyncio.Event()

    async def pings(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.ping(b"there?")
        message = await socket.receive()
        assert (WSMsgType.PONG, b"there?") == (message.type, message.data)
        answered.set()
        await socket.receive()

    async with talking(pings) as peer:
        peer.call()
        async with asyncio.timeout(10):
            await answered.wait()


async def test_a_container_that_answers_no_ping_is_given_up() -> None:
    """Every 60 s, five times: the platform's own numbers."""
    clock, came = ManualClock(auto=False), asyncio.Queue[bytes]()

    async def ignores(socket: web.WebSocketResponse, request: web.Request) -> None:
        while (message := await socket.receive()).type is WSMsgType.PING:
            came.put_nowait(message.data)

    async with (
        container(ignores) as url,
        LocalEndpoint({"it": Container(url, accept_timeout=ANY_TIME, clock=clock)}) as local,
        connected(local) as peer,
    ):
        stream = peer.call()
        await peer.until(lambda: stream.status == 200)
        for number in range(5):
            while len(clock.slept) <= number:
                await asyncio.sleep(0)
            clock.advance(60)
            async with asyncio.timeout(10):
                assert b"" == await came.get()
        assert not stream.ended
        while len(clock.slept) < 6:
            await asyncio.sleep(0)
        clock.advance(60)
        await stream.done()

    assert ["ModelStreamError: StreamBroken: The container answered none of 5 pings."] == stream.said


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        (1011, b"out of memory", "1011: The container closed the WebSocket with the code 1011: out of memory"),
        (1000, b"", "1000: The container closed the WebSocket with the code 1000"),
        (4001, b"", "4001: The container closed the WebSocket with the code 4001"),
    ],
)
async def test_a_container_that_closes_first_has_failed(code: int, reason: bytes, said: str) -> None:
    """Its code is the error's; what it said before has come."""

    async def closes(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.send_str("bye")
        await socket.close(code=code, message=reason)

    async with talking(closes) as peer:
        stream = peer.call()
        await stream.done()

    assert ["bye", f"ModelStreamError: {said}"] == stream.said


async def test_what_a_container_says_late_comes_too() -> None:
    """The caller has ended; the answer to its last words is still to come."""

    async def late(socket: web.WebSocketResponse, request: web.Request) -> None:
        async for message in socket:
            if message.data == "last":
                await socket.send_str("one")
                await socket.send_str("two")

    async with talking(late) as peer:
        stream = peer.call()
        stream.send("first", "last", end=True)
        await stream.done()

    assert (["one", "two"], True, None) == (stream.said, stream.ended, stream.reset)


async def test_a_container_that_drops_the_connection_is_a_broken_stream() -> None:
    """The service's word for it is StreamBroken."""

    async def drops(socket: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.abort()

    async with talking(drops) as peer:
        stream = peer.call()
        await stream.done()

    assert ["ModelStreamError: StreamBroken: The container dropped the WebSocket."] == stream.said


async def test_a_container_that_does_not_close_is_given_up() -> None:
    """Or the call would last as long as it likes."""
    over = asyncio.Event()

    async def stays(socket: web.WebSocketResponse, request: web.Request) -> None:
        await over.wait()  # and does not read

    async with talking(stays, timeout=0.01) as peer:
        stream = peer.call()
        stream.send(end=True)
        await stream.done()
        over.set()

    assert stream.said[0].endswith("did not close the WebSocket within 0.01 s.")


@pytest.mark.parametrize(
    ("send", "words"),
    [
        (lambda stream: stream.signed(event(b"\xff", "UTF8")), "A text is not UTF-8: invalid start byte."),
        (
            lambda stream: (
                stream.signed(event(b"a", "UTF8", "PARTIAL")) + stream.signed(event(b"b", "BINARY", "COMPLETE"))
            ),
            "The parts of one message must have one DataType.",
        ),
    ],
)
async def test_what_no_websocket_can_carry_is_refused(send: Callable[[Stream], bytes], words: str) -> None:
    """It is the caller's mistake, and not the container's."""
    async with talking(echo) as peer:
        stream = peer.call()
        stream.write(send(stream))
        await stream.done()

    assert [f"InputValidationError: None: {words}"] == stream.said


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """The URL of a container that is healthy, and answers the request for a WebSocket with just these bytes, or never."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /ping"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            elif answer is None:
                await reader.read()
            else:
                writer.write(answer)

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("answer", "limit", "status", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", ANY_TIME, 404, "gone"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ANY_TIME, 503, ""),
        (b"what?\r\n\r\n", ANY_TIME, 0, "The container does not speak WebSocket"),
        (b"", ANY_TIME, 0, "The container"),
        (None, 0.02, 0, "The container did not accept the WebSocket within 20 ms."),
    ],
)
async def test_a_container_that_accepts_no_websocket_is_a_model_error(
    answer: bytes | None, limit: float, status: int, words: str
) -> None:
    """There is a status to say it with: nothing of the response has come."""
    async with (
        answering(answer) as url,
        LocalEndpoint({"it": Container(url, accept_timeout=limit)}) as local,
        connected(local) as peer,
    ):
        stream = peer.call()
        await stream.done()

    name, document = stream.error
    assert (424, "ModelError", status) == (stream.status, name, document["OriginalStatusCode"])
    assert document["OriginalMessage"].startswith(words)


def test_a_container_has_as_long_as_the_platform_gives_it() -> None:
    """To accept: 250 ms."""
    assert 0.25 == Container("http://127.0.0.1:1")._accept_timeout


async def test_a_caller_that_leaves_closes_the_connection_to_the_container() -> None:
    """It may hold a GPU."""
    left = asyncio.Event()

    async def waits(socket: web.WebSocketResponse, request: web.Request) -> None:
        try:
            await socket.receive()
        finally:
            left.set()

    async with talking(waits) as peer:
        stream = peer.call()
        await peer.until(lambda: stream.status == 200)
        peer.h2.reset_stream(stream.number)
        peer.flush()

        async with asyncio.timeout(10):
            await left.wait()


async def test_a_variant_is_chosen_and_named() -> None:
    """By weight, or by the caller; the head says which it was."""

    async def mumble(conversation: object) -> AsyncIterator[str]:
        yield "mm"

    async with (
        container(echo) as url,
        LocalEndpoint(
            {"it": Variants({"one": (Container(url, accept_timeout=ANY_TIME), 1.0), "two": (Duplex(mumble), 0.0)})}
        ) as local,
        connected(local) as peer,
    ):
        first = peer.call()
        second = peer.call(headers={"x-amzn-sagemaker-target-variant": "two"})
        third = peer.call(headers={"x-amzn-sagemaker-target-variant": "three"})
        first.send("a", end=True)
        for stream in (first, second, third):
            await stream.done()

    assert first.head is not None
    assert second.head is not None
    assert ("one", "two") == tuple(stream.head["x-amzn-invoked-production-variant"] for stream in (first, second))
    assert ["mm"] == second.said
    assert (400, "InputValidationError") == (third.status, third.error[0])
