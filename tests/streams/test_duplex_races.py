"""Conversations in which two things happen in one turn: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio

from duplex_server import ServerStream, duplex_client, duplex_server, echo

from sagemaker_runtime import (
    InvokeEndpointWithBidirectionalStreamInput,
    StandardRetryer,
)

INPUT = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="talker")


async def test_what_is_sent_during_a_back_off_does_not_push_out_what_was_kept() -> None:
    """The next attempt would be given the parts after it without those before: a wrong conversation, and no error."""
    seen: list[ServerStream] = []

    async def script(stream: ServerStream) -> None:
        seen.append(stream)
        if len(seen) == 1:
            await anext(stream.events())
            stream.refuse(503, "ServiceUnavailableError")
        else:
            await echo(stream)

    slow = StandardRetryer(base_delay=0.2, draw=lambda: 0.99)
    async with duplex_server(script) as server, duplex_client(server, retryer=slow, replay_buffer=1_000) as client:
        async with await client.invoke_endpoint_with_bidirectional_stream(INPUT) as stream:
            await stream.send("first")
            await seen_closed(seen)
            await asyncio.sleep(0.02)  # the retryer waits
            await stream.send("x" * 2_000)
            await stream.end()
            got = [part.text async for part in stream]

    assert ["first", "x" * 2_000] == got
    assert 2 == stream.parts_sent


async def seen_closed(seen: list[ServerStream]) -> None:
    while not seen:
        await asyncio.sleep(0.001)
    await seen[0].gone.wait()
