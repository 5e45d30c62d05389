"""`Status`: how a run is doing, and the middleware that sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, frozen

from sagemaker_runtime import ModelError
from sagemaker_runtime.context import CLOCK
from sagemaker_runtime.retry import Failure, classify

if TYPE_CHECKING:
    from sagemaker_runtime import Context, FinalizeHandler, FinalizeInput, Output, Stack


@frozen
class Status:
    """How a run is doing."""

    done: int
    """Records with a result or a dead letter, of all of the run."""

    failed: int
    """Those with a dead letter."""

    bytes_done: int
    """How much of the input that is; for files and tables, about."""

    bytes_total: int
    """The size of the input."""

    in_flight: int
    """Calls that have been begun."""

    limit: int
    """Calls at once, at present."""

    throttled: int
    """Attempts of this process that were throttled."""

    pause: str | None
    """Why nothing has come for some seconds, as the service says; None while something comes."""


@define(eq=False)  # so that it can be kept: the client compiles one stack for all calls
class Watch:
    """
    Finalize: sees every attempt, so that a run that waits can say what for.

    Stands below Retry.
    """

    id = "BulkWatch"

    throttled: int = 0
    """Attempts that were throttled."""

    failure: str | None = None
    """What the last attempt failed with; None if it did not."""

    failing_since: float | None = None
    """When the first of the attempts failed that have all failed since, in monotonic time."""

    def __call__(self, stack: Stack) -> None:
        stack.finalize.insert(self, after="Retry")

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        try:
            output = await next(ctx, step)
        except Exception as error:
            failure = classify(error)
            if failure is Failure.THROTTLING:
                self.throttled += 1
            if isinstance(error, ModelError):  # somebody is there, and works
                self.failure, self.failing_since = None, None
            else:
                self.failure = f"{type(error).__name__}: {error}"
                if self.failing_since is None:
                    self.failing_since = ctx[CLOCK].monotonic()
            raise
        self.failure, self.failing_since = None, None
        return output
