"""
Where the time of a call went: each middleware on the way in and the way out, attempt by attempt.

::

    client = Client(options, with_api_options(tag_tenant, Waterfall()))  # as the last one
    output = await client.invoke_endpoint(params)
    print(output.result_metadata[WATERFALL])
    Path("call.svg").write_text(output.result_metadata[WATERFALL].svg())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from attrs import define, field

from sagemaker_runtime import (
    BEFORE,
    Key,
    Metadata,
    SageMakerRuntimeError,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    serialize_middleware,
)
from sagemaker_runtime.context import ATTEMPT, CLOCK, OPERATION
from sagemaker_runtime.plugins.waterfall_view import as_svg, as_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime import (
        Context,
        DeserializeHandler,
        DeserializeInput,
        InitializeHandler,
        InitializeInput,
        Output,
        Stack,
        Step,
    )
    from sagemaker_runtime.middleware import Handler

__all__ = ["WATERFALL", "Span", "Trace", "Waterfall"]

S = TypeVar("S")


@define(eq=False)
class Span:
    """One middleware at work in one attempt. Times are in seconds since the call began."""

    step: str
    """The step, such as ``"Finalize"``."""

    id: str
    """The id of its place; ``"Transport"`` for the exchange up to the head of the response."""

    attempt: int | None
    """The attempt's number, 1 for the first; None for a middleware that runs once per call."""

    start: float
    """When it was called."""

    end: float = 0.0
    """When it returned or raised."""

    below: list[tuple[float, float]] = field(factory=list[tuple[float, float]])
    """When those below it were at work: one interval for each call of ``next``."""

    @property
    def own(self) -> list[tuple[float, float]]:
        """When it was itself at work, or waited: on the way in, between two calls of ``next``, on the way out."""
        reached, own = self.start, list[tuple[float, float]]()
        for start, end in sorted(self.below):
            own.append((reached, max(reached, start)))  # empty where two calls of next overlap, as in hedging
            reached = max(reached, end)
        return [*own, (reached, max(reached, self.end))]

    @property
    def way_in(self) -> float:
        """Seconds until it called ``next``, or until its end if it did not."""
        start, end = self.own[0]
        return end - start

    @property
    def way_out(self) -> float:
        """Seconds from the last return of ``next`` to its end; 0 if it did not call ``next``."""
        start, end = self.own[-1]
        return end - start if self.below else 0.0

    @property
    def between(self) -> float:
        """Seconds between calls of ``next``, such as Retry's waits."""
        return sum(end - start for start, end in self.own[1:-1])


@define(eq=False)
class Trace:
    """One call. ``str()`` of it is a chart of at most 100 columns, for a terminal."""

    operation: str
    """The operation, such as ``"InvokeEndpoint"``."""

    spans: list[Span] = field(factory=list[Span])
    """One for each middleware, or for each attempt in which it ran, ordered by start."""

    seconds: float = 0.0
    """How long the call took; for a stream, until the head of the response arrived."""

    error_type: str | None = None
    """The class name of the exception that it raised; None if it succeeded."""

    def svg(self) -> str:
        """The chart as an SVG document, readable on a light and a dark background."""
        return as_svg(self)

    def __str__(self) -> str:
        return as_text(self)


WATERFALL = Key[Trace]("waterfall")
"""The times of the call. Metadata, set by `Waterfall`; errors of this package carry it too."""

_RECORDER: Key[_Recorder] = Key("waterfall recorder")


@define(eq=False)
class _Recorder:
    trace: Trace
    monotonic: Callable[[], float]
    began: float

    def now(self) -> float:
        return self.monotonic() - self.began


class _Named(Protocol):
    @property
    def id(self) -> str: ...


M = TypeVar("M", bound=_Named)
Handle: TypeAlias = "Callable[[Context, S, Handler[S]], Awaitable[Output]]"


class Waterfall:
    """
    Time every middleware of the stack. Make it the last of the ``api_options``: it times those that were added before it.

    Each middleware keeps its place and its name. Two places are added: ``Waterfall`` at the front of Initialize, and
    ``Transport`` at the back of Deserialize. It costs about 2 µs for each middleware.

    Args:
        on_finish: Called with the trace when a call ends, whether it succeeds, fails or is cancelled. If it raises, the call
            raises that. None for no callback.
    """

    id = "Waterfall"

    def __init__(self, on_finish: Callable[[Trace], object] | None = None) -> None:
        self._on_finish = on_finish

    def __call__(self, stack: Stack) -> None:
        _time(stack.initialize, lambda m: m.handle_initialize, initialize_middleware)
        _time(stack.serialize, lambda m: m.handle_serialize, serialize_middleware)
        _time(stack.build, lambda m: m.handle_build, build_middleware)
        _time(stack.finalize, lambda m: m.handle_finalize, finalize_middleware)
        _time(stack.deserialize, lambda m: m.handle_deserialize, deserialize_middleware)
        stack.initialize.add(self, BEFORE)
        stack.deserialize.add(deserialize_middleware("Transport")(_timed("Deserialize", "Transport", _pass_on)))

    async def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        monotonic = ctx[CLOCK].monotonic
        trace = Trace(ctx[OPERATION])
        recorder = ctx[_RECORDER] = _Recorder(trace, monotonic, monotonic())
        try:
            output = await next(ctx, step)
        except BaseException as error:
            trace.error_type = type(error).__name__
            if isinstance(error, SageMakerRuntimeError):
                error.metadata = Metadata() if error.metadata is None else error.metadata
                error.metadata[WATERFALL] = trace
            raise
        else:
            output.metadata[WATERFALL] = trace
            return output
        finally:
            trace.seconds = recorder.now()
            if self._on_finish is not None:
                self._on_finish(trace)


def _time(
    step: Step[M, S], handle_of: Callable[[M], Handle[S]], as_middleware: Callable[[str], Callable[[Handle[S]], M]]
) -> None:
    """Replace each middleware of *step* by one that times it, under the same name."""
    places = [(id, middleware) for id in step.ids() if (middleware := step.get(id)) is not None]
    for id, middleware in places:
        name = id if middleware.id in step.ids() else middleware.id  # names in a step are unique
        step.swap(id, as_middleware(name)(_timed(step.name.capitalize(), id, handle_of(middleware))))


def _timed(step_name: str, id: str, handle: Handle[S]) -> Handle[S]:
    async def timed(ctx: Context, step: S, next: Handler[S]) -> Output:
        recorder = ctx.get(_RECORDER)
        if recorder is None:  # Waterfall was removed from its place, which turns timing off
            return await handle(ctx, step, next)
        span = Span(step_name, id, ctx.get(ATTEMPT), recorder.now())
        recorder.trace.spans.append(span)

        async def below(ctx: Context, step: S) -> Output:
            start = recorder.now()
            try:
                return await next(ctx, step)
            finally:
                span.below.append((start, recorder.now()))

        try:
            return await handle(ctx, step, next if handle is _pass_on else below)
        finally:
            span.end = recorder.now()

    return timed


def _pass_on(ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Awaitable[Output]:
    """Stands for the transport: the time below counts as its own."""
    return next(ctx, step)
