"""Many streams: places, limits, second connections, GOAWAY, windows, cancellation, loops and forks."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import ssl
import tracemalloc
from collections import Counter
from contextlib import suppress

import pytest
from duplex_server import DuplexServer, Script, ServerStream, duplex_client, duplex_server, echo

from sagemaker_runtime import (
    Client,
    ConfigError,
    ConnectError,
    DuplexStream,
    Headers,
    HTTP2Client,
    InvokeEndpointWithBidirectionalStreamInput,
    Request,
    SageMakerRuntimeError,
    StandardRetryer,
)
from sagemaker_runtime.transport.h2.goaway import GoAway, GoAwaySplitter
from sagemaker_runtime.transport.h2.head import request_fields

INPUT = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="talker")
QUICK = StandardRetryer(base_delay=0.001, throttling_base_delay=0.001)


async def opened(client: Client) -> DuplexStream:
    return await client.invoke_endpoint_with_bidirectional_stream(INPUT)


async def talk(client: Client, parts: int = 3) -> None:
    """A whole conversation."""
    async with await opened(client) as stream:

        async def speak() -> None:
            for number in range(parts):
                await stream.send(str(number))
            await stream.end()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(speak())
            got = [part.text async for part in stream]
    assert [str(number) for number in range(parts)] == got


def connections(client: HTTP2Client) -> list[object]:
    return [
        connection
        for pool in client._pools.values()
        for site in pool._sites.values()
        for connection in site.connections
    ]


def nothing_is_left(client: HTTP2Client) -> bool:
    """No stream, no promised place, nobody who waits."""
    sites = [site for pool in client._pools.values() for site in pool._sites.values()]
    return not any(site.waiters or site.connecting for site in sites) and all(
        not connection.exchanges and not connection.reserved for site in sites for connection in site.connections
    )


def first_of(error: BaseException) -> BaseException:
    return first_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def echo_from(count: int) -> Script:
    """Echoes, but nothing before *count* streams have begun: otherwise the first may end before the last begin."""
    begun = asyncio.Event()

    async def script(stream: ServerStream) -> None:
        if len(stream.connection.server.streams) >= count:
            begun.set()
        await begun.wait()
        await echo(stream)

    return script


async def test_streams_share_a_connection() -> None:
    """A handshake a stream would be slower than the conversation."""
    async with duplex_server(echo) as server, duplex_client(server) as client:
        await asyncio.gather(*(talk(client) for _ in range(50)))

        assert 1 == len(server.connections)


async def test_a_second_connection_is_opened_when_the_first_is_full() -> None:
    """And not before; those that end give their place on."""
    most = Counter[int]()
    echo_then = echo_from(3 * 5)

    async def script(stream: ServerStream) -> None:
        open_now = sum(not each.gone.is_set() for each in stream.connection.streams.values())
        most[id(stream.connection)] = max(most[id(stream.connection)], open_now)
        await echo_then(stream)
        stream.gone.set()

    own = HTTP2Client(proxies={}, max_connections=3)
    async with duplex_server(script, max_streams=5) as server:
        async with duplex_client(server, duplex_http_client=own) as client:
            await asyncio.gather(*(talk(client) for _ in range(40)))
        await own.close()

    assert 3 == len(server.connections)
    assert all(streams <= 5 for streams in most.values())


@pytest.mark.slow
async def test_five_hundred_opened_at_once_through_a_limit_of_a_hundred_all_succeed() -> None:
    """A burst, as when a conference begins."""
    async with duplex_server(echo_from(500), max_streams=100) as server, duplex_client(server) as client:
        await asyncio.gather(*(talk(client) for _ in range(500)))

        assert 5 == len(server.connections)


@pytest.mark.parametrize("count", [60, pytest.param(1_000, marks=pytest.mark.slow)])
async def test_each_of_many_streams_is_a_whole_conversation_or_a_typed_error(count: int) -> None:
    """With one in ten that fails, in each way: parts in order, none twice, and nothing is left open."""
    dice = random.Random(7)
    faulty = 0

    async def script(stream: ServerStream) -> None:
        nonlocal faulty
        if dice.random() >= 0.1:
            await echo(stream)
            return
        faulty += 1
        match dice.randrange(6):
            case 0:
                stream.refuse(400, "InputValidationError")
            case 1:
                stream.respond()
                await stream.exception(Message="gone")
                stream.reset(0)
            case 2:
                stream.reset(2)
            case 3:
                stream.respond()
                await stream.send(b"\0\0\0\1")
                stream.end()
            case 4:
                stream.reset(7)
            case _:
                stream.refuse(503, "ServiceUnavailableError")

    async with duplex_server(script) as server:
        own = HTTP2Client(proxies={})
        async with duplex_client(server, retryer=QUICK, duplex_http_client=own) as client:
            results = await asyncio.gather(*(talk(client, 20) for _ in range(count)), return_exceptions=True)
            failed = [first_of(result) for result in results if result is not None]
            assert [] == [error for error in failed if not isinstance(error, SageMakerRuntimeError)]
            assert 0 < len(failed) < faulty
            assert nothing_is_left(own)
        await own.close()
    assert 1 == len(asyncio.all_tasks())


async def test_a_going_away_connection_finishes_its_streams_and_takes_no_others() -> None:
    """A deployment on the other side: nothing is lost, and the next call goes elsewhere."""

    async def script(stream: ServerStream) -> None:
        if len(server.connections) == 1:
            stream.connection.go_away(stream.id)
        await echo(stream)

    async with duplex_server(script) as server, duplex_client(server) as client:
        first = await opened(client)
        await first.send("one")
        assert "one" == (await anext(first)).text
        await talk(client)
        await first.send("two")
        assert "two" == (await anext(first)).text
        await first.end()
        await first.aclose()

        assert 2 == len(server.connections)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 17, 1_000])
def test_goaways_are_taken_out_whatever_pieces_they_come_in(size: int) -> None:
    """h2 would end its state machine with the first, and the streams that may still go on with it."""
    ping = b"\0\0\x08\6\0\0\0\0\0" + bytes(8)
    goaway = b"\0\0\x0c\7\0\0\0\0\0" + (5).to_bytes(4) + (2).to_bytes(4) + b"why?"
    data = ping + goaway + ping + ping + goaway + goaway + ping
    splitter = GoAwaySplitter()

    left, found = b"", list[GoAway]()
    for at in range(0, len(data), size):
        piece, goaways = splitter.split(data[at : at + size])
        left += piece
        found += goaways

    assert (ping * 4, [GoAway(5, 2)] * 3) == (left, found)


@pytest.mark.parametrize("parts", [500, pytest.param(20_000, marks=pytest.mark.slow)])
async def test_a_reader_that_stops_makes_the_sender_wait_and_memory_stays_flat(parts: int) -> None:
    """Back pressure, end to end: neither side holds more than its windows."""
    sent = 0

    async def script(stream: ServerStream) -> None:
        nonlocal sent
        stream.respond()
        while True:
            await stream.part(bytes(10_000))
            sent += 10_000

    serving = duplex_server(script, limit=100)  # seconds; with every object and line counted, 200 MB take some
    async with serving as server, duplex_client(server) as client, await opened(client) as stream:
        await anext(stream)
        await asyncio.sleep(0.05)
        held = sent
        await asyncio.sleep(0.05)
        assert held == sent < 1_000_000
        tracemalloc.start()
        for _ in range(parts):  # of 10 kB: 200 MB where it is slow
            await anext(stream)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        stream.close()

    assert peak < 3_000_000


async def test_the_connections_window_is_given_back_for_what_nobody_has_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each conversation that is left early would otherwise take a piece of it, until nobody can speak any more."""
    monkeypatch.setattr("sagemaker_runtime.transport.h2.connection._CONNECTION_WINDOW", 200_000)

    async def script(stream: ServerStream) -> None:
        stream.respond()
        await stream.part(bytes(100_000))
        stream.end()
        await stream.drained()

    async with duplex_server(script) as server, duplex_client(server) as client:
        for _ in range(20):
            async with asyncio.timeout(2):
                stream = await opened(client)
                await stream.initial_response()
                await asyncio.sleep(0.002)
                await stream.aclose()

        assert 1 == len(server.connections)


