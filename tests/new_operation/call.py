"""Calls the new operations against the local endpoint, with plugins, and in the testing kit; run in a copy of the package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from attrs import evolve
from sagemaker_runtime.operations.invoke_endpoint_loudly import InvokeEndpointLoudlyInput, InvokeEndpointLoudlyOutput
from sagemaker_runtime.operations.tell_a_story import TellAStoryInput

from sagemaker_runtime import (
    TRAITS,
    Client,
    Context,
    InvalidParamsError,
    ModelError,
    NopRetryer,
    build_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.operations import OPERATIONS
from sagemaker_runtime.plugins.hedging import Hedging
from sagemaker_runtime.plugins.response_cache import CACHE_AGE, ResponseCache
from sagemaker_runtime.testing import StubHTTPClient, StubOperations, assert_conforms, respond, respond_stream

LOUD = InvokeEndpointLoudlyInput(endpoint_name="parrot", volume=90, body=b"hello", content_type="text/plain")
STORY = TellAStoryInput(endpoint_name="teller", chapter="2", body=b"a time")


def parrot(invocation: Invocation) -> bytes:
    if invocation.body == b"":
        raise ValueError("it says nothing")
    return invocation.body.upper() + b"!" * int(invocation.headers["x-amzn-sagemaker-volume"])


async def teller(invocation: Invocation) -> AsyncIterator[bytes]:
    for words in (b"once", b" upon ", invocation.body):
        yield words


@build_middleware("Seen")
def seen(ctx: Context, step, next):
    assert ctx[TRAITS].streams != ctx[TRAITS].repeatable
    return next(ctx, step)


async def whole() -> None:
    plugins = with_api_options(lambda stack: stack.build.add(seen), Hedging(), ResponseCache(ttl=60))
    async with LocalEndpoint({"parrot": parrot}) as local, Client(local.options(), plugins) as client:
        output = await client.invoke_endpoint_loudly(LOUD)
        again = await client.invoke_endpoint_loudly(LOUD)

        assert b"HELLO" + b"!" * 90 == output.body == again.body
        assert CACHE_AGE in again.result_metadata
        assert "Hedging" in client.stack("InvokeEndpointLoudly").finalize.ids()
        assert ["InvokeEndpointLoudly"] == [exchange.operation for exchange in local.journal]
        with pytest.raises(InvalidParamsError, match="volume is 121; it takes 0 to 120"):
            await client.invoke_endpoint_loudly(evolve(LOUD, volume=121))
        with pytest.raises(ModelError) as caught:
            await client.invoke_endpoint_loudly(evolve(LOUD, body=b""), override(retryer=NopRetryer()))
        assert ("InvokeEndpointLoudly", "it says nothing") == (caught.value.operation, caught.value.original_message)


async def streamed() -> None:
    plugins = with_api_options(lambda stack: stack.build.add(seen), Hedging(), ResponseCache(ttl=60))
    async with LocalEndpoint({"teller": teller}) as local, Client(local.options(), plugins) as client:
        output = await client.tell_a_story(STORY)
        async with output.body as stream:
            assert "once upon a time" == "".join([text async for text in stream.iter_text()])

        assert client.stack("TellAStory").operation.streams
        assert "Hedging" not in client.stack("TellAStory").finalize.ids()
        assert ["TellAStory"] == [exchange.operation for exchange in local.journal]


async def in_the_testing_kit() -> None:
    stub = StubOperations()
    stub.on("InvokeEndpointLoudly", InvokeEndpointLoudlyOutput(body=b"SEVEN"))
    assert b"SEVEN" == (await Client(stub.options()).invoke_endpoint_loudly(LOUD)).body

    http = StubHTTPClient([respond(b"EIGHT"), respond_stream([b"a"])])
    client = Client(http.options())
    assert b"EIGHT" == (await client.invoke_endpoint_loudly(LOUD)).body
    (await client.tell_a_story(STORY)).body.close()
    sent = [(each.operation, each.endpoint_name, each.parameters) for each in http.requests]
    assert [("InvokeEndpointLoudly", "parrot", LOUD), ("TellAStory", "teller", STORY)] == sent

    try:
        await assert_conforms(seen, install=lambda stack: stack.build.add(seen) if stack.operation.repeatable else None)
    except AssertionError as error:  # it cannot know how loud to be, and says so
        assert "InvokeEndpointLoudly cannot be called without volume" in str(error)  # noqa: PT017
    else:
        pytest.fail("a required header has no value")
    await assert_conforms(seen, install=lambda stack: stack.build.add(seen) if stack.operation.streams else None)


assert OPERATIONS[-2:] == ("InvokeEndpointLoudly", "TellAStory")
for run in (whole, streamed, in_the_testing_kit):
    asyncio.run(run())
