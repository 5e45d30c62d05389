"""Limits on the calls at once."""

from __future__ import annotations

import asyncio

import pytest
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    Client,
    ConfigError,
    Context,
    InitializeInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    NopRetryer,
    Output,
    ReadTimeoutError,
    SageMakerRuntimeError,
    Timeout,
    TotalTimeoutError,
    override,
    with_api_options,
)
from sagemaker_runtime.context import CLOCK, DEADLINE
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.concurrency import AdaptiveConcurrencyLimit, ConcurrencyLimit
from sagemaker_runtime.testing import StubHTTPClient, assert_conforms, respond


def asking(body: bytes = b"") -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="model", body=body)


class Line:
    """Calls that stand before a limit of one place, and what became of them."""

    def __init__(self) -> None:
        self.limit = ConcurrencyLimit(1)
        self.release = asyncio.Event()
        self.served: list[str] = []

    async def call(self, name: str) -> None:
        async def next(ctx: Context, step: InitializeInput) -> Output:
            self.served.append(name)
            await self.release.wait()
            return Output()

        await self.limit.handle_initialize(Context(), InitializeInput(asking()), next)
        self.left(name)

    def left(self, name: str) -> None:
        """Called within the turn of the loop in which a call gives its place back."""

    async def form(self, *names: str) -> list[asyncio.Task[None]]:
        """Let them come, in order; the first has the place, the others wait for it."""
        tasks = [asyncio.ensure_future(self.call(name)) for name in names]
        await asyncio.sleep(0)
        return tasks


async def test_no_more_calls_are_under_way_than_the_limit_and_no_fewer() -> None:
    """A container with three workers is to be kept busy, and not to be flooded; a barrier of three needs both."""
    barrier, running, peak = asyncio.Barrier(3), 0, 0

    async def model(invocation: Invocation) -> bytes:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await barrier.wait()
        running -= 1
        return invocation.body

    async with (
        LocalEndpoint({"model": model}) as local,
        Client(local.options(), with_api_options(ConcurrencyLimit(3))) as limited,
    ):
        outputs = await asyncio.gather(*(limited.invoke_endpoint(asking(b"%d" % number)) for number in range(9)))

    assert [b"%d" % number for number in range(9)] == [output.body for output in outputs]
    assert 3 == peak


async def test_who_has_waited_longest_is_served_first() -> None:
    """Otherwise a call could wait without end while newcomers pass it."""
    line = Line()
    tasks = await line.form("first", "second", "third")

    line.release.set()
    late = await line.form("fourth")
    await asyncio.gather(*tasks, *late)

    assert ["first", "second", "third", "fourth"] == line.served


async def test_a_wait_that_is_given_up_leaves_its_place_in_the_line() -> None:
    """A timeout while waiting must not take a place with it: after *limit* of them, no call would pass."""
    line = Line()
    first, second, third = await line.form("first", "second", "third")

    second.cancel()
    await asyncio.wait([second])
    line.release.set()
    await asyncio.gather(first, third)

    assert second.cancelled()
    assert ["first", "third"] == line.served


async def test_a_place_that_comes_too_late_goes_to_the_next() -> None:
    """Given and given up within one turn of the loop: the wake-up must not be lost."""
    line = Line()
    first, second, third = await line.form("first", "second", "third")

    line.left = lambda name: second.cancel() if name == "first" else None  # which has its place, and has not run yet
    line.release.set()
    await asyncio.gather(first, third)

    assert second.cancelled()
    assert ["first", "third"] == line.served


async def test_a_place_is_not_given_to_a_call_that_has_just_gone() -> None:
    """Cancelled, and its task has not run since: a place given to it would be lost."""
    line = Line()
    first, second, third = await line.form("first", "second", "third")

    line.release.set()  # wakes the first before the second
    second.cancel()
    await asyncio.gather(first, third)

    assert second.cancelled()
    assert ["first", "third"] == line.served


