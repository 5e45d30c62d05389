"""What a model may raise, which is anything, and that it ends nothing but its own response."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from both_clients import Client

from sagemaker_runtime import (
    AsyncInferenceError,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    ModelStreamError,
    PayloadPart,
)
from sagemaker_runtime.local import Answer, FailureError, Invocation, LocalEndpoint, ModelFailure, MultiModel
from sagemaker_runtime.local.backends.exceptions import is_ours


class OwnError(BaseException):
    """As a library may have it that wants to be caught by nobody."""


class NoTextError(Exception):
    """As of a library that words its errors by a template."""

    def __str__(self) -> str:
        raise SystemExit(4)


ODD = [
    (SystemExit("3"), "3"),
    (KeyboardInterrupt(), "KeyboardInterrupt"),
    (GeneratorExit(), "GeneratorExit"),
    (asyncio.CancelledError("the batch"), "the batch"),
    (OwnError("own"), "own"),
    (NoTextError(), "NoTextError"),
    (ValueError("x" * 5_000), "x" * 2_048),
]


def plain(error: BaseException) -> Callable[[Invocation], bytes]:
    def model(invocation: Invocation) -> bytes:
        raise error

    return model


def coroutine(error: BaseException) -> Callable[[Invocation], object]:
    async def model(invocation: Invocation) -> bytes:
        raise error

    return model


def generator(error: BaseException) -> Callable[[Invocation], Iterator[bytes]]:
    def model(invocation: Invocation) -> Iterator[bytes]:
        yield b"first"
        raise error

    return model


def asynchronous_generator(error: BaseException) -> Callable[[Invocation], AsyncIterator[bytes]]:
    async def model(invocation: Invocation) -> AsyncIterator[bytes]:
        yield b"first"
        raise error

    return model


async def read_stream(client: Client) -> None:
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=b"")
    output = await client.invoke_endpoint_with_response_stream(params)
    async with output.body as stream:
        async for part in stream:
            assert PayloadPart(bytes=b"first") == part


def ok(invocation: Invocation) -> bytes:
    return b"ok"


@pytest.mark.twice
@pytest.mark.parametrize("kind", [plain, coroutine, generator, asynchronous_generator])
@pytest.mark.parametrize(("error", "words"), ODD, ids=lambda value: type(value).__name__)
async def test_whatever_a_model_raises_is_its_own_failure(
    kind: Callable[[BaseException], Callable[[Invocation], bytes]],
    error: BaseException,
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One that calls `sys.exit`, or awaits what was cancelled, must not take server, connection or test down with it."""
    with caplog.at_level(logging.ERROR):
        async with LocalEndpoint({"it": kind(error), "ok": ok}) as local, Client(local.options()) as client:
            with pytest.raises(ModelError) as unary:
                await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))
            with pytest.raises((ModelError, ModelStreamError)) as streamed:
                await read_stream(client)
            queued = await client.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="it", body=b"x"))
            with pytest.raises(AsyncInferenceError) as caught:
                await client.wait_for_output(queued, timeout=10)
            after = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="ok", body=b""))
            calls = local.calls("it")

    assert (424, 500) == (unary.value.status, unary.value.original_status_code)
    assert str(unary.value.original_message).endswith(words)
    assert kind in (generator, asynchronous_generator) or isinstance(streamed.value, ModelError)
    assert kind in (plain, coroutine) or isinstance(streamed.value, ModelStreamError)
    assert f'{words}". See' in str(caught.value)
    assert (b"ok", 3) == (after.body, calls)
    assert ["the model of endpoint 'it' failed"] * 3 == [record.getMessage() for record in caplog.records]


