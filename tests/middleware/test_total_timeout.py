"""A time limit that a middleware sets for its calls: honoured from the call's start, or refused by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    BEFORE,
    TIMEOUT,
    Client,
    ConfigError,
    ConnectionLostError,
    Context,
    InvokeEndpointInput,
    ServiceUnavailable,
    Stack,
    StandardRetryer,
    Timeout,
    TotalTimeoutError,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    serialize_middleware,
)
from sagemaker_runtime.context import DEADLINE, STARTED
from sagemaker_runtime.middleware.finalize import Retry
from sagemaker_runtime.testing import StubHTTPClient, respond, respond_error

SLOW = InvokeEndpointInput(endpoint_name="iris", body=b"1", custom_attributes="tenant=slow")
OTHER = InvokeEndpointInput(endpoint_name="iris", body=b"1", custom_attributes="tenant=other")
MAKERS = {
    "initialize": initialize_middleware,
    "serialize": serialize_middleware,
    "build": build_middleware,
    "finalize": finalize_middleware,
    "deserialize": deserialize_middleware,
}


def setting(step: str, timeout: object, *, every: bool = True, **place: str) -> Callable[[Stack], object]:
    """An api_option: a middleware of *step* that sets the limits, of one tenant or of *every* call."""

    @MAKERS[step]("Limits")
    def limits(ctx: Context, given: Any, next: Any) -> Any:
        if every or getattr(given.parameters, "custom_attributes", "") == "tenant=slow":
            ctx[TIMEOUT] = timeout  # type: ignore[assignment]
        return next(ctx, given)

    return lambda stack: (
        getattr(stack, step).insert(limits, **place) if place else getattr(stack, step).add(limits, BEFORE)
    )


@pytest.fixture
async def clock() -> ManualClock:
    clock = ManualClock()
    clock.drive_timeouts()
    return clock


def stubbed(clock: ManualClock, *script: object, **changes: object) -> tuple[StubHTTPClient, Client]:
    http = StubHTTPClient(list(script), repeat=True, clock=clock)  # type: ignore[arg-type]
    return http, client(http, clock=clock, **changes)


ABOVE_RETRY = ["initialize", "serialize", "build", "finalize"]


@pytest.mark.parametrize("before", [None, 60.0, 5.0])
@pytest.mark.parametrize("step", ABOVE_RETRY)
async def test_a_total_set_above_retry_ends_the_call(clock: ManualClock, step: str, before: float | None) -> None:
    """Whichever step it stands in, and whatever limit the options had: theirs is replaced, and not the nearer one taken."""
    limits = setting(step, Timeout(total=10.0))
    _, made = stubbed(clock, respond().after(20.0), timeout=Timeout(total=before), api_options=[limits])
    began = clock.monotonic()

    with pytest.raises(TotalTimeoutError, match=r"no response within Timeout.total, 10 s"):
        await made.invoke_endpoint(SLOW)

    assert 10.0 <= clock.monotonic() - began <= 20.0


@pytest.mark.parametrize("step", ABOVE_RETRY)
async def test_a_longer_total_lets_a_call_live_on(clock: ManualClock, step: str) -> None:
    """The limit of the options is moved, or taken away: it has been running since the call began."""
    for total in (30.0, None):
        limits = setting(step, Timeout(total=total))
        _, made = stubbed(clock, respond(b"7").after(20.0), timeout=Timeout(total=10.0), api_options=[limits])

        assert b"7" == (await made.invoke_endpoint(SLOW)).body


async def test_one_tenant_has_a_limit_and_others_have_not(clock: ManualClock) -> None:
    """What a service does that sells two kinds of service."""
    limits = setting("initialize", Timeout(total=10.0), every=False)
    _, made = stubbed(clock, respond(b"7").after(20.0), api_options=[limits])

    assert b"7" == (await made.invoke_endpoint(OTHER)).body
    with pytest.raises(TotalTimeoutError):
        await made.invoke_endpoint(SLOW)
    assert b"7" == (await made.invoke_endpoint(OTHER)).body


async def test_a_total_counts_from_the_calls_start(clock: ManualClock) -> None:
    """A wait in a middleware, for a place or for a token, is part of the call."""

    @initialize_middleware("Waits")
    async def waits(ctx: Context, step: Any, next: Any) -> Any:
        await clock.sleep(8.0)
        return await next(ctx, step)

    options = [setting("initialize", Timeout(total=10.0)), lambda stack: stack.initialize.add(waits)]
    http, made = stubbed(clock, respond(b"7").after(5.0), api_options=options)
    with pytest.raises(TotalTimeoutError, match="10 s"):
        await made.invoke_endpoint(SLOW)
    assert 1 == len(http.requests)

    late = [setting("build", Timeout(total=7.0)), lambda stack: stack.initialize.add(waits)]
    http, made = stubbed(clock, respond(b"7"), api_options=late)
    with pytest.raises(TotalTimeoutError, match=r"not sent: Timeout\.total, 7 s, had already passed"):
        await made.invoke_endpoint(SLOW)
    assert [] == http.requests


async def test_a_longer_total_holds_at_once_and_not_only_from_retry_on(clock: ManualClock) -> None:
    """The limit of the options must not end a call that waits for its place, when a middleware has given it more time."""

    @initialize_middleware("Waits")
    async def waits(ctx: Context, step: Any, next: Any) -> Any:
        await clock.sleep(20.0)
        return await next(ctx, step)

    for total in (30.0, None):
        options = [setting("initialize", Timeout(total=total)), lambda stack: stack.initialize.add(waits)]
        _, made = stubbed(clock, respond(b"7"), timeout=Timeout(total=10.0), api_options=options)

        assert b"7" == (await made.invoke_endpoint(SLOW)).body


@pytest.mark.parametrize("before", [None, 60.0])
async def test_a_total_covers_what_comes_after_the_attempts(clock: ManualClock, before: float | None) -> None:
    """A middleware that works on the answer is part of the call, whoever has set the limit."""

    @initialize_middleware("Works")
    async def works(ctx: Context, step: Any, next: Any) -> Any:
        output = await next(ctx, step)
        await clock.sleep(20.0)
        return output

    options = [lambda stack: stack.initialize.add(works), setting("build", Timeout(total=10.0))]
    _, made = stubbed(clock, respond(b"7"), timeout=Timeout(total=before), api_options=options)

    with pytest.raises(TotalTimeoutError, match="10 s"):
        await made.invoke_endpoint(SLOW)


async def test_a_total_reaches_a_call_that_goes_on_in_another_task(clock: ManualClock) -> None:
    """A middleware may run what is below it in a task of its own, and the limit be set in there."""

    @initialize_middleware("Apart")
    async def apart(ctx: Context, step: Any, next: Any) -> Any:
        return await asyncio.ensure_future(next(ctx.for_attempt(), step))

    options = [lambda stack: stack.initialize.add(apart), setting("build", Timeout(total=10.0))]
    _, made = stubbed(clock, respond(b"7").after(60.0), api_options=options)

    with pytest.raises(TotalTimeoutError, match=r"no response within Timeout\.total"):
        await made.invoke_endpoint(SLOW)
    assert 1 == len(asyncio.all_tasks())


async def test_a_limit_ends_with_its_call(clock: ManualClock) -> None:
    """A timer that lived on would cancel whatever its task does next."""
    _, made = stubbed(clock, respond(b"7"), api_options=[setting("build", Timeout(total=10.0))])

    await made.invoke_endpoint(SLOW)
    await clock.sleep(60.0)

    assert 0 == asyncio.current_task().cancelling()  # type: ignore[union-attr]


async def test_the_error_tells_of_the_attempt_before(clock: ManualClock) -> None:
    """As it does where the limit is the options'."""
    script = [respond_error("ServiceUnavailable", "later"), respond().after(60.0)]
    _, made = stubbed(clock, *script, api_options=[setting("build", Timeout(total=10.0))])

    with pytest.raises(TotalTimeoutError, match="the previous attempt failed with ServiceUnavailable: later") as caught:
        await made.invoke_endpoint(SLOW)

    assert ("InvokeEndpoint", 1) == (caught.value.operation, len(caught.value.attempts))


