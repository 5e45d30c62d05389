"""
A multi-model endpoint that must load the model first: the call waits, for as long as
you say.

Retries of ``ModelNotReadyException`` are limited by time, by default 60 s, and do not
count as attempts. So even a call with ``max_attempts=1`` gets its response.
"""

from __future__ import annotations

import asyncio

from sagemaker_runtime import (
    ATTEMPTS,
    Client,
    InvokeEndpointInput,
    StandardRetryer,
    Timeout,
    override,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint, MultiModel

# The waits are short for this example. For a real endpoint, keep throttling_base_delay.
PATIENT = override(
    retryer=StandardRetryer(
        max_attempts=1, model_not_ready_timeout=300, throttling_base_delay=0.02
    ),
    timeout=Timeout(total=330),
)


def upper(invocation: Invocation) -> bytes:
    """Stands in for a model."""
    return invocation.body.upper()


def title(invocation: Invocation) -> bytes:
    """Stands in for another model, which replaces the first one."""
    return invocation.body.title()


async def main() -> None:
    models = MultiModel({"upper.tar.gz": upper, "title.tar.gz": title}, capacity=1)
    async with (
        LocalEndpoint({"many": models}) as local,
        Client(local.options(), PATIENT) as client,
    ):
        for name in ("upper.tar.gz", "upper.tar.gz", "title.tar.gz"):
            output = await client.invoke_endpoint(
                InvokeEndpointInput(
                    endpoint_name="many", body=b"white rabbit", target_model=name
                )
            )
            first = output.result_metadata[ATTEMPTS][0]
            print(
                output.body.decode(),
                "- first response:",
                first.error_type or "the model's",
            )


if __name__ == "__main__":
    asyncio.run(main())
