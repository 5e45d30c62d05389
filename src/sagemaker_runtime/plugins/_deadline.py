"""The end of ``Timeout.total``, as a middleware sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_runtime import Clock


def is_total_timeout(error: BaseException, deadline: float | None, clock: Clock) -> bool:
    """
    Whether a cancellation is the end of ``Timeout.total``, and not a caller who left.

    It becomes a TotalTimeoutError outside the stack, so within it the *deadline*, if there is one, tells them apart.
    """
    return isinstance(error, asyncio.CancelledError) and deadline is not None and clock.monotonic() >= deadline