async def test_the_policy_and_the_service_are_told_of_it(clock: ManualClock) -> None:
    """A wait that would end too late is not begun, and the header says until when the answer is awaited."""
    seen: list[float | None] = []

    @finalize_middleware("Sees")
    def sees(ctx: Context, step: Any, next: Any) -> Any:
        seen.append(ctx.get(DEADLINE))
        return next(ctx, step)

    options = [setting("initialize", Timeout(total=10.0)), lambda stack: stack.finalize.add(sees)]
    slow_retries = StandardRetryer(base_delay=30.0, max_delay=30.0, draw=lambda: 0.99)
    _, made = stubbed(clock, respond_error("ServiceUnavailable"), retryer=slow_retries, api_options=options)

    with pytest.raises(ServiceUnavailable) as caught:
        await made.invoke_endpoint(SLOW)

    assert [clock.monotonic() + 10.0] == seen
    assert "would end after Timeout.total" in caught.value.__notes__[0]


@pytest.mark.parametrize("place", ["RetryMetricsHeader", "Signing"])
async def test_read_and_write_limits_may_be_set_for_an_attempt(place: str) -> None:
    """They are each attempt's, so below Retry they hold too; and a total that stays as it was is no trouble."""
    http = ScriptedHTTPClient([ConnectionLostError("lost"), answer()])
    base = Timeout(total=60.0)
    limits = setting("finalize", attrs.evolve(base, read=5.0), before=place)

    await client(http, timeout=base, api_options=[limits]).invoke_endpoint(SLOW)

    assert [5.0, 5.0] == [timeout.read for timeout in http.timeouts]


