"""What a middleware of a user's returns and passes on: the error names the middleware, and says what to write."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support import ScriptedHTTPClient, answer, client

import sagemaker_runtime
from sagemaker_runtime import (
    BEFORE,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    Output,
    Stack,
    StackError,
    ValidationError,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    serialize_middleware,
)
from sagemaker_runtime.middleware import Position
from sagemaker_runtime.middleware.advice import STEPS

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")

DECORATORS: dict[str, Callable[[str], Callable[[Any], Any]]] = {
    "initialize": initialize_middleware,
    "serialize": serialize_middleware,
    "build": build_middleware,
    "finalize": finalize_middleware,
    "deserialize": deserialize_middleware,
}
# Where it may stand: the front and the back of each step, so above and below Retry, and above and below the deserializer.
PLACES = [(step, end) for step in STEPS for end in ("before", "after")]


def added(step: str, end: str, middleware: Any) -> Callable[[Stack], None]:
    """An api_option that puts *middleware* at an *end* of a *step*."""

    def add(stack: Stack) -> None:
        getattr(stack, step).add(middleware, Position(end))

    return add


async def forgets_return(ctx: Any, step: Any, next: Any) -> Any:
    await next(ctx, step)


async def forgets_await(ctx: Any, step: Any, next: Any) -> Any:
    return next(ctx, step)


async def returns_a_task(ctx: Any, step: Any, next: Any) -> Any:
    return asyncio.ensure_future(next(ctx, step))


async def returns_the_result(ctx: Any, step: Any, next: Any) -> Any:
    output = await next(ctx, step)
    return output.result or InvokeEndpointOutput(body=b"")


async def returns_the_response(ctx: Any, step: Any, next: Any) -> Any:
    return (await next(ctx, step)).raw_response


async def returns_the_body(ctx: Any, step: Any, next: Any) -> Any:
    await next(ctx, step)
    return b"setosa"


def is_plain_and_returns_nothing(ctx: Any, step: Any, next: Any) -> Any:
    """Without a call of next, whose coroutine Python would warn about by itself."""


def is_plain_and_returns_an_output(ctx: Any, step: Any, next: Any) -> Any:
    return Output(InvokeEndpointOutput(body=b""))


def is_plain_and_returns_the_coroutine_of_one_that_forgets(ctx: Any, step: Any, next: Any) -> Any:
    return forgets_return(ctx, step, next)


async def yields(ctx: Any, step: Any, next: Any) -> Any:
    yield await next(ctx, step)


async def calls_next_without_ctx(ctx: Any, step: Any, next: Any) -> Any:
    return await next(step)


async def calls_next_with_nothing(ctx: Any, step: Any, next: Any) -> Any:
    return await next()


async def calls_next_with_none(ctx: Any, step: Any, next: Any) -> Any:
    return await next(ctx, None)


async def calls_next_the_wrong_way_round(ctx: Any, step: Any, next: Any) -> Any:
    return await next(step, ctx)


async def calls_next_with_itself(ctx: Any, step: Any, next: Any) -> Any:
    return await next(ctx, step, next)


MISTAKES = {
    forgets_return: "returned None; end it with 'return await next(ctx, step)'",
    forgets_await: "returned an awaitable; write 'return await next(ctx, step)'",
    returns_a_task: "returned an awaitable; write 'return await next(ctx, step)'",
    returns_the_result: "returned the result, InvokeEndpointOutput; return the Output that contains it",
    returns_the_response: "returned a Response; return the Output of next(ctx, step)",
    returns_the_body: "returned bytes; return the Output of 'await next(ctx, step)'",
    is_plain_and_returns_nothing: "returned None; end it with 'return next(ctx, step)'",
    is_plain_and_returns_an_output: "returned an Output and is not a coroutine; make it 'async def'",
    is_plain_and_returns_the_coroutine_of_one_that_forgets: "returned None; end it with 'return await next(ctx, step)'",
    yields: "is a generator; use 'return', not 'yield'",
    calls_next_without_ctx: "Input); call next(ctx, step) with a Context and the ",
    calls_next_with_nothing: "called next(); call next(ctx, step) with a Context and the ",
    calls_next_with_none: "called next(Context); call next(ctx, step) with a Context and the ",
    calls_next_the_wrong_way_round: "Input, Context); call next(ctx, step) with a Context and the ",
    calls_next_with_itself: "Input, function); call next(ctx, step) with a Context and the ",
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
@pytest.mark.parametrize(("step", "end"), PLACES)
async def test_the_error_names_the_middleware_that_broke_the_contract(
    step: str, end: str, mistake: Callable[..., Any]
) -> None:
    """There may be twenty, written by other teams, and the mistake shows itself in whoever stands above."""
    wrong = DECORATORS[step]("Wrong")(mistake)

    def pass_on(stack: Stack) -> None:
        """Middleware that are in order stand above and below it."""

        async def right(ctx: Any, step: Any, next: Any) -> Any:
            output = await next(ctx, step)
            assert isinstance(output, Output)
            return output

        for one in STEPS:
            getattr(stack, one).add(DECORATORS[one]("Right")(right))
            getattr(stack, one).add(DECORATORS[one]("First")(right), BEFORE)

    async with client(api_options=[added(step, end, wrong), pass_on]) as caller:
        with pytest.raises(StackError) as caught:
            await caller.invoke_endpoint(PARAMS)

    assert str(caught.value).startswith(f"the {step} middleware 'Wrong' ")
    assert MISTAKES[mistake] in str(caught.value)
    assert caught.value.operation == "InvokeEndpoint"


async def test_a_middleware_in_the_place_of_another_is_named_with_the_place() -> None:
    """As the printed stack shows it."""
    corporate = finalize_middleware("CorporateSigning")(forgets_return)

    async with client(api_options=[lambda stack: stack.finalize.swap("Signing", corporate)]) as caller:
        with pytest.raises(StackError, match=r"the finalize middleware 'Signing \(CorporateSigning\)' returned None"):
            await caller.invoke_endpoint(PARAMS)


async def test_a_mistake_is_made_once_and_not_once_for_each_attempt() -> None:
    """It would be made again."""
    http_client = ScriptedHTTPClient()

    async with client(
        http_client, api_options=[added("finalize", "after", finalize_middleware("Wrong")(forgets_return))]
    ) as caller:
        with pytest.raises(StackError):
            await caller.invoke_endpoint(PARAMS)

    assert 1 == len(http_client.requests)


async def test_any_awaitable_with_an_output_will_do() -> None:
    """A task, for one that goes on without its caller; an object of somebody's own."""

    class Own:
        def __init__(self, awaitable: Awaitable[Output]) -> None:
            self.awaitable = awaitable

        def __await__(self) -> Any:
            return self.awaitable.__await__()

    class Special(Output):
        """A subclass."""

    def task(ctx: Any, step: Any, next: Any) -> Any:
        return asyncio.ensure_future(next(ctx, step))

    def own(ctx: Any, step: Any, next: Any) -> Any:
        return Own(next(ctx, step))

    async def special(ctx: Any, step: Any, next: Any) -> Any:
        output = await next(ctx, step)
        return Special(output.result, output.metadata, output.raw_response)

    options = [
        added(step, "after", DECORATORS[step](function.__name__)(function))
        for step in STEPS
        for function in (task, own, special)
    ]
    async with client(api_options=options) as caller:
        output = await caller.invoke_endpoint(PARAMS)

    assert b"ok" == output.body


