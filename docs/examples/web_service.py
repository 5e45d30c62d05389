"""
A web service that calls a model: one client for the life of the process, closed with
it.

A client per request would open a connection each time. FastAPI and Starlette accept the
same generator, with ``@asynccontextmanager`` above it, as their ``lifespan``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from sagemaker_runtime import Client, InvokeEndpointInput, ModelError, Options
from sagemaker_runtime.local import Invocation, LocalEndpoint

CLIENT = web.AppKey("client", Client)


async def classify(request: web.Request) -> web.Response:
    params = InvokeEndpointInput(
        endpoint_name="iris", body=await request.read(), content_type="text/csv"
    )
    try:
        output = await request.app[CLIENT].invoke_endpoint(params)
    except ModelError as error:
        return web.json_response({"error": error.original_message}, status=502)
    return web.json_response({"species": output.body.decode()})


def service(options: Options) -> web.Application:
    async def lifespan(app: web.Application) -> AsyncIterator[None]:
        async with Client(options) as app[CLIENT]:
            yield

    app = web.Application()
    app.cleanup_ctx.append(lifespan)
    app.router.add_post("/classify", classify)
    return app


def iris(invocation: Invocation) -> bytes:
    """Stands in for the model."""
    petal_length = float(invocation.body.split(b",")[2])
    return b"setosa" if petal_length < 2.5 else b"virginica"  # centimetres


async def main() -> None:
    async with LocalEndpoint({"iris": iris}) as local:
        local.fail("iris", call=2, error="ModelError", message="out of memory")
        async with (
            TestServer(service(local.options())) as server,
            ClientSession() as session,
        ):
            for _ in range(2):
                async with session.post(
                    server.make_url("/classify"), data=b"5.1,3.5,1.4,0.2"
                ) as response:
                    print(response.status, await response.text())


if __name__ == "__main__":
    asyncio.run(main())
