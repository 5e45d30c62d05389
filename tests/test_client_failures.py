"""The door again: time limits, middleware that break the contract, and tracebacks."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path

import pytest
from attrs import define, field
from support import ScriptedHTTPClient, answer, client

import sagemaker_runtime
from sagemaker_runtime import (
    Context,
    InitializeHandler,
    InitializeInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    Key,
    Output,
    ReadTimeoutError,
    Request,
    Response,
    ServiceError,
    StackError,
    Timeout,
    TotalTimeoutError,
    ValidationError,
    initialize_middleware,
    override,
)

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
SOON = 0.01  # seconds; it is the limit itself that is tested


@define
class SilentHTTPClient:
    """Answers what the script has and then no more."""

    failures: list[Exception]
    asked: int = 0
    waiting: asyncio.Event = field(factory=asyncio.Event)

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        self.waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self) -> None:
        """Nothing to close."""


async def test_the_total_limit_ends_a_call_with_an_error_of_ours() -> None:
    """It is no builtin TimeoutError, and tells what was tried until then."""
    http = SilentHTTPClient([ReadTimeoutError("no answer")])
    limited = client(
        http,
        timeout=Timeout(total=SOON),
        retryer=sagemaker_runtime.StandardRetryer(retry_read_timeouts=True, draw=lambda: 0.0),
    )

    with pytest.raises(TotalTimeoutError) as caught:
        await limited.invoke_endpoint(PARAMS)

    error = caught.value
    assert http.asked == 2
    assert not isinstance(error, TimeoutError)
    assert error.message == "no response within Timeout.total, 0.01 s; the previous attempt failed with no answer"
    assert (error.operation, len(error.attempts)) == ("InvokeEndpoint", 1)


async def test_the_total_limit_blames_no_attempt_that_had_succeeded() -> None:
    """A middleware that was still at work was too slow, and no attempt had failed: "failed with None" tells nothing."""

    async def dawdle(ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        await next(ctx, step)
        await asyncio.Event().wait()
        raise AssertionError

    slow = initialize_middleware("Dawdle")(dawdle)
    limited = client(timeout=Timeout(total=SOON), api_options=[lambda stack: stack.initialize.add(slow)])

    with pytest.raises(TotalTimeoutError) as caught:
        await limited.invoke_endpoint(PARAMS)

    assert caught.value.message == "no response within Timeout.total, 0.01 s"
    assert [attempt.error for attempt in caught.value.attempts] == [None]


async def test_the_total_limit_can_be_given_to_one_call() -> None:
    """Nothing was tried before, so nothing is told of it."""
    http = SilentHTTPClient([])

    with pytest.raises(TotalTimeoutError) as caught:
        await client(http).invoke_endpoint(PARAMS, override(timeout=Timeout(total=SOON)))

    assert str(caught.value) == "no response within Timeout.total, 0.01 s (InvokeEndpoint)"


@pytest.mark.parametrize("total", [None, 60.0])
async def test_the_callers_own_time_out_stays_the_callers(total: float | None) -> None:
    """``asyncio.timeout`` around a call raises the builtin error there, whatever limit of ours is set."""
    http = SilentHTTPClient([])

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON):
            await client(http, timeout=Timeout(total=total)).invoke_endpoint(PARAMS)

    assert http.asked == 1


@pytest.mark.parametrize("total", [None, 60.0])
async def test_a_cancelled_call_is_cancelled(total: float | None) -> None:
    """Cancellation is never turned into an error of ours."""
    http = SilentHTTPClient([])
    call = asyncio.ensure_future(client(http, timeout=Timeout(total=total)).invoke_endpoint(PARAMS))
    await http.waiting.wait()

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_middlewares_own_time_out_is_not_taken_for_ours() -> None:
    """A TimeoutError before the limit is over is somebody else's."""
    http = ScriptedHTTPClient([TimeoutError("mine")])

    with pytest.raises(TimeoutError, match="mine"):
        await client(http, timeout=Timeout(total=60)).invoke_endpoint(PARAMS)


