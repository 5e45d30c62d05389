"""
Count attempts by their outcome: for a budget, or to see what retries cost.

Middleware below Retry run once per attempt. The object is created once, outside the
function that adds it, so it counts for the whole client.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from sagemaker_runtime import (
    Client,
    Context,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    Output,
    Stack,
    with_api_options,
)
from sagemaker_runtime.local import LocalEndpoint


class CountAttempts:
    id = "CountAttempts"

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def __call__(self, stack: Stack) -> None:
        stack.finalize.insert(self, after="Retry")

    async def handle_finalize(
        self, ctx: Context, step: FinalizeInput, next: FinalizeHandler
    ) -> Output:
        try:
            output = await next(ctx, step)
        except Exception as error:
            self.outcomes[type(error).__name__] += 1
            raise
        self.outcomes["ok"] += 1
        return output


async def main() -> None:
    count = CountAttempts()
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        Client(local.options(), with_api_options(count)) as client,
    ):
        local.fail("echo", call=2, error="InternalFailure")
        for _ in range(3):
            await client.invoke_endpoint(
                InvokeEndpointInput(endpoint_name="echo", body=b"hello")
            )
    print("3 calls:", dict(count.outcomes))


if __name__ == "__main__":
    asyncio.run(main())
