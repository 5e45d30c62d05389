"""
JSON objects in, JSON objects out: a codec writes the body and its content type, and
reads the response.

If it is no JSON, `DecodeError` is raised, which does not show it. `BodyCodec` is the
base for formats of your own.
"""

from __future__ import annotations

import asyncio
import json

from sagemaker_runtime import Client, InvokeEndpointInput, with_api_options
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint
from sagemaker_runtime.plugins.codecs import DecodeError, JSONCodec


def mean(invocation: Invocation) -> Answer:
    """Stands for the model."""
    rows: list[list[float]] = json.loads(invocation.body)
    means = [sum(row) / len(row) if row else float("nan") for row in rows]
    return Answer(
        body=json.dumps(means).encode() if rows else b"no rows",
        content_type="application/json",
    )


async def main() -> None:
    codec = JSONCodec()
    async with (
        LocalEndpoint({"mean": mean}) as local,
        Client(local.options(), with_api_options(codec)) as client,
    ):
        for rows in ([[1, 2, 3], [4, 6]], []):
            params = InvokeEndpointInput(endpoint_name="mean", body=codec.body(rows))
            try:
                print(codec.value(await client.invoke_endpoint(params)))
            except DecodeError as error:
                print(error.message)


if __name__ == "__main__":
    asyncio.run(main())
