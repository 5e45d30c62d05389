"""What a call has opened: an entry for each attempt, and who closes it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attrs import define
from support import ScriptedBody, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    BEFORE,
    ConnectError,
    Context,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    InvokeEndpointWithResponseStreamOutput,
    NopRetryer,
    Response,
    ServiceUnavailable,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
)
from sagemaker_runtime.context import OPENED, Ledger
from sagemaker_runtime.testing import StubHTTPClient, respond_error, respond_stream

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1")
STREAMED = InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=b"1")


@define(eq=False)
class Door:
    """Something that is open."""

    closed: list[str]
    name: str = "door"

    def close(self) -> None:
        self.closed.append(self.name)


def ledger() -> Ledger:
    made = Ledger()
    made.response = made.metadata = None
    return made


def test_a_ledger_closes_the_latest_first_and_once() -> None:
    """What was opened upon another thing must go before it."""
    closed: list[str] = []
    opened = ledger()
    opened += [Door(closed, "first"), Door(closed, "second")]

    opened.close()
    opened.close()

    assert ["second", "first"] == closed


def test_each_attempt_has_an_entry_in_the_ledger_of_its_call() -> None:
    """Several live at once when a call is hedged; each is closed by itself, and all of them with the call."""
    closed: list[str] = []
    ctx = Context()
    ctx[OPENED] = ledger()
    one, two = ctx.for_attempt(), ctx.for_attempt()
    below = two.for_attempt()
    for name, each in (("one", one), ("two", two), ("below", below)):
        each[OPENED].append(Door(closed, name))

    one[OPENED].close()
    assert ["one"] == closed
    ctx[OPENED].close()

    assert ["one", "two", "below"] == closed


def test_an_entry_is_forgotten_by_identity() -> None:
    """Two ledgers that are empty are equal, and are not one."""
    opened, first, second = ledger(), ledger(), ledger()
    opened += [first, second]

    opened.forget(second)

    assert [True] == [entry is first for entry in opened]


def test_a_context_without_a_ledger_makes_attempts_without() -> None:
    """One that is made by hand, for a middleware alone in a test, need not have one."""
    assert OPENED not in Context().for_attempt()


class Watching(ScriptedHTTPClient):
    """Keeps the bodies that it gave."""

    def __init__(self, script: list[Any]) -> None:
        super().__init__(script)
        self.bodies: list[ScriptedBody] = []

    async def send(self, request: Any, *, timeout: Any) -> Response:
        response = await super().send(request, timeout=timeout)
        assert isinstance(response.body, ScriptedBody)
        self.bodies.append(response.body)
        return response


async def test_of_many_failed_attempts_nothing_is_kept() -> None:
    """A cold start is retried for a minute; what each attempt has brought must not pile up in the call."""
    seen: list[int] = []

    @finalize_middleware("Sees")
    def sees(ctx: Context, step: Any, next: Any) -> Any:
        seen.append(len(outer[0][OPENED]))
        return next(ctx, step)

    outer: list[Context] = []

    @initialize_middleware("Outer")
    def keep(ctx: Context, step: Any, next: Any) -> Any:
        outer.append(ctx)
        return next(ctx, step)

    http = Watching([*[lambda _: answer(429, x_amzn_errortype="ModelNotReadyException")] * 5, lambda _: answer()])
    options = [lambda stack: stack.finalize.add(sees), lambda stack: stack.initialize.add(keep)]
    await client(http, api_options=options).invoke_endpoint(PARAMS)

    assert [1] * 6 == seen
    assert all(body.closed for body in http.bodies)


async def test_the_stream_of_an_attempt_that_is_cancelled_below_retry_is_closed() -> None:
    """Somebody outside Retry may go on without it, so the client would close it too late."""
    streams: list[Any] = []

    @finalize_middleware("Hangs")
    async def hangs(ctx: Context, step: Any, next: Any) -> Any:
        output = await next(ctx, step)
        streams.append(output.result.body)
        await asyncio.Event().wait()
        return output

    @initialize_middleware("GoesOn")
    async def goes_on(ctx: Context, step: Any, next: Any) -> Any:
        first = asyncio.ensure_future(next(ctx, step))
        while not streams:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        closed.append(streams[0]._closed)
        raise ServiceUnavailable("gone on")

    closed: list[bool] = []
    http = StubHTTPClient([respond_stream([b"a"])])
    options = [lambda stack: stack.finalize.insert(hangs, after="Retry"), lambda stack: stack.initialize.add(goes_on)]

    with pytest.raises(ServiceUnavailable, match="gone on"):
        await client(http, api_options=options).invoke_endpoint_with_response_stream(STREAMED)

    assert [True] == closed


@pytest.mark.parametrize("step", ["initialize", "build", "finalize"])
async def test_a_stream_is_closed_by_whoever_fails_after_it_has_begun(step: str) -> None:
    """The caller never sees it, and its connection would stay taken."""
    streams: list[Any] = []
    makers = {"initialize": initialize_middleware, "build": build_middleware, "finalize": finalize_middleware}

    @makers[step]("Fails")
    async def fails(ctx: Context, given: Any, next: Any) -> Any:
        output = await next(ctx, given)
        assert isinstance(output.result, InvokeEndpointWithResponseStreamOutput)
        streams.append(output.result.body)
        raise ServiceUnavailable("too late")

    http = StubHTTPClient([respond_stream([b"a"])], repeat=True)
    options = [lambda stack: getattr(stack, step).add(fails, BEFORE)]
    with pytest.raises(ServiceUnavailable, match="too late"):
        await client(http, api_options=options, retryer=NopRetryer()).invoke_endpoint_with_response_stream(STREAMED)

    assert "closed" in repr(streams[0])


async def test_a_hedge_above_retry_does_not_close_the_stream_of_the_other() -> None:
    """Each of the two runs has attempts of its own; one that fails lets go of its own alone."""

    @finalize_middleware("Two")
    async def two(ctx: Context, step: Any, next: Any) -> Any:
        good = await next(ctx.for_attempt(), type(step)(step.request.copy()))
        with pytest.raises(ServiceUnavailable):
            await next(ctx.for_attempt(), type(step)(step.request.copy()))
        return good

    http = StubHTTPClient([respond_stream([b"a"]), respond_error("ServiceUnavailable")])
    options = [lambda stack: stack.finalize.add(two, BEFORE)]
    made = client(http, api_options=options, retryer=NopRetryer())

    output = await made.invoke_endpoint_with_response_stream(STREAMED)

    assert [b"a"] == [piece async for piece in output.body.iter_bytes()]


async def test_a_call_that_asks_many_times_keeps_no_answer() -> None:
    """A middleware that polls, or asks in batches, must not hold all that it has read until the call ends."""
    outer: list[Context] = []

    @initialize_middleware("Polls")
    async def polls(ctx: Context, step: Any, next: Any) -> Any:
        outer.append(ctx)
        for _ in range(20):
            output = await next(ctx, step)
        return output

    await client(api_options=[lambda stack: stack.initialize.add(polls)]).invoke_endpoint(PARAMS)

    (left,) = outer[0][OPENED]
    assert isinstance(left, Ledger)
    assert ([], None, None) == (list(left), left.response, left.metadata)


async def test_what_a_middleware_enters_is_closed_with_its_attempt() -> None:
    """It has been opened for that attempt, and whoever enters it relies on that."""
    closed: list[str] = []

    @finalize_middleware("Opens")
    def opens(ctx: Context, step: Any, next: Any) -> Any:
        ctx[OPENED].append(Door(closed))
        return next(ctx, step)

    await client(api_options=[lambda stack: stack.finalize.insert(opens, after="Retry")]).invoke_endpoint(PARAMS)

    assert ["door"] == closed


async def test_a_stream_of_a_child_below_the_deserializer_is_closed_by_whoever_fails() -> None:
    """The response stands in the entry of the child, and the stream that it becomes in that of the attempt."""
    streams: list[Any] = []

    @deserialize_middleware("Child")
    async def child(ctx: Context, step: Any, next: Any) -> Any:
        return await next(ctx.for_attempt(), step)

    @build_middleware("Fails")
    async def fails(ctx: Context, step: Any, next: Any) -> Any:
        output = await next(ctx, step)
        streams.append(output.result.body)
        raise ServiceUnavailable("too late")

    http = StubHTTPClient([respond_stream([b"a"])])
    options = [lambda stack: stack.deserialize.add(child), lambda stack: stack.build.add(fails)]
    with pytest.raises(ServiceUnavailable, match="too late"):
        await client(http, api_options=options).invoke_endpoint_with_response_stream(STREAMED)

    assert "closed" in repr(streams[0])


async def test_a_second_pass_that_never_connects_does_not_bear_the_facts_of_the_first() -> None:
    """A request id of another exchange sends AWS Support the wrong way."""

    @deserialize_middleware("Twice")
    async def twice(ctx: Context, step: Any, next: Any) -> Any:
        await next(ctx, step)
        return await next(ctx, step)

    http = ScriptedHTTPClient([answer(x_amzn_RequestId="first"), ConnectError("nobody there")])
    with pytest.raises(ConnectError) as caught:
        await client(http, api_options=[lambda s: s.deserialize.add(twice)], retryer=NopRetryer()).invoke_endpoint(
            PARAMS
        )

    assert caught.value.request_id is None
