"""A second attempt where the first is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from attrs import define, field
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    Client,
    ConfigError,
    Context,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    ModelError,
    Output,
    ValidationError,
    finalize_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.hedging import ENDPOINTS, HEDGED, Hedging
from sagemaker_runtime.testing import assert_conforms, respond_error


@define
class AlarmClock(ManualClock):
    """Whoever sleeps does so until the alarm."""

    alarm: asyncio.Event = field(factory=asyncio.Event)
    sleepers: int = 0

    async def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.sleepers += 1
        try:
            await self.alarm.wait()
        finally:
            self.sleepers -= 1


class Model:
    """Responds at once, until it has plans: what to do for each further request, in order."""

    def __init__(self) -> None:
        self.plans: list[Callable[[], Awaitable[bytes]]] = []
        self.seen: list[Invocation] = []
        self.cancelled = 0

    async def __call__(self, invocation: Invocation) -> bytes:
        self.seen.append(invocation)
        try:
            return await self.plans.pop(0)() if self.plans else b"at once"
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@pytest.fixture
def clock() -> AlarmClock:
    return AlarmClock()


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def local(model: Model, clock: AlarmClock) -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"model": model}, clock=clock) as endpoint:
        yield endpoint


PARAMS = InvokeEndpointInput(endpoint_name="model", body=b"question")


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def test_a_slow_attempt_is_overtaken_by_a_second_and_cancelled(
    local: LocalEndpoint, model: Model, clock: AlarmClock
) -> None:
    """The tail is made of single slow workers; a loser that ran on would hold its connection for nothing."""

    async def slow() -> bytes:
        clock.alarm.set()
        await asyncio.Event().wait()
        return b"never"

    hedging = Hedging(min_samples=1, budget=1.0)
    async with Client(local.options(), override(clock=clock), with_api_options(hedging)) as client:
        first = await client.invoke_endpoint(PARAMS)
        model.plans = [slow]
        second = await client.invoke_endpoint(PARAMS)
        await until(lambda: model.cancelled == 1)

    assert (b"at once", b"at once") == (first.body, second.body)
    assert HEDGED not in first.result_metadata
    assert second.result_metadata[HEDGED] is True
    assert 3 == local.calls("model")
    ids = [invocation.headers["amz-sdk-invocation-id"] for invocation in model.seen]
    assert ids[0] != ids[1] == ids[2], "the two are attempts of one call"


async def test_a_response_in_time_is_not_hedged(local: LocalEndpoint, clock: AlarmClock) -> None:
    """Most calls must cost what they cost without it, and leave no timer behind."""
    async with Client(
        local.options(), override(clock=clock), with_api_options(Hedging(min_samples=1, budget=1.0))
    ) as client:
        for _ in range(3):
            await client.invoke_endpoint(PARAMS)

    assert 3 == local.calls("model")
    assert 2 == len(clock.slept), "one call was needed to know what is usual"
    assert 0 == clock.sleepers


@pytest.mark.parametrize(("percentile", "delay"), [(50.0, 10.0), (95.0, 19.0), (100.0, 20.0)])
async def test_the_delay_is_the_percentile_of_what_was_seen(
    local: LocalEndpoint, model: Model, clock: AlarmClock, percentile: float, delay: float
) -> None:
    """By nearest rank, over latencies of 1 to 20 s that came in any order."""

    def taking(seconds: float) -> Callable[[], Awaitable[bytes]]:
        async def plan() -> bytes:
            clock.advance(seconds)
            return b""

        return plan

    model.plans = [taking(float(seconds)) for seconds in (*range(20, 0, -2), *range(1, 20, 2))]
    hedging = Hedging(percentile=percentile, min_samples=20, budget=1.0)
    async with Client(local.options(), override(clock=clock), with_api_options(hedging)) as client:
        for _ in range(21):
            await client.invoke_endpoint(PARAMS)

    assert [pytest.approx(delay)] == clock.slept


async def test_a_failure_in_time_is_left_to_retry(local: LocalEndpoint, clock: AlarmClock) -> None:
    """Hedging is for slowness; what is worth another attempt is the retry policy's to say."""
    local.fail("model", call=2, error="ModelError")
    async with Client(
        local.options(), override(clock=clock), with_api_options(Hedging(min_samples=1, budget=1.0))
    ) as client:
        await client.invoke_endpoint(PARAMS)
        with pytest.raises(ModelError):
            await client.invoke_endpoint(PARAMS)

    assert 2 == local.calls("model")


