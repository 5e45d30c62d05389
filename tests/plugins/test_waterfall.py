"""Where the time of a call went, as figures, as text and as a picture."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest
from plugins.slow import Slow, traced
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    BuildHandler,
    BuildInput,
    Client,
    ConnectError,
    Context,
    FinalizeHandler,
    FinalizeInput,
    InitializeHandler,
    InitializeInput,
    InvalidParamsError,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    InvokeEndpointWithResponseStreamInput,
    Output,
    Stack,
    build_middleware,
    finalize_middleware,
    initialize_middleware,
    with_api_options,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.waterfall import WATERFALL, Span, Trace, Waterfall
from sagemaker_runtime.testing import assert_conforms

PARAMS = InvokeEndpointInput(endpoint_name="model", body=b"question")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def spans(trace: Trace, id: str) -> list[Span]:
    return [span for span in trace.spans if span.id == id]


async def test_each_middleware_has_its_time_on_the_way_in_and_out_attempt_by_attempt(clock: ManualClock) -> None:
    """Its own time, and not that of those below; the wait between two attempts is Retry's."""
    trace = await traced(clock)

    wait = clock.slept[0]
    assert [(1, 1.0, 2.0), (2, 1.0, 2.0)] == [
        (span.attempt, span.way_in, span.way_out) for span in spans(trace, "Slow")
    ]
    assert [(1, 4.0, 0.0), (2, 5.0, 0.0)] == [
        (span.attempt, span.way_in, span.way_out) for span in spans(trace, "Transport")
    ]
    (retry,) = spans(trace, "Retry")
    assert (None, 0.0, pytest.approx(wait), 0.0) == (retry.attempt, retry.way_in, retry.between, retry.way_out)
    assert ("InvokeEndpoint", pytest.approx(15.0 + wait), None) == (trace.operation, trace.seconds, trace.error_type)


async def test_the_whole_stack_is_in_it_in_order(clock: ManualClock) -> None:
    """A middleware that is missing would have its time counted as that of another."""
    async with client(api_options=[Slow(clock), Waterfall()]) as timed:
        trace = (await timed.invoke_endpoint(PARAMS)).result_metadata[WATERFALL]
        places = timed.stack("InvokeEndpoint").list()

    steps = ("InvokeEndpoint", "Initialize", "Serialize", "Build", "Finalize", "Deserialize", "Waterfall")
    assert [place for place in places if place not in steps] == [span.id for span in trace.spans]


async def test_the_printed_stack_is_as_it_was_but_for_two_places(clock: ManualClock) -> None:
    """A place keeps its name, and who stands there: what is timed is still what one looks for."""

    def options(stack: Stack) -> None:
        stack.finalize.swap("Signing", Slow(clock))

    async with client(api_options=[options]) as plain, client(api_options=[options, Waterfall()]) as timed:
        for operation in ("InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream"):
            lines = str(timed.stack(operation)).splitlines()
            assert "        Signing (Slow)" in lines
            assert str(plain.stack(operation)).splitlines() == [
                line for line in lines if line.strip() not in ("Waterfall", "Transport")
            ]


