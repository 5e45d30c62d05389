"""The attributes of spans, where the request or the response is unusual."""

from __future__ import annotations

import pytest
import support
from opentelemetry.semconv._incubating.attributes import (
    cloud_attributes,
    http_attributes,
)
from opentelemetry.semconv.attributes import server_attributes
from plugins.otel import ATTEMPT, CALL, Spans, returning, traced_by
from transport.servers import params

from sagemaker_runtime import (
    Endpoint,
    EndpointResolverFunc,
    InvokeEndpointOutput,
    Output,
)
from sagemaker_runtime.plugins.tracing import Tracing
from sagemaker_runtime.testing import StubHTTPClient, respond


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        ("runtime.sagemaker.us-east-1.amazonaws.com", "runtime.sagemaker.us-east-1.amazonaws.com", 443),
        ("proxy.test:8443", "proxy.test", 8443),
        ("[::1]:8080", "::1", 8080),
        ("[::1]", "::1", 443),
    ],
)
async def test_the_server_is_identified_by_its_name_and_port(host, address, port):
    """A backend groups its services by these two."""
    spans = Spans()
    changes = traced_by(Tracing(spans.provider), returning(Output(InvokeEndpointOutput(body=b""))))

    async with support.client(None, **changes, base_endpoint=f"https://{host}") as client:
        await client.invoke_endpoint(params())

    attributes = spans.one(ATTEMPT).attributes
    assert (address, port) == (
        attributes[server_attributes.SERVER_ADDRESS],
        attributes[server_attributes.SERVER_PORT],
    )


async def test_a_client_without_a_region_has_no_such_attribute():
    """A resolver of one's own may know the endpoint, and the region to sign for, by itself."""
    spans = Spans()
    resolver = EndpointResolverFunc(lambda region, options: Endpoint("https://it.test", signing_region="eu-west-1"))
    changes = traced_by(Tracing(spans.provider), region=None, endpoint_resolver=resolver)

    async with support.client(None, **changes) as client:
        await client.invoke_endpoint(params())

    assert cloud_attributes.CLOUD_REGION not in spans.one(CALL).attributes


@pytest.mark.parametrize(("length", "shown"), [("9" * 18, 10**18 - 1), ("9" * 19, None), ("9" * 5_000, None)])
async def test_a_length_that_does_not_fit_is_left_out(length, shown):
    """It is a peer's text: a call must not fail because a span cannot hold it."""
    spans = Spans()
    stub = StubHTTPClient([respond(b"ok", headers={"content-length": length})])

    async with support.client(stub, **traced_by(Tracing(spans.provider))) as client:
        await client.invoke_endpoint(params())

    assert shown == spans.one(CALL).attributes.get(http_attributes.HTTP_RESPONSE_BODY_SIZE)