@pytest.mark.parametrize("first_succeeds", [True, False])
async def test_if_the_second_fails_the_first_decides(
    local: LocalEndpoint, model: Model, clock: AlarmClock, *, first_succeeds: bool
) -> None:
    """A hedge may make a call faster, and must never make it fail, nor change how it fails."""
    second_has_failed = asyncio.Event()

    async def first() -> bytes:
        clock.alarm.set()
        await second_has_failed.wait()
        if first_succeeds:
            return b"first"
        raise RuntimeError("first")

    async def second() -> bytes:
        second_has_failed.set()
        raise RuntimeError("second")

    async with Client(
        local.options(), override(clock=clock), with_api_options(Hedging(min_samples=1, budget=1.0))
    ) as client:
        await client.invoke_endpoint(PARAMS)
        model.plans = [first, second]
        if first_succeeds:
            assert b"first" == (await client.invoke_endpoint(PARAMS)).body
        else:
            with pytest.raises(ModelError) as caught:
                await client.invoke_endpoint(PARAMS)
            assert "first" == caught.value.original_message

    assert 3 == local.calls("model")


async def test_no_more_than_the_budget_is_hedged(local: LocalEndpoint, model: Model, clock: AlarmClock) -> None:
    """In an overload all calls are slow, and twice as many of them would make it worse."""
    slow = asyncio.Event()

    async def wait() -> bytes:
        await slow.wait()
        return b"slow"

    async with Client(
        local.options(), override(clock=clock), with_api_options(Hedging(min_samples=1, budget=0.34))
    ) as client:
        await client.invoke_endpoint(PARAMS)
        await client.invoke_endpoint(PARAMS)
        model.plans = [wait, wait]
        together = [asyncio.ensure_future(client.invoke_endpoint(PARAMS)) for _ in range(2)]
        await until(lambda: clock.sleepers == 2)
        await until(lambda: local.calls("model") == 4)
        clock.alarm.set()  # credit for one by now, and two want it
        await until(lambda: any(task.done() for task in together))
        slow.set()
        outputs = await asyncio.gather(*together)
        alone = await client.invoke_endpoint(PARAMS)

    assert [False, True] == sorted(HEDGED in output.result_metadata for output in outputs)
    assert HEDGED not in alone.result_metadata
    assert 6 == local.calls("model"), "5 calls and one hedge"


async def test_a_caller_who_leaves_takes_both_attempts_along(
    local: LocalEndpoint, model: Model, clock: AlarmClock
) -> None:
    """A task that outlived its call would hold a connection that nobody reads."""

    async def hang() -> bytes:
        clock.alarm.set()
        await asyncio.Event().wait()
        return b"never"

    async with Client(
        local.options(), override(clock=clock), with_api_options(Hedging(min_samples=1, budget=1.0))
    ) as client:
        await client.invoke_endpoint(PARAMS)
        model.plans = [hang, hang]
        call = asyncio.ensure_future(client.invoke_endpoint(PARAMS))
        await until(lambda: local.calls("model") == 3)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: model.cancelled == 2)

    assert 0 == clock.sleepers


