"""Under trio, and without any event loop: an error of ours that names asyncio, from all that needs it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import NoReturn

import pytest
import trio
from support import answer, client as scripted_client

from sagemaker_runtime import (
    AioHTTPClient,
    BotocoreCredentialsProvider,
    Client,
    ConfigError,
    CredentialsCache,
    DefaultCredentialsProvider,
    InvokeEndpointAsyncInput,
    InvokeEndpointAsyncOutput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Options,
    Request,
    SageMakerRuntimeError,
    StaticCredentialsProvider,
    SystemClock,
    Timeout,
    load_config,
    override,
)
from sagemaker_runtime.asyncio_only import asyncio_only, without_asyncio
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.middleware import finalize_middleware
from sagemaker_runtime.testing import StubHTTPClient, respond_error

STATIC = StaticCredentialsProvider("AKIDEXAMPLE", "secret")
PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1")


def client(**changes: object) -> Client:
    """One of the default transport, to a port where nobody listens."""
    options = Options(region="us-east-1", base_endpoint="http://127.0.0.1:9", credentials=STATIC)
    return Client(options, override(**changes))


def local() -> LocalEndpoint:
    return LocalEndpoint({"iris": lambda invocation: invocation.body})


async def call() -> object:
    return await client().invoke_endpoint(PARAMS)


async def call_with_a_time_limit() -> object:
    return await client(timeout=Timeout(total=5)).invoke_endpoint(PARAMS)


async def call_that_waits_for_a_retry() -> object:
    script = [respond_error("ServiceUnavailable", 503), answer()]
    return await scripted_client(StubHTTPClient(script), clock=SystemClock()).invoke_endpoint(PARAMS)


async def call_with_credentials_to_be_found() -> object:
    return await client(credentials=CredentialsCache(BotocoreCredentialsProvider())).invoke_endpoint(PARAMS)


async def call_with_a_middleware_that_sleeps() -> object:
    @finalize_middleware("Nap")
    async def nap(ctx, step, next):  # type: ignore[no-untyped-def]
        await asyncio.sleep(0)  # what asyncio yields here, trio does not know
        return await next(ctx, step)

    return await client(api_options=[lambda stack: stack.finalize.add(nap)]).invoke_endpoint(PARAMS)


async def call_asynchronously() -> object:
    params = InvokeEndpointAsyncInput(endpoint_name="iris", input_location="s3://bucket/key")
    return await client().invoke_endpoint_async(params)


async def stream() -> object:
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=b"1")
    return await client().invoke_endpoint_with_response_stream(params)


async def wait() -> object:
    return await client().wait_for_output(InvokeEndpointAsyncOutput(output_location="s3://bucket/key"))


async def close() -> None:
    await client().close()


async def use_and_close() -> None:
    async with client() as used:
        await used.invoke_endpoint(PARAMS)


async def send() -> None:
    await AioHTTPClient().send(Request(), timeout=Timeout())


async def close_transport() -> None:
    await AioHTTPClient().close()


async def start() -> None:
    async with local():
        pytest.fail("it started")


async def stop() -> None:
    await local().stop()


async def load() -> object:
    return await load_config(region="eu-west-1", credentials=STATIC)


async def retrieve() -> object:
    return await BotocoreCredentialsProvider().retrieve()


async def retrieve_by_default() -> object:
    return await DefaultCredentialsProvider().retrieve()


async def retrieve_what_is_kept() -> object:
    return await CredentialsCache(STATIC).retrieve()


NEEDS = [
    call,
    call_with_a_time_limit,
    call_that_waits_for_a_retry,
    call_with_credentials_to_be_found,
    call_with_a_middleware_that_sleeps,
    call_asynchronously,
    stream,
    wait,
    close,
    use_and_close,
    send,
    close_transport,
    start,
    stop,
    load,
    retrieve,
    retrieve_by_default,
    retrieve_what_is_kept,
]


def by_hand(function: Callable[[], Awaitable[object]]) -> None:
    """Step through a coroutine, as a debugger may, with no event loop at all."""
    steps: Generator[object, None, object] = function().__await__()
    with suppress(StopIteration):
        while True:
            next(steps)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a provider must ask botocore."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("run", [trio.run, by_hand])
@pytest.mark.parametrize("function", NEEDS)
def test_what_needs_asyncio_says_so_elsewhere(
    function: Callable[[], Awaitable[object]], run: Callable[..., None]
) -> None:
    """An anyio application with its trio backend: "no running event loop" names neither us nor a way out."""
    with pytest.raises(ConfigError, match="needs asyncio, but no asyncio event loop is running") as caught:
        run(function)

    assert isinstance(caught.value.__cause__, RuntimeError | TypeError)
    del caught
    gc.collect()  # nothing must be left that was never awaited: its warning would be an error of this test


def test_the_error_of_a_call_has_the_facts_of_one() -> None:
    """As any other: which operation it was."""
    with pytest.raises(SageMakerRuntimeError) as caught:
        trio.run(call)

    assert "InvokeEndpoint" == caught.value.operation


async def test_under_asyncio_no_error_is_another() -> None:
    """A RuntimeError of a middleware is its own."""
    broken = RuntimeError("a middleware's")

    @finalize_middleware("Broken")
    async def fail(ctx, step, next) -> NoReturn:  # type: ignore[no-untyped-def]
        raise broken

    with pytest.raises(RuntimeError) as caught:
        await client(api_options=[lambda stack: stack.finalize.add(fail)]).invoke_endpoint(PARAMS)

    assert broken is caught.value
    assert without_asyncio(broken) is None


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_elsewhere_too_an_error_of_another_kind_stays_what_it_is(error: BaseException) -> None:
    """It has another reason than asyncio."""

    @asyncio_only
    async def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        trio.run(fail)

    assert error is caught.value


def test_what_needs_no_asyncio_runs_elsewhere() -> None:
    """Nothing is checked before: what is there without a wait is there under trio."""
    assert STATIC.current() == trio.run(STATIC.retrieve)
