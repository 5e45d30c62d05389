"""
A shorter tail: if the first attempt takes longer than nearly all before it, a second
one is sent.

Only for a model that may run twice. ``budget`` limits how many calls are hedged.
"""

from __future__ import annotations

import asyncio
import time

from sagemaker_runtime import Client, InvokeEndpointInput, with_api_options
from sagemaker_runtime.local import Latency, LocalEndpoint
from sagemaker_runtime.plugins.hedging import HEDGED, Hedging

PARAMS = InvokeEndpointInput(endpoint_name="echo", body=b"hello")


async def main() -> None:
    hedging = Hedging(percentile=95, budget=0.1, min_samples=20)
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        Client(local.options(), with_api_options(hedging)) as client,
    ):
        for _ in range(20):
            await client.invoke_endpoint(PARAMS)  # it learns the usual latency
        local.inject("echo", Latency(5.0), call=21)

        started = time.monotonic()
        output = await client.invoke_endpoint(PARAMS)

        print("hedged:", output.result_metadata.get(HEDGED, False))
        print("waited for the slow one:", time.monotonic() - started > 4)  # seconds
        print(local.calls("echo"), "requests for 21 calls")


if __name__ == "__main__":
    asyncio.run(main())