async def test_a_peer_that_lives_and_says_nothing_is_left_alone() -> None:
    """A model may listen for an hour: it responds to each PING."""

    async def script(stream: ServerStream) -> None:
        stream.respond()
        await asyncio.sleep(0.4)
        await stream.part("hm")
        stream.end()

    own = HTTP2Client(proxies={}, keep_alive=0.1)
    async with duplex_server(script) as server:
        async with duplex_client(server, duplex_http_client=own) as client, await opened(client) as stream:
            assert ["hm"] == [part.text async for part in stream]
        await own.close()


async def test_a_peer_that_takes_nothing_makes_the_sender_wait() -> None:
    """No more is queued than one part."""
    may_read = asyncio.Event()

    async def script(stream: ServerStream) -> None:
        stream.respond()
        await may_read.wait()
        stream.connection.server.reads = True
        while (data := await stream.read()) is not None:
            stream.connection.h2.acknowledge_received_data(len(data), stream.id)
            stream.connection.flush()

    async with duplex_server(script, reads=False) as server, duplex_client(server) as client:
        stream = await opened(client)
        sent = 0

        async def speak() -> None:
            nonlocal sent
            for _ in range(100):
                await stream.send(bytes(3_200))
                sent += 1

        speaking = asyncio.create_task(speak())
        await asyncio.sleep(0.1)
        assert sent * 3_200 < 65_536
        may_read.set()
        await stream.aclose()
        with suppress(SageMakerRuntimeError):
            await speaking


