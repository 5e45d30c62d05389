"""Many models behind one endpoint: loaded when they are asked for, unloaded when others need the room."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from both_clients import Client

from sagemaker_runtime import (
    ATTEMPTS,
    ConfigError,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    ModelError,
    ModelNotReadyException,
    NopRetryer,
    StandardRetryer,
    ValidationError,
    override,
)
from sagemaker_runtime.local import Answer, Backend, Body, Invocation, LocalEndpoint, Model, MultiModel

pytestmark = pytest.mark.twice

ONCE = override(retryer=NopRetryer())


def ask(target_model: str | None = None) -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="it", body=b"body", target_model=target_model)


@asynccontextmanager
async def client_of(models: MultiModel) -> AsyncIterator[Client]:
    async with LocalEndpoint({"it": models}) as local, Client(local.options(), ONCE) as client:
        yield client


async def loaded(client: Client, target_model: str) -> InvokeEndpointOutput:
    """The answer of a model, once it is there."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await client.invoke_endpoint(ask(target_model))
            except ModelNotReadyException:
                await asyncio.sleep(0)


class Recorded:
    """A model that notes its life; *body* is what it answers."""

    def __init__(self, name: str, log: list[str], body: Callable[[], Body] | None = None) -> None:
        self.name = name
        self.log = log
        self.body = body or name.encode

    async def start(self) -> None:
        self.log.append(f"start {self.name}")

    async def stop(self) -> None:
        self.log.append(f"stop {self.name}")

    async def invoke(self, invocation: Invocation) -> Answer:
        return Answer(body=self.body())


async def upper(invocation: Invocation) -> bytes:
    return invocation.body.upper()


async def load_in_the_loop(name: str) -> Model:
    return upper


@pytest.mark.parametrize("load", [{"a.tar.gz": upper}, lambda name: upper, load_in_the_loop])
async def test_a_model_is_loaded_by_the_first_request_and_answers_the_next(
    load: Callable[[str], Model] | dict[str, Model],
) -> None:
    """A client must survive the cold start, which the service reports with a 429."""
    async with client_of(MultiModel(load, capacity=1)) as client:
        with pytest.raises(ModelNotReadyException) as raised:
            await client.invoke_endpoint(ask("a.tar.gz"))
        output = await loaded(client, "a.tar.gz")

    assert (429, "The model is not ready yet.") == (raised.value.status, raised.value.message)
    assert b"BODY" == output.body


async def test_a_client_with_the_default_policy_waits_for_the_model() -> None:
    """That is what its rule for cold starts is for, and here it can be seen at work without the service."""
    models = MultiModel(load_in_the_loop, capacity=1)

    async with client_of(models) as client:
        output = await client.invoke_endpoint(ask("a"), override(retryer=StandardRetryer(draw=lambda: 0.001)))

    assert b"BODY" == output.body
    assert len(output.result_metadata[ATTEMPTS]) > 1


