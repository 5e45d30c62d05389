"""
One call with its own time limit and no retries, for a caller who cannot use a late
response.

The override is created once, at module level, so the call costs no more than one
without.
"""

from __future__ import annotations

import asyncio

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    NopRetryer,
    ServiceUnavailable,
    Timeout,
    TotalTimeoutError,
    override,
)
from sagemaker_runtime.local import Invocation, Latency, LocalEndpoint

NOW_OR_NEVER = override(retryer=NopRetryer(), timeout=Timeout(total=0.08))
PARAMS = InvokeEndpointInput(endpoint_name="ranking", body=b"shoes")


def ranking(invocation: Invocation) -> bytes:
    """Stands in for the model."""
    return b"ranked " + invocation.body


async def ranked(client: Client) -> bytes:
    """The model's ranking, or the shop's own if the model does not respond."""
    try:
        return (await client.invoke_endpoint(PARAMS, NOW_OR_NEVER)).body
    except (TotalTimeoutError, ServiceUnavailable):
        return b"unranked shoes"


async def main() -> None:
    async with (
        LocalEndpoint({"ranking": ranking}) as local,
        Client(local.options()) as client,
    ):
        # connects, so that the limit below applies only to the model
        await client.invoke_endpoint(PARAMS)
        local.inject("ranking", Latency(5.0), call=2)
        local.fail("ranking", call=3, error="ServiceUnavailable")
        for _ in range(2):
            print((await ranked(client)).decode())
        print(local.calls("ranking"), "requests for 3 calls")


if __name__ == "__main__":
    asyncio.run(main())
