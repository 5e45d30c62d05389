"""One call, from a stack and an input to an output: its facts, its open resources, and its time limit."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, TypeVar

from attr import evolve

from sagemaker_runtime.asyncio_only import without_asyncio
from sagemaker_runtime.context import ATTEMPTS, CLOCK, OPENED, STARTED, TIMEOUT, CallLedger
from sagemaker_runtime.errors import StackError, attach_facts
from sagemaker_runtime.middleware.steps import InitializeInput, Output
from sagemaker_runtime.middleware.total_timeout import IN_FORCE, LIMITS, hold_to_total
from sagemaker_runtime.operations.base import OperationInput, OperationOutput

if TYPE_CHECKING:
    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import InitializeHandler
    from sagemaker_runtime.middleware.total_timeout import CallLimit
    from sagemaker_runtime.operations.base import Operation

In = TypeVar("In", bound=OperationInput)
Out = TypeVar("Out", bound=OperationOutput)
Method = TypeVar("Method")


def by_input_alone(method: Method) -> Method:
    """
    Let *method* be called with boto3's keyword arguments and no input, so that its error can say what to pass instead.

    Otherwise Python would refuse the call, and say only which argument is missing. Type checkers and `inspect.signature`
    see the original signature.
    """
    if isinstance(method, FunctionType):
        signature = inspect.signature(method)
        parameters = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        method.__defaults__ = (None,)
    return method


async def call(operation: Operation[In, Out], handler: InitializeHandler, ctx: Context, params: In) -> Out:
    """
    Send *params* through a stack.

    If the call fails, everything that it has opened is closed, and the facts about the call are attached to the error. This
    is the only place that does so.

    Args:
        operation: The operation.

        handler: The stack, compiled.

        ctx: The facts that the call starts with. Those that every call sets are added.

        params: The input.

    Raises:
        StackError: The stack returned an object that is not an output of the operation.
        SageMakerRuntimeError: Any other error that the stack raises.
    """
    ctx[STARTED] = ctx[CLOCK].monotonic()
    ctx[OPENED] = opened = CallLedger()
    opened.response = opened.metadata = None
    limits: list[CallLimit] = []
    ctx[LIMITS] = limits
    ctx[IN_FORCE] = timeout = ctx[TIMEOUT]
    try:
        if timeout.total is not None:
            hold_to_total(ctx)
        output = await handler(ctx, InitializeInput(params))
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
        # A middleware created the result and may return the same object for other calls (a cache), so it is not changed.
        return evolve(result, result_metadata=output.metadata)
    return result


def _wrong_output(operation: Operation[In, Out], output: object) -> StackError:
    got = type(output.result if isinstance(output, Output) else output).__name__
    return StackError(
        f"the stack of {operation.name} returned {got} instead of {operation.output_type.__name__}; a middleware "
        "must return the result of next(ctx, step), or its own Output with a result of that type"
    )
