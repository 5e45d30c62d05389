"""The end of ``Timeout.total``, as a middleware sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sagemaker_runtime.context import CLOCK, DEADLINE

if TYPE_CHECKING:
    from sagemaker_runtime import Context


def is_total_timeout(error: BaseException, ctx: Context) -> bool:
    """
    Whether *error* is the cancellation at the end of ``Timeout.total``, and not one by the caller.

    That cancellation becomes a TotalTimeoutError only outside the stack. Inside it, only the deadline tells them apart.
    """
    if not isinstance(error, asyncio.CancelledError) or DEADLINE not in ctx:
        return False
    return ctx[CLOCK].monotonic() >= ctx[DEADLINE]
