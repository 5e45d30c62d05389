"""
`Stack` and `Step`: lists of named middleware, and the fold of such a list into one handler. The only mechanism.

A stack is a plan. `Stack.compile` makes a handler of it once; changing the stack afterwards changes no handler.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterable
from operator import attrgetter
from typing import Generic, TypeAlias, TypeVar, overload

from sagemaker_runtime.context import Context
from sagemaker_runtime.errors import StackError
from sagemaker_runtime.middleware.steps import (
    BuildInput,
    BuildMiddleware,
    DeserializeHandler,
    DeserializeInput,
    DeserializeMiddleware,
    FinalizeInput,
    FinalizeMiddleware,
    Handler,
    InitializeHandler,
    InitializeInput,
    InitializeMiddleware,
    Middleware,
    Output,
    SerializeInput,
    SerializeMiddleware,
)
from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput
from sagemaker_runtime.wire import Request

M = TypeVar("M", bound=Middleware)
S = TypeVar("S")
Handle: TypeAlias = Callable[[Context, S, Handler[S]], Awaitable[Output]]


class Position(enum.Enum):
    """An end of a step's list."""

    BEFORE = "before"
    """The front: outermost, first to see the request and last to see the result."""

    AFTER = "after"
    """The back: innermost."""


BEFORE = Position.BEFORE
AFTER = Position.AFTER


def _has_nothing_to_do(middleware: object) -> bool:
    """Whether its class says so itself: a subclass does not inherit it, since what it does is not known here."""
    said = "has_nothing_to_do" in vars(type(middleware))
    return said and getattr(middleware, "has_nothing_to_do", False) is True