async def test_an_attempt_that_is_cancelled_from_within_ends_the_call(local: LocalEndpoint, clock: AlarmClock) -> None:
    """A middleware below may cancel itself; that is not a result, and must not be read as one."""
    calls = 0

    @finalize_middleware("Cancels")
    async def cancels(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise asyncio.CancelledError
        return await next(ctx, step)

    hedging = Hedging(min_samples=1, budget=1.0)
    async with Client(
        local.options(), override(clock=clock), with_api_options(hedging, lambda stack: stack.finalize.add(cancels))
    ) as client:
        await client.invoke_endpoint(PARAMS)
        with pytest.raises(asyncio.CancelledError):
            await client.invoke_endpoint(PARAMS)

    assert 1 == local.calls("model")


async def test_streams_and_queues_are_never_hedged(local: LocalEndpoint) -> None:
    """A second queueing would run the model twice for certain, and of a stream two would begin."""
    async with Client(local.options(), with_api_options(Hedging())) as client:
        names = ("InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream")
        stacks = [client.stack(name).finalize.ids() for name in names]

    plain = ["Retry", "RetryMetricsHeader", "Signing"]
    assert [["Retry", "Hedging", *plain[1:]], plain, plain] == stacks


@pytest.mark.parametrize(
    "numbers", [{"percentile": 0}, {"percentile": 101}, {"budget": -0.1}, {"budget": 1.1}, {"min_samples": 0}]
)
def test_numbers_out_of_their_range_are_refused(numbers: dict[str, float]) -> None:
    """A percentile of 0 would hedge every call, and a window that is never full none."""
    with pytest.raises(ConfigError, match="0 < percentile <= 100"):
        Hedging(**numbers)  # type: ignore[arg-type]


async def test_endpoints_that_never_responded_are_not_remembered() -> None:
    """A name may come from a request; a hundred thousand that do not exist must not fill the memory."""
    hedging = Hedging()
    http = ScriptedHTTPClient([respond_error("ValidationError", "Endpoint not found")])
    async with client(http, api_options=[hedging]) as asking:
        for number in range(3):
            with pytest.raises(ValidationError):
                await asking.invoke_endpoint(InvokeEndpointInput(endpoint_name=f"no-{number}", body=b""))

    assert [] == list(hedging._endpoints)


async def test_of_many_endpoints_those_that_responded_last_are_remembered(clock: AlarmClock) -> None:
    """Each costs 7 KB, and a program that makes an endpoint for each customer has many."""
    hedging = Hedging(min_samples=1, budget=1.0)
    async with client(ScriptedHTTPClient([answer()]), api_options=[hedging], clock=clock) as asking:
        for number in (*range(ENDPOINTS), 0, ENDPOINTS):
            await asking.invoke_endpoint(InvokeEndpointInput(endpoint_name=f"e-{number}", body=b""))
        assert 1 == len(clock.slept), "the first was asked again, and it was known what is usual"

        await asking.invoke_endpoint(InvokeEndpointInput(endpoint_name="e-0", body=b""))
        assert 2 == len(clock.slept)
        await asking.invoke_endpoint(InvokeEndpointInput(endpoint_name="e-1", body=b""))

    assert 2 == len(clock.slept), "the one that responded longest ago was forgotten"
    assert ENDPOINTS == len(hedging._endpoints)


async def test_it_keeps_the_rules_of_the_stack() -> None:
    """Attempts of their own, nothing left running, and no response left open, with a hedge in each call but the first."""
    await assert_conforms(Hedging(min_samples=1, budget=1.0), repeats=True, state=["_endpoints"])


async def test_an_output_without_a_response_is_no_measure_of_the_endpoint() -> None:
    """From a cache it takes no time, and a percentile of such times would hedge every call that is sent."""

    @finalize_middleware("Fallback")
    async def fallback(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        return Output(InvokeEndpointOutput(body=b"unknown"))

    hedging = Hedging(min_samples=1)
    async with client(api_options=[hedging]) as hedged:
        await hedged.invoke_endpoint(PARAMS, with_api_options(lambda stack: stack.finalize.add(fallback)))
        assert {} == hedging._endpoints
        await hedged.invoke_endpoint(PARAMS)
        assert 1 == len(hedging._endpoints)
