"""Event streams for a server on loopback to send, and how a test reads them."""

from __future__ import annotations

import asyncio
import gc

from transport.servers import other_tasks

from sagemaker_runtime import InvokeEndpointWithResponseStreamInput
from sagemaker_runtime.streams.frames import Message, encode

PARAMS = InvokeEndpointWithResponseStreamInput(endpoint_name="llm", body=b"Why?")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nx-amzn-RequestId: abc-123\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def part(payload: bytes) -> bytes:
    return encode(Message({":message-type": "event", ":event-type": "PayloadPart"}, payload))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


ONE, TWO = part(b"one"), part(b"two")
HALF = CHUNKED + chunk(ONE)
WHOLE = HALF + chunk(TWO) + END


def half(exchange):
    """Send a stream's start, and wait until the client goes."""
    return hold(exchange, HALF)


async def hold(exchange, data):
    await exchange.read_body()
    await exchange.send(data)
    await exchange.until_peer_closes()


async def open_stream(client, *opt_fns):
    return (await client.invoke_endpoint_with_response_stream(PARAMS, *opt_fns)).body


async def read(stream, got=None):
    """The bytes of the parts; *got* has those before a failure too."""
    got = [] if got is None else got
    async with stream:
        async for event in stream:
            got.append(event.bytes)
    return got


async def assert_nothing_left(server):
    await server.until_open(0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert set() == other_tasks(server)
    gc.collect()  # what was never closed would warn here
