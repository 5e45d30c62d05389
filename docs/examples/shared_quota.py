"""
Several clients, one retry quota: for a process that calls one service under several
roles or regions.

The quota belongs to the retryer. If one client meets trouble, the others retry less,
too. Retryers with another number of attempts share the quota if they are created by
``with_max_attempts``.
"""

from __future__ import annotations

import asyncio

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    RetryQuota,
    ServiceUnavailable,
    StandardRetryer,
    override,
)
from sagemaker_runtime.local import ErrorAnswer, LocalEndpoint

PARAMS = InvokeEndpointInput(endpoint_name="echo", body=b"hello")


async def main() -> None:
    # 500 tokens by default
    retryer = StandardRetryer(base_delay=0.01, quota=RetryQuota(30))
    patient = retryer.with_max_attempts(10)
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        Client(local.options(), override(retryer=retryer)) as one,
        Client(local.options(), override(retryer=patient)) as other,
    ):
        local.inject("echo", ErrorAnswer("ServiceUnavailable"), call=1, times=10)
        for client in (one, other):
            try:
                await client.invoke_endpoint(PARAMS)
            except ServiceUnavailable as error:
                print(
                    len(error.attempts),
                    "attempts,",
                    retryer.quota.available,
                    "tokens left",
                )
                print(*getattr(error, "__notes__", ()))


if __name__ == "__main__":
    asyncio.run(main())