@pytest.mark.parametrize("turns", [*range(24), *range(24, 60, 3)])
async def test_a_call_that_is_cancelled_at_any_turn_leaves_nothing(turns: int) -> None:
    """No stream, no task, and no place, wherever it was: connecting, sending, reading, ending."""

    async def script(stream: ServerStream) -> None:
        await echo(stream)

    own = HTTP2Client(proxies={})
    async with duplex_server(script, max_streams=1) as server, duplex_client(server, duplex_http_client=own) as client:
        if turns % 2:
            await talk(client, 1)  # so that a connection stands
        calls = [asyncio.create_task(talk(client)) for _ in range(2)]
        for _ in range(turns):
            await asyncio.sleep(0)
        calls[0].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert results[1] is None
        await talk(client, 1)
        assert nothing_is_left(own)
        await own.close()
    assert 1 == len(asyncio.all_tasks())


async def test_a_send_that_is_cancelled_leaves_the_chain_of_signatures_whole() -> None:
    """Whole or not at all: half a frame, or a signature that nobody has seen, would end the conversation."""
    got: list[bytes] = []
    may_read = asyncio.Event()

    async def script(stream: ServerStream) -> None:
        stream.respond()
        await may_read.wait()
        stream.connection.h2.acknowledge_received_data(65_535, stream.id)
        stream.connection.server.reads = True
        stream.connection.flush()
        got.extend([message.payload[:1] async for message in stream.events()])
        stream.end()

    async with (
        duplex_server(script, reads=False) as server,
        duplex_client(server) as client,
        await opened(client) as stream,
    ):
        await stream.send(b"a" * 60_000)
        stuck = [asyncio.create_task(stream.send(bytes([98 + number]) * 30_000)) for number in range(3)]
        await asyncio.sleep(0.005)
        for task in stuck[:2]:
            task.cancel()
        may_read.set()
        await asyncio.gather(*stuck, return_exceptions=True)
        await stream.send(b"z")

    assert got[0] == b"a"
    assert got[-1] == b"z"
    assert b"d" in got
    assert sorted(got) == got


def test_one_client_serves_one_loop_after_another() -> None:
    """Two asyncio.run in a row, as scripts and notebooks do."""
    own = HTTP2Client(proxies={})

    async def once() -> None:
        async with duplex_server(echo) as server:
            client = duplex_client(server, duplex_http_client=own)
            await talk(client)
            assert 1 == len(connections(own))

    asyncio.run(once())
    asyncio.run(once())
    gc.collect()


async def test_two_clients_have_connections_of_their_own() -> None:
    """What one closes is not the other's."""
    async with duplex_server(echo) as server, duplex_client(server) as one:
        async with duplex_client(server) as other:
            await talk(one)
            await talk(other)
        await talk(one)

        assert 2 == len(server.connections)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
