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
    """Records with a result or a dead letter, since the beginning of the run; of a retry, the dead letters that it has sent."""

    failed: int
    """How many of them are dead letters."""

    share: float
    """The share of the input that is done, from 0.0 to 1.0, in bytes, rows or files, depending on the format; of a retry, the
    share of its dead letters."""

    records_per_second: float
    """The average of this process so far."""

    in_flight: int
    """Requests in flight, including those that wait for a free call or a retry."""

    limit: int
    """How many calls may run at once at the moment."""

    throttled: int
    """Attempts of this process that were throttled."""

    paused: float
    """For how many seconds every attempt has failed; 0 if the last one succeeded."""

    reason: str | None
    """The error of those attempts; None if the last one succeeded."""

    errors: int = 0
    """Attempts of this process that failed in another way, such as by a timeout; not those that failed in the model."""

    @property
    def seconds_left(self) -> float | None:
        """An estimate of the seconds left; None if there is none yet."""
        if not self.records_per_second or not self.share:
            return None
        return self.done * (1 / self.share - 1) / self.records_per_second


@define(eq=False)  # so that it can be kept: the client compiles one stack for all calls
class Watch:
    """
    Finalize: sees every attempt, so that a run that waits can say what for.

    Stands below Retry.
    """

    id = "BulkWatch"

    throttled: int = 0
    """Attempts that were throttled."""

    errors: int = 0
    """Attempts that failed otherwise, without those that failed in the model."""

    failure: str | None = None
    """What the last attempt failed with; None if it did not."""

    failing_since: float | None = None
    """When the first of the attempts failed that have all failed since, in monotonic time."""

    now: float = 0.0
    """When the last attempt ended, in monotonic time."""

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
                self.errors += failure is not Failure.THROTTLING
                self.failure = f"{type(error).__name__}: {error}"
                self.now = ctx[CLOCK].monotonic()
                if self.failing_since is None:
                    self.failing_since = self.now
            raise
        self.failure, self.failing_since = None, None
        return output
