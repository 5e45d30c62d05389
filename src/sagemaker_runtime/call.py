"""One call, from a plan and an input to an output: its facts, what it has opened, and its time limit."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, TypeVar

from attr import evolve

from sagemaker_runtime.asyncio_only import without_asyncio
from sagemaker_runtime.context import ATTEMPTS, OPENED, STARTED, CallLedger, Context
from sagemaker_runtime.errors import StackError, attach_facts
from sagemaker_runtime.middleware.steps import InitializeInput, Output
from sagemaker_runtime.middleware.total_timeout import LIMITS, hold_to_total
from sagemaker_runtime.operations.base import OperationInput, OperationOutput

if TYPE_CHECKING:
    from sagemaker_runtime.middleware.total_timeout import CallLimit
    from sagemaker_runtime.operations.base import Operation
    from sagemaker_runtime.plans import Plan

In = TypeVar("In", bound=OperationInput)
Out = TypeVar("Out", bound=OperationOutput)
Method = TypeVar("Method")


def by_input_alone(method: Method) -> Method:
    """
    Let a call of *method* by boto3's keyword arguments reach it, without its first argument, so that it can say what to pass.

    Python would refuse it first, and say only what is missing. For checkers, and `inspect.signature`, nothing changes.
    """
    if isinstance(method, FunctionType):
        signature = inspect.signature(method)
        parameters = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        method.__defaults__ = (None,)
    return method


async def call(operation: Operation[In, Out], plan: Plan, params: In) -> Out:
    """
    Send *params* through the plan's stack.

    A call that fails closes all that it has opened. The facts known of it are attached to the error here, and nowhere else.

    Raises:
        StackError: A middleware gave what is not an output of the operation.
        SageMakerRuntimeError: Whatever else the stack raises.
    """
    ctx = Context(plan.context)
    ctx[STARTED] = plan.clock.monotonic()
    ctx[OPENED] = opened = CallLedger()
    opened.response = opened.metadata = None
    limits: list[CallLimit] = []
    ctx[LIMITS] = limits
    try:
        if plan.timeout.total is not None:
            hold_to_total(ctx)
        output = await plan.handler(ctx, InitializeInput(params))
        result = output.result if isinstance(output, Output) else None  # pyright: ignore[reportUnnecessaryIsInstance]
        if not isinstance(result, operation.output_type):
            raise _wrong_output(operation, output)
    except BaseException as error:
        opened.close()
        over = limits.pop().end(error) if limits else without_asyncio(error)
        attach_facts(error if over is None else over, operation=operation.name, attempts=ctx.get(ATTEMPTS, ()))
        if over is not None:
            raise over from error
        raise
    if limits:
        limits.pop().end(None)
    if result.result_metadata is not output.metadata:
        # Made by a middleware, which may give the same object to others (a cache): so not changed in place.
        return evolve(result, result_metadata=output.metadata)
    return result


def _wrong_output(operation: Operation[In, Out], output: object) -> StackError:
    got = type(output.result if isinstance(output, Output) else output).__name__
    return StackError(
        f"the stack of {operation.name} returned {got} instead of {operation.output_type.__name__}; a middleware "
        "must return the result of next(ctx, step), or an Output with a result of its own"
    )
