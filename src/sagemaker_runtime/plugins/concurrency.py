"""
A limit on concurrent calls, fixed or adaptive: ``Client(options, with_api_options(KneeLimit()))``.

Both are outermost in Initialize, so they count calls, not attempts: a call keeps its place while it waits for a retry, and a
streamed call until its head has arrived. Waiting for a place is part of the call, so ``Timeout.total`` and
``asyncio.timeout`` end it. One object may serve several clients, which then share the limit; each event loop has its own
limit.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from attrs import define, field, frozen

from sagemaker_runtime import BEFORE, ConfigError, Key, ModelError, ReadTimeoutError
from sagemaker_runtime.context import CLOCK
from sagemaker_runtime.plugins._callbacks import call_back, check_callback
from sagemaker_runtime.plugins._deadline import is_total_timeout
from sagemaker_runtime.plugins._knee import Knee
from sagemaker_runtime.plugins._telemetry import is_output
from sagemaker_runtime.retry import Failure, classify

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime import (
        Context,
        FinalizeHandler,
        FinalizeInput,
        InitializeHandler,
        InitializeInput,
        Output,
        Stack,
    )

__all__ = ["ConcurrencyLimit", "KneeLimit", "LimitState"]

ENDPOINTS_KEPT = 1_024  # per event loop; above that, one without calls is forgotten


@define(eq=False)
class _Gate:
    """The places of one event loop. A free place goes to the call that has waited longest, never to a newcomer."""

    limit: float
    taken: int = 0
    waiting: deque[asyncio.Future[None]] = field(factory=deque[asyncio.Future[None]])

    async def enter(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(place)
        self.admit()
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled():  # it was given just as the wait was cancelled
                self.leave()
            elif place in self.waiting:
                self.waiting.remove(place)
            raise

    def leave(self) -> None:
        self.taken -= 1
        self.admit()

    def admit(self) -> None:
        while self.waiting and self.taken < int(self.limit):
            place = self.waiting.popleft()
            if not place.done():  # otherwise its wait was cancelled, and its task has not run since
                self.taken += 1
                place.set_result(None)


class ConcurrencyLimit:
    """
    At most *limit* concurrent calls; the others wait, first come, first served.

    Raises:
        ConfigError: The limit is below 1.
    """

    id = "ConcurrencyLimit"

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ConfigError(f"{self.id}: a limit of {limit!r} concurrent calls would admit none")
        self._initial = limit
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gate] = WeakKeyDictionary()

    def __call__(self, stack: Stack) -> None:
        stack.initialize.add(self, BEFORE)

    @property
    def limit(self) -> int:
        """The current limit, in the running event loop."""
        return int(self._gate().limit)

    async def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        gate = self._gate()
        await gate.enter()
        try:
            return await next(ctx, step)
        finally:
            gate.leave()

    def _gate(self) -> _Gate:
        return self._gates.setdefault(asyncio.get_running_loop(), _Gate(self._initial))


@frozen
class LimitState:
    """The state of `KneeLimit` for one endpoint, at the time of the query."""

    limit: int
    """The number of concurrent calls."""

    in_flight: int
    """Calls that have a place; more than the limit just after it was reduced."""

    waiting: int
    """Calls that wait for a place."""


@define(eq=False)
class _KneeGate(_Gate):
    """The places of one endpoint in one event loop."""

    knee: Knee = field(kw_only=True)
    name: str = field(kw_only=True)
    """The endpoint's name."""


@define(eq=False)
class _Place:
    """The place of one call."""

    gate: _KneeGate
    came: float
    """When the call arrived, in monotonic time."""

    entered: float
    """When it got the place."""


_PLACE: Key[_Place] = Key("place of KneeLimit")