def test_one_limit_serves_one_event_loop_after_another() -> None:
    """A client does; what a loop has left behind must not stand in the way in the next one."""
    limit = ConcurrencyLimit(1)

    async def hang() -> None:
        async def next(ctx: Context, step: InitializeInput) -> Output:
            await asyncio.Event().wait()
            raise AssertionError

        for _ in range(2):  # the one under way, the other waiting, when the loop ends
            call = limit.handle_initialize(Context(), InitializeInput(asking()), next)
            asyncio.ensure_future(call).set_name("left behind")
        await asyncio.sleep(0)

    async def invoke() -> bytes:
        async with client(api_options=[limit]) as limited:
            return (await limited.invoke_endpoint(asking())).body

    asyncio.run(hang())

    assert b"ok" == asyncio.run(invoke())
    assert b"ok" == asyncio.run(invoke())


async def test_a_stream_has_its_place_until_its_head_is_there() -> None:
    """As documented; so a reader that is slow, or forgets the stream, does not block the others."""

    async def model(invocation: Invocation) -> bytes:
        return invocation.body

    params = InvokeEndpointWithResponseStreamInput(endpoint_name="model", body=b"part")
    async with (
        LocalEndpoint({"model": model}) as local,
        Client(local.options(), with_api_options(ConcurrencyLimit(1))) as limited,
    ):
        first = await limited.invoke_endpoint_with_response_stream(params)
        second = await limited.invoke_endpoint_with_response_stream(params)

        assert [b"part"] == [piece async for piece in first.body.iter_bytes()]
        assert [b"part"] == [piece async for piece in second.body.iter_bytes()]


@pytest.mark.parametrize(
    ("error", "limit"),
    [("ThrottlingException", 4), ("ServiceUnavailable", 4), ("ModelNotReadyException", 8), ("ModelError", 8)],
)
async def test_an_overload_halves_the_limit_even_where_a_retry_makes_up_for_it(error: str, limit: int) -> None:
    """Those who ask for room are to get it; a cold start and a broken model have nothing to do with how many ask."""
    adaptive = AdaptiveConcurrencyLimit(8)
    async with LocalEndpoint({"model": lambda invocation: invocation.body}) as local:
        local.fail("model", call=1, error=error)
        async with Client(local.options(), override(api_options=[adaptive], clock=ManualClock())) as limited:
            try:
                await limited.invoke_endpoint(asking())
            except SageMakerRuntimeError as failure:
                assert "ModelError" == type(failure).__name__  # noqa: PT017 - the one that is not retried

    assert limit == adaptive.limit


async def test_no_response_in_time_is_an_overload() -> None:
    """A queue longer than the read timeout shows only as silence."""
    adaptive = AdaptiveConcurrencyLimit(8)
    async with client(ScriptedHTTPClient([ReadTimeoutError("late")]), api_options=[adaptive]) as limited:
        with pytest.raises(ReadTimeoutError):
            await limited.invoke_endpoint(asking())

    assert 4 == adaptive.limit


@pytest.mark.parametrize(("seconds", "limit"), [(0.5, 8), (0.6, 4)])
async def test_a_call_slower_than_the_target_is_an_overload(seconds: float, limit: int) -> None:
    """Where the container queues without end, latency is the only sign there is."""
    clock = ManualClock()
    adaptive = AdaptiveConcurrencyLimit(8, target_latency=0.5)

    async def model(invocation: Invocation) -> bytes:
        clock.advance(seconds)
        return b""

    async with (
        LocalEndpoint({"model": model}, clock=clock) as local,
        Client(local.options(), override(clock=clock, api_options=[adaptive])) as limited,
    ):
        await limited.invoke_endpoint(asking())

    assert limit == adaptive.limit


async def test_calls_that_overload_together_halve_the_limit_once_and_never_below_the_minimum() -> None:
    """A hundred refusals of one burst are one piece of news, or the limit would be at its minimum at once."""
    clock = ManualClock()
    adaptive = AdaptiveConcurrencyLimit(16, minimum=5)
    limits: list[int] = []

    changes = {"api_options": [adaptive], "retryer": NopRetryer(), "clock": clock}
    async with client(ScriptedHTTPClient([answer(503, b"")]), **changes) as limited:
        for _ in range(3):
            clock.advance(1.0)
            calls = [limited.invoke_endpoint(asking()) for _ in range(4)]
            await asyncio.gather(*calls, return_exceptions=True)
            limits.append(adaptive.limit)

    assert [8, 5, 5] == limits