async def test_an_answer_within_the_limit_is_an_answer() -> None:
    """The limit leaves no trace on a call that keeps it."""
    output = await client(timeout=Timeout(total=60)).invoke_endpoint(PARAMS)

    assert output.body == b"ok"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Output(), "returned NoneType instead of InvokeEndpointOutput"),
        (Output(b"raw"), "returned bytes instead of InvokeEndpointOutput"),
    ],
)
async def test_a_middleware_that_gives_something_else_is_told_what_to_give(given: object, told: str) -> None:
    """A forgotten ``return`` is the commonest mistake of a first middleware."""

    async def wrong(ctx: Context, step: InitializeInput, next: InitializeHandler) -> object:
        await next(ctx, step)
        return given

    stray = initialize_middleware("Stray")(wrong)

    with pytest.raises(StackError, match=told) as caught:
        await client(api_options=[lambda s: s.initialize.add(stray)]).invoke_endpoint(PARAMS)

    assert "a middleware must return the result of next(ctx, step)" in str(caught.value)


async def test_a_middleware_may_answer_without_asking_the_service() -> None:
    """A cache is one; its metadata becomes the result's."""
    hit = Key[bool]("cache hit")

    async def cached(ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        output = Output(InvokeEndpointOutput(body=b"cached"))
        output.metadata[hit] = True
        return output

    http = ScriptedHTTPClient()
    cache = initialize_middleware("Cache")(cached)

    output = await client(http, api_options=[lambda s: s.initialize.add(cache)]).invoke_endpoint(PARAMS)

    assert (output.body, output.result_metadata[hit]) == (b"cached", True)
    assert http.requests == []


async def test_a_middleware_may_turn_an_error_into_an_answer() -> None:
    """A fallback catches what the call raised and answers itself."""

    async def fall_back(ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        try:
            return await next(ctx, step)
        except ServiceError as error:
            return Output(InvokeEndpointOutput(body=error.code.encode()))

    falling_back = initialize_middleware("FallBack")(fall_back)
    http = ScriptedHTTPClient([answer(400, x_amzn_errortype="ValidationError")])

    output = await client(http, api_options=[lambda s: s.initialize.add(falling_back)]).invoke_endpoint(PARAMS)

    assert output.body == b"ValidationError"


async def test_the_traceback_of_a_failing_call_has_at_most_one_line_for_each_middleware() -> None:
    """What joins two middleware is a plain function that leaves no line, so one can read what happened."""
    home = Path(sagemaker_runtime.__file__).parent
    made = client(ScriptedHTTPClient([answer(400, x_amzn_errortype="ValidationError")]))

    with pytest.raises(ValidationError) as caught:
        await made.invoke_endpoint(PARAMS)

    frames = [
        frame for frame in traceback.extract_tb(caught.value.__traceback__) if Path(frame.filename).is_relative_to(home)
    ]
    in_middleware = [frame for frame in frames if Path(frame.filename).parent == home / "middleware"]
    stack = made.stack("InvokeEndpoint")
    places = sum(
        len(step.ids()) for step in (stack.initialize, stack.serialize, stack.build, stack.finalize, stack.deserialize)
    )
    assert 0 < len(in_middleware) <= places
    assert {frame.name.partition("_")[0] for frame in in_middleware} == {"handle"}
    assert [frame.name for frame in frames if frame not in in_middleware] == ["invoke_endpoint", "call"]


async def test_a_call_leaves_no_cycle_behind_when_it_fails() -> None:
    """An error that keeps its own frames alive keeps the request's body alive, until the collector comes by."""
    import gc
    import weakref

    made = client(ScriptedHTTPClient([answer(400, x_amzn_errortype="ValidationError")]))
    await asyncio.sleep(0)
    gc.collect()
    gc.disable()
    try:
        reference = None
        try:
            await made.invoke_endpoint(PARAMS)
        except ValidationError as error:
            reference = weakref.ref(error)
        alive = reference is not None and reference() is not None
    finally:
        gc.enable()

    assert reference is not None
    assert not alive
