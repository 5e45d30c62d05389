"""``Timeout.total``: one limit for a whole call, of the options or of a middleware that has set ``TIMEOUT``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sagemaker_runtime.context import ATTEMPTS, CLOCK, DEADLINE, STARTED, TIMEOUT, Key
from sagemaker_runtime.errors import ConfigError, TotalTimeoutError
from sagemaker_runtime.wire import Timeout

if TYPE_CHECKING:
    from sagemaker_runtime.context import Context

IN_FORCE: Key[Timeout] = Key("timeout in force")
"""
The `TIMEOUT` whose ``total`` the call is held to.

Set by the client, and by Retry where a middleware has set another one: as long as it is the same object, there is nothing
to do, and nothing is called.
"""

LIMITS: Key[list[CallLimit]] = Key("limit of the call")
"""The limit that ends the call, in a list that all contexts of the call share; empty where there is none."""


class CallLimit:
    """
    Ends a call at its deadline: cancels the task that has asked for it.

    asyncio's own timeout is a block around what it limits. This one can also be begun in the middle of a call, and last
    until its end.
    """

    __slots__ = ("_cancelling", "_ctx", "_expired", "_task", "_timer")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._task = asyncio.current_task()
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False

    def move(self, ctx: Context, deadline: float | None) -> None:
        """End the call at *deadline*, by the clock of *ctx*; None for never."""
        if self._expired:
            return
        self._ctx = ctx
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            left = max(0.0, deadline - ctx[CLOCK].monotonic())
            self._timer = asyncio.get_running_loop().call_later(left, self._due)

    def end(self, error: BaseException | None) -> TotalTimeoutError | None:
        """Let the call be; what to raise in place of *error*, if that is the doing of this limit and of nobody else."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._expired or self._task is None or self._task.uncancel() > self._cancelling:
            return None
        if not isinstance(error, asyncio.CancelledError):
            return None
        return TotalTimeoutError(_over(self._ctx))

    def _due(self) -> None:
        self._timer = None
        timeout = self._ctx[TIMEOUT]
        if timeout is not self._ctx.get(IN_FORCE) and isinstance(timeout, Timeout):  # pyright: ignore[reportUnnecessaryIsInstance]
            deadline = _deadline_of(self._ctx)
            if (
                deadline is None or deadline > self._ctx[CLOCK].monotonic()
            ):  # set by a middleware, and Retry is still to come
                hold_to_total(self._ctx)
                return
        self._expired = True
        if self._task is not None:
            self._task.cancel()


def hold_to_total(ctx: Context) -> None:
    """
    Hold the rest of the call to the ``total`` that its `TIMEOUT` has now, counted from the call's start.

    Raises:
        TotalTimeoutError: The time is over already.
        ConfigError: `TIMEOUT` is no Timeout.
    """
    deadline, limits = _deadline_of(ctx), ctx[LIMITS]
    ctx[IN_FORCE] = ctx[TIMEOUT]
    if deadline is None:
        ctx.pop(DEADLINE, None)
    else:
        ctx[DEADLINE] = deadline
        if deadline <= ctx[CLOCK].monotonic():
            raise TotalTimeoutError(f"not sent: Timeout.total, {ctx[TIMEOUT].total:g} s, had already passed")
        if not limits:
            limits.append(CallLimit(ctx))
    if limits:
        limits[0].move(ctx, deadline)


def check_total(ctx: Context) -> None:
    """
    Refuse a total that nothing holds a call to.

    Raises:
        ConfigError: A middleware has set `TIMEOUT` to what is no Timeout; or below Retry, or in a stack without Retry,
            to one with another ``total`` than the call has.
    """
    if ctx.get(DEADLINE) != _deadline_of(ctx):
        before = f"{ctx[DEADLINE] - ctx[STARTED]:g} s" if DEADLINE in ctx else "none"
        after = "none" if ctx[TIMEOUT].total is None else f"{ctx[TIMEOUT].total:g} s"
        raise ConfigError(
            f"a middleware has changed Timeout.total from {before} to {after} where that can no longer hold for the call: "
            "below Retry, or in a stack without Retry. To change the total, set TIMEOUT above Retry; to change other limits "
            "only, write ctx[TIMEOUT] = attrs.evolve(ctx[TIMEOUT], read=5)"
        )


def _deadline_of(ctx: Context) -> float | None:
    """When the total of the call's `TIMEOUT` ends; None if it has none."""
    timeout = ctx[TIMEOUT]
    if not isinstance(timeout, Timeout):  # pyright: ignore[reportUnnecessaryIsInstance] - a middleware's
        raise ConfigError(
            f"a middleware has set TIMEOUT to an object of type {type(timeout).__name__}; it takes a Timeout, such as "
            "Timeout(total=5)"
        )
    return None if timeout.total is None else ctx[STARTED] + timeout.total


def _over(ctx: Context) -> str:
    tried = ctx.get(ATTEMPTS) or ()
    last = f"; the previous attempt failed with {tried[-1].error}" if tried and tried[-1].error else ""
    return f"no answer within Timeout.total, {ctx[DEADLINE] - ctx[STARTED]:g} s{last}"
