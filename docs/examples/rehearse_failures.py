"""
Rehearse an outage: how your program copes with resets, throttling, slow responses and
broken streams, on real connections.

`inject` affects a call by its number. `RandomFaults` affects a share of all calls, and
the same ones for the same seed, so you can reproduce a failure that it has found.
docs/faults.md lists all faults.
"""

from __future__ import annotations

import asyncio

from sagemaker_runtime import (
    ATTEMPTS,
    Client,
    InvokeEndpointInput,
    SageMakerRuntimeError,
    StandardRetryer,
    override,
)
from sagemaker_runtime.local import (
    ErrorAnswer,
    InjectedFault,
    Invocation,
    LocalEndpoint,
    RandomFaults,
    Reset,
    TruncatedBody,
)

QUICK = override(retryer=StandardRetryer(base_delay=0.005))


def echo(invocation: Invocation) -> bytes:
    """Stands in for the model."""
    return invocation.body


async def outcome(client: Client) -> str:
    """Stands in for your program."""
    try:
        output = await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="echo", body=b"hello")
        )
    except SageMakerRuntimeError as error:
        return f"{type(error).__name__} after {len(error.attempts)}"
    return f"response after {len(output.result_metadata[ATTEMPTS])}"


async def soak(faults: RandomFaults) -> list[InjectedFault]:
    async with (
        LocalEndpoint({"echo": echo}, faults=faults) as local,
        Client(local.options(), QUICK) as client,
    ):
        for _ in range(40):
            await outcome(client)
        return local.faults


async def main() -> None:
    async with (
        LocalEndpoint({"echo": echo}) as local,
        Client(local.options(), QUICK) as client,
    ):
        for fault in (Reset(), TruncatedBody(kept=2), ErrorAnswer("ModelError")):
            local.inject("echo", fault, call=local.calls("echo") + 1)
            print(type(fault).__name__, "-", await outcome(client))
    faults = RandomFaults({Reset(): 0.1, ErrorAnswer("InternalFailure"): 0.1}, seed=7)
    print("the same faults again:", await soak(faults) == await soak(faults) != [])


if __name__ == "__main__":
    asyncio.run(main())
