"""
An equal request gets its response from memory; it is not sent.

For models whose output is always the same. Credentials, headers and custom attributes
are part of the key, so one tenant never gets another's response.
"""

from __future__ import annotations

import asyncio

from sagemaker_runtime import Client, InvokeEndpointInput, with_api_options
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.plugins.response_cache import CACHE_AGE, ResponseCache


async def main() -> None:
    cache = ResponseCache(ttl=60, max_bytes=10_000_000)
    async with (
        LocalEndpoint({"embed": lambda invocation: invocation.body[::-1]}) as local,
        Client(local.options(), with_api_options(cache)) as client,
    ):
        for tenant in ("acme", "acme", "globex"):
            output = await client.invoke_endpoint(
                InvokeEndpointInput(
                    endpoint_name="embed",
                    body=b"rabbit",
                    custom_attributes=f"tenant={tenant}",
                )
            )
            source = (
                "from memory" if CACHE_AGE in output.result_metadata else "by the model"
            )
            print(tenant, output.body.decode(), source)
        print(local.calls("embed"), "requests")


if __name__ == "__main__":
    asyncio.run(main())