async def test_fifty_requests_at_once_load_a_model_once() -> None:
    """Fifty copies of a large model would end the machine. All get a response at once: they do not wait for the loading."""
    loads: list[str] = []
    may_load = asyncio.Event()

    async def load(name: str) -> Model:
        loads.append(name)
        await may_load.wait()
        return upper

    async with client_of(MultiModel(load, capacity=1)) as client:
        calls = [client.invoke_endpoint(ask("a")) for _ in range(50)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        may_load.set()
        output = await loaded(client, "a")

    assert {ModelNotReadyException} == {type(outcome) for outcome in outcomes}
    assert (["a"], b"BODY") == (loads, output.body)


async def test_the_model_asked_for_least_recently_gives_way() -> None:
    """The one in use stays; what was unloaded is loaded again when it is asked for."""
    log: list[str] = []

    def load(name: str) -> Backend:
        return Recorded(name, log)

    async with client_of(MultiModel(load, capacity=2)) as client:
        for name in ("a", "b", "a", "c", "b"):
            assert name.encode() == (await loaded(client, name)).body

    assert ["start a", "start b", "stop b", "start c", "stop a", "start b", "stop b", "stop c"] == sorted_tail(log, 6)


def sorted_tail(log: list[str], start: int) -> list[str]:
    """At the end all models stop at once, in no order that matters."""
    return log[:start] + sorted(log[start:])


async def test_a_model_at_work_is_not_unloaded() -> None:
    """Its response would break off. With no room, nothing is loaded; the caller tries again, as for any cold start."""
    log: list[str] = []
    may_end = asyncio.Event()
    begun = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        begun.set()
        yield b"one "
        await may_end.wait()
        yield b"two"

    models = {"a": Recorded("a", log, pieces), "b": Recorded("b", log)}

    async with client_of(MultiModel(models, capacity=1)) as client:
        await until_started("a", client, log)
        call = asyncio.create_task(client.invoke_endpoint(ask("a")))
        await begun.wait()
        for _ in range(3):
            with pytest.raises(ModelNotReadyException):
                await client.invoke_endpoint(ask("b"))
        before = list(log)
        may_end.set()
        first = await call
        second = await loaded(client, "b")

    assert (b"one two", b"b") == (first.body, second.body)
    assert ["start a"] == before
    assert ["start a", "stop a", "start b", "stop b"] == log


async def test_a_model_that_is_being_loaded_does_not_give_way() -> None:
    """Two that are asked for in turns would never be loaded, either of them."""
    loads: list[str] = []
    may_load = asyncio.Event()

    async def load(name: str) -> Model:
        loads.append(name)
        await may_load.wait()
        return upper

    async with client_of(MultiModel(load, capacity=1)) as client:
        for name in ("a", "b", "a", "b"):
            with pytest.raises(ModelNotReadyException):
                await client.invoke_endpoint(ask(name))
        may_load.set()
        output = await loaded(client, "a")

    assert (["a"], b"BODY") == (loads, output.body)


async def until_started(name: str, client: Client, log: list[str]) -> None:
    """Have a model loaded without asking it anything."""
    with pytest.raises(ModelNotReadyException):
        await client.invoke_endpoint(ask(name))
    async with asyncio.timeout(10):
        while f"start {name}" not in log:
            await asyncio.sleep(0)


async def fail(invocation: Invocation) -> bytes:
    raise ValueError("no such flower")


async def test_a_model_that_failed_is_at_work_no_more() -> None:
    """Or one bad request would keep its room for ever."""
    async with client_of(MultiModel({"a": fail, "b": upper}, capacity=1)) as client:
        with pytest.raises(ModelError, match="no such flower"):
            await loaded(client, "a")
        output = await loaded(client, "b")

    assert b"BODY" == output.body


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (KeyError("a"), ValidationError, r"Failed to download model data \(key: a\)\. Please ensure that there is"),
        (FileNotFoundError("a"), ValidationError, "Failed to download model data"),
        (MemoryError("too large"), ModelError, "the model could not be loaded: too large"),
        (StopIteration(), ModelError, "the model could not be loaded: the model raised StopIteration"),
    ],
)
async def test_a_loading_that_fails_is_reported_and_can_be_tried_again(
    error: Exception, expected: type[Exception], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The model may be there the next time; whoever wrote the loading gets the traceback in the log."""
    outcomes: list[Exception | Model] = [error, upper]

    def load(name: str) -> Model:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async with client_of(MultiModel(load, capacity=1)) as client:
        with caplog.at_level(logging.ERROR, "sagemaker_runtime.local"), pytest.raises(expected, match=words):
            await loaded(client, "a")
        output = await loaded(client, "a")

    assert b"BODY" == output.body
    assert "the model 'a' could not be loaded" in caplog.text
    assert type(error).__name__ in caplog.text


async def test_a_loading_that_failed_takes_up_no_room() -> None:
    """Nobody gets it if nobody asks again, and the room is needed by others."""
    async with client_of(MultiModel({"a": Broken("a", []), "b": upper}, capacity=1)) as client:
        with pytest.raises(ModelNotReadyException):
            await client.invoke_endpoint(ask("a"))
        output = await loaded(client, "b")

    assert b"BODY" == output.body


class Broken(Recorded):
    """It fails at its start."""

    async def start(self) -> None:
        raise OSError("no such device")


class Stubborn(Recorded):
    """It fails at its stop."""

    async def stop(self) -> None:
        raise OSError("no such device")


async def test_a_model_that_fails_when_it_is_unloaded_makes_room_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The caller who wants another model can do nothing about it."""
    with caplog.at_level(logging.ERROR, "sagemaker_runtime.local"):
        async with client_of(MultiModel({"a": Stubborn("a", []), "b": upper}, capacity=1)) as client:
            await loaded(client, "a")
            output = await loaded(client, "b")

    assert b"BODY" == output.body
    assert "a model failed when it was unloaded" in caplog.text


async def test_a_request_must_say_which_model_it_wants() -> None:
    """The service has no default among them."""
    async with client_of(MultiModel({"a": upper}, capacity=1)) as client:
        with pytest.raises(ValidationError, match="missing a target model header") as raised:
            await client.invoke_endpoint(ask())

    assert 400 == raised.value.status


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "..\\x", "C:\\x", ".."])
async def test_a_name_that_leads_out_of_the_folder_is_never_loaded(name: str) -> None:
    """A function that opens ``models / name`` would give any file of the machine to whoever calls."""
    asked: list[str] = []

    def load(name: str) -> Model:
        asked.append(name)
        return upper

    async with client_of(MultiModel(load, capacity=1)) as client:
        for _ in range(2):
            with pytest.raises(ValidationError, match="Failed to download model data"):
                await client.invoke_endpoint(ask(name))
        output = await loaded(client, "a/b..c/v1.tar.gz")

    assert (["a/b..c/v1.tar.gz"], b"BODY") == (asked, output.body)


