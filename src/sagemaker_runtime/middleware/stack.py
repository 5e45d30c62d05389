"""
`Stack` and `Step`: lists of named middleware, and the fold of such a list into one handler. The only mechanism.

A stack is a plan. `Stack.compile` makes a handler of it once; changing the stack afterwards changes no handler.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
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


class _Place(Generic[M]):
    """A name in a step's list, and who stands there now."""

    __slots__ = ("id", "middleware")

    def __init__(self, id: str, middleware: M) -> None:
        self.id = id
        self.middleware = middleware

    def __str__(self) -> str:
        return self.id if self.middleware.id == self.id else f"{self.id} ({self.middleware.id})"


class Step(Generic[M, S]):
    """
    The middleware of one step, outermost first, each in a place with a name.

    Every method that names a place raises `StackError` if there is none of that name.

    Args:
        name: ``"build"``; the error messages say it.

        handle: Gives a middleware's method for this step.
    """

    __slots__ = ("_handle", "_places", "name")

    def __init__(self, name: str, handle: Callable[[M], Handle[S]]) -> None:
        self.name = name
        self._handle = handle
        self._places: list[_Place[M]] = []

    def add(self, middleware: M, position: Position = AFTER) -> None:
        """Put *middleware* at the back of the list, or with ``BEFORE`` at the front."""
        place = self._new_place(middleware)
        if position is AFTER:
            self._places.append(place)
        elif position is BEFORE:
            self._places.insert(0, place)
        else:
            raise StackError(f"{self.name}: {position!r} is no position; use BEFORE (the front) or AFTER (the back)")

    @overload
    def insert(self, middleware: M, *, before: str) -> None: ...
    @overload
    def insert(self, middleware: M, *, after: str) -> None: ...
    def insert(self, middleware: M, *, before: str | None = None, after: str | None = None) -> None:
        """Put *middleware* just outside (``before=``) or just inside (``after=``) the place of that name."""
        if before is not None and after is None:
            place, index = self._new_place(middleware), self._index(before)
        elif after is not None and before is None:
            place, index = self._new_place(middleware), self._index(after) + 1
        else:
            raise StackError(f"{self.name}.insert takes one of before= and after=")
        self._places.insert(index, place)

    def swap(self, id: str, middleware: M) -> M:
        """Put *middleware* into the place *id*, which keeps its name, and give who stood there."""
        index = self._index(id)
        self._check(middleware)
        if middleware.id != id and middleware.id in self.ids():
            raise StackError(
                f"{self.name} already has a place {middleware.id!r}, so the middleware put into {id!r} needs another id"
            )
        before = self._places[index]
        self._places[index] = _Place(before.id, middleware)
        return before.middleware

    def remove(self, id: str) -> M:
        """Take the place *id* away, and give who stood there."""
        return self._places.pop(self._index(id)).middleware

    def get(self, id: str) -> M | None:
        """Who stands in the place *id*; None if there is no such place."""
        return next((place.middleware for place in self._places if place.id == id), None)

    def clear(self) -> None:
        """Take all places away."""
        self._places.clear()

    def ids(self) -> list[str]:
        """The names of the places, outermost first."""
        return [place.id for place in self._places]

    def copy(self) -> Step[M, S]:
        """A second step with the same middleware, to be changed on its own."""
        copy = Step(self.name, self._handle)
        copy._places = self._places.copy()
        return copy

    def compile(self, next: Handler[S]) -> Handler[S]:
        """Fold the list into one handler that ends in *next*."""
        for place in reversed(self._places):
            next = _link(self._handle(place.middleware), next)
        return next

    def lines(self) -> list[str]:
        """The places as the printed stack shows them."""
        return [str(place) for place in self._places]

    def __str__(self) -> str:
        return "".join([self.name.capitalize(), *(f"\n    {line}" for line in self.lines())])

    def _new_place(self, middleware: M) -> _Place[M]:
        self._check(middleware)
        if middleware.id in self.ids():
            raise StackError(
                f"{self.name} already has {middleware.id!r}; replace it with swap({middleware.id!r}, ...), or give the new "
                "one another id"
            )
        return _Place(middleware.id, middleware)

    def _check(self, middleware: M) -> None:
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
        for index, place in enumerate(self._places):
            if place.id == id:
                return index
        from difflib import get_close_matches  # noqa: PLC0415 - for an error only

        near = get_close_matches(id, self.ids(), n=1, cutoff=0.5) if isinstance(id, str) else []  # pyright: ignore[reportUnnecessaryIsInstance]
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise StackError(f"{self.name} has no {id!r}; it has {', '.join(self.ids()) or 'nothing'}.{hint}")


def _link(handle: Handle[S], next: Handler[S]) -> Handler[S]:
    # A closure is the cheapest of all that binds *next* (0.10 µs; functools.partial 0.20), and being no coroutine
    # it leaves no line in the traceback of what is awaited.
    def link(ctx: Context, step: S) -> Awaitable[Output]:
        return handle(ctx, step, next)

    return link


STEPS = ("initialize", "serialize", "build", "finalize", "deserialize")


class Stack:
    """
    The five steps of one operation, in the order a request passes through them.

    Args:
        id: The operation's name, such as ``"InvokeEndpoint"``.
    """

    __slots__ = ("build", "deserialize", "finalize", "id", "initialize", "serialize")

    def __init__(self, id: str) -> None:
        self.id = id
        self.initialize = Step[InitializeMiddleware, InitializeInput]("initialize", lambda m: m.handle_initialize)
        self.serialize = Step[SerializeMiddleware, SerializeInput]("serialize", lambda m: m.handle_serialize)
        self.build = Step[BuildMiddleware, BuildInput]("build", lambda m: m.handle_build)
        self.finalize = Step[FinalizeMiddleware, FinalizeInput]("finalize", lambda m: m.handle_finalize)
        self.deserialize = Step[DeserializeMiddleware, DeserializeInput]("deserialize", lambda m: m.handle_deserialize)

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
        copy = Stack(self.id)
        copy.initialize = self.initialize.copy()
        copy.serialize = self.serialize.copy()
        copy.build = self.build.copy()
        copy.finalize = self.finalize.copy()
        copy.deserialize = self.deserialize.copy()
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
