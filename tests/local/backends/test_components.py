"""Inference components: models behind one endpoint that are asked for by name."""

from __future__ import annotations

import asyncio

import pytest
from both_clients import Client

from sagemaker_runtime import (
    ConfigError,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    InvokeEndpointWithResponseStreamInput,
    ModelNotReadyException,
    NopRetryer,
    PayloadPart,
    ValidationError,
    override,
)
from sagemaker_runtime.local import InferenceComponents, Invocation, LocalEndpoint, MultiModel, Sessions, Variants

pytestmark = pytest.mark.twice

ONCE = override(retryer=NopRetryer())


def ask(**members: str) -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="it", body=b"body", **members)


async def loaded(client: Client, params: InvokeEndpointInput) -> InvokeEndpointOutput:
    """The answer of a model, once it is there."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await client.invoke_endpoint(params)
            except ModelNotReadyException:
                await asyncio.sleep(0)


def upper(invocation: Invocation) -> bytes:
    return invocation.body.upper()


def turned(invocation: Invocation) -> bytes:
    return invocation.body[::-1]


async def test_a_component_answers_for_its_name_streaming_or_not() -> None:
    """The header is forgotten on one of the two ways by more than one client."""
    components = InferenceComponents({"upper-1": upper, "turned-1": turned})

    async with LocalEndpoint({"it": components}) as local, Client(local.options(), ONCE) as client:
        output = await client.invoke_endpoint(ask(inference_component_name="turned-1"))
        streamed = await client.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=b"body", inference_component_name="upper-1")
        )
        async with streamed.body as stream:
            events = [event async for event in stream]

    assert b"ydob" == output.body
    assert [PayloadPart(bytes=b"BODY")] == events


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "Inference Component Name header is required for endpoints to which you plan to deploy"),
        ({"inference_component_name": "other"}, "Inference Component other of account 000000000000 not found"),
    ],
)
async def test_a_component_must_be_named_and_be_there(members: dict[str, str], words: str) -> None:
    """Users search for the service's words, and libraries look for them in the text."""
    async with (
        LocalEndpoint({"it": InferenceComponents({"upper-1": upper})}) as local,
        Client(local.options(), ONCE) as client,
    ):
        with pytest.raises(ValidationError, match=words) as raised:
            await client.invoke_endpoint(ask(**members))

    assert 400 == raised.value.status


@pytest.mark.parametrize(
    ("components", "words"),
    [({}, "there is no model for inferenceComponentName to name"), ({"a b": upper}, "no request can name 'a b'")],
)
def test_components_that_cannot_be_asked_for_are_refused(components: dict[str, object], words: str) -> None:
    """A slip in the set-up should not wait for the first call."""
    with pytest.raises(ConfigError, match=words):
        InferenceComponents(components)  # type: ignore[arg-type]


async def test_backends_stand_within_each_other() -> None:
    """An endpoint with components, one of which has variants and the other many models, in one session."""
    local = LocalEndpoint(
        {
            "it": Sessions(
                InferenceComponents(
                    {
                        "shared-out": Variants({"blue": (upper, 1.0), "green": (turned, 0.0)}),
                        "many": Variants({"only": (MultiModel({"m": turned}, capacity=1), 1.0)}),
                    }
                )
            )
        }
    )

    async with local, Client(local.options(), ONCE) as client:
        first = await client.invoke_endpoint(ask(inference_component_name="shared-out", session_id="NEW_SESSION"))
        session_id = (first.new_session_id or "").partition(";")[0]
        second = await client.invoke_endpoint(
            ask(inference_component_name="shared-out", session_id=session_id, target_variant="green")
        )
        third = await loaded(client, ask(inference_component_name="many", session_id=session_id, target_model="m"))

    assert [(b"BODY", "blue"), (b"ydob", "green"), (b"ydob", "only")] == [
        (output.body, output.invoked_production_variant) for output in (first, second, third)
    ]
