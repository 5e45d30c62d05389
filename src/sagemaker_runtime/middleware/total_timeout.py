"""``Timeout.total``: one limit for a whole call, of the options or of a middleware that has set ``TIMEOUT``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sagemaker_runtime.context import ATTEMPTS, CLOCK, DEADLINE, STARTED, TIMEOUT, Key
from sagemaker_runtime.errors import ConfigError, TotalTimeoutError
from sagemaker_runtime.wire import Timeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import Output

IN_FORCE: Key[Timeout] = Key("timeout in force")
"""
The `TIMEOUT` whose ``total`` the call is held to.

Set by the client, and by Retry where a middleware has set another one: as long as it is the same object, there is nothing
to do, and nothing is called.
"""

_LIMIT: Key[asyncio.Timeout] = Key("limit of the call")
"""What ends the call at its `DEADLINE`, while it runs under one."""


async def within_total(ctx: Context, run: Callable[[], Awaitable[Output]]) -> Output:
    """
    Run the rest of a call within the ``total`` that its `TIMEOUT` has now, counted from the call's start.

    Raises:
        TotalTimeoutError: The time is over.
        ConfigError: `TIMEOUT` is no Timeout.
    """
    deadline, limit = _deadline_of(ctx), ctx.get(_LIMIT)
    ctx[IN_FORCE] = ctx[TIMEOUT]
    if deadline is None:
        ctx.pop(DEADLINE, None)
    else:
        ctx[DEADLINE] = deadline
    if limit is not None and not limit.expired():
        limit.reschedule(None if deadline is None else asyncio.get_running_loop().time() + _left(ctx, deadline))
    return await run() if limit is not None or deadline is None else await _limited(ctx, deadline, run)


async def _limited(ctx: Context, deadline: float, run: Callable[[], Awaitable[Output]]) -> Output:
    left = _left(ctx, deadline)
    if left <= 0:
        raise TotalTimeoutError(f"not sent: {_over(ctx)}")
    ctx[_LIMIT] = limit = asyncio.timeout(left)
    try:
        async with limit:
            return await run()
    except TimeoutError as error:
        if not limit.expired():
            raise  # a middleware's own
        raise TotalTimeoutError(_over(ctx)) from error
    finally:
        ctx.pop(_LIMIT, None)
        ctx.pop(IN_FORCE, None)  # a middleware may call next again


def check_total(ctx: Context) -> None:
    """
    Refuse a total that nothing holds a call to.

    Raises:
        ConfigError: A middleware has set `TIMEOUT` to what is no Timeout; or below Retry, or in a stack without Retry,
            to one with another ``total`` than the call has.
    """
    if ctx.get(DEADLINE) != _deadline_of(ctx):
        raise ConfigError(
            f"a middleware has set TIMEOUT with total={ctx[TIMEOUT].total!r} where that can no longer be held to: set it "
            "above Retry, which must be in the stack, or leave the total as it was: attrs.evolve(ctx[TIMEOUT], read=5)"
        )


def _deadline_of(ctx: Context) -> float | None:
    """When the total of the call's `TIMEOUT` ends; None if it has none."""
    timeout = ctx[TIMEOUT]
    if not isinstance(timeout, Timeout):  # pyright: ignore[reportUnnecessaryIsInstance] - a middleware's
        raise ConfigError(f"a middleware has set TIMEOUT to {timeout!r}; it takes a Timeout, such as Timeout(total=5)")
    return None if timeout.total is None else ctx[STARTED] + timeout.total


def _left(ctx: Context, deadline: float) -> float:
    return deadline - ctx[CLOCK].monotonic()


def _over(ctx: Context) -> str:
    tried = ctx.get(ATTEMPTS) or ()
    last = f"; the last attempt before failed with {tried[-1].error}" if tried and tried[-1].error else ""
    return f"no answer within Timeout.total, {ctx[DEADLINE] - ctx[STARTED]:g} s{last}"
