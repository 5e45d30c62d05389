"""A peer that breaks the protocol in ways that h2 forgives, or floods: the caller gets an error of ours, and soon."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from duplex_server import DuplexServer, ServerStream, duplex_client, duplex_server, echo
from h2.settings import SettingCodes
from hyperframe.frame import PingFrame, SettingsFrame

from sagemaker_runtime import (
    ConnectError,
    ConnectionLostError,
    DuplexStream,
    HTTP2Client,
    InvokeEndpointWithBidirectionalStreamInput,
    NopRetryer,
    ServiceUnavailableError,
    Timeout,
    TruncatedResponseError,
)
from sagemaker_runtime.transport.h2.connection import Connection
from sagemaker_runtime.transport.h2.goaway import GoAway, GoAwaySplitter

INPUT = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="talker")
SOON = 5.0  # seconds
_TOO_WIDE = b"\0\0\4\x08\0" + (1).to_bytes(4) + (2**31 - 1).to_bytes(4)  # WINDOW_UPDATE of stream 1


async def _read(stream: DuplexStream) -> None:
    async for _ in stream:
        pass


async def _send(stream: DuplexStream) -> None:
    for _ in range(500):
        await stream.send(bytes(3_200))
        await asyncio.sleep(0)


@pytest.mark.parametrize("use", [_read, _send], ids=["read", "send"])
@pytest.mark.parametrize("responds", [False, True])
async def test_a_window_that_overflows_ends_the_stream(
    *, responds: bool, use: Callable[[DuplexStream], Awaitable[None]]
) -> None:
    """RFC 9113, 6.9.1: h2 resets such a stream itself and only says so; who waited for it would wait for ever."""

    async def script(stream: ServerStream) -> None:
        if responds:
            stream.respond()
            await stream.part("one")
            await asyncio.sleep(0.02)
        stream.connection.transport.write(_TOO_WIDE)
        await stream.gone.wait()

    async with duplex_server(script) as server, duplex_client(server, retryer=NopRetryer()) as client:
        async with asyncio.timeout(SOON):
            with pytest.raises(TruncatedResponseError if responds else ConnectionLostError, match="FLOW_CONTROL_ERROR"):
                async with await client.invoke_endpoint_with_bidirectional_stream(INPUT) as stream:
                    await use(stream)


def test_any_number_of_goaways_may_come_at_once() -> None:
    """17 bytes each: one read of a socket has room for more of them than Python has for calls within calls."""
    goaway = b"\0\0\x08\x07\0\0\0\0\0" + (5).to_bytes(4) + (0).to_bytes(4)
    ping = b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)

    rest, found = GoAwaySplitter().split((goaway + ping) * 10_000 + goaway[:9])

    assert (ping * 10_000, [GoAway(5, 0)] * 10_000) == (rest, found)


async def test_the_body_of_an_error_is_read_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never ends would hold up its caller for ever, and fill the memory."""
    monkeypatch.setattr("sagemaker_runtime.transport.h2.body._ERROR_TIME", 0.2)

    async def script(stream: ServerStream) -> None:
        stream.respond(503, x_amzn_errortype="ServiceUnavailableError")
        while stream.reset_code is None:
            await stream.send(b"x" * 10)
            await asyncio.sleep(0.05)

    async with duplex_server(script) as server, duplex_client(server, retryer=NopRetryer()) as client:
        async with asyncio.timeout(SOON):
            with pytest.raises(ServiceUnavailableError):
                async with await client.invoke_endpoint_with_bidirectional_stream(INPUT) as stream:
                    await _read(stream)


async def test_a_peer_that_asks_and_does_not_read_loses_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each PING is to be answered, so that the answers to a flood of them would fill the memory."""
    monkeypatch.setattr("sagemaker_runtime.transport.h2.connection._MOST_UNREAD", 100_000)

    async def script(stream: ServerStream) -> None:
        stream.respond()
        transport = stream.connection.transport
        transport.pause_reading()
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        while not transport.is_closing():
            transport.write(PingFrame(0, bytes(8)).serialize() * 2_000)
            await asyncio.sleep(0)

    async with duplex_server(script) as server:
        own = HTTP2Client(proxies={})
        async with duplex_client(server, duplex_http_client=own, retryer=NopRetryer()) as client:
            async with asyncio.timeout(SOON):
                stream = await client.invoke_endpoint_with_bidirectional_stream(INPUT)
                sending = _connection(own)._transport.get_extra_info("socket")
                sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # or megabytes fit in
                with pytest.raises(TruncatedResponseError, match="it requests more data than it reads"):
                    await _read(stream)
                await stream.aclose()
        await own.close()


def _connection(client: HTTP2Client) -> Connection:
    (pool,) = client._pools.values()
    (site,) = pool._sites.values()
    (connection,) = site.connections
    return connection


def _allows(server: DuplexServer, *limits: int) -> None:
    """Have the server tell all its connections how many streams they may have, one after another."""
    for connection in server.connections:
        for limit in limits:
            connection.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: limit})
        connection.flush()


async def test_a_server_that_takes_no_stream_at_first_is_waited_for() -> None:
    """It "SHOULD only set a zero value for short durations" (RFC 9113, section 6.5.2); until then, nobody else is asked."""
    async with duplex_server(echo, max_streams=0) as server, duplex_client(server) as client:
        calls = [asyncio.create_task(client.invoke_endpoint_with_bidirectional_stream(INPUT)) for _ in range(2)]
        async with asyncio.timeout(SOON):
            while not server.connections:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.02)
            assert [] == server.streams
            assert 1 == len(server.connections)

            _allows(server, 1, 0, 2)  # a change of mind is no invitation
            for call in calls:
                async with await call as stream:
                    await stream.send("now")
                    assert "now" == (await anext(stream)).text

        assert 1 == len(server.connections)


async def test_a_server_that_never_takes_a_stream_is_no_connection() -> None:
    """Within the time for connecting; what was wrong is said."""
    async with (
        duplex_server(echo, max_streams=0) as server,
        duplex_client(server, retryer=NopRetryer(), timeout=Timeout(connect=0.05)) as client,
    ):
        with pytest.raises(ConnectError, match=r"the server allowed no stream for 0\.05 s"):
            async with asyncio.timeout(SOON), await client.invoke_endpoint_with_bidirectional_stream(INPUT) as stream:
                await stream.initial_response()


async def test_a_limit_that_shrinks_as_a_call_begins_makes_it_wait() -> None:
    """A place is promised under the limit of that time, and h2 refuses what is over the limit of now."""
    async with duplex_server(echo, max_streams=2) as server:
        own = HTTP2Client(proxies={}, max_connections=1)
        async with duplex_client(server, duplex_http_client=own) as client:
            first = await client.invoke_endpoint_with_bidirectional_stream(INPUT)
            other = await client.invoke_endpoint_with_bidirectional_stream(INPUT)
            waits = asyncio.create_task(client.invoke_endpoint_with_bidirectional_stream(INPUT))
            await asyncio.sleep(0.01)
            connection = _connection(own)
            shrinks = SettingsFrame(0, settings={SettingCodes.MAX_CONCURRENT_STREAMS: 1}).serialize()

            first.close()
            connection.data_received(shrinks)  # in the turn in which the place is promised
            await asyncio.sleep(0.01)
            assert not waits.done()
            other.close()

            async with asyncio.timeout(SOON), await waits as stream:
                await stream.send("now")
                assert "now" == (await anext(stream)).text
            await first.aclose()
            await other.aclose()
        await own.close()