async def test_a_plain_middleware_costs_one_line_of_a_traceback_and_a_coroutine_two() -> None:
    """The check awaits what they return; the default stack's are not checked."""

    def plain(ctx: Any, step: Any, next: Any) -> Any:
        return next(ctx, step)

    async def coroutine(ctx: Any, step: Any, next: Any) -> Any:
        return await next(ctx, step)

    async def lines(*functions: Any) -> int:
        http_client = ScriptedHTTPClient([lambda _: answer(400, x_amzn_errortype="ValidationError")])
        options = [
            added("build", "after", build_middleware(f"Own{number}")(function))
            for number, function in enumerate(functions)
        ]
        async with client(http_client, api_options=options) as caller:
            with pytest.raises(ValidationError) as caught:
                await caller.invoke_endpoint(PARAMS)
        return len(traceback.extract_tb(caught.value.__traceback__))

    without = await lines()

    assert [1, 2, 2] == [await lines(*given) - without for given in ([plain], [coroutine], [plain, plain])]


@pytest.mark.parametrize("step", STEPS)
def test_the_repr_of_a_decorated_middleware_is_its_id(step: str) -> None:
    """An address in memory says nothing in an error or a debugger."""
    assert f"<{step} middleware 'Tag'>" == repr(DECORATORS[step]("Tag")(forgets_return))


def test_the_default_stack_is_not_checked() -> None:
    """It is ours to keep the contract, and a check for each would cost a tenth of a call."""
    home = Path(sagemaker_runtime.__file__).parent / "middleware" / "contract.py"
    handler = client().stack("InvokeEndpoint").compile(lambda ctx, step: asyncio.sleep(0, Output()))

    assert handler.__code__.co_filename != str(home)
