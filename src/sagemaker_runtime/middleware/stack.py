"""
`Stack`: the five steps of one operation, which are folded into one handler.

A stack is a plan. `Stack.compile` turns it into a handler; later changes of the stack do not affect that handler.
"""

from __future__ import annotations

from collections.abc import Mapping

from sagemaker_runtime.middleware.places import BuildStep, DeserializeStep, FinalizeStep, InitializeStep, SerializeStep
from sagemaker_runtime.middleware.steps import (
    BuildInput,
    DeserializeHandler,
    DeserializeInput,
    FinalizeInput,
    InitializeHandler,
    SerializeInput,
)
from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput
from sagemaker_runtime.wire import Request


class Stack:
    """
    The five steps of one operation, in the order a request passes through them.

    Args:
        id: The operation's name, such as ``"InvokeEndpoint"``.

    Attributes:
        operation: The operation as modelled: whether it streams, whether it may be repeated, its events and its service. A
            stack created by hand has an operation without these.
    """

    __slots__ = ("build", "deserialize", "finalize", "id", "initialize", "operation", "serialize")

    def __init__(self, id: str) -> None:
        self.id = id
        self.operation: Operation[OperationInput, OperationOutput] = Operation(
            id, OperationInput, OperationOutput, "/", ()
        )
        self.initialize = InitializeStep()
        self.serialize = SerializeStep()
        self.build = BuildStep()
        self.finalize = FinalizeStep()
        self.deserialize = DeserializeStep()
        _introduce(self)

    @classmethod
    def of(
        cls,
        operation: Operation[OperationInput, OperationOutput],
        initialize: InitializeStep,
        serialize: SerializeStep,
        build: BuildStep,
        finalize: FinalizeStep,
        deserialize: DeserializeStep,
    ) -> Stack:
        """Create a stack of these steps, without copying them."""
        stack = cls.__new__(cls)
        stack.id = operation.name
        stack.operation = operation
        stack.initialize = initialize
        stack.serialize = serialize
        stack.build = build
        stack.finalize = finalize
        stack.deserialize = deserialize
        _introduce(stack)
        return stack

    @property
    def steps(self) -> tuple[InitializeStep, SerializeStep, BuildStep, FinalizeStep, DeserializeStep]:
        """The five steps, in order."""
        return self.initialize, self.serialize, self.build, self.finalize, self.deserialize

    def list(self) -> list[str]:
        """The id of the stack, then the name of each step followed by the ids of its places."""
        return [
            self.id,
            *("Initialize", *self.initialize.ids()),
            *("Serialize", *self.serialize.ids()),
            *("Build", *self.build.ids()),
            *("Finalize", *self.finalize.ids()),
            *("Deserialize", *self.deserialize.ids()),
        ]

    def copy(self) -> Stack:
        """An independent copy with the same middleware."""
        copy = Stack.of(
            self.operation,
            self.initialize.copy(),
            self.serialize.copy(),
            self.build.copy(),
            self.finalize.copy(),
            self.deserialize.copy(),
        )
        copy.id = self.id
        return copy

    def compile(self, transport: DeserializeHandler) -> InitializeHandler:
        """
        Fold the five steps into one handler.

        Two steps are joined by a plain function, so a traceback has only one line per middleware.

        Args:
            transport: Sends the request of a `DeserializeInput`; its Output contains the response.
        """
        deserialize = self.deserialize.compile(transport)
        finalize = self.finalize.compile(lambda ctx, step: deserialize(ctx, DeserializeInput(step.request)))
        build = self.build.compile(lambda ctx, step: finalize(ctx, FinalizeInput(step.request)))
        serialize = self.serialize.compile(lambda ctx, step: build(ctx, BuildInput(step.request)))
        return self.initialize.compile(lambda ctx, step: serialize(ctx, SerializeInput(step.parameters, Request())))

    def __str__(self) -> str:
        return "\n".join([self.id, *("    " + str(step).replace("\n", "\n    ") for step in self.steps)])


def _introduce(stack: Stack) -> None:
    """Share the places of all steps among them, for their errors."""
    places_by_step: dict[str, Mapping[str, object]] = {}
    for step in stack.steps:
        step.stands_among(places_by_step)
