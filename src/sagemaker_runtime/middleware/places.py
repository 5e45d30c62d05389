"""
`Step`: a list of named places with a middleware in each, which is folded into one handler.

There is a class for each of the five steps, whose middleware have that step's method.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, overload

from sagemaker_runtime.context import Context
from sagemaker_runtime.errors import StackError
from sagemaker_runtime.middleware.steps import (
    BuildInput,
    BuildMiddleware,
    DeserializeInput,
    DeserializeMiddleware,
    FinalizeInput,
    FinalizeMiddleware,
    Handler,
    InitializeInput,
    InitializeMiddleware,
    Middleware,
    Output,
    SerializeInput,
    SerializeMiddleware,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from sagemaker_runtime.middleware.contract import Handle

M = TypeVar("M", bound=Middleware)
S = TypeVar("S")


class Position(enum.Enum):
    """One end of a step's list."""

    BEFORE = "before"
    """The front: outermost, the first to see the request and the last to see the result."""

    AFTER = "after"
    """The back: innermost."""


BEFORE = Position.BEFORE
AFTER = Position.AFTER


def _has_nothing_to_do(middleware: object) -> bool:
    """Whether its class itself says so. A subclass does not inherit this, because it may do something else."""
    said = "has_nothing_to_do" in vars(type(middleware))
    return said and getattr(middleware, "has_nothing_to_do", False) is True


class Step(Generic[M, S]):
    """
    The middleware of one step, outermost first, each in a place with a name.

    A `StackError` is raised if there is no place of the name that a method gets, if the id of a middleware is already taken,
    or if a middleware has no method for this step.

    Args:
        middleware: The middleware of the default stack, outermost first. They are not checked, here or when called; all
            others are.
    """

    __slots__ = ("_default", "_of_stack", "_places")

    name: ClassVar[str]
    """The name of the step, such as ``"build"``."""

    takes: type[S]
    """The class of the step's input."""

    def __init__(self, *middleware: M) -> None:
        self._places: dict[str, M] = {one.id: one for one in middleware}  # by name, in order
        self._default = middleware
        self._of_stack: dict[str, Mapping[str, object]] = {}  # the places of all steps of its stack, for errors

    @staticmethod
    def _handle_of(middleware: M) -> Handle[S]:
        """A middleware's method for this step."""
        raise NotImplementedError

    def add(self, middleware: M, position: Position = AFTER) -> None:
        """Add *middleware* as the innermost one, or with ``BEFORE`` as the outermost one."""
        id = self._new_id(middleware)
        if position is AFTER:
            self._places[id] = middleware
        elif position is BEFORE:
            self._put([(id, middleware), *self._places.items()])
        else:
            raise StackError(f"{self.name}: {position!r} is not a position; use BEFORE (the front) or AFTER (the back)")

    @overload
    def insert(self, middleware: M, *, before: str) -> None: ...
    @overload
    def insert(self, middleware: M, *, after: str) -> None: ...
    def insert(self, middleware: M, *, before: str | None = None, after: str | None = None) -> None:
        """Add *middleware* just outside (``before=``) or just inside (``after=``) the named place."""
        if before is not None and after is None:
            id, index = self._new_id(middleware), self._index(before)
        elif after is not None and before is None:
            id, index = self._new_id(middleware), self._index(after) + 1
        else:
            raise StackError(f"{self.name}.insert takes either before= or after=")
        places = list(self._places.items())
        self._put([*places[:index], (id, middleware), *places[index:]])

    def swap(self, id: str, middleware: M) -> M:
        """Replace the middleware in the place *id*, which keeps its name, and return the previous one."""
        self._index(id)
        if self._checked_id(middleware) != id and middleware.id in self._places:
            raise StackError(
                f"{self.name} already has a place {middleware.id!r}, so the middleware put into {id!r} needs another id"
            )
        before, self._places[id] = self._places[id], middleware
        return before

    def remove(self, id: str) -> M:
        """Remove the place *id*, and return its middleware."""
        self._index(id)
        return self._places.pop(id)

    def get(self, id: str) -> M | None:
        """The middleware in the place *id*; None if there is no such place."""
        return self._places.get(id)

    def clear(self) -> None:
        """Remove all places."""
        self._places.clear()

    def ids(self) -> list[str]:
        """The names of the places, outermost first."""
        return list(self._places)

    def copy(self) -> Self:
        """An independent copy with the same middleware."""
        copy = type(self)()
        copy._places, copy._default = self._places.copy(), self._default  # noqa: SLF001 - the same class
        return copy

    def compile(self, next: Handler[S]) -> Handler[S]:
        """
        Fold the list into one handler that ends in *next*.

        A middleware of the default stack that the options disable (``has_nothing_to_do``) is left out of the handler. Its
        place stays in the list, so that others can be inserted next to it.

        For all other middleware, their results and the arguments that they pass to *next* are checked at each call; a
        `StackError` names the culprit.
        """
        for line, middleware in zip(reversed(self.lines()), reversed(self._places.values()), strict=True):
            if _has_nothing_to_do(middleware):
                continue
            handle = self._handle_of(middleware)
            if not any(middleware is known for known in self._default):
                from sagemaker_runtime.middleware.contract import (
                    held_to_contract,  # not every client has such middleware
                )

                next = held_to_contract(f"the {self.name} middleware {line!r}", self.takes, handle, next)
                continue

            # Bound as defaults, because a closure would need another function around it (0.08 µs instead of 0.15). The
            # link is not a coroutine, so it adds no line to tracebacks.
            def link(ctx: Context, step: S, handle: Handle[S] = handle, next: Handler[S] = next) -> Awaitable[Output]:
                return handle(ctx, step, next)

            next = link
        return next

    def lines(self) -> list[str]:
        """The places as in the printed stack: ``Signing (CorporateSigning)`` if the middleware has another id."""
        return [id if middleware.id == id else f"{id} ({middleware.id})" for id, middleware in self._places.items()]

    def __str__(self) -> str:
        return "".join([self.name.capitalize(), *(f"\n    {line}" for line in self.lines())])

    def _put(self, places: list[tuple[str, M]]) -> None:
        """Replace the places, in the same dict, because the other steps refer to it."""
        self._places.clear()
        self._places.update(places)

    def _new_id(self, middleware: M) -> str:
        id = self._checked_id(middleware)
        if id in self._places:
            raise StackError(
                f"{self.name} already has {id!r}; replace it with swap({id!r}, ...), or give the new one another id"
            )
        return id

    def _checked_id(self, middleware: M) -> str:
        """The middleware's id; raises StackError if it cannot be in this step."""
        if isinstance(middleware, type):
            raise StackError(
                f"{self.name} got the class {middleware.__name__}; pass an object: {middleware.__name__}(...)"
            )
        try:
            handle = self._handle_of(middleware)
        except AttributeError:
            from sagemaker_runtime.middleware.advice import for_wrong_step  # for an error only

            raise StackError(for_wrong_step(middleware, self.name)) from None
        if not callable(handle):
            raise StackError(f"handle_{self.name} of {middleware!r} is not a method")
        id: object = getattr(middleware, "id", None)
        if not isinstance(id, str) or not id.strip() or not id.isprintable():
            raise StackError(f"{self.name}: the id of {middleware!r} is {id!r}; it takes a name such as 'TagTenant'")
        return id

    def stands_among(self, places_by_step: dict[str, Mapping[str, object]]) -> None:
        """Share the places with the other steps of a stack, so that an error can name another step."""
        places_by_step[self.name] = self._places
        self._of_stack = places_by_step

    def _index(self, id: str) -> int:
        for index, known in enumerate(self._places):
            if known == id:
                return index
        from sagemaker_runtime.middleware.advice import for_unknown_place  # for an error only

        raise StackError(for_unknown_place(id, self.name, {self.name: self._places, **self._of_stack}))


