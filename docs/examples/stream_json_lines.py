"""
A streamed response with one JSON document per line, such as the scored rows of a batch:
each is yielded as soon as it is complete.

You may leave the loop early: ``async with`` closes the stream without waiting for the
model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

from sagemaker_runtime import Client, InvokeEndpointWithResponseStreamInput
from sagemaker_runtime.local import Invocation, LocalEndpoint


def score(invocation: Invocation) -> Iterator[bytes]:
    """Stands in for the model: one document per line, in parts that end anywhere."""
    for line in invocation.body.splitlines():
        document = (
            json.dumps({"row": line.decode(), "score": len(line) / 10}).encode() + b"\n"
        )
        yield document[:9]
        yield document[9:]


async def main() -> None:
    async with (
        LocalEndpoint({"score": score}) as local,
        Client(local.options()) as client,
    ):
        params = InvokeEndpointWithResponseStreamInput(
            endpoint_name="score", body=b"red\nwhite\nblue\n"
        )
        output = await client.invoke_endpoint_with_response_stream(params)
        async with output.body as stream:
            async for document in stream.iter_json_lines():
                print(document)
                if document == {"row": "white", "score": 0.5}:
                    break
        print("read to its end:", stream.ended)


if __name__ == "__main__":
    asyncio.run(main())
