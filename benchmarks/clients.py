"""The clients that are compared, each as a function that makes one call and reads its response."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiobotocore.config
import aiobotocore.session
import aiohttp
import boto3
import botocore.config
from yarl import URL

from sagemaker_runtime import Client, InvokeEndpointInput, Options, StaticCredentialsProvider, deserialize_middleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from measure import Call

    from sagemaker_runtime import Context, DeserializeHandler, DeserializeInput, OptFn, Output

BODY = b'{"instances": [' + b"0.5, " * 200 + b"0.5]}"  # 1 KB
MOST = 2048  # connections; our client's default
KEYS = ("AKIDEXAMPLE", "secret")


def options(url: str) -> Options:
    """The options of our client, for a server at *url*."""
    return Options(region="us-east-1", credentials=StaticCredentialsProvider(*KEYS), base_endpoint=url)


def params(body: bytes = BODY) -> InvokeEndpointInput:
    """The input of each call."""
    return InvokeEndpointInput(endpoint_name="iris", body=body, content_type="application/json")


async def signed_headers(url: str, body: bytes = BODY) -> dict[str, str]:
    """The headers that our client sends, so that bare aiohttp can send the same."""
    sent: dict[str, str] = {}

    @deserialize_middleware("Spy")
    def spy(ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Awaitable[Output]:
        sent.update(step.request.headers)
        return next(ctx, step)

    spied = options(url)
    spied.api_options.append(lambda stack: stack.deserialize.add(spy))
    async with Client(spied) as client:
        await client.invoke_endpoint(params(body))
    return sent


@asynccontextmanager
async def bare_aiohttp(url: str, body: bytes = BODY) -> AsyncIterator[Call]:
    """POST by aiohttp alone, with the same body, headers and time limits."""
    headers = await signed_headers(url, body)
    target = URL(f"{url}/endpoints/iris/invocations", encoded=True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=70)
    connector = aiohttp.TCPConnector(limit=MOST)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def call() -> bytes:
            async with session.post(
                target, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return await response.read()

        yield call


class Raw(asyncio.Protocol):
    """Takes whatever arrives as the response."""

    response: asyncio.Future[bytes]
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.response.set_result(data)


@asynccontextmanager
async def asyncio_alone(url: str) -> AsyncIterator[Call]:
    """The same bytes on asyncio's own connections, without HTTP: a lower bound for every client on asyncio."""
    loop = asyncio.get_running_loop()
    host, _, port = url.removeprefix("http://").partition(":")
    head = "".join(f"{name}: {value}\r\n" for name, value in (await signed_headers(url)).items())
    request = f"POST /endpoints/iris/invocations HTTP/1.1\r\n{head}\r\n".encode() + BODY
    connections: list[Raw] = []
    free: list[Raw] = []

    async def call() -> bytes:
        if free:
            connection = free.pop()
        else:
            _, connection = await loop.create_connection(Raw, host, int(port))
            connections.append(connection)
        connection.response = loop.create_future()
        connection.transport.write(request)
        response = await connection.response
        free.append(connection)
        return response

    yield call
    for connection in connections:
        connection.transport.close()


@asynccontextmanager
async def ours(url: str, *opt_fns: OptFn, body: bytes = BODY) -> AsyncIterator[Call]:
    """Our client, through the whole stack."""
    given = params(body)
    async with Client(options(url), *opt_fns) as client:

        async def call() -> bytes:
            return (await client.invoke_endpoint(given)).body

        yield call


@asynccontextmanager
async def aiobotocore_client(url: str) -> AsyncIterator[Any]:
    """The client of aiobotocore."""
    session: Any = aiobotocore.session.get_session()
    async with session.create_client(
        "sagemaker-runtime",
        region_name="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        endpoint_url=url,
        config=aiobotocore.config.AioConfig(max_pool_connections=MOST),
    ) as client:
        yield client


@asynccontextmanager
async def aiobotocore_calls(url: str, body: bytes = BODY) -> AsyncIterator[Call]:
    """The same call by aiobotocore."""
    async with aiobotocore_client(url) as client:

        async def call() -> bytes:
            response = await client.invoke_endpoint(EndpointName="iris", Body=body, ContentType="application/json")
            read: bytes = await response["Body"].read()
            return read

        yield call


@asynccontextmanager
async def boto3_calls(url: str, threads: int) -> AsyncIterator[Call]:
    """boto3 in a pool of threads, which is how asyncio programs use it."""
    make: Any = boto3.client
    client = make(
        "sagemaker-runtime",
        region_name="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        endpoint_url=url,
        config=botocore.config.Config(max_pool_connections=threads),
    )

    def invoke() -> bytes:
        read: bytes = client.invoke_endpoint(EndpointName="iris", Body=BODY, ContentType="application/json")[
            "Body"
        ].read()
        return read

    with ThreadPoolExecutor(threads) as pool:
        loop = asyncio.get_running_loop()

        async def call() -> bytes:
            return await loop.run_in_executor(pool, invoke)

        yield call