def told(total: float | None) -> str:
    return "none" if total is None else f"{total:g} s"


@pytest.mark.parametrize(
    ("step", "place"), [("finalize", {"after": "Retry"}), ("finalize", {"before": "Signing"}), ("deserialize", {})]
)
@pytest.mark.parametrize(("before", "total"), [(None, 3.0), (60.0, 3.0), (60.0, None)])
async def test_a_total_set_below_retry_is_refused_by_name(
    step: str, place: dict[str, str], before: float | None, total: float | None
) -> None:
    """There it could hold for one attempt at most, and who sets it means the call."""
    http = ScriptedHTTPClient()
    limits = setting(step, Timeout(total=total), **place)

    with pytest.raises(
        ConfigError, match=f"changed Timeout.total from {told(before)} to {told(total)} .* set TIMEOUT above Retry"
    ):
        await client(http, timeout=Timeout(total=before), api_options=[limits]).invoke_endpoint(SLOW)

    assert [] == http.requests


@pytest.mark.parametrize(("before", "total"), [(None, 3.0), (60.0, 3.0)])
async def test_without_retry_a_total_of_a_middleware_is_refused_by_name(before: float | None, total: float) -> None:
    """Nobody else holds a call to it, and to let it pass in silence would be the worst."""
    http = ScriptedHTTPClient()
    options = [setting("initialize", Timeout(total=total)), lambda stack: stack.finalize.remove("Retry")]

    with pytest.raises(ConfigError, match="in a stack without Retry"):
        await client(http, timeout=Timeout(total=before), api_options=options).invoke_endpoint(SLOW)

    assert [] == http.requests


