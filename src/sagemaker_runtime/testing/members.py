"""What any operation's input and output have in common: how to make an input, and the stream in an output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import ResponseStream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagemaker_runtime import OperationInput, OperationOutput
    from sagemaker_runtime.operations import Operation


def input_of(operation: Operation[OperationInput, OperationOutput], members: Mapping[str, object]) -> OperationInput:
    """The input of *operation* that has these members, by attribute name."""
    make: Callable[..., OperationInput] = operation.input_type
    return make(**members)


def stream_of(operation: Operation[OperationInput, OperationOutput], output: object) -> ResponseStream | None:
    """The stream in what *operation* returned; None if there is none."""
    stream: object = getattr(output, operation.stream_member or "", None)
    return stream if isinstance(stream, ResponseStream) else None
