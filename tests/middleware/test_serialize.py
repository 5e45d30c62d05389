"""Serialize: where the request goes, and for which scope it is signed."""

from __future__ import annotations

import pytest
from support import ScriptedHTTPClient, client

from sagemaker_runtime import (
    BEFORE,
    Context,
    EndpointError,
    EndpointResolverOptions,
    InvokeEndpointInput,
    Output,
    ResolveEndpoint,
    SerializeHandler,
    SerializeInput,
    Stack,
    serialize_middleware,
)
from sagemaker_runtime.context import SIGNING_NAME, SIGNING_REGION
from sagemaker_runtime.endpoints import ENDPOINT, BaseEndpointResolver

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


async def test_a_scope_set_by_an_outer_middleware_is_kept() -> None:
    """A gateway in front of the service may want another scope than its URL tells."""

    async def scope(ctx: Context, step: SerializeInput, next: SerializeHandler) -> Output:
        ctx[SIGNING_NAME], ctx[SIGNING_REGION] = "execute-api", "ap-south-1"
        return await next(ctx, step)

    http = ScriptedHTTPClient()
    scoping = serialize_middleware("Scope")(scope)

    await client(http, api_options=[lambda s: s.serialize.add(scoping, BEFORE)]).invoke_endpoint(PARAMS)

    assert "/ap-south-1/execute-api/aws4_request" in http.requests[0].headers["authorization"]
    assert http.requests[0].host == "runtime.sagemaker.us-east-1.amazonaws.com"


async def test_the_endpoint_is_told_to_those_below() -> None:
    """A circuit breaker keeps its state by it."""
    seen: list[str] = []

    async def look(ctx: Context, step: SerializeInput, next: SerializeHandler) -> Output:
        seen.append(ctx[ENDPOINT].url)
        return await next(ctx, step)

    looking = serialize_middleware("Look")(look)

    await client(api_options=[lambda s: s.serialize.add(looking)]).invoke_endpoint(PARAMS)

    assert seen == ["https://runtime.sagemaker.us-east-1.amazonaws.com"]


@pytest.mark.parametrize("url", ["https://gateway:8443/team/v1", "https://GATEWAY:8443/team/v1/"])
async def test_the_path_of_an_endpoint_is_kept_as_a_prefix(url: str) -> None:
    """Gateways route by it; the host is sent and signed as the transport will write it."""
    http = ScriptedHTTPClient()

    await client(http, base_endpoint=url).invoke_endpoint(PARAMS)

    (request,) = http.requests
    assert request.url == "https://gateway:8443/team/v1/endpoints/iris/invocations"
    assert request.headers["host"] == "gateway:8443"


async def test_the_place_of_the_resolver_can_be_taken() -> None:
    """The middleware is public, so a user can put another resolver into its place."""
    resolver = BaseEndpointResolver("http://other")
    http = ScriptedHTTPClient()

    def swap(stack: Stack) -> None:
        stack.serialize.swap("ResolveEndpoint", ResolveEndpoint(resolver, EndpointResolverOptions()))

    await client(http, api_options=[swap]).invoke_endpoint(PARAMS)

    assert http.requests[0].host == "other"


async def test_a_call_without_a_region_is_told_where_to_set_one() -> None:
    """The first error that a new user meets; nothing is sent."""
    http = ScriptedHTTPClient()

    with pytest.raises(EndpointError, match=r"no region: set Options\.region") as caught:
        await client(http, region=None).invoke_endpoint(PARAMS)

    assert caught.value.operation == "InvokeEndpoint"
    assert http.requests == []
