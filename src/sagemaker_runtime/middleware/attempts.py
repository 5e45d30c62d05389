"""`Attempts`: the bookkeeping of the Retry middleware, which asks the policy and keeps the records of one call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sagemaker_runtime.checks import is_number
from sagemaker_runtime.context import ATTEMPT, ATTEMPTS, CLOCK, DEADLINE, LOGGER, OPENED, OPERATION, AttemptRecord, Key
from sagemaker_runtime.errors import ConfigError, SageMakerRuntimeError, ServiceError, TotalTimeoutError
from sagemaker_runtime.log_mode import ClientLogMode
from sagemaker_runtime.retry import RETRYER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import Output

FORBIDS_RETRY: Key[Callable[[Exception], str | None]] = Key("forbids retry")
"""Says why a call cannot be attempted again after an error, whatever the policy; None where it can. Set by a duplex call."""


class Attempts:
    """
    The attempts of one call: a context for each, a record of each, and what the policy says to each that failed.

    Attributes:
        pace: Asks a `PacedRetryer` when an attempt may go out; None for a retryer that does not say.
    """

    __slots__ = (
        "_attempt",
        "_began",
        "_clock",
        "_ctx",
        "_failures",
        "_log_mode",
        "_records",
        "_retryer",
        "_started",
        "pace",
    )

    def __init__(self, ctx: Context, log_mode: ClientLogMode) -> None:
        records: list[AttemptRecord] = []
        ctx[ATTEMPTS] = self._records = records
        self._ctx = ctx
        self._log_mode = log_mode
        self._clock = ctx[CLOCK]
        self._retryer = retryer = ctx[RETRYER]
        pace: Callable[[], float] | None = getattr(retryer, "pace", None)
        self.pace = pace if pace is not None and callable(pace) else None
        self._failures: list[Exception] | None = None  # made when there is one: many calls wait, and few of them fail
        self._attempt: Context | None = None  # none under way
        self._began = 0.0  # the attempt

    async def wait_for_turn(self, pace: Callable[[], float]) -> None:
        """
        Wait until *pace* lets the next attempt go out.

        Raises:
            TotalTimeoutError: That would be after ``Timeout.total``. Where attempts have failed, the last one's error.
        """
        while True:
            wait = pace()
            _check_wait(wait, "pace")
            if wait == 0:
                return
            deadline = self._ctx.get(DEADLINE)
            left = math.inf if deadline is None else deadline - self._clock.monotonic()
            if wait >= left:
                reason = f"the retryer allows no attempt for {wait:.3f} s, and Timeout.total ends in {left:.3f} s"
                if not self._failures:
                    raise TotalTimeoutError(f"not sent: {reason}")
                self._failures[-1].add_note(f"not retried: {reason}")
                raise self._failures.pop()
            if ClientLogMode.RETRIES in self._log_mode:
                facts = {"aws_operation": self._ctx[OPERATION], "aws_attempt": len(self._records) + 1}
                self._ctx[LOGGER].debug("%s waits %.3f s for its turn", self._ctx[OPERATION], wait, extra=facts)
            await self._clock.sleep(wait)

    def begin(self) -> Context:
        """The context of a new attempt."""
        self._began = self._clock.monotonic()
        if not self._records:
            self._started = self._began
        self._attempt = attempt = self._ctx.for_attempt()
        attempt[ATTEMPT] = len(self._records) + 1
        return attempt

    def failed(self, error: Exception) -> float | None:
        """Close what the attempt has opened, and ask the policy: seconds to wait for another one, or None to give up."""
        self._close_attempt()
        if self._failures is None:
            self._failures = []
        self._failures.append(error)
        now = self._clock.monotonic()
        deadline = self._ctx.get(DEADLINE)
        remaining = None if deadline is None else deadline - now
        forbids = self._ctx.get(FORBIDS_RETRY)
        reason = None if forbids is None else forbids(error)
        if reason is not None:
            delay = None
            error.add_note(f"not retried: {reason}")
        else:
            delay = self._retryer.delay(self._failures, elapsed=now - self._started, remaining=remaining)
        if delay is not None:
            _check_wait(delay, "delay")
        seconds = now - self._began
        self._records.append(_record(error, number=len(self._records) + 1, seconds=seconds, delay=delay))
        if ClientLogMode.RETRIES in self._log_mode:
            self._log(self._records[-1])
        return delay

    async def wait(self, seconds: float) -> None:
        """Wait for as long as the policy said."""
        await self._clock.sleep(seconds)

    def succeeded(self, output: Output) -> Output:
        """Report it to the policy, and leave what the attempt has opened to the call."""
        self._records.append(AttemptRecord(len(self._records) + 1, self._clock.monotonic() - self._began))
        self._retryer.succeeded(self._failures or ())
        output.metadata[ATTEMPTS] = tuple(self._records)
        self._attempt = None
        return output

    def close(self) -> None:
        """End: an attempt that was cancelled lets go of what it has opened."""
        if self._attempt is not None:
            self._close_attempt()
        if self._failures is not None:
            self._failures.clear()  # or an error, its traceback and this list would keep one another and the request

    def _close_attempt(self) -> None:
        attempt, self._attempt = self._attempt, None
        opened = None if attempt is None else attempt.get(OPENED)
        if opened is not None:
            opened.close()
            self._ctx[OPENED].forget(opened)

    def _log(self, record: AttemptRecord) -> None:
        ctx = self._ctx
        what = f"retrying in {record.delay:.3f} s" if record.delay is not None else "not retrying"
        facts = {
            "aws_operation": ctx[OPERATION],
            "aws_attempt": record.number,
            "aws_error_code": record.error_type,
            "http_status": record.status,
            "aws_retry_delay": record.delay,
        }
        ctx[LOGGER].debug(
            "%s attempt %d failed, %s: %s", ctx[OPERATION], record.number, what, _on_one_line(record), extra=facts
        )


def _check_wait(seconds: float, asked: str) -> None:
    """Refuse what would break the timers of the event loop, or never end; a user's retryer may give anything."""
    if not is_number(seconds) or seconds < 0:
        raise ConfigError(f"the retryer's {asked}() returned {seconds!r}; it must return seconds, 0 or more")


def _on_one_line(record: AttemptRecord) -> str:
    """The error as a log may show it: a peer's line end would begin a line of its own there."""
    text = record.error or ""
    return text if text.isprintable() else repr(text)


def _record(error: Exception, *, number: int, seconds: float, delay: float | None) -> AttemptRecord:
    refusal = error if isinstance(error, ServiceError) else None
    return AttemptRecord(
        number=number,
        seconds=seconds,
        # Not the repr, which for some exceptions holds what they failed on.
        error=str(error) if isinstance(error, SageMakerRuntimeError) else f"{type(error).__name__}: {error}",
        error_type=type(error).__name__ if refusal is None else refusal.code,
        status=None if refusal is None else refusal.status,
        delay=delay,
    )
