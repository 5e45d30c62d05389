"""Sticky sessions of models that know nothing of them, and of models that do."""

from __future__ import annotations

import asyncio

import pytest
from both_clients import Client
from support import NOON, ManualClock

from sagemaker_runtime import (
    ConfigError,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    NopRetryer,
    PayloadPart,
    ValidationError,
    override,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, Model, Sessions

pytestmark = pytest.mark.twice

ONCE = override(retryer=NopRetryer())


async def say_who(invocation: Invocation) -> bytes:
    return f"{invocation.session_id} {invocation.new_session}".encode()


def ask(session_id: str | None = None, body: bytes = b"") -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="it", body=body, session_id=session_id)


def session_of(output: InvokeEndpointOutput) -> str:
    return (output.new_session_id or "").partition(";")[0]


async def test_a_session_has_an_id_that_the_model_and_the_caller_know() -> None:
    """The model keeps its state under the id from the first request on; a request without a session is as ever."""
    clock = ManualClock()

    async with (
        LocalEndpoint({"it": Sessions(say_who, lifetime=90, clock=clock)}) as local,
        Client(local.options(), ONCE) as client,
    ):
        opened = await client.invoke_endpoint(ask("NEW_SESSION"))
        session_id = session_of(opened)
        continued = await client.invoke_endpoint(ask(session_id))
        streamed = await client.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=b"", session_id=session_id)
        )
        async with streamed.body as stream:
            events = [event async for event in stream]
        without = await client.invoke_endpoint(ask())

    assert f"{session_id}; Expires=2025-06-15T15:08:10Z" == opened.new_session_id
    assert f"{session_id} True".encode() == opened.body
    assert (f"{session_id} False".encode(), None) == (continued.body, continued.new_session_id)
    assert [PayloadPart(bytes=f"{session_id} False".encode())] == events
    assert (b"None False", None) == (without.body, without.new_session_id)


async def test_a_session_expires() -> None:
    """The model has dropped its state by then; an answer without it would look like a good one."""
    clock = ManualClock()

    async with (
        LocalEndpoint({"it": Sessions(say_who, lifetime=90, clock=clock)}) as local,
        Client(local.options(), ONCE) as client,
    ):
        session_id = session_of(await client.invoke_endpoint(ask("NEW_SESSION")))
        clock.advance(89)
        await client.invoke_endpoint(ask(session_id))
        clock.advance(1)
        with pytest.raises(ValidationError, match=f"Session {session_id} does not exist") as raised:
            await client.invoke_endpoint(ask(session_id))

    assert (400, 3) == (raised.value.status, local.calls("it"))


@pytest.mark.parametrize("closing", [b"close at once", b"close later"])
async def test_a_session_that_the_model_closes_is_over(closing: bytes) -> None:
    """An agent that says goodbye gives its memory back at once."""

    async def close(invocation: Invocation) -> Answer:
        return Answer(body=b"", closed_session_id=invocation.session_id if invocation.body == closing else None)

    async with LocalEndpoint({"it": Sessions(close)}) as local, Client(local.options(), ONCE) as client:
        session_id = session_of(await client.invoke_endpoint(ask("NEW_SESSION", b"close at once")))
        if closing == b"close later":
            await client.invoke_endpoint(ask(session_id, closing))
        with pytest.raises(ValidationError, match=f"Session {session_id} does not exist, or is closed"):
            await client.invoke_endpoint(ask(session_id))


@pytest.mark.parametrize(
    ("said", "lifetime"),
    [
        ("own; Expires=2025-06-15T15:07:10Z", 30),
        ("own;Expires=2025-06-15T15:07:10Z", 30),
        ("own", 90),
        ("own; Expires=soon", 90),
        ("own; Expires=2025-02-30T00:00:00Z", 90),
    ],
)
async def test_the_id_and_the_expiry_that_the_model_names_come_first(said: str, lifetime: int) -> None:
    """It made the state. An expiry that cannot be read must not make the session last for ever."""

    async def converse(invocation: Invocation) -> Answer:
        return Answer(body=b"", new_session_id=said if invocation.new_session else None)

    clock = ManualClock()

    async with (
        LocalEndpoint({"it": Sessions(converse, lifetime=90, clock=clock)}) as local,
        Client(local.options(), ONCE) as client,
    ):
        opened = await client.invoke_endpoint(ask("NEW_SESSION"))
        clock.time = NOON + lifetime - 0.5
        await client.invoke_endpoint(ask("own"))
        clock.time = NOON + lifetime
        with pytest.raises(ValidationError, match="Session own does not exist"):
            await client.invoke_endpoint(ask("own"))

    assert said == opened.new_session_id