class Step(Generic[M, S]):
    """
    The middleware of one step, outermost first, each in a place with a name.

    Every method that names a place raises `StackError` if there is none of that name.

    Args:
        name: ``"build"``; the error messages say it.

        handle: Gives a middleware's method for this step.

        middleware: Who stands there to begin with, outermost first; not checked, as `add` does.
    """

    __slots__ = ("_handle", "_places", "name")

    def __init__(self, name: str, handle: Callable[[M], Handle[S]], middleware: Iterable[M] = ()) -> None:
        self.name = name
        self._handle = handle
        self._places: dict[str, M] = {one.id: one for one in middleware}  # by name, in order

    def add(self, middleware: M, position: Position = AFTER) -> None:
        """Put *middleware* at the back of the list, or with ``BEFORE`` at the front."""
        id = self._new_id(middleware)
        if position is AFTER:
            self._places[id] = middleware
        elif position is BEFORE:
            self._places = {id: middleware, **self._places}
        else:
            raise StackError(f"{self.name}: {position!r} is no position; use BEFORE (the front) or AFTER (the back)")

    @overload
    def insert(self, middleware: M, *, before: str) -> None: ...
    @overload
    def insert(self, middleware: M, *, after: str) -> None: ...
    def insert(self, middleware: M, *, before: str | None = None, after: str | None = None) -> None:
        """Put *middleware* just outside (``before=``) or just inside (``after=``) the place of that name."""
        if before is not None and after is None:
            id, index = self._new_id(middleware), self._index(before)
        elif after is not None and before is None:
            id, index = self._new_id(middleware), self._index(after) + 1
        else:
            raise StackError(f"{self.name}.insert takes one of before= and after=")
        places = list(self._places.items())
        self._places = dict([*places[:index], (id, middleware), *places[index:]])

    def swap(self, id: str, middleware: M) -> M:
        """Put *middleware* into the place *id*, which keeps its name, and give who stood there."""
        self._index(id)
        if self._checked_id(middleware) != id and middleware.id in self._places:
            raise StackError(
                f"{self.name} already has a place {middleware.id!r}, so the middleware put into {id!r} needs another id"
            )
        before, self._places[id] = self._places[id], middleware
        return before

    def remove(self, id: str) -> M:
        """Take the place *id* away, and give who stood there."""
        self._index(id)
        return self._places.pop(id)

    def get(self, id: str) -> M | None:
        """Who stands in the place *id*; None if there is no such place."""
        return self._places.get(id)

    def clear(self) -> None:
        """Take all places away."""
        self._places.clear()

    def ids(self) -> list[str]:
        """The names of the places, outermost first."""
        return list(self._places)

    def copy(self) -> Step[M, S]:
        """A second step with the same middleware, to be changed on its own."""
        copy: Step[M, S] = Step(self.name, self._handle)
        copy._places = self._places.copy()
        return copy

    def compile(self, next: Handler[S]) -> Handler[S]:
        """
        Fold the list into one handler that ends in *next*.

        A middleware of the default stack that has nothing to do under the options says so
        (``has_nothing_to_do``), and is left out of the handler. Its place stays in the list, for others to anchor on.
        """
        for middleware in reversed(self._places.values()):
            if _has_nothing_to_do(middleware):
                continue
            handle = self._handle(middleware)

            # As defaults, because a closure takes a function of its own to be made in (0.08 µs; 0.15). It is no
            # coroutine, so it leaves no line in the traceback of what is awaited.
            def link(ctx: Context, step: S, handle: Handle[S] = handle, next: Handler[S] = next) -> Awaitable[Output]:
                return handle(ctx, step, next)

            next = link
        return next

    def lines(self) -> list[str]:
        """The places as the printed stack shows them."""
        return [id if middleware.id == id else f"{id} ({middleware.id})" for id, middleware in self._places.items()]

    def __str__(self) -> str:
        return "".join([self.name.capitalize(), *(f"\n    {line}" for line in self.lines())])

    def _new_id(self, middleware: M) -> str:
        id = self._checked_id(middleware)
        if id in self._places:
            raise StackError(
                f"{self.name} already has {id!r}; replace it with swap({id!r}, ...), or give the new one another id"
            )
        return id

    def _checked_id(self, middleware: M) -> str:
        """The middleware's id; raises for what cannot stand here."""
        if isinstance(middleware, type):
            raise StackError(
                f"{self.name} got the class {middleware.__name__}; pass an object: {middleware.__name__}(...)"
            )
        try:
            handle = self._handle(middleware)
        except AttributeError:
            raise StackError(self._wrong_step(middleware)) from None
        if not callable(handle):
            raise StackError(f"handle_{self.name} of {middleware!r} is no method")
        id: object = getattr(middleware, "id", None)
        if not isinstance(id, str) or not id.strip() or not id.isprintable():
            raise StackError(f"{self.name}: the id of {middleware!r} is {id!r}; it takes a name such as 'TagTenant'")
        return id

    def _wrong_step(self, middleware: M) -> str:
        others = [name for name in STEPS if hasattr(middleware, f"handle_{name}")]
        where = " or ".join(f"stack.{name}" for name in others)
        advice = (
            f"it has handle_{others[0]}: add it to {where}"
            if others
            else f"write it with @{self.name}_middleware('Name')"
        )
        return f"{middleware!r} has no handle_{self.name}, so it cannot stand in {self.name}; {advice}"

    def _index(self, id: str) -> int:
        for index, known in enumerate(self._places):
            if known == id:
                return index
        from difflib import get_close_matches  # for an error only

        near = get_close_matches(id, self.ids(), n=1, cutoff=0.5) if isinstance(id, str) else []  # pyright: ignore[reportUnnecessaryIsInstance]
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise StackError(f"{self.name} has no {id!r}; it has {', '.join(self.ids()) or 'nothing'}.{hint}")


STEPS = ("initialize", "serialize", "build", "finalize", "deserialize")

InitializeStep: TypeAlias = Step[InitializeMiddleware, InitializeInput]
SerializeStep: TypeAlias = Step[SerializeMiddleware, SerializeInput]
BuildStep: TypeAlias = Step[BuildMiddleware, BuildInput]
FinalizeStep: TypeAlias = Step[FinalizeMiddleware, FinalizeInput]
DeserializeStep: TypeAlias = Step[DeserializeMiddleware, DeserializeInput]

