"""A peer that breaks the protocol in ways that h2 forgives, or floods: the caller gets an error of ours, and soon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from duplex_server import ServerStream, duplex_client, duplex_server, echo
from h2.settings import SettingCodes
from hyperframe.frame import SettingsFrame

from sagemaker_runtime import (
    ConnectionLostError,
    DuplexStream,
    HTTP2Client,
    InvokeEndpointWithBidirectionalStreamInput,
    NopRetryer,
    ServiceUnavailableError,
    TruncatedResponseError,
)
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


async def test_the_body_of_an_error_is_read_for_a_while_only() -> None:
    """One that never ends would hold up its caller for ever, and fill the memory."""

    async def script(stream: ServerStream) -> None:
        stream.respond(503, x_amzn_errortype="ServiceUnavailableError")
        while stream.reset_code is None:
            await stream.send(b"x" * 10)
            await asyncio.sleep(0.1)

    async with duplex_server(script) as server, duplex_client(server, retryer=NopRetryer()) as client:
        async with asyncio.timeout(SOON):
            with pytest.raises(ServiceUnavailableError):
                async with await client.invoke_endpoint_with_bidirectional_stream(INPUT) as stream:
                    await _read(stream)


async def test_a_limit_that_shrinks_as_a_call_begins_makes_it_wait() -> None:
    """A place is promised under the limit of that time, and h2 refuses what is over the limit of now."""
    async with duplex_server(echo, max_streams=2) as server:
        own = HTTP2Client(proxies={}, max_connections=1)
        async with duplex_client(server, duplex_http_client=own) as client:
            first = await client.invoke_endpoint_with_bidirectional_stream(INPUT)
            other = await client.invoke_endpoint_with_bidirectional_stream(INPUT)
            waits = asyncio.create_task(client.invoke_endpoint_with_bidirectional_stream(INPUT))
            await asyncio.sleep(0.01)
            (pool,) = own._pools.values()
            (site,) = pool._sites.values()
            (connection,) = site.connections
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
