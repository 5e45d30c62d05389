"""
A limit on the calls at once, fixed or found by trial: ``Client(options, with_api_options(ConcurrencyLimit(32)))``.

Both stand at the front of Initialize, so once per call: a call keeps its place while it waits to try again, and a
stream until its head is there. Waiting is part of the call: ``Timeout.total`` and ``asyncio.timeout`` end it. One
object may serve several clients, which then share the limit; each event loop has a limit of its own.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from attrs import define, field

from sagemaker_runtime import BEFORE, ConfigError
from sagemaker_runtime.context import ATTEMPTS, CLOCK
from sagemaker_runtime.plugins._deadline import is_total_timeout
from sagemaker_runtime.retry import THROTTLING_CODES

if TYPE_CHECKING:
    from sagemaker_runtime import Context, InitializeHandler, InitializeInput, Output, Stack

__all__ = ["AdaptiveConcurrencyLimit", "ConcurrencyLimit"]

OVERLOAD_ERRORS = THROTTLING_CODES | {"ServiceUnavailable", "ReadTimeoutError"}
DECREASE = 0.5  # what an overload leaves of the limit


@define(eq=False)
class _Gate:
    """The places of one event loop. A free place is handed to who has waited longest, so no newcomer can take it."""

    limit: float
    taken: int = 0
    waiting: deque[asyncio.Future[None]] = field(factory=deque[asyncio.Future[None]])
    decreased: float = -math.inf
    """When an overload was last heeded, by the monotonic clock."""

    async def enter(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(place)
        self.admit()
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled():  # it was given in the moment in which the wait was given up
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
            if not place.done():  # else its wait was given up, and its task has not run since
                self.taken += 1
                place.set_result(None)


class ConcurrencyLimit:
    """
    At most *limit* calls at once; the others wait, first come, first served.

    Raises:
        ConfigError: The limit is below 1.
    """

    id = "ConcurrencyLimit"

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ConfigError(f"{self.id}: a limit of {limit!r} calls at once would let none through")
        self._initial = limit
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gate] = WeakKeyDictionary()

    def __call__(self, stack: Stack) -> None:
        stack.initialize.add(self, BEFORE)

    @property
    def limit(self) -> int:
        """Calls at once, as of now, in the running event loop."""
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


class AdaptiveConcurrencyLimit(ConcurrencyLimit):
    """
    A limit that follows what the endpoint can take: additive increase, multiplicative decrease.

    A success while all places are taken adds 1/limit, so about 1 for each round of calls. An overload halves the limit,
    once for the calls then under way: an attempt that was throttled, got 503 or no answer in time; a call that took
    longer than *target_latency*; or one whose ``Timeout.total`` ended, unless it had waited even longer for its place.
    Cold starts and the model's own failures tell nothing.

    Args:
        initial: Calls at once to begin with.

        minimum: The least it falls to.

        maximum: The most it rises to.

        target_latency: Seconds that a call may take once it has its place; None to heed errors alone.

    Raises:
        ConfigError: Not 1 <= minimum <= initial <= maximum.

    Source: Chiu and Jain, "Analysis of the increase and decrease algorithms for congestion avoidance", 1989.
    """

    id = "AdaptiveConcurrencyLimit"

    def __init__(
        self,
        initial: int = 16,
        *,
        minimum: int = 1,
        maximum: int = 256,
        target_latency: float | None = None,
    ) -> None:
        super().__init__(initial)
        if not 1 <= minimum <= initial <= maximum:
            raise ConfigError(
                f"{self.id}: {initial=}, {minimum=}, {maximum=}; it takes 1 <= minimum <= initial <= maximum"
            )
        self._minimum = minimum
        self._maximum = maximum
        self._target = math.inf if target_latency is None else target_latency

    async def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        gate, clock = self._gate(), ctx[CLOCK]
        came = clock.monotonic()
        await gate.enter()
        started = clock.monotonic()
        succeeded = hung = False
        try:
            output = await next(ctx, step)
            succeeded = True
        except asyncio.CancelledError as error:
            # Else a limit that is too low would keep falling: calls that waited for it have no time left for the model.
            longer = clock.monotonic() - started >= started - came
            hung = longer and is_total_timeout(error, ctx)
            raise
        else:
            return output
        finally:
            self._learn(gate, ctx, started, succeeded=succeeded, hung=hung)
            gate.leave()

    def _learn(self, gate: _Gate, ctx: Context, started: float, *, succeeded: bool, hung: bool) -> None:
        now = ctx[CLOCK].monotonic()
        if hung or now - started > self._target or _overloaded(ctx):
            if started > gate.decreased:
                gate.decreased = now
                gate.limit = max(self._minimum, gate.limit * DECREASE)
        elif succeeded and gate.taken >= int(gate.limit):
            gate.limit = min(self._maximum, gate.limit + 1 / gate.limit)


def _overloaded(ctx: Context) -> bool:
    return any(
        attempt.error_type in OVERLOAD_ERRORS
        or (attempt.status in (429, 503) and attempt.error_type != "ModelNotReadyException")
        for attempt in ctx.get(ATTEMPTS, ())
    )
