"""Containers for tests: servers over real sockets, with good manners and bad ones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from both_clients import Client

from sagemaker_runtime import (
    InvokeEndpointInput,
    InvokeEndpointOutput,
    NopRetryer,
    override,
)
from sagemaker_runtime.local import Container, LocalEndpoint, Sessions

ONCE = override(retryer=NopRetryer())

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def healthy(request: web.Request) -> web.Response:
    return web.Response()


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


@asynccontextmanager
async def served(handler: Handler, ping: Handler = healthy) -> AsyncIterator[str]:
    """The URL of a container that responds with *handler*."""
    application = web.Application()
    application.router.add_get("/ping", ping)
    application.router.add_post("/invocations", handler)
    async with listening(application) as url:
        yield url


@asynccontextmanager
async def listening(application: web.Application) -> AsyncIterator[str]:
    """The URL of a server."""
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def responding(*written: bytes) -> AsyncIterator[str]:
    """The URL of a container that is healthy, and then writes just these bytes and hangs up."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /ping"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            for piece in () if head.startswith(b"GET /ping") else written:
                writer.write(piece)
                await writer.drain()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def holding(written: bytes, left: asyncio.Event) -> AsyncIterator[str]:
    """The URL of a container that is healthy, and then writes these bytes, and notes when it is left."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /ping"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            writer.write(written)
            with contextlib.suppress(ConnectionError):
                await reader.read()
            left.set()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def client_of(container: Container | Sessions) -> AsyncIterator[Client]:
    async with LocalEndpoint({"it": container}) as local, Client(local.options(), ONCE) as client:
        yield client


async def invoke(url: str, **members: str) -> InvokeEndpointOutput:
    async with client_of(Container(url)) as client:
        return await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"body", **members))
