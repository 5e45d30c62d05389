"""botocore's own client against the local endpoint: a client that nobody here wrote."""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from botocore.session import Session

from sagemaker_runtime import Credentials
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint


def botocore_client(local: LocalEndpoint, *, secret: str | None = None) -> Any:
    return Session().create_client(
        "sagemaker-runtime",
        region_name=local.region,
        endpoint_url=local.url,
        aws_access_key_id=local.credentials.access_key_id,
        aws_secret_access_key=secret or local.credentials.secret_access_key,
        aws_session_token=local.credentials.session_token,
        config=Config(retries={"total_max_attempts": 2, "mode": "standard"}),
    )


async def in_thread(local: LocalEndpoint, use: Callable[[Any], Any], **arguments: str) -> Any:
    """Make a client, use it and close it, all outside the event loop that serves it."""

    def run() -> Any:
        client = botocore_client(local, **arguments)
        try:
            return use(client)
        finally:
            client.close()

    return await asyncio.to_thread(run)


def read(response: dict[str, Any]) -> dict[str, Any]:
    return {**response, "Body": response["Body"].read()}


@pytest.mark.parametrize("session_token", [None, "a/session+token=="])
async def test_botocore_invokes_with_every_member(session_token: str | None) -> None:
    """The endpoint speaks the service's protocol, not one that only our client shares."""
    seen: list[Invocation] = []

    def model(invocation: Invocation) -> Answer:
        seen.append(invocation)
        return Answer(
            body=b"setosa",
            content_type="text/plain",
            custom_attributes="b",
            new_session_id="s; Expires=2027-01-01T00:00:00Z",
        )

    members = {
        "Body": b"5.1,3.5,1.4,0.2",
        "ContentType": "text/csv",
        "Accept": "text/plain",
        "CustomAttributes": "a",
        "TargetModel": "m.tar.gz",
        "TargetVariant": "v",
        "TargetContainerHostname": "h",
        "InferenceId": "i",
        "EnableExplanations": "`true`",
        "InferenceComponentName": "c",
        "SessionId": "NEW_SESSION",
    }
    keys = Credentials("AKIDLOCAL", "secret/with+signs", session_token)

    async with LocalEndpoint({"iris": model}, credentials=keys) as local:
        response = await in_thread(local, lambda client: read(client.invoke_endpoint(EndpointName="iris", **members)))

    invocation = seen[0]
    assert list(members.values()) == [
        invocation.body,
        invocation.content_type,
        invocation.accept,
        invocation.custom_attributes,
        invocation.target_model,
        invocation.target_variant,
        invocation.target_container_hostname,
        invocation.inference_id,
        invocation.enable_explanations,
        invocation.inference_component_name,
        invocation.session_id,
    ]
    assert (b"setosa", "text/plain", "b", "AllTraffic", "s; Expires=2027-01-01T00:00:00Z") == (
        response["Body"],
        response["ContentType"],
        response["CustomAttributes"],
        response["InvokedProductionVariant"],
        response["NewSessionId"],
    )
    assert response["ResponseMetadata"]["RequestId"]


async def test_botocore_retries_a_fault(local: LocalEndpoint) -> None:
    """It recognises the service's 503 by itself."""
    local.fail("echo", call=1)

    response = await in_thread(local, lambda client: read(client.invoke_endpoint(EndpointName="echo", Body=b"1")))

    assert b"1" == response["Body"]
    assert 1 == response["ResponseMetadata"]["RetryAttempts"]
    assert 2 == local.calls("echo")


async def test_botocore_reads_a_model_error() -> None:
    """With all its members, under the names that the API model gives them."""

    def model(invocation: Invocation) -> bytes:
        raise ValueError("no such flower")

    async with LocalEndpoint({"iris": model}) as local:
        with pytest.raises(ClientError) as raised:
            await in_thread(local, lambda client: client.invoke_endpoint(EndpointName="iris", Body=b"1"))

    response = raised.value.response
    assert "ModelError" == response["Error"]["Code"]
    assert (500, "no such flower") == (response["OriginalStatusCode"], response["OriginalMessage"])
    assert response["LogStreamArn"].startswith("arn:aws:logs:us-east-1:")


async def test_botocore_reads_a_stream_and_how_it_broke() -> None:
    """Its decoder is not ours, and knows the members of the error by the API model."""

    def model(invocation: Invocation) -> Iterator[bytes]:
        yield invocation.body
        yield b"\xe2\x82"
        raise ValueError("out of words")

    def read_stream(client: Any) -> tuple[dict[str, Any], list[Any], ClientError]:
        response = client.invoke_endpoint_with_response_stream(EndpointName="it", Body=b"1", Accept="text/plain")
        events: list[Any] = []
        with contextlib.closing(response["Body"]) as body, pytest.raises(EventStreamError) as raised:
            collections.deque(map(events.append, body), maxlen=0)
        return response, events, raised.value

    async with LocalEndpoint({"it": model}) as local:
        response, events, error = await in_thread(local, read_stream)

    assert [{"PayloadPart": {"Bytes": b"1"}}, {"PayloadPart": {"Bytes": b"\xe2\x82"}}] == events
    assert ("ModelStreamError", "out of words") == (error.response["Error"]["Code"], error.response["Error"]["Message"])
    assert ("application/octet-stream", "AllTraffic") == (response["ContentType"], response["InvokedProductionVariant"])
    assert response["ResponseMetadata"]["RequestId"]


async def test_botocore_is_refused_with_a_wrong_secret(local: LocalEndpoint) -> None:
    """Its signature is checked like any other."""
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        await in_thread(local, lambda client: client.invoke_endpoint(EndpointName="echo", Body=b"1"), secret="wrong")

    assert 0 == local.calls("echo")
