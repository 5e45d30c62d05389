"""Run-time checks of the arguments and results of users' middleware, with errors that name the culprit."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import CoroutineType
from typing import TypeAlias, TypeVar

from sagemaker_runtime.context import Context
from sagemaker_runtime.errors import StackError
from sagemaker_runtime.middleware.steps import Handler, Output
from sagemaker_runtime.operations.base import OperationOutput
from sagemaker_runtime.wire import Response

S = TypeVar("S")
Handle: TypeAlias = Callable[[Context, S, Handler[S]], Awaitable[Output]]


def held_to_contract(name: str, takes: type[S], handle: Handle[S], next: Handler[S]) -> Handler[S]:
    """
    A handler that calls a middleware and checks it; it costs one coroutine (0.2 µs) and one line in tracebacks.

    Args:
        name: The middleware in errors, such as ``"the build middleware 'TagTenant'"``.

        takes: The class of its step's input.

        handle: Its method.

        next: The handler below it.
    """

    def below(ctx: Context | None = None, step: S | None = None, *more: object) -> Awaitable[Output]:
        # The exact types first: nearly always right, and twice as fast.
        if type(step) is takes and type(ctx) is Context and not more:
            return next(ctx, step)
        if isinstance(step, takes) and isinstance(ctx, Context) and not more:
            return next(ctx, step)
        given = ", ".join(type(each).__name__ for each in (ctx, step, *more) if each is not None)
        raise StackError(f"{name} called next({given}); call next(ctx, step) with a Context and the {takes.__name__}")

    async def link(ctx: Context, step: S) -> Output:
        awaitable = handle(ctx, step, below)
        kind: type[object] = type(awaitable)
        if kind is not CoroutineType and not isinstance(awaitable, Awaitable):  # pyright: ignore[reportUnnecessaryIsInstance] - a user's
            raise StackError(f"{name} {_not_awaitable(awaitable)}")
        output = await awaitable
        if not isinstance(output, Output):  # pyright: ignore[reportUnnecessaryIsInstance] - a user's
            raise StackError(f"{name} {_no_output(output)}")
        return output

    return link


def _not_awaitable(returned: object) -> str:
    if returned is None:
        return "returned None; end it with 'return next(ctx, step)'"
    if isinstance(returned, Output):
        return "returned an Output and is not a coroutine; make it 'async def'"
    if isinstance(returned, Generator | AsyncGenerator):
        return "is a generator; use 'return', not 'yield'"
    return f"returned {type(returned).__name__}; return the result of next(ctx, step)"


def _no_output(returned: object) -> str:
    if returned is None:
        return "returned None; end it with 'return await next(ctx, step)', or return its Output"
    if inspect.iscoroutine(returned):
        returned.close()  # otherwise Python would also warn that it was never awaited
    if isinstance(returned, Awaitable):
        return "returned an awaitable; write 'return await next(ctx, step)'"
    if isinstance(returned, OperationOutput):
        return f"returned the result, {type(returned).__name__}; return the Output that contains it, or Output(result)"
    if isinstance(returned, Response):
        return "returned a Response; return the Output of next(ctx, step), or Output(raw_response=response)"
    return f"returned {type(returned).__name__}; return the Output of 'await next(ctx, step)'"