# A middleware's method for each step.
_HANDLE_INITIALIZE: Callable[[InitializeMiddleware], Handle[InitializeInput]] = attrgetter("handle_initialize")
_HANDLE_SERIALIZE: Callable[[SerializeMiddleware], Handle[SerializeInput]] = attrgetter("handle_serialize")
_HANDLE_BUILD: Callable[[BuildMiddleware], Handle[BuildInput]] = attrgetter("handle_build")
_HANDLE_FINALIZE: Callable[[FinalizeMiddleware], Handle[FinalizeInput]] = attrgetter("handle_finalize")
_HANDLE_DESERIALIZE: Callable[[DeserializeMiddleware], Handle[DeserializeInput]] = attrgetter("handle_deserialize")


# Functions, because to call a subscripted class costs 3 µs, and steps are made for a call with options of its own.


def initialize_step(*middleware: InitializeMiddleware) -> InitializeStep:
    """The initialize step with these in it, outermost first; they are not checked."""
    return Step("initialize", _HANDLE_INITIALIZE, middleware)


def serialize_step(*middleware: SerializeMiddleware) -> SerializeStep:
    """The serialize step with these in it, outermost first; they are not checked."""
    return Step("serialize", _HANDLE_SERIALIZE, middleware)


def build_step(*middleware: BuildMiddleware) -> BuildStep:
    """The build step with these in it, outermost first; they are not checked."""
    return Step("build", _HANDLE_BUILD, middleware)


def finalize_step(*middleware: FinalizeMiddleware) -> FinalizeStep:
    """The finalize step with these in it, outermost first; they are not checked."""
    return Step("finalize", _HANDLE_FINALIZE, middleware)


def deserialize_step(*middleware: DeserializeMiddleware) -> DeserializeStep:
    """The deserialize step with these in it, outermost first; they are not checked."""
    return Step("deserialize", _HANDLE_DESERIALIZE, middleware)


class Stack:
    """
    The five steps of one operation, in the order a request passes through them.

    Args:
        id: The operation's name, such as ``"InvokeEndpoint"``.

    Attributes:
        operation: The operation as modelled: whether it streams, may be repeated, which events and which service it has.
            That of a stack made by hand has none of these.
    """

    __slots__ = ("build", "deserialize", "finalize", "id", "initialize", "operation", "serialize")

    def __init__(self, id: str) -> None:
        self.id = id
        self.operation: Operation[OperationInput, OperationOutput] = Operation(
            id, OperationInput, OperationOutput, "/", ()
        )
        self.initialize = initialize_step()
        self.serialize = serialize_step()
        self.build = build_step()
        self.finalize = finalize_step()
        self.deserialize = deserialize_step()

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
        """A stack of these very steps."""
        stack = cls.__new__(cls)
        stack.id = operation.name
        stack.operation = operation
        stack.initialize = initialize
        stack.serialize = serialize
        stack.build = build
        stack.finalize = finalize
        stack.deserialize = deserialize
        return stack

    def list(self) -> list[str]:
        """The stack's id, then each step's name followed by the ids of its places."""
        return [
            self.id,
            *("Initialize", *self.initialize.ids()),
            *("Serialize", *self.serialize.ids()),
            *("Build", *self.build.ids()),
            *("Finalize", *self.finalize.ids()),
            *("Deserialize", *self.deserialize.ids()),
        ]

    def copy(self) -> Stack:
        """A second stack with the same middleware, to be changed on its own."""
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

        What joins two steps is a plain function too, so a traceback has one line for each middleware and no more.

        Args:
            transport: Sends the request of a `DeserializeInput`; its Output holds the response.
        """
        deserialize = self.deserialize.compile(transport)
        finalize = self.finalize.compile(lambda ctx, step: deserialize(ctx, DeserializeInput(step.request)))
        build = self.build.compile(lambda ctx, step: finalize(ctx, FinalizeInput(step.request)))
        serialize = self.serialize.compile(lambda ctx, step: build(ctx, BuildInput(step.request)))
        return self.initialize.compile(lambda ctx, step: serialize(ctx, SerializeInput(step.parameters, Request())))

    def __str__(self) -> str:
        steps = (self.initialize, self.serialize, self.build, self.finalize, self.deserialize)
        return "\n".join([self.id, *("    " + str(step).replace("\n", "\n    ") for step in steps)])