class KneeLimit:
    """
    A limit for each endpoint, which finds the concurrency above which throughput no longer grows.

    It starts with *initial* concurrent calls, and doubles them as long as the throughput follows. Then it rises slowly, and
    checks from time to time whether fewer calls achieve the same. This finds the capacity of endpoints that throttle,
    silently queue or are slow, and follows it when it changes. An overload reduces the limit to 70 %, once for all calls in
    progress. Overload means an attempt that was throttled, got a 5xx, found no server, or had no response in time; slow
    responses count as overload if they take more than 20 s on average. A 424 counts as a success. A cold start
    (ModelNotReadyException) and all other errors do not count.

    One middleware is outermost in Initialize, where a call gets its place and keeps it while it waits for a retry; another
    one is below Retry, where it learns from each attempt. One object may serve several clients, which then share the limit
    of an endpoint name; each event loop has its own limits. A pickled copy has the same bounds, and starts from the beginning.

    Args:
        initial: The first limit.

        minimum: The lowest limit.

        maximum: The highest limit.

        on_change: Called with the endpoint's name, the limit before and the limit after, by the call that causes the change:
            ``lambda name, old, new: gauge.set(...)``. An exception that it raises is logged, and does not affect the call.
            None for no callback.

    Raises:
        ConfigError: Not 1 <= minimum <= initial <= maximum, or on_change is async.
    """

    id = "KneeLimit"

    def __init__(
        self,
        initial: int = 4,
        *,
        minimum: int = 1,
        maximum: int = 1_024,
        on_change: Callable[[str, int, int], object] | None = None,
    ) -> None:
        if not 1 <= minimum <= initial <= maximum:
            raise ConfigError(
                f"{self.id}: {initial=}, {minimum=}, {maximum=}; it takes 1 <= minimum <= initial <= maximum"
            )
        check_callback(self.id, on_change)
        self._initial, self._minimum, self._maximum = initial, minimum, maximum
        self._on_change = on_change
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, OrderedDict[str, _KneeGate]] = WeakKeyDictionary()

    def __call__(self, stack: Stack) -> None:
        stack.initialize.add(self, BEFORE)
        stack.finalize.insert(self, after="Retry")

    def __reduce__(self) -> tuple[partial[KneeLimit], tuple[int]]:
        bounds = partial(KneeLimit, minimum=self._minimum, maximum=self._maximum, on_change=self._on_change)
        return bounds, (self._initial,)  # what it has learned belongs to its process

    def split(self, number: int) -> KneeLimit:
        """
        A limit for one of *number* processes that call the same endpoint, with its share of the lowest and the highest limit.

        It admits at least one call, and starts where this one does, or at its own highest limit if that is lower. If each
        started with its share of *initial*, the slowest to rise would stay behind (16 workers: Jain's fairness index 0.74
        instead of 0.89).
        """
        minimum, maximum = (max(1, bound // number) for bound in (self._minimum, self._maximum))
        return KneeLimit(min(self._initial, maximum), minimum=minimum, maximum=maximum, on_change=self._on_change)

    @property
    def limit(self) -> int:
        """The concurrent calls allowed to all endpoints together: the sum of the limits in `limits`."""
        return sum([int(gate.limit) for gates in self._gates_here() for gate in list(gates.values())])

    @property
    def limits(self) -> dict[str, LimitState]:
        """The state by endpoint name, in the running event loop; outside an event loop, of all loops together."""
        states: dict[str, LimitState] = {}
        for gates in self._gates_here():
            for name, gate in list(gates.items()):
                before = states.get(name, LimitState(0, 0, 0))
                states[name] = LimitState(
                    before.limit + int(gate.limit),
                    before.in_flight + gate.taken,
                    before.waiting + len(gate.waiting),
                )
        return states

    async def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        gate, clock = self._gate(step.parameters.endpoint_name), ctx[CLOCK]
        came = clock.monotonic()
        await gate.enter()
        try:
            ctx[_PLACE] = _Place(gate, came, clock.monotonic())
            return await next(ctx, step)
        finally:
            gate.leave()

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        place = ctx.get(_PLACE)
        if place is None:  # its middleware in Initialize was removed
            return await next(ctx, step)
        clock = ctx[CLOCK]
        started = clock.monotonic()
        try:
            output = await next(ctx, step)
        except BaseException as error:
            if isinstance(error, ModelError):
                self._learn(place.gate, ctx, started, worked=True)
            elif _is_overload(error, ctx, waited=place.entered - place.came, took=clock.monotonic() - started):
                self._learn(place.gate, ctx, place.entered, worked=False)
            raise
        if is_output(output) and output.raw_response is not None:  # not from a cache, or a fallback
            self._learn(place.gate, ctx, started, worked=True)
        return output

    def _learn(self, gate: _KneeGate, ctx: Context, started: float, *, worked: bool) -> None:
        before, now = int(gate.limit), ctx[CLOCK].monotonic()
        if worked:
            gate.knee.succeeded(started=started, now=now, taken=gate.taken)
        else:
            gate.knee.overloaded(started=started, now=now)
        gate.limit = gate.knee.limit
        if int(gate.limit) != before:
            gate.admit()
            call_back(self.id, ctx, self._on_change, gate.name, before, int(gate.limit))

    def _gates_here(self) -> list[OrderedDict[str, _KneeGate]]:
        """The gates of the running event loop; outside an event loop, those of all loops."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return list(self._gates.values())
        gates = self._gates.get(running)
        return [] if gates is None else [gates]

    def _gate(self, name: str) -> _KneeGate:
        gates = self._gates.setdefault(asyncio.get_running_loop(), OrderedDict())
        gate = gates.get(name)
        if gate is None:
            if len(gates) >= ENDPOINTS_KEPT:
                idle = next((each for each, kept in gates.items() if not kept.taken and not kept.waiting), None)
                if idle is not None:
                    del gates[idle]
            knee = Knee(self._minimum, self._maximum, self._initial)
            gates[name] = gate = _KneeGate(self._initial, knee=knee, name=name)
        gates.move_to_end(name)
        return gate


def _is_overload(error: BaseException, ctx: Context, *, waited: float, took: float) -> bool:
    """Whether the attempt shows that fewer concurrent calls would be better."""
    if isinstance(error, ReadTimeoutError):
        return True
    if isinstance(error, Exception):
        return classify(error) in (Failure.THROTTLING, Failure.TRANSIENT)
    # A call that spent its time waiting for a place says nothing; else a limit that is too low would keep falling.
    return took >= waited and is_total_timeout(error, ctx)