async def test_a_session_that_the_model_failed_to_open_does_not_exist() -> None:
    """There is no state behind it, and the caller got no id."""
    tried: list[str] = []

    async def fail(invocation: Invocation) -> bytes:
        tried.append(invocation.session_id or "")
        raise ValueError("no memory left")

    async with LocalEndpoint({"it": Sessions(fail)}) as local, Client(local.options(), ONCE) as client:
        with pytest.raises(ModelError, match="no memory left"):
            await client.invoke_endpoint(ask("NEW_SESSION"))
        with pytest.raises(ValidationError, match="does not exist"):
            await client.invoke_endpoint(ask(tried[0]))


async def test_sessions_opened_at_once_are_apart() -> None:
    """Fifty callers must not meet in one conversation."""
    async with LocalEndpoint({"it": Sessions(say_who)}) as local, Client(local.options(), ONCE) as client:
        opened = await asyncio.gather(*(client.invoke_endpoint(ask("NEW_SESSION")) for _ in range(50)))
        continued = await asyncio.gather(*(client.invoke_endpoint(ask(session_of(output))) for output in opened))

    assert 50 == len({session_of(output) for output in opened})
    assert [f"{session_of(output)} False".encode() for output in opened] == [output.body for output in continued]


async def test_the_oldest_session_gives_way_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load test that never closes a session must not fill the memory."""
    monkeypatch.setattr("sagemaker_runtime.local.backends.sessions.MAX_SESSIONS", 2)

    async with LocalEndpoint({"it": Sessions(say_who)}) as local, Client(local.options(), ONCE) as client:
        first, *others = [session_of(await client.invoke_endpoint(ask("NEW_SESSION"))) for _ in range(3)]
        for session_id in others:
            await client.invoke_endpoint(ask(session_id))
        with pytest.raises(ValidationError, match=f"Session {first} does not exist"):
            await client.invoke_endpoint(ask(first))


async def test_no_session_outlives_its_endpoint() -> None:
    """One test must not go on with the sessions of another."""
    local = LocalEndpoint({"it": Sessions(say_who)})

    async with local, Client(local.options(), ONCE) as client:
        session_id = session_of(await client.invoke_endpoint(ask("NEW_SESSION")))
    async with local, Client(local.options(), ONCE) as client:
        with pytest.raises(ValidationError, match=f"Session {session_id} does not exist"):
            await client.invoke_endpoint(ask(session_id))


@pytest.mark.parametrize("said", ["", "; Expires=2099-01-01T00:00:00Z"])
async def test_a_session_without_an_id_is_none_of_the_models(said: str) -> None:
    """The caller could not go on with it; so the one made here holds, with its own expiry."""
    clock = ManualClock()

    async def nameless(invocation: Invocation) -> Answer:
        return Answer(body=b"", new_session_id=said if invocation.new_session else None)

    async with (
        LocalEndpoint({"it": Sessions(nameless, lifetime=90, clock=clock)}) as local,
        Client(local.options(), ONCE) as client,
    ):
        session_id = session_of(await client.invoke_endpoint(ask("NEW_SESSION")))
        await client.invoke_endpoint(ask(session_id))
        clock.advance(90)
        with pytest.raises(ValidationError, match=f"Session {session_id} does not exist"):
            await client.invoke_endpoint(ask(session_id))

    assert 36 == len(session_id)


@pytest.mark.parametrize("lifetime", [0, -1, float("nan"), float("inf"), 1e12])
def test_a_lifetime_that_is_none_is_refused(lifetime: float) -> None:
    """Sessions that are over at once, or never, are a slip; beyond the calendar no expiry could be written."""
    model: Model = say_who

    with pytest.raises(ConfigError, match="it takes a number of seconds above 0"):
        Sessions(model, lifetime=lifetime)
