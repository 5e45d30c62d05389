# ruff: noqa: ARG001 - each has the parameters of a `Factory`
"""The clients that read a response stream, each as a function that reads one to its end."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from zlib import crc32

from clients import aiobotocore_client, options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from clients import Call


@asynccontextmanager
async def bare_stream(url: str, body: bytes, /, headers: Mapping[str, str]) -> AsyncIterator[Call]:
    """A stream read by aiohttp alone, with the CRC that every event stream must be checked with."""
    import aiohttp

    async with aiohttp.ClientSession(auto_decompress=False) as session:
        target = f"{url}/endpoints/iris/invocations-response-stream"
        sent = {**headers, "content-length": str(len(body))}

        async def read() -> None:
            check = 0
            async with session.post(target, data=body, headers=sent) as response:
                async for piece in response.content.iter_any():
                    check = crc32(piece, check)

        yield read


@asynccontextmanager
async def our_stream(url: str, body: bytes, /, headers: Mapping[str, str]) -> AsyncIterator[Call]:
    """A stream read by our client. A read returns the number of parts."""
    from sagemaker_runtime import Client, InvokeEndpointWithResponseStreamInput, PayloadPart

    params = InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=body)
    async with Client(options(url)) as client:

        async def read() -> int:
            output = await client.invoke_endpoint_with_response_stream(params)
            parts = 0
            async with output.body as stream:
                async for event in stream:
                    assert isinstance(event, PayloadPart)
                    parts += len(event.bytes) > 0
            return parts

        yield read


@asynccontextmanager
async def aiobotocore_stream(url: str, body: bytes, /, headers: Mapping[str, str]) -> AsyncIterator[Call]:
    """The same stream read by aiobotocore."""
    async with aiobotocore_client(url) as client:

        async def read() -> int:
            response = await client.invoke_endpoint_with_response_stream(EndpointName="iris", Body=body)
            parts = 0
            async for event in response["Body"]:
                parts += len(event["PayloadPart"]["Bytes"]) > 0
            return parts

        yield read
