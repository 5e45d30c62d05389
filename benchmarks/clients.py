# ruff: noqa: ARG001 - each has the parameters of a `Factory`
"""
The clients that are compared, each as a function that makes one call and reads its response.

Every client has its own process, so each imports its library where it is used.
"""

from __future__ import annotations

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from sagemaker_runtime import Context, DeserializeHandler, DeserializeInput, OptFn, Options, Output

    Call = Callable[[], Awaitable[object]]

BODY = b'{"instances": [' + b"0.5, " * 200 + b"0.5]}"  # 1 KB
MOST = 2048  # connections; our client's default
THREADS = 32  # of boto3's pool
KEYS = ("AKIDEXAMPLE", "secret")


class Factory(Protocol):
    """Opens a client."""

    def __call__(self, url: str, body: bytes, /, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Call]:
        """
        Open it.

        Args:
            url: The URL of the server.

            body: The body of each call.

            headers: The headers that our client sends, for clients that do not make headers themselves.
        """
        ...


def options(url: str) -> Options:
    """The options of our client, for a server at *url*."""
    from sagemaker_runtime import Options, StaticCredentialsProvider

    return Options(region="us-east-1", credentials=StaticCredentialsProvider(*KEYS), base_endpoint=url)


async def signed_headers(url: str) -> dict[str, str]:
    """The headers that our client sends, so that bare aiohttp can send the same."""
    from sagemaker_runtime import Client, InvokeEndpointInput, deserialize_middleware

    sent: dict[str, str] = {}

    @deserialize_middleware("Spy")
    def spy(ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Awaitable[Output]:
        sent.update(step.request.headers)
        return next(ctx, step)

    spied = options(url)
    spied.api_options.append(lambda stack: stack.deserialize.add(spy))
    async with Client(spied) as client:
        await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="iris", body=BODY, content_type="application/json")
        )
    return sent


@asynccontextmanager
async def bare_aiohttp(
    url: str, body: bytes, /, headers: Mapping[str, str], *, hashed: bool = False
) -> AsyncIterator[Call]:
    """POST by aiohttp alone, with the same body, headers and time limits; if *hashed*, also with a signature's hash."""
    import aiohttp
    from yarl import URL

    sent = {**headers, "content-length": str(len(body))}
    target = URL(f"{url}/endpoints/iris/invocations", encoded=True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=70)
    connector = aiohttp.TCPConnector(limit=MOST)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def call() -> bytes:
            if hashed:
                sha256(body).hexdigest()
            async with session.post(
                target, data=body, headers=sent, timeout=timeout, allow_redirects=False
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
async def asyncio_alone(url: str, body: bytes, /, headers: Mapping[str, str]) -> AsyncIterator[Call]:
    """The same bytes on asyncio's own connections, without HTTP: a lower bound for every client on asyncio."""
    loop = asyncio.get_running_loop()
    host, _, port = url.removeprefix("http://").partition(":")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST /endpoints/iris/invocations HTTP/1.1\r\n{head}\r\n".encode() + body
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


def overrides(kind: str) -> Callable[[], OptFn]:
    """A function that makes the options of a call: the same ones each time, or new ones each time."""
    from sagemaker_runtime import NopRetryer, StaticCredentialsProvider, Timeout, override, with_api_options

    class Fresh(NopRetryer):
        """Never equal to another one."""

        __eq__ = object.__eq__
        __hash__ = object.__hash__

    numbers = itertools.count()
    seen = override(timeout=Timeout(read=69.0))
    seen_api_options = with_api_options(lambda _: None)
    return {
        "override seen": lambda: seen,
        "api_options seen": lambda: seen_api_options,
        "new timeout": lambda: override(timeout=Timeout(connect=10.0 + next(numbers) * 1e-3)),
        "new retryer": lambda: override(retryer=Fresh()),
        "new credentials": lambda: override(credentials=StaticCredentialsProvider(*KEYS)),
    }[kind]


@asynccontextmanager
async def ours(url: str, body: bytes, /, headers: Mapping[str, str], *, kind: str = "") -> AsyncIterator[Call]:
    """Our client, through the whole stack; with options for each call, if *kind* names some of `overrides`."""
    from sagemaker_runtime import Client, InvokeEndpointInput

    params = InvokeEndpointInput(endpoint_name="iris", body=body, content_type="application/json")
    async with Client(options(url)) as client:

        async def call() -> bytes:
            return (await client.invoke_endpoint(params)).body

        if kind:
            make = overrides(kind)

            async def call_with_options() -> bytes:
                return (await client.invoke_endpoint(params, make())).body

        yield call_with_options if kind else call


@asynccontextmanager
async def aiobotocore_client(url: str) -> AsyncIterator[Any]:
    """The client of aiobotocore."""
    import aiobotocore.config
    import aiobotocore.session

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
async def aiobotocore_calls(url: str, body: bytes, /, headers: Mapping[str, str]) -> AsyncIterator[Call]:
    """The same call by aiobotocore."""
    async with aiobotocore_client(url) as client:

        async def call() -> bytes:
            response = await client.invoke_endpoint(EndpointName="iris", Body=body, ContentType="application/json")
            read: bytes = await response["Body"].read()
            return read

        yield call


def boto3_invoke(url: str, body: bytes) -> Callable[[], bytes]:
    """A function that makes the same call by boto3, in any thread."""
    import boto3
    import botocore.config

    make: Any = boto3.client
    client = make(
        "sagemaker-runtime",
        region_name="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        endpoint_url=url,
        config=botocore.config.Config(max_pool_connections=THREADS),
    )

    def invoke() -> bytes:
        response = client.invoke_endpoint(EndpointName="iris", Body=body, ContentType="application/json")
        read: bytes = response["Body"].read()
        return read

    return invoke


@asynccontextmanager
async def boto3_calls(url: str, body: bytes, /, headers: Mapping[str, str]) -> AsyncIterator[Call]:
    """boto3 in a pool of 32 threads, which is how asyncio programs use it."""
    invoke = boto3_invoke(url, body)
    with ThreadPoolExecutor(THREADS) as pool:
        loop = asyncio.get_running_loop()

        async def call() -> bytes:
            return await loop.run_in_executor(pool, invoke)

        yield call
