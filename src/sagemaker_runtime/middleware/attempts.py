"""`Attempts`: the bookkeeping of the Retry middleware for one call. It asks the retryer, and keeps the records."""

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
"""Says why a call must not be retried after an error, whatever the retryer says; None if it may. Set by a duplex call."""


class Attempts:
    """
    The attempts of one call: their contexts, their records, and the retryer's decision after each failure.

    Attributes:
        pace: The ``pace`` method of a `PacedRetryer`; None for any other retryer.
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
        self._failures: list[Exception] | None = None  # created at the first failure, because few calls fail
        self._attempt: Context | None = None  # None between attempts
        self._began = 0.0  # when the attempt began

    async def wait_for_turn(self, pace: Callable[[], float]) -> None:
        """
        Wait until *pace* allows the next attempt.

        Raises:
            TotalTimeoutError: It would start after ``Timeout.total``. If an attempt has failed, its error is raised instead.
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
        """Close what the attempt has opened, and ask the retryer: seconds until the next one, or None to give up."""
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
        """Wait between two attempts."""
        await self._clock.sleep(seconds)

    def succeeded(self, output: Output) -> Output:
        """Report the success to the retryer, and leave what the attempt has opened to the call."""
        self._records.append(AttemptRecord(len(self._records) + 1, self._clock.monotonic() - self._began))
        self._retryer.succeeded(self._failures or ())
        output.metadata[ATTEMPTS] = tuple(self._records)
        self._attempt = None
        return output

    def close(self) -> None:
        """Close what a cancelled attempt has opened, and clear the failures."""
        if self._attempt is not None:
            self._close_attempt()
        if self._failures is not None:
            self._failures.clear()  # otherwise an error, its traceback and this list would be a reference cycle

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
    """Refuse a wait that is not a number of seconds; a user's retryer may return anything."""
    if not is_number(seconds) or seconds < 0:
        raise ConfigError(f"the retryer's {asked}() returned {seconds!r}; it must return seconds, 0 or more")


def _on_one_line(record: AttemptRecord) -> str:
    """The error for a log, on one line: a line break in a peer's text would look like another log record."""
    text = record.error or ""
    return text if text.isprintable() else repr(text)


def _record(error: Exception, *, number: int, seconds: float, delay: float | None) -> AttemptRecord:
    refusal = error if isinstance(error, ServiceError) else None
    return AttemptRecord(
        number=number,
        seconds=seconds,
        # Not the repr, which for some exceptions contains the data that they failed on.
        error=str(error) if isinstance(error, SageMakerRuntimeError) else f"{type(error).__name__}: {error}",
        error_type=type(error).__name__ if refusal is None else refusal.code,
        status=None if refusal is None else refusal.status,
        delay=delay,
    )
