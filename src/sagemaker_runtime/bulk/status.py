"""`Status`: the progress of a run, and the middleware that observes its attempts."""

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
    """The progress of a run."""

    done: int
    """Records with a result or a dead letter since the beginning of the run; during a retry, the dead letters retried so far."""

    failed: int
    """How many of them are dead letters."""

    share: float
    """The share of the input that is done, from 0.0 to 1.0, in bytes, rows or files, depending on the format; during a retry,
    the share of its dead letters."""

    records_per_second: float
    """The average of this process so far."""

    in_flight: int
    """Requests in flight, including those that wait for a free call or a retry."""

    limit: int
    """The current limit of concurrent calls."""

    throttled: int
    """Attempts of this process that were throttled."""

    paused: float
    """For how many seconds every attempt has failed; 0 if the last one succeeded."""

    reason: str | None
    """The last error of those attempts; None if the last one succeeded."""

    errors: int = 0
    """Attempts of this process that failed for another reason, such as a timeout; errors of the model are not counted."""

    @property
    def seconds_left(self) -> float | None:
        """An estimate of the seconds left; None if it is too early for one."""
        if not self.records_per_second or not self.share:
            return None
        return self.done * (1 / self.share - 1) / self.records_per_second


@define(eq=False)  # hashable, so that the client compiles one stack for all calls
class Watch:
    """
    Finalize: observes every attempt, so that a waiting run can say why it waits.

    Installed below Retry.
    """

    id = "BulkWatch"

    throttled: int = 0
    """Attempts that were throttled."""

    errors: int = 0
    """Attempts that failed otherwise; errors of the model are not counted."""

    failure: str | None = None
    """The error of the last attempt; None if it succeeded."""

    failing_since: float | None = None
    """When the current series of failures began, in monotonic time; None if the last attempt succeeded."""

    now: float = 0.0
    """When the last attempt failed, in monotonic time."""

    def __call__(self, stack: Stack) -> None:
        stack.finalize.insert(self, after="Retry")

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        try:
            output = await next(ctx, step)
        except Exception as error:
            failure = classify(error)
            if failure is Failure.THROTTLING:
                self.throttled += 1
            if isinstance(error, ModelError):  # the endpoint is there, and responds
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
