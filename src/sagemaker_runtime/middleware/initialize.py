"""Initialize: once per call, the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.errors import InvalidParamsError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import InitializeHandler, InitializeInput, Output
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
            problem = f"the input is of type {type(parameters).__name__}; pass {input_type.__name__}(...)"
            raise InvalidParamsError(problem, (problem,))
        self.marshaller.validator.validate(parameters)
        return next(ctx, step)
