"""
Where the time of a slow call went: each middleware, each attempt, each wait, and the
exchange with the service.

`Waterfall` is the last of the ``api_options``, so it sees the others. ``trace.svg()``
draws the chart.
"""

from __future__ import annotations

import asyncio

from sagemaker_runtime import Client, InvokeEndpointInput, with_api_options
from sagemaker_runtime.local import Latency, LocalEndpoint
from sagemaker_runtime.plugins.waterfall import Trace, Waterfall

SLOW = 0.05  # seconds


def report(trace: Trace) -> None:
    """Called at the end of each call; prints the slow ones."""
    if trace.seconds > SLOW:
        print(trace)
        slowest = max(
            trace.spans, key=lambda span: span.way_in + span.between + span.way_out
        )
        print("slowest:", slowest.step, slowest.id, "of attempt", slowest.attempt)


async def main() -> None:
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        Client(
            local.options(), with_api_options(Waterfall(on_finish=report))
        ) as client,
    ):
        local.inject("echo", Latency(0.08), call=1)
        await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="echo", body=b"hello")
        )


if __name__ == "__main__":
    asyncio.run(main())
