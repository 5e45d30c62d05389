"""The end of ``Timeout.total``, as a middleware sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sagemaker_runtime.context import CLOCK, DEADLINE

if TYPE_CHECKING:
    from sagemaker_runtime import Context


def is_total_timeout(error: BaseException, ctx: Context) -> bool:
    """
    Whether a cancellation is the end of ``Timeout.total``, and not a caller who left.

    It becomes a TotalTimeoutError outside the stack, so within it the deadline, if there is one, tells them apart.
    """
    if not isinstance(error, asyncio.CancelledError) or DEADLINE not in ctx:
        return False
    return ctx[CLOCK].monotonic() >= ctx[DEADLINE]
