"""
Protect an endpoint: limit the concurrent calls, and make none for a while when it is
down.

Calls above the limit wait their turn. After several failures in a row, the breaker
opens: calls fail at once, and the service has time to recover. Both keep state, so they
are created once, and clients may share them.
"""

from __future__ import annotations

import asyncio

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    StandardRetryer,
    override,
    with_api_options,
)
from sagemaker_runtime.local import ErrorAnswer, Invocation, LocalEndpoint
from sagemaker_runtime.plugins.circuit_breaker import CircuitBreaker, CircuitOpenError
from sagemaker_runtime.plugins.concurrency import ConcurrencyLimit


class Model:
    """Stands in for the model, and counts concurrent calls."""

    running = most = 0

    async def __call__(self, invocation: Invocation) -> bytes:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.005)
        self.running -= 1
        return invocation.body


async def main() -> None:
    model, params = Model(), InvokeEndpointInput(endpoint_name="small", body=b"hello")
    gentle = with_api_options(
        ConcurrencyLimit(3), CircuitBreaker(2, recovery_timeout=30)
    )
    quick = override(retryer=StandardRetryer(base_delay=0.01))
    async with (
        LocalEndpoint({"small": model}) as local,
        Client(local.options(), gentle, quick) as client,
    ):
        await asyncio.gather(*(client.invoke_endpoint(params) for _ in range(9)))
        print("at most", model.most, "of 9 calls at once")

        local.inject("small", ErrorAnswer("ServiceUnavailable"), call=10, times=1000)
        for _ in range(5):
            try:
                await client.invoke_endpoint(params)
            except CircuitOpenError as error:
                print("not sent, after", len(error.attempts) - 1, "that failed")
        print(local.calls("small") - 9, "requests while it was down")


if __name__ == "__main__":
    asyncio.run(main())
