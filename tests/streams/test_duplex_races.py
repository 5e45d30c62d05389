"""Conversations in which two things happen in one turn: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from duplex_server import ServerStream, duplex_client, duplex_server, echo

from sagemaker_runtime import (
    DuplexStream,
    InvokeEndpointWithBidirectionalStreamInput,
    ModelStreamError,
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
    async with (
        duplex_server(script) as server,
        duplex_client(server, retryer=slow, replay_buffer=1_000) as client,
        await client.invoke_endpoint_with_bidirectional_stream(INPUT) as stream,
    ):
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


async def test_an_end_that_is_cancelled_before_its_turn_can_be_sent_again() -> None:
    """It has a sender before it, which waits for the model; the model would wait for the end for ever."""
    release = asyncio.Event()

    async def script(stream: ServerStream) -> None:
        stream.respond()
        await release.wait()
        h2 = stream.connection.h2
        h2.increment_flow_control_window(2**30)
        h2.increment_flow_control_window(2**30, stream.id)
        stream.connection.flush()
        async for _ in stream.events():
            pass
        stream.end()

    async with (
        duplex_server(script, reads=False) as server,
        duplex_client(server) as client,
        await client.invoke_endpoint_with_bidirectional_stream(INPUT) as stream,
    ):
        first = asyncio.create_task(stream.send(bytes(200_000)))
        await asyncio.sleep(0.01)
        ending = asyncio.create_task(stream.end())
        await asyncio.sleep(0)
        ending.cancel()
        await asyncio.wait([ending])
        release.set()
        await first

        async with asyncio.timeout(5):
            await stream.end()
            assert await anext(stream, None) is None


async def test_a_reader_who_comes_while_a_sender_looks_for_its_error_waits() -> None:
    """Reading and sending from two tasks needs no care: the sender's look is no second reader."""

    async def script(stream: ServerStream) -> None:
        stream.respond()
        await anext(stream.events())
        for number in range(20):
            await stream.part(str(number) + " " * 5_000)  # which come one by one
        await stream.exception("ModelStreamError", Message="gone")
        stream.connection.h2.end_stream(stream.id)
        stream.reset(0)

    async with duplex_server(script) as server, duplex_client(server) as client:
        for turns in range(12):
            stream = await client.invoke_endpoint_with_bidirectional_stream(INPUT)
            await stream.send("begin")
            got = [(await anext(stream)).text.strip()]
            await asyncio.sleep(0.02)
            sender = asyncio.create_task(stream.send("more"))
            for _ in range(turns):
                await asyncio.sleep(0)
            reading = asyncio.create_task(_read_into(got, stream))
            with pytest.raises(ModelStreamError):
                await reading
            with suppress(ModelStreamError):  # or it had sent before the stream broke
                await sender
            await stream.aclose()
            assert [str(number) for number in range(20)] == got


async def _read_into(got: list[str], stream: DuplexStream) -> None:
    async for part in stream:
        got.append(part.text.strip())
        await asyncio.sleep(0)


async def test_a_message_whose_reader_was_cancelled_is_read_on() -> None:
    """A limit of time around the wait for a message is the usual thing; what came of it must not be cut off."""
    async with (
        duplex_server(echo) as server,
        duplex_client(server) as client,
        await client.invoke_endpoint_with_bidirectional_stream(INPUT) as stream,
    ):
        same = stream.messages()
        for messages in (same, same, stream.messages()):
            await stream.send("be", partial=True)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(messages), 0.05)
            await stream.send("gun")
            assert "begun" == (await anext(messages)).text
        await stream.end()
        assert await anext(same, None) is None
