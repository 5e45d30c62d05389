"""Makes the input of any operation, and finds the stream in its output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import ResponseStream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagemaker_runtime import OperationInput, OperationOutput
    from sagemaker_runtime.operations import Operation


def input_of(operation: Operation[OperationInput, OperationOutput], members: Mapping[str, object]) -> OperationInput:
    """An input of *operation* with these members, by attribute name."""
    make: Callable[..., OperationInput] = operation.input_type
    return make(**members)


def stream_of(operation: Operation[OperationInput, OperationOutput], output: object) -> ResponseStream | None:
    """The stream in an output of *operation*; None if there is none."""
    stream: object = getattr(output, operation.stream_member or "", None)
    return stream if isinstance(stream, ResponseStream) else None
