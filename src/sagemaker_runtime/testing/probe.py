"""The probes that `assert_conforms` puts around a middleware, one outside it and one inside, to compare what they see."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import NoReturn, TypeVar

from attrs import define, field

from sagemaker_runtime import (
    BuildHandler,
    BuildInput,
    Context,
    DeserializeHandler,
    DeserializeInput,
    FinalizeHandler,
    FinalizeInput,
    InitializeHandler,
    InitializeInput,
    Key,
    Output,
    Request,
    ResponseStream,
    SageMakerRuntimeError,
    SerializeHandler,
    SerializeInput,
    StackError,
)
from sagemaker_runtime.middleware import Handler
from sagemaker_runtime.operations import TRAITS
from sagemaker_runtime.testing.failures import ConformanceError
from sagemaker_runtime.testing.members import stream_of

S = TypeVar("S", InitializeInput, SerializeInput, BuildInput, FinalizeInput, DeserializeInput)

NEXT_AT_MOST = 100  # calls of next in one call, for a middleware that may repeat it
_MARK = Key[str]("assert_conforms")


@define(eq=False)
class Call:
    """One call of the check, and what happens to it."""

    name: str
    """Also the name of the endpoint that it calls."""

    at: str | None = None
    """The step in which it happens, just below the middleware; None for nowhere."""

    error: Callable[[], Exception] | None = None
    """Makes the exception that is raised there."""

    held: bool = False
    """Whether the call waits there for `gate`."""

    broken: bool = False
    """Whether the response's body is cut off."""

    cancelled: bool = False
    entered: asyncio.Event = field(factory=asyncio.Event)
    """Set when the call arrives there."""

    gate: asyncio.Event = field(factory=asyncio.Event)


@define(eq=False)
class Visit:
    """One passage of a call through the middleware, in one step."""

    call: Call
    ctx: Context
    step: object
    given: frozenset[object]
    """The keys that were in the context."""

    contexts: list[Context] = field(factory=list[Context])
    """The contexts that ``next`` was called with."""

    requests: list[object] = field(factory=list[object])
    errors: list[BaseException] = field(factory=list[BaseException])
    """What the middleware's calls of ``next`` raised."""

    running: int = 0
    over: bool = False


CALL: ContextVar[Call] = ContextVar("call")
_VISITS: ContextVar[Mapping[str, Visit]] = ContextVar("visits", default=MappingProxyType({}))


@define(eq=False)
class Notes:
    """What the probes of one run have recorded."""

    name: str
    """The middleware's id."""

    repeats: bool
    answers: bool
    visits: list[Visit] = field(factory=list[Visit])
    problems: list[ConformanceError] = field(factory=list[ConformanceError])
    streams: list[ResponseStream] = field(factory=list[ResponseStream])
    """All streams that were returned. They are kept because garbage collection would close one that was left open."""

    def fail(self, rule: str, problem: str) -> NoReturn:
        """Raise an error for a broken rule, and record it in case the middleware swallows the error."""
        self.problems.append(ConformanceError(f"{self.name} {problem}", rule))
        raise self.problems[-1]


class _Probe(ABC):
    """Can stand in any step."""

    side = ""

    def __init__(self, step: str, notes: Notes) -> None:
        self.step = step
        self.notes = notes

    @property
    def id(self) -> str:
        return f"{self.side} of {self.notes.name} in {self.step}"

    def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Awaitable[Output]:
        return self.watch(ctx, step, next)

    def handle_serialize(self, ctx: Context, step: SerializeInput, next: SerializeHandler) -> Awaitable[Output]:
        return self.watch(ctx, step, next)

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        return self.watch(ctx, step, next)

    def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        return self.watch(ctx, step, next)

    def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Awaitable[Output]:
        return self.watch(ctx, step, next)

    @abstractmethod
    async def watch(self, ctx: Context, step: S, next: Handler[S]) -> Output:
        """Compare what goes in with what comes out."""
        ...


