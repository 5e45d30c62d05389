"""
Asynchronous inference: queue the inputs, do something else, and fetch the results from
S3.

For models that take minutes, and for inputs of up to 1 GB (``input_location``). Here,
the local endpoint stands in for S3, too.
"""

from __future__ import annotations

import asyncio

from sagemaker_runtime import (
    AsyncInferenceError,
    Client,
    InvokeEndpointAsyncInput,
    InvokeEndpointAsyncOutput,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint, ModelFailure


def summarize(invocation: Invocation) -> bytes:
    """Stands in for the model."""
    if b"." not in invocation.body:
        raise ModelFailure("there is no sentence", status=400)
    return invocation.body.partition(b".")[0] + b"."


async def main() -> None:
    async with (
        LocalEndpoint({"summary": summarize}) as local,
        Client(local.options()) as client,
    ):

        async def queue(text: bytes) -> InvokeEndpointAsyncOutput:
            return await client.invoke_endpoint_async(
                InvokeEndpointAsyncInput(endpoint_name="summary", body=text)
            )

        queued = await asyncio.gather(
            *map(queue, (b"Alice was tired. Very.", b"The Rabbit ran. Fast.", b"?"))
        )
        # something else; later, only the two locations of an output are needed
        await asyncio.sleep(0.05)
        for output in queued:
            try:
                result = await client.wait_for_output(output, timeout=900)
            except AsyncInferenceError as error:
                print(error.message.partition(". See")[0])
            else:
                print(result.body.decode())


if __name__ == "__main__":
    asyncio.run(main())
