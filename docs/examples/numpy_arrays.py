"""
NumPy arrays in, NumPy arrays out, as ``.npy``, which preserves data types and shapes.

Needs ``sagemaker-runtime[numpy]``, and a container that reads ``application/x-npy``, as
SageMaker's own do.
"""

from __future__ import annotations

import asyncio
import io

import numpy as np

from sagemaker_runtime import Client, NumPyCodec, Predictor
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint


def norm(invocation: Invocation) -> Answer:
    """Stands in for the model's container."""
    rows = np.load(io.BytesIO(invocation.body), allow_pickle=False)
    file = io.BytesIO()
    np.save(file, np.linalg.norm(rows, axis=1))
    return Answer(body=file.getvalue(), content_type="application/x-npy")


async def main() -> None:
    async with (
        LocalEndpoint({"norm": norm}) as local,
        Client(local.options()) as client,
    ):
        predictor = Predictor(client, "norm", codec=NumPyCodec())
        array = await predictor.predict(
            np.array([[3.0, 4.0], [6.0, 8.0]], dtype=np.float32)
        )
        print(array.tolist(), array.dtype, "writeable:", array.flags.writeable)


if __name__ == "__main__":
    asyncio.run(main())
