"""
NumPy arrays in, NumPy arrays out, as ``.npy``: types and shapes arrive as they were,
and nothing is written as text.

Needs ``sagemaker-runtime[numpy]``, and a container that reads ``application/x-npy``, as
SageMaker's own do.
"""

from __future__ import annotations

import asyncio
import io

import numpy as np

from sagemaker_runtime import Client, InvokeEndpointInput, with_api_options
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint
from sagemaker_runtime.plugins.numpy_codec import NumPyCodec


def norm(invocation: Invocation) -> Answer:
    """Stands for the model's container."""
    rows = np.load(io.BytesIO(invocation.body), allow_pickle=False)
    file = io.BytesIO()
    np.save(file, np.linalg.norm(rows, axis=1))
    return Answer(body=file.getvalue(), content_type="application/x-npy")


async def main() -> None:
    codec = NumPyCodec()
    async with (
        LocalEndpoint({"norm": norm}) as local,
        Client(local.options(), with_api_options(codec)) as client,
    ):
        rows = np.array([[3.0, 4.0], [6.0, 8.0]], dtype=np.float32)

        output = await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="norm", body=codec.body(rows))
        )

        array = codec.value(output)
        print(array.tolist(), array.dtype, "writeable:", array.flags.writeable)


if __name__ == "__main__":
    asyncio.run(main())
