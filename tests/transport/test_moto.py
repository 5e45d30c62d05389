"""InvokeEndpoint against moto's server, which others wrote from the service's documentation."""

from __future__ import annotations

import asyncio
import json
import urllib.request

import support

from sagemaker_runtime import Client, InvokeEndpointInput

MODEL_ANSWER = {
    "Body": '{"species": "setosa", "étage": "ö"}',  # moto answers a body that is not UTF-8 with a 500
    "ContentType": "application/json",
    "InvokedProductionVariant": "blue",
    "CustomAttributes": "trace=42",
}


async def queue(moto, answer):
    """Have moto give *answer* to the next request it has not seen."""

    def post():
        body = json.dumps({"results": [answer]}).encode()
        url = f"{moto}/moto-api/static/sagemaker/endpoint-results"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - http
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - http
            return response.status

    assert 201 == await asyncio.to_thread(post)


def client_of(moto):
    options = support.options(base_endpoint=moto)
    options.http_client = None
    return Client(options)


async def test_an_answer_comes_through_whole(moto):
    """Another implementation of the service understands our request, and we its answer."""
    await queue(moto, MODEL_ANSWER)

    async with client_of(moto) as client:
        output = await client.invoke_endpoint(
            InvokeEndpointInput(
                endpoint_name="iris",
                body='{"größe": [5.1, 3.5]}'.encode(),
                content_type="application/json",
                accept="application/json",
                target_variant="blue",
                custom_attributes="trace=42",
            )
        )

    assert MODEL_ANSWER == {
        "Body": output.body.decode(),
        "ContentType": output.content_type,
        "InvokedProductionVariant": output.invoked_production_variant,
        "CustomAttributes": output.custom_attributes,
    }


async def test_the_body_and_the_endpoint_tell_requests_apart(moto):
    """A request it has seen gets the same answer again, another one the next: so both arrived as they were sent."""
    for number in range(2):
        await queue(moto, {**MODEL_ANSWER, "Body": f"answer {number}"})

    async with client_of(moto) as client:
        first, second, again = [
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="digits", body=body))
            for body in (b"one", b"two", b"one")
        ]

    assert [b"answer 0", b"answer 1", b"answer 0"] == [first.body, second.body, again.body]
