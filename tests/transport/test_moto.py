"""InvokeEndpoint against moto's server, which others wrote from the service's documentation."""

from __future__ import annotations

import asyncio
import json
import urllib.request

import pytest
import support
from both_clients import Client

from sagemaker_runtime import InvokeEndpointInput

pytestmark = pytest.mark.twice

MODEL_RESPONSE = {
    "Body": '{"species": "setosa", "étage": "ö"}',  # moto returns a 500 for a body that is not UTF-8
    "ContentType": "application/json",
    "InvokedProductionVariant": "blue",
    "CustomAttributes": "trace=42",
}


async def queue(moto, result):
    """Have moto give *result* to the next request it has not seen."""

    def post():
        body = json.dumps({"results": [result]}).encode()
        url = f"{moto}/moto-api/static/sagemaker/endpoint-results"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - http
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - http
            return response.status

    assert 201 == await asyncio.to_thread(post)


def client_of(moto):
    options = support.options(base_endpoint=moto)
    options.http_client = None
    return Client(options)


async def test_a_response_comes_through_whole(moto, client_kind):
    """Another implementation of the service understands our request, and we its response."""
    await queue(moto, MODEL_RESPONSE)

    async with client_of(moto) as client:
        output = await client.invoke_endpoint(
            InvokeEndpointInput(
                endpoint_name="iris",
                body=f'{{"größe": [5.1, 3.5], "client": "{client_kind}"}}'.encode(),
                content_type="application/json",
                accept="application/json",
                target_variant="blue",
                custom_attributes="trace=42",
            )
        )

    assert MODEL_RESPONSE == {
        "Body": output.body.decode(),
        "ContentType": output.content_type,
        "InvokedProductionVariant": output.invoked_production_variant,
        "CustomAttributes": output.custom_attributes,
    }


async def test_the_body_and_the_endpoint_tell_requests_apart(moto, client_kind):
    """A request it has seen gets the same response again, another one the next: so both arrived as they were sent."""
    for number in range(2):
        await queue(moto, {**MODEL_RESPONSE, "Body": f"response {number}"})

    async with client_of(moto) as client:
        first, second, again = [
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="digits", body=body))
            for body in (f"{client_kind} 1".encode(), f"{client_kind} 2".encode(), f"{client_kind} 1".encode())
        ]

    assert [b"response 0", b"response 1", b"response 0"] == [first.body, second.body, again.body]
