"""Checks the members that all calls of a run share before the run creates a file."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sagemaker_runtime import Context, InvalidParamsError
from sagemaker_runtime.bulk.asynchronous import check_members, submission
from sagemaker_runtime.bulk.observers import RunObserver
from sagemaker_runtime.middleware import InitializeInput, Output
from sagemaker_runtime.plugins.concurrency import ConcurrencyLimit, KneeLimit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime import Client, OptFn, Stack
    from sagemaker_runtime.bulk.requests import Inputs

_VALIDATION = "OperationInputValidation"
_CHANGE_NO_INPUT = (RunObserver, ConcurrencyLimit, KneeLimit)


async def check_shared_members(client: Client, opt_fns: Sequence[OptFn], inputs: Inputs, *, asynchronous: bool) -> None:
    """
    Validate the members that all calls share, as the client will.

    Nothing is checked if a middleware of the user comes before the validation, because it may change the members, or if *opt_fns*
    replace ``api_options``; then the first call finds any mistake.

    Args:
        client: Will make the calls.

        opt_fns: Change its options.

        inputs: Makes the inputs of the calls.

        asynchronous: Whether the endpoint is asynchronous.

    Raises:
        InvalidParamsError: A member is invalid, and would be for every record.
        ConfigError: An asynchronous endpoint does not take such a member.
    """
    params = inputs.shared()
    if asynchronous:
        check_members(params)
    given = submission(params, b"") if asynchronous else params
    stack = _stack(client, opt_fns, "InvokeEndpointAsync" if asynchronous else "InvokeEndpoint")
    if stack is None:
        return
    ids = stack.initialize.ids()
    validation = stack.initialize.get(_VALIDATION)
    if validation is None:
        return
    before = [stack.initialize.get(id) for id in ids[: ids.index(_VALIDATION)]]
    if not all(isinstance(each, _CHANGE_NO_INPUT) for each in before):
        return
    refused: InvalidParamsError | None = None
    with suppress(Exception):  # raised by a validation of the user, which may need a real call
        try:
            await validation.handle_initialize(Context(), InitializeInput(given), _accept)
        except InvalidParamsError as error:
            refused = error
    if refused is not None and inputs.is_shared(refused):
        refused.add_note("Every record would be refused like this, so the run was not started.")
        raise refused


def _stack(client: Client, opt_fns: Sequence[OptFn], operation: str) -> Stack | None:
    """The stack of the run's calls; None if *opt_fns* replace what has changed the client's."""
    options = client.options
    known = list(options.api_options)
    for change in opt_fns:
        change(options)
    if options.api_options[: len(known)] != known:
        return None
    stack = client.stack(operation)
    for change_stack in options.api_options[len(known) :]:
        change_stack(stack)
    return stack


async def _accept(_ctx: Context, _step: InitializeInput, /) -> Output:
    return Output()