async def test_without_retry_the_total_of_the_options_holds(clock: ManualClock) -> None:
    """It is the client that holds a call to it."""
    _, made = stubbed(
        clock,
        respond().after(20.0),
        timeout=Timeout(total=10.0),
        api_options=[lambda stack: stack.finalize.remove("Retry")],
    )

    with pytest.raises(TotalTimeoutError):
        await made.invoke_endpoint(SLOW)


@pytest.mark.parametrize("step", ["initialize", "deserialize"])
@pytest.mark.parametrize("value", [5, None, "5 s"])
async def test_what_is_no_timeout_is_refused_by_name(step: str, value: object) -> None:
    """The mistake is a middleware's, and the error says whose key it is."""
    http = ScriptedHTTPClient()

    with pytest.raises(
        ConfigError, match=f"set TIMEOUT to an object of type {type(value).__name__}; it takes a Timeout"
    ):
        await client(http, api_options=[setting(step, value)]).invoke_endpoint(SLOW)

    assert [] == http.requests


async def test_a_middleware_that_calls_next_again_is_held_to_its_limit_each_time(clock: ManualClock) -> None:
    """A fallback outside Retry makes two passes; the limit of the first must not be taken for one that runs."""

    @initialize_middleware("Fallback")
    async def fallback(ctx: Context, step: Any, next: Any) -> Any:
        try:
            return await next(ctx, step)
        except ServiceUnavailable:
            return await next(ctx, step)

    refusals = [respond_error("ServiceUnavailable").after(0.1)] * 3
    options = [lambda stack: stack.initialize.add(fallback), setting("build", Timeout(total=10.0))]
    _, made = stubbed(clock, *refusals, respond().after(60.0), api_options=options)
    began = clock.monotonic()

    with pytest.raises(TotalTimeoutError, match="10 s"):
        await made.invoke_endpoint(SLOW)

    assert clock.monotonic() - began >= 10.0


async def test_a_caller_who_leaves_is_told_from_the_end_of_the_time(clock: ManualClock) -> None:
    """Its own cancellation comes back to a caller as that, whoever has set the limit."""
    _, made = stubbed(
        clock, respond().after(3600.0), api_options=[setting("build", Timeout(read=7200.0, total=7200.0))]
    )
    clock.auto = False
    call = asyncio.ensure_future(made.invoke_endpoint(SLOW))
    await clock.elapse(1.0)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


async def test_the_calls_start_is_a_fact_that_any_middleware_can_read(clock: ManualClock) -> None:
    """A limit of one's own, or a metric, counts from there."""
    seen: list[float] = []

    @deserialize_middleware("Sees")
    def sees(ctx: Context, step: Any, next: Any) -> Any:
        seen.append(ctx[STARTED])
        return next(ctx, step)

    _, made = stubbed(clock, respond(), api_options=[lambda stack: stack.deserialize.add(sees)])
    clock.advance(5.0)
    await made.invoke_endpoint(SLOW)
    clock.advance(5.0)
    await made.invoke_endpoint(SLOW)

    assert [5.0, 10.0] == seen


def child_limit(total: float, then: str) -> Callable[[Stack], object]:
    """A middleware that gives one pass of two a limit of its own: the first."""

    @build_middleware("Child")
    async def child(ctx: Context, step: Any, next: Any) -> Any:
        own = ctx.for_attempt()
        own[TIMEOUT] = Timeout(total=total)
        try:
            first = await next(own, step)
        except TotalTimeoutError:
            return await next(ctx, step)
        return await next(ctx, step) if then == "again" else first

    return lambda stack: stack.build.add(child)


@pytest.mark.parametrize("of_options", [None, 1_000.0])
async def test_a_limit_of_a_childs_context_ends_with_the_child(clock: ManualClock, of_options: float | None) -> None:
    """What is set on the context of one pass is that pass's, whether or not the options have a limit beside it."""
    http, made = stubbed(
        clock,
        respond().after(60.0),
        respond(b"7").after(20.0),
        timeout=Timeout(total=of_options),
        api_options=[child_limit(10.0, "again")],
    )

    assert b"7" == (await made.invoke_endpoint(SLOW)).body
    assert 2 == len(http.requests)

    http, made = stubbed(
        clock,
        respond().after(5.0),
        respond(b"8").after(20.0),
        timeout=Timeout(total=of_options),
        api_options=[child_limit(10.0, "again")],
    )
    assert b"8" == (await made.invoke_endpoint(SLOW)).body