class Outside(_Probe):
    """Sees what the middleware is called with, and what it returns or raises."""

    side = "Outside"

    async def watch(self, ctx: Context, step: S, next: Handler[S]) -> Output:
        call = CALL.get()
        ctx[_MARK] = call.name
        visit = Visit(call, ctx, step, frozenset(ctx))
        self.notes.visits.append(visit)
        token = _VISITS.set({**_VISITS.get(), self.step: visit})
        try:
            output = await next(ctx, step)
            self._check_output(visit, output)
        except Exception as error:
            self._check_error(visit, error)
            raise
        else:
            return output
        finally:
            visit.over = True
            _VISITS.reset(token)

    def _check_output(self, visit: Visit, output: Output) -> None:
        if visit.call.cancelled:
            self.notes.fail(
                "lets cancellation pass", "returned an output to a cancelled call: never swallow CancelledError"
            )
        if visit.errors and len(visit.errors) == len(visit.contexts) and not self.notes.answers:
            self.notes.fail(
                "lets errors pass",
                f"returned an output where next raised {visit.errors[-1]!r}: raise it again, or set answers=True",
            )
        if not visit.contexts and not self.notes.answers:
            self.notes.fail(
                "calls next",
                "returned an output without calling next: call it, or set answers=True if that is intended",
            )
        if output.metadata.get(_MARK, visit.call.name) != visit.call.name:
            self.notes.fail("keeps calls apart", "returned the output of another call: keep no state of a call on self")

    def _check_error(self, visit: Visit, error: Exception) -> None:
        if isinstance(error, ConformanceError):
            return
        if isinstance(error, StackError) and not any(error is e for e in visit.errors):  # the client's own check
            rule = "passes on what next takes" if " called next(" in error.message else "returns an Output"
            self.notes.fail(rule, error.message.rpartition(f"{self.notes.name}' ")[2])
        if visit.call.cancelled:
            self.notes.fail("lets cancellation pass", f"raised {error!r} in a cancelled call: let CancelledError pass")
        if not isinstance(error, SageMakerRuntimeError) and visit.errors and not any(error is e for e in visit.errors):
            self.notes.fail(
                "lets errors pass",
                f"raised {error!r} where next raised {visit.errors[-1]!r}: raise that again, or an error of the "
                "package's tree",
            )


class Inside(_Probe):
    """Sees what ``next`` is called with; here calls wait and errors are raised."""

    side = "Inside"

    async def watch(self, ctx: Context, step: S, next: Handler[S]) -> Output:
        visit = _VISITS.get()[self.step]
        self._check_arguments(visit, ctx, step)
        visit.running += 1
        try:
            await self._happen(visit.call)
            output = await next(ctx, step)
        except BaseException as error:
            visit.errors.append(error)
            raise
        finally:
            visit.running -= 1
        output.metadata[_MARK] = visit.call.name
        stream = stream_of(ctx[TRAITS], output.result)
        if stream is not None:
            self.notes.streams.append(stream)
        return output

    async def _happen(self, call: Call) -> None:
        if call.at == self.step:
            call.entered.set()
            if call.held:
                await call.gate.wait()
            if call.error is not None:
                raise call.error()

    def _check_arguments(self, visit: Visit, ctx: Context, step: object) -> None:
        fail, repeats = self.notes.fail, self.notes.repeats
        given, subject = _subject(visit.step), _subject(step)
        others = [other for other in self.notes.visits if other.call is not visit.call]
        mixed = ctx.get(_MARK, visit.call.name) != visit.call.name
        if mixed or any(subject is _subject(other.step) for other in others):
            fail("keeps calls apart", "called next with objects of another call: keep no state of a call on self")
        if type(subject) is not type(given):
            fail(
                "passes on what next takes",
                f"put {type(subject).__name__} into the step, which takes {type(given).__name__}",
            )
        lost = [key for key in visit.given if key not in ctx]
        if lost:
            fail(
                "passes on what next takes",
                f"called next with a context that has lost {lost[0]!r}: pass ctx on, or ctx.for_attempt()",
            )
        if visit.over:
            fail("leaves nothing running", "called next after it had returned: await what it starts, or cancel it")
        if visit.contexts and not repeats:
            fail("calls next once", "called next twice: call it once, or set repeats=True if that is intended")
        if any(ctx is before for before in visit.contexts):
            fail("gives each attempt its own", "called next twice with one context: pass ctx.for_attempt()")
        if isinstance(subject, Request) and any(subject is before for before in visit.requests):
            fail("gives each attempt its own", "called next twice with one request: pass a copy, request.copy()")
        if len(visit.contexts) >= NEXT_AT_MOST:
            fail("comes to an end", f"called next {NEXT_AT_MOST} times in one call, and does not give up")
        visit.contexts.append(ctx)
        visit.requests.append(subject)


def _subject(step: object) -> object:
    """The request of a step, or its input before there is a request."""
    return step.parameters if isinstance(step, InitializeInput) else getattr(step, "request", None)
