"""
A multi-model endpoint that has to load the model first: the call waits, for as long as
you say.

``ModelNotReadyException`` is retried by time, 60 s by default, and does not count as
an attempt. So even a call with ``max_attempts=1`` gets its response.
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

# Short waits, for this page. For a real endpoint leave throttling_base_delay as it is.
PATIENT = override(
    retryer=StandardRetryer(
        max_attempts=1, model_not_ready_timeout=300, throttling_base_delay=0.02
    ),
    timeout=Timeout(total=330),
)


def upper(invocation: Invocation) -> bytes:
    """Stands for a model."""
    return invocation.body.upper()


def title(invocation: Invocation) -> bytes:
    """Stands for another one, which takes the first one's place."""
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