async def test_the_limit_of_the_call_holds_beside_that_of_a_child(clock: ManualClock) -> None:
    """The nearer end counts for the child."""
    _, made = stubbed(
        clock, respond().after(60.0), timeout=Timeout(total=10.0), api_options=[child_limit(30.0, "first")]
    )

    with pytest.raises(TotalTimeoutError, match=r"within Timeout\.total, 10 s"):
        await made.invoke_endpoint(SLOW)


@pytest.mark.parametrize("of_options", [None, 60.0])
async def test_a_call_whose_time_is_over_is_not_sent(clock: ManualClock, of_options: float | None) -> None:
    """The model would run for nobody."""

    @initialize_middleware("Late")
    async def late(ctx: Context, step: Any, next: Any) -> Any:
        await clock.sleep(8.0)
        ctx[TIMEOUT] = Timeout(total=5.0)
        return await next(ctx, step)

    http, made = stubbed(
        clock,
        respond(),
        timeout=Timeout(total=of_options),
        api_options=[lambda stack: stack.initialize.add(late)],
    )

    with pytest.raises(TotalTimeoutError, match="not sent"):
        await made.invoke_endpoint(SLOW)
    assert [] == http.requests


async def test_a_retry_of_ones_own_is_entered_once() -> None:
    """One that holds a lock around it would wait for itself."""
    entered: list[object] = []

    class Counting(Retry):
        async def handle_finalize(self, ctx: Context, step: Any, next: Any) -> Any:
            entered.append(step)
            return await super().handle_finalize(ctx, step, next)

    options = [setting("build", Timeout(read=5.0)), lambda stack: stack.finalize.swap("Retry", Counting())]
    await client(api_options=options).invoke_endpoint(SLOW)

    assert 1 == len(entered)


async def test_what_is_no_timeout_is_refused_below_retry_too_and_not_shown() -> None:
    """It may be a secret in the wrong place, and the header of an attempt reads it before the transport does."""
    http = ScriptedHTTPClient([answer(date="Sun, 15 Jun 2025 15:06:40 GMT")])
    calls: list[int] = []

    @finalize_middleware("Wrong")
    def wrong(ctx: Context, step: Any, next: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:  # then the service's clock is known, and the header has a time
            ctx[TIMEOUT] = "s3cr3t"  # type: ignore[assignment]
        return next(ctx, step)

    made = client(http, api_options=[lambda stack: stack.finalize.insert(wrong, after="Retry")])
    await made.invoke_endpoint(SLOW)

    with pytest.raises(ConfigError, match="TIMEOUT to an object of type str") as caught:
        await made.invoke_endpoint(SLOW)
    assert "s3cr3t" not in str(caught.value)


async def test_an_error_that_is_raised_again_without_a_limit_is_still_the_limits(clock: ManualClock) -> None:
    """Who catches the end of the time, and asks once more, may lift the limit; the first end is the call's all the same."""

    @build_middleware("Again")
    async def again(ctx: Context, step: Any, next: Any) -> Any:
        try:
            return await next(ctx, step)
        except BaseException:
            ctx[TIMEOUT] = Timeout()
            await next(ctx, step)
            raise

    _, made = stubbed(
        clock,
        respond().after(60.0),
        respond(),
        timeout=Timeout(total=10.0),
        api_options=[lambda stack: stack.build.add(again)],
    )

    with pytest.raises(TotalTimeoutError, match="10 s"):
        await made.invoke_endpoint(SLOW)