async def test_a_child_process_leaves_the_connections_to_its_parent() -> None:
    """It would otherwise end them, or write into them."""
    own = HTTP2Client(proxies={})
    async with duplex_server(echo) as server, duplex_client(server, duplex_http_client=own) as client:
        stream = await opened(client)
        await stream.send("before")
        await anext(stream)
        pid = os.fork()
        if pid == 0:
            try:
                stream.close()
                asyncio.run(talk(client))
            finally:
                os._exit(0 if nothing_is_left(own) else 1)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        await stream.send("after")
        assert "after" == (await anext(stream)).text
        await stream.end()
        await stream.aclose()
        await own.close()

    assert 0 == os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"headers": Headers({"connection": "close"})}, "Connection cannot be sent over HTTP/2"),
        ({"headers": Headers({"content-length": "3"})}, "Content-Length cannot be sent over HTTP/2"),
        ({"headers": Headers({"te": "trailers"})}, "Te cannot be sent over HTTP/2"),
        ({"headers": Headers({"host": "other"})}, "'host' is not 'h:1'"),
        ({"headers": Headers.of_raw({"x": "a\nb"})}, "the value of header 'x'"),
        ({"headers": Headers.of_raw({"X": "a"})}, "write its name in lower case"),
        ({"headers": Headers.of_raw({"a b": "a"})}, "a b"),
        ({"path": "/a b"}, "percent-encode"),
        ({"path": "a"}, "percent-encode"),
        ({"body": b"x"}, "cannot have a body"),
        ({"host": "h/x"}, "nothing can be sent to"),
        ({"host": 3}, "nothing can be sent to"),
    ],
)
def test_what_a_server_would_drop_the_connection_for_is_refused_here(change: dict[str, object], problem: str) -> None:
    """One bad header would end the conversations of all others on the connection."""
    request = Request("POST", scheme="https", host="h:1", path="/p", query="q=1")
    for name, value in change.items():
        setattr(request, name, value)

    with pytest.raises(ConfigError, match=problem):
        request_fields(request)


def test_the_fields_of_a_request_are_in_order_and_the_host_is_the_authority() -> None:
    """The pseudo-headers come first, or the server refuses the stream."""
    request = Request(
        "POST", scheme="https", host="h:1", path="/p", query="q=1", headers=Headers({"Host": "h:1", "A": "b"})
    )

    assert [(":method", "POST"), (":scheme", "https"), (":authority", "h:1"), (":path", "/p?q=1"), ("a", "b")] == (
        request_fields(request)
    )


@pytest.mark.parametrize(
    "arguments", [{"max_connections": 0}, {"max_connections": "x"}, {"keep_alive": 0}, {"keep_alive": "x"}]
)
def test_a_value_that_makes_no_sense_is_refused(arguments: dict[str, object]) -> None:
    """Where it is made, and not at the first call."""
    with pytest.raises(ConfigError):
        HTTP2Client(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_settles_on_http_2(tls, self_signed, version: ssl.TLSVersion) -> None:
    """The service's own way; and a certificate of one's own authority. With TLS 1.2, the settings come with the handshake."""
    tls.maximum_version = version
    own = HTTP2Client(ca_bundle=self_signed, proxies={})
    async with duplex_server(echo, tls=tls) as server:
        async with duplex_client(server, duplex_http_client=own) as client:
            await asyncio.gather(*(talk(client) for _ in range(5)))
        await own.close()

    assert 1 == len(server.connections)


async def test_a_server_that_settles_on_something_else_is_no_connection(tls, self_signed) -> None:
    """The port of the other operations."""
    own = HTTP2Client(ca_bundle=self_signed, proxies={})
    tls.set_alpn_protocols(["http/1.1"])
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=tls)
    server = DuplexServer(echo)
    server.url = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with duplex_client(server, duplex_http_client=own, retryer=QUICK) as client:
        with pytest.raises(ConnectError, match="the server does not speak HTTP/2: TLS negotiated no protocol"):
            await opened(client)
    await own.close()
    listening.close()


async def test_a_proxy_for_plain_http_is_refused() -> None:
    """It would read HTTP/2 as HTTP/1.1; https goes through a tunnel."""
    own = HTTP2Client(proxies={"http": "http://127.0.0.1:1"})
    async with duplex_server(echo) as server, duplex_client(server, duplex_http_client=own) as client:
        with pytest.raises(ConfigError, match="HTTP/2 through a proxy requires https"):
            await opened(client)
    await own.close()


@pytest.mark.parametrize("proxy_scheme", ["http", "https"])
async def test_https_goes_through_the_tunnel_of_a_proxy(tls, self_signed, proxy_scheme) -> None:
    """The proxy sees the host and its own password, and nothing of the conversation."""
    heads: list[bytes] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        there = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pass_on(there[0], writer), pass_on(reader, there[1]))

    proxy_tls = tls if proxy_scheme == "https" else None
    async with duplex_server(echo, tls=tls) as server:
        proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0, ssl=proxy_tls)
        at = f"{proxy_scheme}://user:hush@127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        own = HTTP2Client(ca_bundle=self_signed, proxies={"https": at})
        async with duplex_client(server, duplex_http_client=own) as client:
            await asyncio.gather(*(talk(client) for _ in range(5)))
        await own.close()
        proxy.close()
        await asyncio.sleep(0.01)

    (head,) = heads
    assert head.startswith(f"CONNECT {server.url.removeprefix('https://')} HTTP/1.1".encode())
    assert "proxy-authorization" not in server.streams[0].headers
