"""Calls that stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from both_clients import Client

from sagemaker_runtime import (
    InvokeEndpointWithResponseStreamInput,
    PayloadPart,
)
from sagemaker_runtime.local import LocalEndpoint, Model


def ask(**members: str) -> InvokeEndpointWithResponseStreamInput:
    return InvokeEndpointWithResponseStreamInput(**{"endpoint_name": "it", "body": b"body", **members})


async def parts(model: Model, got: list[bytes] | None = None) -> list[bytes]:
    """The parts of a streaming call; *got* has those before a failure too."""
    got = [] if got is None else got
    async with LocalEndpoint({"it": model}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint_with_response_stream(ask())
        async with output.body as stream:
            async for event in stream:
                assert isinstance(event, PayloadPart)
                got.append(event.bytes)
    return got


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop, and the threads beside it, go on until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)
