"""A thousand conversations at once, a tenth of which meet a fault."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from sagemaker_runtime import (
    Client,
    InvokeEndpointWithBidirectionalStreamInput,
    RetryQuota,
    SageMakerRuntimeError,
    StandardRetryer,
    override,
)
from sagemaker_runtime.local import (
    Conversation,
    CorruptFrame,
    Duplex,
    ErrorAnswer,
    GoAway,
    LocalEndpoint,
    Part,
    RandomFaults,
    StreamError,
    StreamReset,
    TruncatedFrame,
)

CONVERSATIONS = 1_000
PARTS = 20
LIMIT = 120.0  # seconds; it takes a few
TALK = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="it")
FAULTS = RandomFaults(
    {
        ErrorAnswer(): 0.02,
        ErrorAnswer("ModelError", after=3): 0.01,
        StreamReset(7): 0.01,
        StreamReset(2, after=2, after_head=True): 0.01,
        StreamError(after=5): 0.02,
        TruncatedFrame(after=5): 0.01,
        CorruptFrame(after=5): 0.01,
        GoAway(after=3): 0.01,
    },
    seed=7,
)


async def echo(conversation: Conversation) -> AsyncIterator[Part]:
    async for part in conversation:
        yield part


async def talk(client: Client, number: int) -> str:
    """``whole``, or the name of the error; what has come is in order, and nothing twice."""
    said = [f"{number}/{part}" for part in range(PARTS)]
    heard: list[str] = []
    outcome = "whole"
    try:
        async with await client.invoke_endpoint_with_bidirectional_stream(TALK) as stream:

            async def speak() -> None:
                for part in said:
                    await stream.send(part)
                await stream.end()

            speaking = asyncio.create_task(speak())
            try:
                heard.extend([part.text async for part in stream])
            finally:
                await asyncio.gather(speaking, return_exceptions=True)
    except SageMakerRuntimeError as error:
        outcome = type(error).__name__
    assert said[: len(heard)] == heard
    if outcome == "whole":
        assert said == heard
    return outcome


@pytest.mark.slow
async def test_every_conversation_is_whole_or_ends_in_its_error() -> None:
    """Nothing hangs, no part is lost or comes twice, and nothing stays open."""
    # So many retries at once would be more than the quota of one client has.
    retries = override(retryer=StandardRetryer(max_attempts=6, draw=lambda: 0.0, quota=RetryQuota(1_000_000)))
    async with LocalEndpoint({"it": Duplex(echo)}, faults=FAULTS) as local:
        before = len(asyncio.all_tasks())
        started = time.monotonic()
        async with asyncio.timeout(LIMIT), Client(local.options(), retries) as client:
            outcomes = Counter(await asyncio.gather(*(talk(client, number) for number in range(CONVERSATIONS))))
        print(f"{time.monotonic() - started:.1f} s, {outcomes}")  # noqa: T201 - for whoever looks
        met = Counter(injected.name for injected in local.faults)
        async with asyncio.timeout(10):
            while len(asyncio.all_tasks()) > before:
                await asyncio.sleep(0.01)

    assert outcomes.pop("RefusedStreamError", 0) < 10, "which were refused six times"
    assert {"whole", "ModelError", "ModelStreamError", "EventStreamError", "TruncatedResponseError"} == set(outcomes)
    assert outcomes["whole"] > 0.85 * CONVERSATIONS
    assert met["StreamError"] == outcomes["ModelStreamError"]