async def test_a_mapping_is_asked_only_for_the_models_it_has() -> None:
    """It opens no files, so any name may be in it; one that is not is refused at once, with nothing to wait for."""
    async with client_of(MultiModel({"../x": upper}, capacity=1)) as client:
        output = await loaded(client, "../x")
        with pytest.raises(ValidationError, match="Failed to download model data"):
            await client.invoke_endpoint(ask("y"))

    assert b"BODY" == output.body


async def test_stopping_the_endpoint_gives_up_loading_and_stops_what_is_loaded() -> None:
    """A test that is over must not wait for a model; and the endpoint can be started again, with nothing loaded."""
    log: list[str] = []
    gave_up = asyncio.Event()

    async def load(name: str) -> Backend:
        if name == "slow":
            try:
                await asyncio.Event().wait()
            finally:
                gave_up.set()
        return Recorded(name, log)

    local = LocalEndpoint({"it": MultiModel(load, capacity=2)})

    async with local, Client(local.options(), ONCE) as client:
        await loaded(client, "a")
        with pytest.raises(ModelNotReadyException):
            await client.invoke_endpoint(ask("slow"))
    stopped = list(log)
    async with local, Client(local.options(), ONCE) as client:
        with pytest.raises(ModelNotReadyException):
            await client.invoke_endpoint(ask("a"))

    assert gave_up.is_set()
    assert ["start a", "stop a"] == stopped


async def test_stopping_the_endpoint_does_not_wait_for_a_load_in_a_thread() -> None:
    """A thread cannot be cancelled; what it loads in the end is started by nobody."""
    log: list[str] = []
    may_load, began = threading.Event(), threading.Event()

    def load(name: str) -> Backend:
        began.set()
        assert may_load.wait(10)
        return Recorded(name, log)

    async with client_of(MultiModel(load, capacity=1)) as client:
        with pytest.raises(ModelNotReadyException):
            await client.invoke_endpoint(ask("a"))
        assert await asyncio.to_thread(began.wait, 10)
    may_load.set()

    assert [] == log


async def test_stopping_the_endpoint_waits_for_a_model_that_is_being_unloaded() -> None:
    """It may be about to write something down; the model that would take its room is not loaded any more."""
    log: list[str] = []
    stopping, may_stop = asyncio.Event(), asyncio.Event()

    class Slow(Recorded):
        async def stop(self) -> None:
            stopping.set()
            await may_stop.wait()
            await super().stop()

    models = MultiModel({"a": Slow("a", log), "b": Recorded("b", log)}, capacity=1)

    async with client_of(models) as client:
        await loaded(client, "a")
        with pytest.raises(ModelNotReadyException):
            await client.invoke_endpoint(ask("b"))
        await stopping.wait()
        stop = asyncio.create_task(models.stop())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not stop.done()
        may_stop.set()
        await stop

    assert ["start a", "stop a"] == log


async def test_a_model_is_loaded_again_only_when_it_is_unloaded() -> None:
    """Two lives at once of the same object, or of the same file or port, would get into each other's way."""
    log: list[str] = []
    stopping, may_stop = asyncio.Event(), asyncio.Event()

    class Slow(Recorded):
        async def stop(self) -> None:
            stopping.set()
            await may_stop.wait()
            await super().stop()

    models = {"a": Slow("a", log), "b": Recorded("b", log), "c": Recorded("c", log)}

    async with client_of(MultiModel(models, capacity=2)) as client:
        await loaded(client, "a")
        await loaded(client, "b")
        for wanted in ("c", "a"):  # c takes the room of a, and a that of b
            with pytest.raises(ModelNotReadyException):
                await client.invoke_endpoint(ask(wanted))
            await stopping.wait()
        before = list(log)
        may_stop.set()
        await loaded(client, "a")
        seen = list(log)

    assert ["start a", "start b", "stop b"] == before
    assert ["start a", "start b", "stop b", "stop a"] == seen[:4]
    assert {"start c", "start a"} == set(seen[4:])


def test_a_capacity_of_none_is_refused() -> None:
    """No model could ever be loaded, and every call would have to wait."""
    with pytest.raises(ConfigError, match="capacity is 0"):
        MultiModel({"a": upper}, capacity=0)
