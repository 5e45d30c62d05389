"""
A limit on concurrent calls, fixed or adaptive: ``Client(options, with_api_options(ConcurrencyLimit(32)))``.

Both stand at the front of Initialize, so they count calls, not attempts: a call keeps its place while it waits for a
retry, and a streamed call until its head has come. Waiting for a place is part of the call: ``Timeout.total`` and
``asyncio.timeout`` end it. One object may serve several clients, which then share the limit; each event loop has a
limit of its own.
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
    """The places of one event loop. A free place goes to the call that has waited longest, never to a newcomer."""

    limit: float
    taken: int = 0
    waiting: deque[asyncio.Future[None]] = field(factory=deque[asyncio.Future[None]])
    decreased: float = -math.inf
    """When the limit was last lowered, in monotonic time."""

    async def enter(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(place)
        self.admit()
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled():  # it was given at the moment in which the wait was cancelled
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
            if not place.done():  # else its wait was cancelled, and its task has not run since
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
            raise ConfigError(f"{self.id}: a limit of {limit!r} calls at once would let none through")
        self._initial = limit
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gate] = WeakKeyDictionary()

    def __call__(self, stack: Stack) -> None:
        stack.initialize.add(self, BEFORE)

    @property
    def limit(self) -> int:
        """The present limit, in the running event loop."""
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
    A limit that adapts to the endpoint's capacity: additive increase, multiplicative decrease.

    A success while all places are taken adds 1/limit, so about 1 for each round of calls. An overload halves the limit,
    once for all calls then in progress. Signs of an overload are: an attempt that was throttled, got 503 or no response
    in time; a call that took longer than *target_latency*; and a call whose ``Timeout.total`` ended, unless it had waited
    even longer for its place. Cold starts and the model's own failures count as neither.

    Args:
        initial: The limit to begin with.

        minimum: The lowest limit.

        maximum: The highest limit.

        target_latency: Seconds that a call may take once it has its place; None to consider errors only.

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
            # Without this, a limit that is too low would keep falling: calls that waited for a place have no time left.
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
