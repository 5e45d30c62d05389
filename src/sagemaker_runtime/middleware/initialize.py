"""Initialize: once per call, the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.checks import is_str_dict
from sagemaker_runtime.errors import InvalidParamsError
from sagemaker_runtime.operations import OPERATIONS, method_name, operation
from sagemaker_runtime.validation import as_input

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import InitializeHandler, InitializeInput, Output
    from sagemaker_runtime.operations.base import OperationInput
    from sagemaker_runtime.protocol import Marshaller


class OperationInputValidation:
    """Check the input against every constraint of the model, before anything is sent."""

    id = "OperationInputValidation"

    def __init__(self, marshaller: Marshaller) -> None:
        self.marshaller = marshaller

    def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Awaitable[Output]:
        parameters = step.parameters
        input_type = self.marshaller.operation.input_type
        if not isinstance(parameters, input_type):
            problem = _wrong_input(parameters, input_type)
            raise InvalidParamsError(problem, (problem,))
        self.marshaller.validator.validate(parameters)
        return next(ctx, step)


def _wrong_input(given: object, input_type: type[OperationInput]) -> str:
    if isinstance(given, type):
        return f"the input is the class {given.__name__}; pass an object: {as_input(input_type)}"
    what = f"the input is of type {type(given).__name__}"
    for name in OPERATIONS:
        if isinstance(given, operation(name).input_type):
            return f"{what}; pass {as_input(input_type)}, or pass yours to {method_name(name)}"
    return f"{what}; pass {as_input(input_type, given if is_str_dict(given) else ())}"