@pytest.mark.twice
@pytest.mark.parametrize("error", [error for error, _ in ODD], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", ["plain", "asynchronous"])
async def test_whatever_a_generator_raises_when_it_is_closed_is_logged(
    kind: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """The response is whole by then, and the next request is waiting."""

    class Plain:
        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            raise StopIteration

        def close(self) -> None:
            raise error

    class Asynchronous:
        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            raise StopAsyncIteration

        async def aclose(self) -> None:
            raise error

    given = Plain if kind == "plain" else Asynchronous
    async with (
        LocalEndpoint({"it": lambda _: Answer(body=given())}) as local,
        Client(local.options()) as client,
    ):
        with caplog.at_level(logging.ERROR):
            bodies = [
                (await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))).body for _ in "12"
            ]

    assert [b"", b""] == bodies
    assert ["a model's generator failed when it was closed"] * 2 == [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(("error", "words"), ODD, ids=lambda value: type(value).__name__)
async def test_whatever_the_loading_of_a_model_raises_is_reported(
    error: BaseException, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It runs in a task, where `sys.exit` would end the event loop, and nobody would notice a cancellation."""

    async def load(name: str) -> Callable[[Invocation], bytes]:
        raise error

    backend = MultiModel(load, capacity=1)
    wanted = Invocation(endpoint_name="it", body=b"", target_model="a")
    with caplog.at_level(logging.ERROR):
        with pytest.raises(FailureError, match="ModelNotReadyException"):
            await backend.invoke(wanted)
        async with asyncio.timeout(10):
            while not caplog.records:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        with pytest.raises(ModelFailure) as raised:
            await backend.invoke(wanted)

    assert f"the model could not be loaded: {words}" == raised.value.message[: 31 + len(words)]
    assert ["the model 'a' could not be loaded"] == [record.getMessage() for record in caplog.records]


@pytest.mark.twice
async def test_a_model_that_cannot_be_stopped_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The others are still to be unloaded, and the endpoint to be stopped."""

    class Stubborn:
        async def start(self) -> None: ...

        async def stop(self) -> None:
            raise SystemExit(3)

        async def invoke(self, invocation: Invocation) -> Answer:
            return Answer(body=b"ok")

    models = {"a": Stubborn(), "b": Stubborn()}
    with caplog.at_level(logging.ERROR):
        async with LocalEndpoint({"it": MultiModel(models, capacity=2)}) as local, Client(local.options()) as client:
            for name in models:
                params = InvokeEndpointInput(endpoint_name="it", body=b"", target_model=name)
                assert b"ok" == (await client.invoke_endpoint(params)).body

    assert ["a model failed when it was unloaded"] * 2 == [record.getMessage() for record in caplog.records]


async def test_the_leaving_of_a_caller_is_no_failure_of_the_model(caplog: pytest.LogCaptureFixture) -> None:
    """It is a cancellation too, and an everyday one: nobody is to be notified."""
    inside, ended = asyncio.Event(), asyncio.Event()

    async def wait(invocation: Invocation) -> bytes:
        inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b""

    async with LocalEndpoint({"it": wait}) as local, Client(local.options()) as client:
        call = asyncio.create_task(client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"")))
        await inside.wait()
        call.cancel()
        async with asyncio.timeout(10):
            await ended.wait()

    assert [] == caplog.records
    assert [None] == [exchange.status for exchange in local.journal]


def test_what_is_thrown_away_with_its_event_loop_is_no_failure() -> None:
    """Python ends a coroutine that nobody waits for with a GeneratorExit."""
    assert is_ours(GeneratorExit())
    assert not is_ours(SystemExit())


@pytest.mark.parametrize("given", [(b"bytes", 500), (None, 500), ("text", "404"), ("text", None)])
def test_a_model_failure_that_could_not_be_sent_is_refused(given: tuple[str, int]) -> None:
    """The log names the mistake, and the caller gets a ModelError all the same."""
    with pytest.raises(TypeError, match="ModelFailure takes a str and an int"):
        ModelFailure(*given)


def test_a_model_failure_can_be_pickled() -> None:
    """Models run in pools of processes."""
    copy = pickle.loads(pickle.dumps(ModelFailure("m", 404)))  # noqa: S301 - it is our own

    assert ("m", 404) == (copy.message, copy.status)


class Forgetful:
    """A backend that forgets to wrap what it gives."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def invoke(self, invocation: Invocation) -> bytes:
        return b"no Answer"


@pytest.mark.twice
async def test_the_log_says_that_a_backend_gave_no_answer() -> None:
    """It is a mistake of who wrote the backend, and no mystery of the server's."""
    async with LocalEndpoint({"it": Forgetful()}) as local, Client(local.options()) as client:
        with pytest.raises(ModelError, match="the backend returned bytes; it must return an Answer"):
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))
