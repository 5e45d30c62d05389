"""
A web service that passes a stream on to a browser, part by part: nothing is buffered,
and a slow browser slows the model.

A browser that leaves cancels the handler. ``async with`` then closes the stream, and
its connection to SageMaker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from sagemaker_runtime import (
    Client,
    InvokeEndpointWithResponseStreamInput,
    SageMakerRuntimeError,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint, StreamError

CLIENT = web.AppKey("client", Client)


async def relay(request: web.Request) -> web.StreamResponse:
    params = InvokeEndpointWithResponseStreamInput(
        endpoint_name="story", body=await request.read()
    )
    # an error here is still a status
    output = await request.app[CLIENT].invoke_endpoint_with_response_stream(params)
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    async with output.body as stream:
        await response.prepare(request)
        try:
            async for part in stream.iter_bytes():
                await response.write(part)
        except SageMakerRuntimeError as error:
            # the status has been sent, so the failure becomes an event
            await response.write(
                f"event: error\ndata: {type(error).__name__}\n\n".encode()
            )
    await response.write_eof()
    return response


def story(invocation: Invocation) -> Iterator[bytes]:
    """Stands in for the model."""
    for word in (invocation.body, b"was", b"tired"):
        yield b"data: " + word + b"\n\n"


async def main() -> None:
    async with (
        LocalEndpoint({"story": story}) as local,
        Client(local.options()) as client,
    ):
        local.inject("story", StreamError(after=2), call=2)
        app = web.Application()
        app[CLIENT] = client
        app.router.add_post("/story", relay)
        async with TestServer(app) as server, ClientSession() as session:
            for _ in range(2):
                async with session.post(
                    server.make_url("/story"), data=b"Alice"
                ) as response:
                    print(response.status, (await response.text()).split("\n\n")[:-1])


if __name__ == "__main__":
    asyncio.run(main())
