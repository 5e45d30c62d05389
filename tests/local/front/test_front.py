"""What the front refuses, and how it words it: seen by a client without manners."""

from __future__ import annotations

import asyncio
import json
import uuid

import aiohttp
import pytest
from both_clients import Client

from sagemaker_runtime import (
    InvokeEndpointInput,
    NopRetryer,
    ServiceError,
    ValidationError,
    override,
    with_api_options,
)
from sagemaker_runtime.local import LocalEndpoint

pytestmark = pytest.mark.twice

CARELESS = with_api_options(lambda stack: stack.initialize.remove("OperationInputValidation"))


async def test_an_unknown_endpoint_is_named(local: LocalEndpoint) -> None:
    """A misspelt name is the most frequent mistake of all."""
    async with Client(local.options()) as client:
        with pytest.raises(ValidationError, match=r"Endpoint ehco of account 000000000000 not found\.") as raised:
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="ehco", body=b""))

    assert 400 == raised.value.status


NAME_PATTERN = "Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*"


@pytest.mark.parametrize(
    ("members", "problems"),
    [
        (
            {"endpoint_name": "my endpoint"},
            [f"Value 'my endpoint' at 'endpointName' failed to satisfy constraint: {NAME_PATTERN}"],
        ),
        ({"endpoint_name": "a/b"}, [f"Value 'a/b' at 'endpointName' failed to satisfy constraint: {NAME_PATTERN}"]),
        (
            {"custom_attributes": "caf\u00e9"},
            [
                r"Value at 'customAttributes' failed to satisfy constraint: Member must satisfy regular expression pattern: \p{ASCII}*"
            ],
        ),
        (
            {"inference_id": "x" * 65, "target_model": ""},
            [
                "Value '' at 'targetModel' failed to satisfy constraint: Member must have length greater than or equal to 1",
                f"Value '{'x' * 65}' at 'inferenceId' failed to satisfy constraint: Member must have length less than or equal to 64",
            ],
        ),
    ],
)
async def test_members_against_the_api_model_are_refused_all_at_once(
    local: LocalEndpoint, members: dict[str, str], problems: list[str]
) -> None:
    """Not every client checks them first; a sensitive value is not repeated."""
    async with Client(local.options(), CARELESS) as client:
        with pytest.raises(ValidationError) as raised:
            await client.invoke_endpoint(InvokeEndpointInput(**{"endpoint_name": "echo", "body": b"", **members}))

    count = "1 validation error" if len(problems) == 1 else "2 validation errors"
    assert f"{count} detected: {'; '.join(problems)}" == raised.value.message
    assert 400 == raised.value.status
    assert 0 == local.calls("echo")


@pytest.mark.parametrize("size", [6_291_457, 20_000_000])
async def test_a_body_that_is_too_large_is_refused(local: LocalEndpoint, size: int) -> None:
    """One byte over, and far over: the front stops listening, and its response must arrive all the same."""
    async with Client(local.options(), CARELESS) as client:
        with pytest.raises(ServiceError, match="Request body is larger than 6291456 bytes") as raised:
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=bytes(size)))

    assert ("413", 413) == (raised.value.code, raised.value.status)
    assert 0 == local.calls("echo")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/endpoints/echo/invocations"),
        ("POST", "/endpoints/echo/invocations/"),
        ("POST", "/endpoints/a/b/invocations"),
        ("POST", "/"),
    ],
)
async def test_what_is_no_operation_is_not_found(local: LocalEndpoint, method: str, path: str) -> None:
    """A wrong base_endpoint, or a browser, gets a response that can be understood."""
    async with aiohttp.ClientSession() as session, session.request(method, local.url + path) as response:
        document = await response.json()

    assert 404 == response.status
    assert "UnknownOperationException" == response.headers["x-amzn-ErrorType"]
    assert {"Message": "The operation is not known."} == document


async def test_a_caller_that_leaves_in_the_middle_of_its_request_breaks_nothing(
    local: LocalEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Tests of timeouts do so all the time; no traceback of the server's should stand between their own lines."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(local.url.rpartition(":")[2]))
    writer.write(b"POST /endpoints/echo/invocations HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n")
    writer.write(b"Expect: 100-continue\r\n\r\n")
    async with asyncio.timeout(5):
        line = await reader.readline()

    assert b"HTTP/1.1 100 Continue\r\n" == line, "the front is reading now"

    writer.close()
    await writer.wait_closed()
    async with Client(local.options()) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"next"))
    await local.stop()

    assert b"next" == output.body
    assert [] == caplog.records


async def test_an_error_has_the_form_of_the_services(local: LocalEndpoint) -> None:
    """Other clients than ours read it: the name in a header, the message in JSON, an id to quote."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{local.url}/endpoints/echo/invocations", data=b"") as response,
    ):
        body = await response.read()

    assert 403 == response.status
    assert "MissingAuthenticationTokenException" == response.headers["x-amzn-ErrorType"]
    assert "application/json" == response.headers["Content-Type"]
    assert {"Message": "Missing Authentication Token"} == json.loads(body)
    assert 4 == uuid.UUID(response.headers["x-amzn-RequestId"]).version


async def test_a_throttled_caller_gets_null_for_a_message(local: LocalEndpoint) -> None:
    """The service words it so, and clients that expect a text have crashed on it."""
    local.fail("echo", call=1, error="ThrottlingException")

    async with Client(local.options(), override(retryer=NopRetryer())) as client:
        with pytest.raises(ServiceError) as raised:
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b""))

    assert b'{"message": null}' == raised.value.body