async def test_the_limit_grows_only_while_it_is_what_holds_the_calls_up() -> None:
    """A quiet hour proves nothing about what the endpoint can take."""
    adaptive = AdaptiveConcurrencyLimit(1, maximum=2)
    limits: list[int] = []

    async with client(api_options=[adaptive]) as limited:
        for number in (1, 1, 50):
            await asyncio.gather(*(limited.invoke_endpoint(asking()) for _ in range(number)))
            limits.append(adaptive.limit)

    assert [2, 2, 2] == limits, "grown by one, not grown by one call of two, held at the maximum"


async def test_a_failure_that_is_no_overload_does_not_make_the_limit_grow() -> None:
    """It says as little of how much the endpoint can take."""
    adaptive = AdaptiveConcurrencyLimit(1)
    async with client(ScriptedHTTPClient([answer(424, b"")]), api_options=[adaptive]) as limited:
        with pytest.raises(SageMakerRuntimeError):
            await limited.invoke_endpoint(asking())

    assert 1 == adaptive.limit


@pytest.mark.parametrize("bounds", [{"minimum": 0}, {"minimum": 20}, {"maximum": 8}])
def test_a_limit_that_makes_no_sense_is_refused(bounds: dict[str, int]) -> None:
    """One of 0 would make every call wait for ever."""
    with pytest.raises(ConfigError, match="1 <= minimum <= initial <= maximum"):
        AdaptiveConcurrencyLimit(16, **bounds)
    with pytest.raises(ConfigError, match="0 calls at once"):
        ConcurrencyLimit(0)


async def test_a_call_that_is_dropped_while_it_waits_is_forgotten() -> None:
    """A coroutine that is closed, and not cancelled, has no place to give back."""
    line = Line()
    (first,) = await line.form("first")
    dropped = line.call("dropped")
    dropped.send(None)

    dropped.close()
    line.release.set()
    await first
    await line.call("next")

    assert ["first", "next"] == line.served


async def test_an_endpoint_that_hangs_until_the_total_time_is_over_is_overloaded() -> None:
    """It is the worst of overloads, and reaches a middleware as a cancellation without a record of the attempt."""
    clock = ManualClock()
    clock.drive_timeouts()
    adaptive = AdaptiveConcurrencyLimit(8)
    stub = StubHTTPClient([respond().after(20.0)], clock=clock)
    limits = override(api_options=[adaptive], timeout=Timeout(read=60.0, total=15.0))
    async with Client(stub.options(), limits) as hung:
        with pytest.raises(TotalTimeoutError):
            await hung.invoke_endpoint(asking())

    assert 4 == adaptive.limit


@pytest.mark.parametrize(
    ("waited", "worked", "total", "limit"), [(4.0, 6.0, 10.0, 1), (6.0, 4.0, 10.0, 2), (4.0, 6.0, 60.0, 2)]
)
async def test_a_call_that_mostly_waited_for_its_place_says_nothing_of_the_endpoint(
    waited: float, worked: float, total: float, limit: int
) -> None:
    """Or a limit that is too low would keep itself low; and a caller who left in time says nothing either."""
    clock, release = ManualClock(), asyncio.Event()
    adaptive = AdaptiveConcurrencyLimit(2)

    async def hold(ctx: Context, step: InitializeInput) -> Output:
        await release.wait()
        return Output()

    async def hang(ctx: Context, step: InitializeInput) -> Output:
        clock.advance(worked)
        raise asyncio.CancelledError

    ctx, others = Context(), Context()
    ctx[CLOCK] = others[CLOCK] = clock
    ctx[DEADLINE] = clock.monotonic() + total
    step = InitializeInput(asking())
    holding = [asyncio.ensure_future(adaptive.handle_initialize(others, step, hold)) for _ in range(2)]
    hanging = asyncio.ensure_future(adaptive.handle_initialize(ctx, step, hang))
    await asyncio.sleep(0)
    clock.advance(waited)
    release.set()
    await asyncio.gather(*holding, hanging, return_exceptions=True)

    assert limit == adaptive.limit


@pytest.mark.parametrize("limit", [ConcurrencyLimit(1), ConcurrencyLimit(100), AdaptiveConcurrencyLimit(1)])
async def test_it_keeps_the_rules_of_the_stack(limit: ConcurrencyLimit) -> None:
    """A place that is not given back would end all calls; the gates are of all of them together."""
    await assert_conforms(limit, state=["_gates"])
