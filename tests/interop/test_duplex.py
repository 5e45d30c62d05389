"""Duplex calls to a server that nobody here wrote: node's HTTP/2."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from interop.running import HERE, WHY_SKIPPED

from sagemaker_runtime import (
    Client,
    InvokeEndpointWithBidirectionalStreamInput,
    NopRetryer,
    Options,
    RefusedStreamError,
    ServiceError,
    StandardRetryer,
    StaticCredentialsProvider,
    override,
)

if "INTEROP_ENVIRONMENTS" not in os.environ:
    pytest.skip(WHY_SKIPPED, allow_module_level=True)
NODE = shutil.which("node")
if NODE is None:
    pytest.skip("node is not installed", allow_module_level=True)

QUICK = override(retryer=StandardRetryer(base_delay=0.01))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [str(NODE), str(HERE / "servers" / "duplex.js")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:  # noqa: S603 - ours
        assert node.stdin is not None
        assert node.stdout is not None
        yield f"http://127.0.0.1:{node.stdout.readline().strip()}"
        node.stdin.close()
        node.wait(timeout=20)


def client_of(url: str) -> Client:
    keys = StaticCredentialsProvider("AKID", "secret")
    return Client(Options(region="us-east-1", credentials=keys, base_endpoint=url, retryer=NopRetryer()), QUICK)


async def talk(client: Client, name: str) -> None:
    params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name=name)
    async with asyncio.timeout(20), await client.invoke_endpoint_with_bidirectional_stream(params) as stream:

        async def speak() -> None:
            for number in range(20):
                await stream.send(str(number))
            await stream.end()

        speaking = asyncio.create_task(speak())
        got = [part.text async for part in stream]
        await speaking
    assert [str(number) for number in range(20)] == got


@pytest.mark.parametrize(("name", "count"), [("echo", 200), ("trailers", 20), ("goaway", 3)])
async def test_each_conversation_is_whole(url: str, name: str, count: int) -> None:
    """Through a limit of ten streams on a connection; with trailers; and with a connection that goes away."""
    async with client_of(url) as client:
        await asyncio.gather(*(talk(client, name) for _ in range(count)))


@pytest.mark.parametrize(("name", "error"), [("refuse", ServiceError), ("reset", RefusedStreamError)])
async def test_a_refusal_is_the_error_that_was_sent(url: str, name: str, error: type[Exception]) -> None:
    """With NO_ERROR behind the response, or without a response."""
    async with client_of(url) as client:
        with pytest.raises(error):
            await talk(client, name)


async def test_a_large_part_goes_through_its_windows(url: str) -> None:
    """Two megabytes, of which its window takes 64 KiB at a time."""
    part = bytes(2_000_000)
    params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="echo")
    async with client_of(url) as client, await client.invoke_endpoint_with_bidirectional_stream(params) as stream:
        sending = asyncio.create_task(stream.send(part))
        assert part == (await anext(stream)).bytes
        await sending
