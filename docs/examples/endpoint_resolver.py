"""
Send requests through a gateway of your own in some regions, and directly to AWS in all
others.

A resolver is called once per call, and returns the URL and the scope to sign for. If
there is only one URL, ``base_endpoint`` is simpler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sagemaker_runtime import (
    Client,
    DefaultEndpointResolver,
    Endpoint,
    EndpointNotFoundError,
    EndpointResolverOptions,
    InvokeEndpointInput,
    override,
    with_endpoint_resolver,
)
from sagemaker_runtime.local import LocalEndpoint


class Gateways:
    """The whole company's, so it is also called for other services."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls

    def resolve_endpoint(self, service_id: str, region: str) -> Endpoint:
        if region not in self._urls:
            # then the next resolver is asked
            raise EndpointNotFoundError(f"no gateway for {service_id} in {region}")
        return Endpoint(self._urls[region], signing_region=region)


async def main() -> None:
    async with LocalEndpoint(
        {"echo": lambda invocation: invocation.body}, region="eu-west-1"
    ) as gateway:
        resolver = with_endpoint_resolver(
            Gateways({"eu-west-1": gateway.url}), DefaultEndpointResolver()
        )
        options = override(base_endpoint=None, endpoint_resolver=resolver)
        async with Client(gateway.options(), options) as client:
            await client.invoke_endpoint(
                InvokeEndpointInput(endpoint_name="echo", body=b"hello")
            )
        print(gateway.calls("echo"), "request through the gateway")
        print(resolver.resolve_endpoint("us-east-1", EndpointResolverOptions()).url)


if __name__ == "__main__":
    asyncio.run(main())