class InitializeStep(Step[InitializeMiddleware, InitializeInput]):
    """The initialize step."""

    __slots__ = ()

    name = "initialize"
    takes = InitializeInput

    @staticmethod
    def _handle_of(middleware: InitializeMiddleware) -> Handle[InitializeInput]:
        """Its ``handle_initialize``."""
        return middleware.handle_initialize


class SerializeStep(Step[SerializeMiddleware, SerializeInput]):
    """The serialize step."""

    __slots__ = ()

    name = "serialize"
    takes = SerializeInput

    @staticmethod
    def _handle_of(middleware: SerializeMiddleware) -> Handle[SerializeInput]:
        """Its ``handle_serialize``."""
        return middleware.handle_serialize


class BuildStep(Step[BuildMiddleware, BuildInput]):
    """The build step."""

    __slots__ = ()

    name = "build"
    takes = BuildInput

    @staticmethod
    def _handle_of(middleware: BuildMiddleware) -> Handle[BuildInput]:
        """Its ``handle_build``."""
        return middleware.handle_build


class FinalizeStep(Step[FinalizeMiddleware, FinalizeInput]):
    """The finalize step."""

    __slots__ = ()

    name = "finalize"
    takes = FinalizeInput

    @staticmethod
    def _handle_of(middleware: FinalizeMiddleware) -> Handle[FinalizeInput]:
        """Its ``handle_finalize``."""
        return middleware.handle_finalize


class DeserializeStep(Step[DeserializeMiddleware, DeserializeInput]):
    """The deserialize step."""

    __slots__ = ()

    name = "deserialize"
    takes = DeserializeInput

    @staticmethod
    def _handle_of(middleware: DeserializeMiddleware) -> Handle[DeserializeInput]:
        """Its ``handle_deserialize``."""
        return middleware.handle_deserialize
