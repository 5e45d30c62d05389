"""InvokeEndpoint and InvokeEndpointAsync, read and answered by LocalStack."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest
from botocore import xform_name

from sagemaker_runtime import (
    Client,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    ModelError,
    ServiceError,
    TruncatedResponseError,
    errors,
)

if "INTEROP_PYTHON" not in os.environ:
    pytest.skip("INTEROP_PYTHON names no Python that has LocalStack; run `make interop`", allow_module_level=True)

MAX_BODY = 6_291_456  # bytes; what the service takes at most
EVERY_BYTE = bytes(range(256))
ERRORS = ["InternalFailure", "ServiceUnavailable", "ValidationError"]

# No two values of one table are alike, so that a member under another's header shows.
INVOCATION: dict[str, Any] = {
    "EndpointName": "parsed",
    "Body": EVERY_BYTE,
    "ContentType": "application/x-recordio; charset=utf-8",
    "Accept": "text/csv, application/jsonlines;q=0.5",
    "CustomAttributes": 'tenant="acme, inc."; trace=1',
    "TargetModel": "models/a b+c.tar.gz",
    "TargetVariant": "Variant-1",
    "TargetContainerHostname": "container-2",
    "InferenceId": "inference 3/4",
    "EnableExplanations": "`[0] > 0`",
    "InferenceComponentName": "component-5",
    "SessionId": "session-6",
    "PrefixAwareId": "prefix~7",
}
ASYNCHRONOUS: dict[str, Any] = {
    "EndpointName": "parsed",
    "ContentType": "text/csv",
    "Accept": "application/jsonlines",
    "CustomAttributes": "tenant=acme",
    "InferenceId": "inference 3/4",
    "S3OutputPathExtension": "out/(1)/a_b",
    "Filename": "answer-1.csv",
    "RequestTTLSeconds": 21_600,
    "InvocationTimeoutSeconds": 3_600,
}


def arguments(members: dict[str, Any]) -> dict[str, Any]:
    """Members of the model by the names that they have here."""
    return {xform_name(name): value for name, value in members.items()}


def parsed(answer: str | bytes | None) -> tuple[str, dict[str, Any], list[str]]:
    """What LocalStack read: the operation, the members that came, and all that the newest model has, in order."""
    assert answer is not None
    told: dict[str, Any] = json.loads(answer)
    if "Body" in told["members"]:
        told["members"]["Body"] = base64.b64decode(told["members"]["Body"])
    return told["operation"], told["members"], told["modelled"]


async def test_every_member_of_an_invocation_arrives_as_itself(client: Client) -> None:
    """Each under its own header, and none that the newest model has is missing."""
    output = await client.invoke_endpoint(InvokeEndpointInput(**arguments(INVOCATION)))

    assert ("InvokeEndpoint", INVOCATION, sorted(INVOCATION)) == parsed(output.body)


@pytest.mark.parametrize(
    "source", [("Body", EVERY_BYTE), ("InputLocation", "s3://bucket/a b")], ids=lambda pair: pair[0]
)
async def test_every_member_of_an_asynchronous_invocation_arrives_as_itself(
    client: Client, source: tuple[str, object]
) -> None:
    """Body and input location exclude each other, so there are two calls; what is a number arrives as one."""
    sent = dict([*ASYNCHRONOUS.items(), source])

    output = await client.invoke_endpoint_async(InvokeEndpointAsyncInput(**arguments(sent)))

    modelled = sorted({*ASYNCHRONOUS, "Body", "InputLocation"})
    assert ("InvokeEndpointAsync", sent, modelled) == parsed(output.output_location)


async def test_a_member_that_is_none_is_not_sent(client: Client) -> None:
    """LocalStack tells an absent header from an empty one. Only the content type has a value of its own."""
    output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="parsed", body=b"x"))

    _, members, _ = parsed(output.body)
    assert {"EndpointName": "parsed", "Body": b"x", "ContentType": "application/octet-stream"} == members


@pytest.mark.parametrize("body", [b"", EVERY_BYTE, bytes(MAX_BODY)], ids=["empty", "every byte", "the largest"])
async def test_a_body_comes_back_as_it_went(client: Client, body: bytes) -> None:
    """No byte is special, and neither is having none or as many as the service takes."""
    output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=body))

    assert body == output.body


@pytest.mark.parametrize(
    ("asked", "new", "closed"),
    [("NEW_SESSION", "session-1; Expires=2030-01-02T03:04:05Z", None), ("session-1", None, "session-1")],
)
async def test_every_member_of_an_answer_is_read(
    client: Client, asked: str, new: str | None, closed: str | None
) -> None:
    """LocalStack writes the headers of an output by the model."""
    output = await client.invoke_endpoint(
        InvokeEndpointInput(
            endpoint_name="echo",
            body=b"1,2",
            content_type="text/csv",
            custom_attributes="tenant=acme",
            target_variant="Variant-1",
            session_id=asked,
        )
    )

    assert b"1,2" == output.body
    assert "text/csv" == output.content_type
    assert "tenant=acme" == output.custom_attributes
    assert "Variant-1" == output.invoked_production_variant
    assert (new, closed) == (output.new_session_id, output.closed_session_id)


async def test_every_member_of_an_asynchronous_answer_is_read(client: Client) -> None:
    """The inference id comes as JSON, both locations as headers, and the status is 202."""
    output = await client.invoke_endpoint_async(
        InvokeEndpointAsyncInput(endpoint_name="echo", input_location="s3://bucket/key", inference_id="inference-1")
    )

    assert "inference-1" == output.inference_id
    assert "s3://answers/1.out" == output.output_location
    assert "s3://failures/1.out" == output.failure_location


@pytest.mark.parametrize("code", [*ERRORS, "ModelError", "ModelNotReadyException", "InternalDependencyException"])
async def test_every_error_of_an_invocation_has_its_class(client: Client, code: str) -> None:
    """LocalStack names the error in a header and in the body, as the service does."""
    with pytest.raises(ServiceError, match=f"{code} of the server") as caught:
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name=f"error-{code}", body=b"x"))

    assert getattr(errors, code) is type(caught.value)
    assert code == caught.value.code
    assert caught.value.request_id


@pytest.mark.parametrize("code", ERRORS)
async def test_every_error_of_an_asynchronous_invocation_has_its_class(client: Client, code: str) -> None:
    """The same three errors in the model's list of another operation."""
    with pytest.raises(ServiceError, match=f"{code} of the server") as caught:
        await client.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name=f"error-{code}", body=b"x"))

    assert getattr(errors, code) is type(caught.value)


async def test_a_model_error_has_its_members(client: Client) -> None:
    """They tell what the container said, and where its log is."""
    with pytest.raises(ModelError) as caught:
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="error-ModelError", body=b"x"))

    assert 424 == caught.value.status
    assert 507 == caught.value.original_status_code
    assert "out of memory" == caught.value.original_message
    assert "arn:aws:logs:us-east-1:123456789012:log-group:interop" == caught.value.log_stream_arn


async def test_an_answer_that_breaks_off_is_an_error(client: Client) -> None:
    """The body is one byte short of what its head says."""
    with pytest.raises(TruncatedResponseError):
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="cut", body=b"x"))
