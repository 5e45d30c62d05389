"""
JSON in, JSON out: a `Predictor` writes the body and its content type, and reads the
response.

If the response is not JSON, `DecodeError` says where, without showing the content.
"""

from __future__ import annotations

import asyncio
import json

from sagemaker_runtime import Client, DecodeError, EncodeError, JSONCodec, Predictor
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint


def mean(invocation: Invocation) -> Answer:
    """Stands in for the model."""
    rows: list[list[float]] = json.loads(invocation.body)
    means = [sum(row) / len(row) if row else float("nan") for row in rows]
    return Answer(
        body=json.dumps(means).encode() if rows else b"no rows",
        content_type="application/json",
    )


async def main() -> None:
    async with (
        LocalEndpoint({"mean": mean}) as local,
        Client(local.options()) as client,
    ):
        predictor = Predictor(client, "mean", codec=JSONCodec())
        for rows in ([[1, 2, 3], [4, 6], []], [], [[1, 2j]]):
            try:
                print(await predictor.predict(rows))
            except (DecodeError, EncodeError) as error:
                print(error.message)


if __name__ == "__main__":
    asyncio.run(main())
