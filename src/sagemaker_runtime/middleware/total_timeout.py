"""``Timeout.total``: one limit for a whole call, from the options or from a middleware that has set ``TIMEOUT``."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from sagemaker_runtime.context import ATTEMPTS, CLOCK, DEADLINE, OPENED, STARTED, TIMEOUT, CallLedger, Key
from sagemaker_runtime.errors import ConfigError, TotalTimeoutError
from sagemaker_runtime.wire import Timeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import Output

IN_FORCE: Key[Timeout] = Key("timeout in force")
"""
The `TIMEOUT` whose ``total`` is enforced.

Set by the client, and by Retry if a middleware has set another `TIMEOUT`. As long as both are the same object, there is
nothing to do.
"""

LIMITS: Key[list[CallLimit]] = Key("limit of the call")
"""The limit that ends the call, in a list that all contexts of the call share; empty if there is none."""


class CallLimit:
    """
    Ends a call at its deadline, by cancelling the task that created this limit.

    ``asyncio.timeout`` is a block around the code that it limits. This limit can also start in the middle of a call, and
    last until its end.
    """

    __slots__ = ("_cancelling", "_ctx", "_expired", "_task", "_timer", "_total")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False

    def move(self, ctx: Context) -> None:
        """End the call at the deadline in *ctx*, by its clock; never if it has none."""
        if self._expired:
            return
        self.stop()
        self._ctx = ctx
        if DEADLINE in ctx:
            self._total = ctx[DEADLINE] - ctx[STARTED]
            left = max(0.0, ctx[DEADLINE] - ctx[CLOCK].monotonic())
            self._timer = asyncio.get_running_loop().call_later(left, self._due)

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self, error: BaseException | None) -> TotalTimeoutError | None:
        """Stop the limit. Returns the error to raise instead of *error* if only this limit has cancelled the call."""
        self.stop()
        if not self._expired or self._task is None or self._task.uncancel() > self._cancelling:
            return None
        if not isinstance(error, asyncio.CancelledError):
            return None
        tried = self._ctx.get(ATTEMPTS) or ()
        last = f"; the previous attempt failed with {tried[-1].error}" if tried and tried[-1].error else ""
        return TotalTimeoutError(f"no response within Timeout.total, {self._total:g} s{last}")

    def _due(self) -> None:
        self._timer = None
        if self._has_more_time():
            _set_deadline(self._ctx)
            self.move(self._ctx)
            return
        self._expired = True
        if self._task is not None:
            self._task.cancel()

    def _has_more_time(self) -> bool:
        """Whether a middleware has set a later limit, or none, that Retry has not put in force yet."""
        ctx = self._ctx
        timeout = ctx[TIMEOUT]
        if timeout is ctx.get(IN_FORCE) or type(timeout) is not Timeout:
            return False
        return timeout.total is None or ctx[STARTED] + timeout.total > ctx[CLOCK].monotonic()


def hold_to_total(ctx: Context) -> None:
    """
    Enforce the ``total`` of the current `TIMEOUT`, counted from the call's start, until the call ends.

    Raises:
        TotalTimeoutError: It has already expired.
        ConfigError: `TIMEOUT` is not a Timeout.
    """
    _set_deadline(ctx)
    limits = ctx[LIMITS]
    if DEADLINE in ctx:
        _check_not_over(ctx)
        if not limits:
            limits.append(CallLimit())
    if limits:
        limits[0].move(ctx)


async def within_total(ctx: Context, run: Callable[[], Awaitable[Output]]) -> Output:
    """
    Run the rest of the call within the total that a middleware has set.

    If *ctx* is the call's own context, the limit applies until the call ends. If a middleware above Retry created it with
    `Context.for_attempt`, the limit applies to *run*, in addition to the limit of the call.

    Raises:
        TotalTimeoutError: The total has expired.
        ConfigError: `TIMEOUT` is not a Timeout.
    """
    if type(ctx[OPENED]) is CallLedger:
        hold_to_total(ctx)
        return await run()
    of_call = ctx.get(DEADLINE, math.inf)
    _set_deadline(ctx)
    if of_call < ctx.get(DEADLINE, math.inf):
        ctx[DEADLINE] = of_call
    if DEADLINE in ctx:
        _check_not_over(ctx)
    limit = CallLimit()
    limit.move(ctx)
    try:
        output = await run()
    except BaseException as error:
        over = limit.end(error)
        if over is not None:
            raise over from error
        raise
    finally:
        ctx.pop(IN_FORCE, None)  # a middleware may call next again
    limit.end(None)
    return output


def check_total(ctx: Context) -> None:
    """
    Refuse a total that would not be enforced.

    Raises:
        ConfigError: A middleware has set `TIMEOUT` to an object that is not a Timeout; or it has changed ``total`` below
            Retry, or in a stack without our Retry.
    """
    wanted = _checked(ctx[TIMEOUT]).total
    held = ctx[IN_FORCE].total if IN_FORCE in ctx else None
    if wanted != held:
        before, after = ("none" if total is None else f"{total:g} s" for total in (held, wanted))
        raise ConfigError(
            f"a middleware has changed Timeout.total from {before} to {after} where it can no longer apply to the call: "
            "below Retry, or in a stack without Retry or with your own. To change the total, set TIMEOUT above Retry; "
            "to change only other limits, write ctx[TIMEOUT] = attrs.evolve(ctx[TIMEOUT], read=5)"
        )


def _set_deadline(ctx: Context) -> None:
    """Put the context's `TIMEOUT` in force, and set the deadline for its total."""
    timeout = _checked(ctx[TIMEOUT])
    ctx[IN_FORCE] = timeout
    if timeout.total is None:
        ctx.pop(DEADLINE, None)
    else:
        ctx[DEADLINE] = ctx[STARTED] + timeout.total


def _checked(timeout: object) -> Timeout:
    if not isinstance(timeout, Timeout):
        raise ConfigError(
            f"a middleware has set TIMEOUT to an object of type {type(timeout).__name__}; it takes a Timeout, such as "
            "Timeout(total=5)"
        )
    return timeout


def _check_not_over(ctx: Context) -> None:
    if ctx[DEADLINE] <= ctx[CLOCK].monotonic():
        total = ctx[DEADLINE] - ctx[STARTED]
        raise TotalTimeoutError(f"not sent: Timeout.total, {total:g} s, had already passed")