async def test_a_middleware_that_does_not_wait_is_timed_too() -> None:
    """A before-only middleware gives back what next gives, and its time is over before anything is awaited."""
    clock = ManualClock()

    def handle(ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        clock.advance(3.0)
        return next(ctx, step)

    tag = build_middleware("Tag")(handle)
    async with client(api_options=[lambda stack: stack.build.add(tag), Waterfall()], clock=clock) as timed:
        trace = (await timed.invoke_endpoint(PARAMS)).result_metadata[WATERFALL]

    (span,) = spans(trace, "Tag")
    assert (3.0, 0.0) == (span.way_in, span.way_out)


async def test_a_middleware_that_does_not_call_next_is_on_its_way_in_to_the_end(clock: ManualClock) -> None:
    """A slow look-up in a cache shows where the time went."""

    @initialize_middleware("Cache")
    async def cache(ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        clock.advance(3.0)
        return Output(InvokeEndpointOutput(body=b"known"))

    async with client(api_options=[lambda stack: stack.initialize.add(cache), Waterfall()], clock=clock) as timed:
        trace = (await timed.invoke_endpoint(PARAMS)).result_metadata[WATERFALL]

    (span,) = spans(trace, "Cache")
    assert (3.0, 0.0, 0.0) == (span.way_in, span.between, span.way_out)
    assert str(trace).startswith("InvokeEndpoint: 3000.000 ms, 0 attempts\n")


@pytest.mark.parametrize("error", [ConnectError("refused"), ValueError("a bug"), asyncio.CancelledError()])
async def test_a_call_that_fails_is_traced_too(clock: ManualClock, error: BaseException) -> None:
    """That is the one somebody wants to look at: on an error of the package, and always passed to on_finish."""
    finished: list[Trace] = []
    options = {"clock": clock, "api_options": [Waterfall(finished.append)]}
    async with client(ScriptedHTTPClient([error]), **options) as timed:
        with pytest.raises(type(error)) as caught:
            await timed.invoke_endpoint(PARAMS)

    (trace,) = finished
    attempts = 3 if isinstance(error, ConnectError) else 1
    assert (type(error).__name__, attempts) == (trace.error_type, len(spans(trace, "Transport")))
    assert f"{attempts} attempt{'s' * (attempts > 1)}, failed: {type(error).__name__}" in str(trace)
    if isinstance(error, ConnectError):
        assert trace is caught.value.metadata[WATERFALL]


async def test_an_error_that_has_metadata_keeps_it_beside_the_trace() -> None:
    """The facts of the response are what one quotes to support."""
    async with client(ScriptedHTTPClient([answer(400, x_amzn_requestid="id-7")]), api_options=[Waterfall()]) as timed:
        with pytest.raises(Exception, match="request id id-7") as caught:
            await timed.invoke_endpoint(PARAMS)
        with pytest.raises(InvalidParamsError) as invalid:
            await timed.invoke_endpoint(InvokeEndpointInput(endpoint_name="", body=b""))

    assert {"request id", "waterfall"} <= {key.name for key in caught.value.metadata}
    assert ["waterfall"] == [key.name for key in invalid.value.metadata]


async def test_calls_at_once_have_a_trace_each_and_a_stream_ends_with_its_head() -> None:
    """Nothing of a call stays on the plugin."""

    def model(invocation: Invocation) -> bytes:
        return invocation.body

    stream_params = InvokeEndpointWithResponseStreamInput(endpoint_name="model", body=b"part")
    async with (
        LocalEndpoint({"model": model}) as local,
        Client(local.options(), with_api_options(Waterfall())) as timed,
    ):
        outputs = await asyncio.gather(*(timed.invoke_endpoint(PARAMS) for _ in range(5)))
        stream = await timed.invoke_endpoint_with_response_stream(stream_params)
        async with stream.body as body:
            assert [b"part"] == [piece async for piece in body.iter_bytes()]

    traces = [output.result_metadata[WATERFALL] for output in (*outputs, stream)]
    assert [1] * 6 == [len(spans(trace, "Transport")) for trace in traces]
    assert "InvokeEndpointWithResponseStream" == traces[-1].operation
    for trace in traces:
        assert 0 < spans(trace, "Transport")[0].way_in < trace.seconds


async def test_taken_out_of_its_place_it_times_no_more() -> None:
    """For one call, say, by an api_option of that call."""
    finished: list[Trace] = []
    off = with_api_options(lambda stack: stack.initialize.remove("Waterfall"))
    async with client(api_options=[Waterfall(finished.append)]) as timed:
        output = await timed.invoke_endpoint(PARAMS, off)

    assert b"ok" == output.body
    assert [] == finished


def test_two_at_work_at_once_are_not_counted_twice() -> None:
    """Hedging calls next again while the first call of it runs: what is left is its own."""
    span = Span("Finalize", "Hedging", 1, start=0.0, end=10.0, below=[(1.0, 8.0), (4.0, 9.0)])

    assert (1.0, 0.0, 1.0) == (span.way_in, span.between, span.way_out)


async def test_one_id_for_a_place_and_for_who_stands_in_another_is_no_clash() -> None:
    """The stack allows it, and what times it must not refuse it."""

    def corp(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        return next(ctx, step)

    def change(stack: Stack) -> None:
        stack.finalize.swap("Signing", finalize_middleware("Corp")(corp))
        stack.finalize.insert(finalize_middleware("Corp")(corp), after="Retry")

    async with client(api_options=[change, Waterfall()]) as timed:
        trace = (await timed.invoke_endpoint(PARAMS)).result_metadata[WATERFALL]

    assert ["Retry", "Corp", "RetryMetricsHeader", "Signing"] == [
        span.id for span in trace.spans if span.step == "Finalize"
    ]


async def test_it_keeps_the_rules_of_the_stack() -> None:
    """It stands around all others, so a rule that it broke would seem to be broken by them."""
    await assert_conforms(Waterfall())
