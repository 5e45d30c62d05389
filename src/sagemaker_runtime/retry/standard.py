"""Standard mode: back-off, a limit on attempts, and a quota."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeGuard, TypeVar

from attr import Attribute, evolve, field, fields, frozen

from sagemaker_runtime.checks import is_number
from sagemaker_runtime.errors import ConfigError, ModelNotReadyException, ServiceError
from sagemaker_runtime.retry.classification import Failure, classify
from sagemaker_runtime.retry.quota import FIRST_ATTEMPT_CREDIT, RETRY_COST, THROTTLING_COST, RetryQuota

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagemaker_runtime.clock import Clock

N = TypeVar("N", int, float)

MAX_ATTEMPTS = 3
"""Attempts of a call, including the first."""

BASE_DELAY = 0.05
"""The upper bound of the first wait, in seconds."""

THROTTLING_BASE_DELAY = 1.0
"""The same after throttling, in seconds."""

MAX_DELAY = 20.0
"""The highest upper bound of a wait, in seconds."""

RETRY_AFTER_SPREAD = 5.0
"""By how many seconds ``x-amz-retry-after`` may lengthen our own wait."""

_ONCE = frozenset({Failure.CLOCK_SKEW, Failure.NEW_CREDENTIALS})  # the cause is removed before the next attempt

MODEL_NOT_READY_TIMEOUT = 60.0
"""For how many seconds ``ModelNotReadyException`` is retried: a serverless container has usually started by then."""


def back_off(retry: int, *, base: float, ceiling: float, draw: Callable[[], float] = random.random) -> float:
    """
    Seconds to wait before retry number *retry*.

    The upper bound doubles with each retry and the wait is drawn from ``[0, bound]`` ("full jitter").

    Args:
        retry: 1 for the wait after the first attempt.

        base: The upper bound of the first wait, in seconds.

        ceiling: The limit of the upper bound, in seconds.

        draw: Returns a random number in [0, 1).
    """
    # After 64 doublings every bound has reached its ceiling; a float overflows soon after 1,000.
    return draw() * min(base * 2.0 ** min(retry - 1, 64), ceiling)


def _at_least(least: N) -> Callable[[object, Attribute[N], N], None]:
    def check(retryer: object, attribute: Attribute[N], value: N) -> None:
        whole = isinstance(least, int)
        if not is_number(value) or not value >= least or (whole and not isinstance(value, int)):
            kind = "whole number" if whole else "number"
            raise _refused(retryer, attribute.name, value, f"a {kind}, {least:g} or more")

    return check


def _codes(retryer: object, attribute: Attribute[frozenset[str]], value: object) -> None:
    if not _is_frozenset(value) or not all(isinstance(code, str) and code for code in value):
        takes = "a frozenset of error codes, such as frozenset({'ResourceInUse'})"
        raise _refused(retryer, attribute.name, value, takes)


def _is_frozenset(value: object) -> TypeGuard[frozenset[object]]:
    return isinstance(value, frozenset)


def _refused(retryer: object, name: str, value: object, takes: str) -> ConfigError:
    return ConfigError(f"{type(retryer).__name__}({name}={value!r}): it takes {takes}")


@frozen(eq=False, kw_only=True)
class StandardRetryer:
    """
    AWS's standard mode, with additions for SageMaker Runtime. The table in `sagemaker_runtime.retry` says what is retried.

    Raises:
        ConfigError: A value is invalid.
    """

    mode: ClassVar[Literal["standard", "adaptive"]] = "standard"
    """AWS's name for this mode."""

    max_attempts: int = field(default=MAX_ATTEMPTS, validator=_at_least(1))
    """The maximum number of attempts, including the first. ``ModelNotReadyException`` is limited by time instead."""

    base_delay: float = field(default=BASE_DELAY, validator=_at_least(0.0))
    """The upper bound of the first wait, in seconds; it doubles with each retry."""

    throttling_base_delay: float = field(default=THROTTLING_BASE_DELAY, validator=_at_least(0.0))
    """The upper bound of the first wait after throttling, and while the model is not ready, in seconds."""

    max_delay: float = field(default=MAX_DELAY, validator=_at_least(0.0))
    """The highest upper bound, in seconds, however often it has doubled."""

    model_not_ready_timeout: float = field(default=MODEL_NOT_READY_TIMEOUT, validator=_at_least(0.0))
    """For how many seconds from the start of the call ``ModelNotReadyException`` is retried; 0 for never."""

    retry_lost_connections: bool = True
    """Whether to retry if the connection was lost before the first byte of the response."""

    retry_read_timeouts: bool = False
    """Whether to retry after a read timeout or an incomplete response. The model may then run twice."""

    error_codes: frozenset[str] = field(default=frozenset[str](), validator=_codes)
    """Additional error codes of the service that are retried as transient."""

    # Created by `in_mode`, so that calls that ask for the same mode share one quota and one limiter.
    _modes: dict[str, StandardRetryer] = field(init=False, repr=False, factory=dict[str, "StandardRetryer"])

    quota: RetryQuota = field(factory=RetryQuota)
    """Shared by all calls through this retryer, and through those created from it by ``with_…``."""

    draw: Callable[[], float] = field(default=random.random, repr=False)
    """Returns a random number in [0, 1), for the jitter."""

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """
        Seconds to wait before the next attempt, or None to give up.

        Takes the cost of the retry from the quota. Gives up, with a note on the last failure, if the quota is exhausted
        or if ``Timeout.total`` would end the wait.
        """
        error = failures[-1]
        failure = self._classify(error)
        if not self._may_retry(failure, failures, elapsed):
            return None
        delay = self._wait(failure, failures)
        if failure is Failure.MODEL_NOT_READY:
            delay = min(delay, self.model_not_ready_timeout - elapsed)
        if remaining is not None and delay >= remaining:
            error.add_note(f"not retried: the wait of {delay:.3f} s would end after Timeout.total")
            return None
        cost = self._cost(failure)
        if not self.quota.acquire(cost):
            error.add_note(
                f"not retried: the retry quota has {self.quota.available} tokens left and a retry costs {cost}; "
                "too many calls through this client have failed recently"
            )
            return None
        return delay

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """Return the cost of the call's last retry to the quota, or one token if it needed none."""
        self.quota.release(self._cost(self._classify(failures[-1])) if failures else FIRST_ATTEMPT_CREDIT)

    def in_mode(self, mode: Literal["standard", "adaptive"], clock: Clock) -> StandardRetryer:
        """The same policy and quota in *mode*. Further calls return the same retryer."""
        if mode == self.mode:
            return self
        known = self._modes.get(mode)
        if known is None:
            from sagemaker_runtime.retry import adaptive  # few clients use it, and it imports this module

            shared = {each.name: getattr(self, each.name) for each in fields(StandardRetryer) if each.init}
            standard = mode == "standard"
            known = StandardRetryer(**shared) if standard else adaptive.AdaptiveRetryer(**shared, clock=clock)
            self._modes[mode] = known
        return known

    def with_max_attempts(self, max_attempts: int) -> Self:
        """The same policy and quota with another maximum number of attempts, including the first."""
        return evolve(self, max_attempts=max_attempts)

    def with_max_backoff(self, seconds: float) -> Self:
        """The same policy and quota with another `max_delay`, in seconds."""
        return evolve(self, max_delay=seconds)

    def with_error_codes(self, *codes: str) -> Self:
        """The same policy and quota with additional error codes that are retried as transient."""
        return evolve(self, error_codes=self.error_codes.union(codes))

    def _classify(self, error: Exception) -> Failure:
        failure = classify(error)
        if failure is Failure.PERMANENT and isinstance(error, ServiceError) and error.code in self.error_codes:
            return Failure.TRANSIENT
        return failure

    def _may_retry(self, failure: Failure, failures: Sequence[Exception], elapsed: float) -> bool:
        if failure is Failure.MODEL_NOT_READY:
            return elapsed < self.model_not_ready_timeout
        if failure is Failure.PERMANENT:
            return False
        if failure is Failure.MAYBE_EXECUTED and not self.retry_read_timeouts:
            return False
        if failure is Failure.CONNECTION_LOST and not self.retry_lost_connections:
            return False
        if failure in _ONCE and any(self._classify(error) is failure for error in failures[:-1]):
            return False
        counted = sum(not isinstance(error, ModelNotReadyException) for error in failures)
        return counted < self.max_attempts

    @staticmethod
    def _cost(failure: Failure) -> int:
        if failure is Failure.MODEL_NOT_READY:
            return 0  # limited by time; otherwise 50 calls during one cold start would exhaust the quota
        if failure is Failure.REFUSED_STREAM:
            return 0  # limited by attempts; otherwise one GOAWAY, which refuses every later stream, would exhaust it
        return THROTTLING_COST if failure is Failure.THROTTLING else RETRY_COST

    def _wait(self, failure: Failure, failures: Sequence[Exception]) -> float:
        if failure in _ONCE:
            return 0.0  # a corrected clock or new credentials need no wait, and a call does this once
        throttled = failure in (Failure.THROTTLING, Failure.MODEL_NOT_READY)
        base = self.throttling_base_delay if throttled else self.base_delay
        delay = back_off(len(failures), base=base, ceiling=self.max_delay, draw=self.draw)
        asked = getattr(failures[-1], "retry_after", None)
        if isinstance(asked, float | int) and asked > delay:
            return min(asked, delay + RETRY_AFTER_SPREAD)
        return delay
