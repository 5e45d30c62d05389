"""Text for the container with every call."""

from __future__ import annotations

import pytest
from support import ScriptedHTTPClient, client

from sagemaker_runtime import (
    Client,
    Context,
    InvalidParamsError,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    with_api_options,
)
from sagemaker_runtime.context import OPERATION
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint
from sagemaker_runtime.plugins.custom_attributes import CustomAttributes
from sagemaker_runtime.testing import assert_conforms


def asking(custom_attributes: str | None = None) -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="model", body=b"", custom_attributes=custom_attributes)


@pytest.mark.parametrize(
    ("own", "received"), [(None, "tenant=acme"), ("", "tenant=acme"), ("trace=7", "trace=7,tenant=acme")]
)
async def test_the_container_gets_them_after_the_calls_own(own: str | None, received: str) -> None:
    """Both have something to say, and there is one header for it."""

    def model(invocation: Invocation) -> Answer:
        return Answer(body=(invocation.custom_attributes or "").encode())

    async with (
        LocalEndpoint({"model": model}) as local,
        Client(local.options(), with_api_options(CustomAttributes("tenant=acme"))) as client,
    ):
        output = await client.invoke_endpoint(asking(own))
        stream = await client.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="model", body=b"", custom_attributes=own)
        )
        streamed = [piece async for piece in stream.body.iter_bytes()]

    assert received == output.body.decode()
    assert [received.encode()] == streamed


async def test_a_function_is_asked_for_each_call() -> None:
    """What differs from call to call, such as a trace, rides in the context; an empty text adds nothing."""
    texts = iter(["trace=1", ""])
    seen: list[str | None] = []

    def attributes(ctx: Context) -> str:
        seen.append(ctx.get(OPERATION))
        return next(texts)

    http = ScriptedHTTPClient()
    async with client(http, api_options=[CustomAttributes(attributes), CustomAttributes("b=2", id="Second")]) as tagged:
        await tagged.invoke_endpoint(asking())
        await tagged.invoke_endpoint(asking())

    sent = [request.headers["X-Amzn-SageMaker-Custom-Attributes"] for request in http.requests]
    assert ["trace=1,b=2", "b=2"] == sent
    assert ["InvokeEndpoint", "InvokeEndpoint"] == seen


@pytest.mark.parametrize(
    ("ours", "problem"), [("x" * 20, "1,025 characters: 1,004 that"), ("\N{SNOWMAN}", "not ASCII")]
)
async def test_what_the_service_would_refuse_is_not_sent_and_not_shown(ours: str, problem: str) -> None:
    """The service cuts nothing off: it refuses, and a message with the text would put a secret into a log."""
    http = ScriptedHTTPClient()
    async with client(http, api_options=[CustomAttributes(ours)]) as tagged:
        with pytest.raises(InvalidParamsError) as caught:
            await tagged.invoke_endpoint(asking("y" * 1_004))

    assert problem in str(caught.value)
    assert ours not in str(caught.value)
    assert [] == http.requests


async def test_a_thousand_and_twenty_four_characters_are_sent() -> None:
    """The limit of the service, to the character; the comma counts."""
    http = ScriptedHTTPClient()
    async with client(http, api_options=[CustomAttributes("x" * 19)]) as tagged:
        await tagged.invoke_endpoint(asking("y" * 1_004))

    assert 1_024 == len(http.requests[0].headers["X-Amzn-SageMaker-Custom-Attributes"])


async def test_it_keeps_the_rules_of_the_stack() -> None:
    """It is the shortest example of a plugin there is."""
    await assert_conforms(CustomAttributes(lambda ctx: ctx[OPERATION]))
