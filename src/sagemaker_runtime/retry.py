"""
Retry policies: what is worth another attempt, after which wait, and within which quota. Pure; nothing here sleeps.

Source: AWS SDKs and Tools Reference Guide, "Retry behavior", standard mode with the numbers of 2026; and what this
service needs beyond it:

=========================================  ==================  ========================================================
failure                                    class               why
=========================================  ==================  ========================================================
429 ModelNotReadyException                 model not ready     a cold start takes seconds to minutes: bounded by time,
                                                               not by attempts, and free of the quota
throttling codes, any other 429            throttling          the service asks for room: the longer back-off
500 502 503 504 530, RequestTimeout        transient           the request was not executed, or failed on the way
never connected                            transient           nothing was sent
connection lost before the first byte      transient           an idle connection closed by the server looks the same;
                                                               ``retry_lost_connections=False`` turns it off
write time-out                             transient           the service did not take the request whole
read time-out; broken after the first      maybe executed      the model is perhaps still computing, and would run
byte, truncation included                                      twice: only with ``retry_read_timeouts=True``
424 ModelError, other 4xx                  permanent           the model, or the service, would answer the same again
a refused certificate                      permanent           trying again would not make it valid
=========================================  ==================  ========================================================
"""

from __future__ import annotations

import enum
import random
from typing import TYPE_CHECKING, Protocol, TypeVar

from attrs import Attribute, evolve, field, frozen

from sagemaker_runtime.errors import (
    CertificateError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    InvalidResponseError,
    ModelNotReadyException,
    ReadTimeoutError,
    ServiceError,
    WriteTimeoutError,
)
from sagemaker_runtime.wire import is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

N = TypeVar("N", int, float)

MAX_ATTEMPTS = 3  # attempts in all, the first one included
BASE_DELAY = 0.05  # seconds; ceiling of the first wait
THROTTLING_BASE_DELAY = 1.0  # seconds
MAX_DELAY = 20.0  # seconds
QUOTA = 500  # tokens
RETRY_COST = 14  # tokens
THROTTLING_COST = 5  # tokens
FIRST_ATTEMPT_CREDIT = 1  # tokens given back by a call that needed no retry
RETRY_AFTER_SPREAD = 5.0  # seconds that the service may ask for beyond our own wait
MODEL_NOT_READY_TIMEOUT = 60.0  # seconds; a serverless container is usually there within this

# Source: the same guide; the list is the one of botocore and the Go SDK.
THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
TRANSIENT_CODES = frozenset({"RequestTimeout", "RequestTimeoutException", "InternalDependencyException"})
TRANSIENT_STATUSES = frozenset({500, 502, 503, 504, 530})
TOO_MANY_REQUESTS = 429


class Failure(enum.Enum):
    """What kind of failure an attempt met. The table at the top of this module says which is which."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    THROTTLING = "throttling"
    MODEL_NOT_READY = "model not ready"
    MAYBE_EXECUTED = "maybe executed"
    CONNECTION_LOST = "connection lost"


def classify(error: Exception) -> Failure:
    """What kind of failure *error* is, by the table at the top of this module."""
    match error:
        case ModelNotReadyException():
            return Failure.MODEL_NOT_READY
        case ServiceError(code=code, status=status):
            if code in THROTTLING_CODES or status == TOO_MANY_REQUESTS:
                return Failure.THROTTLING
            if code in TRANSIENT_CODES or status in TRANSIENT_STATUSES:
                return Failure.TRANSIENT
            return Failure.PERMANENT
        case CertificateError():
            return Failure.PERMANENT
        case ConnectError() | WriteTimeoutError():
            return Failure.TRANSIENT
        case ConnectionLostError():
            return Failure.CONNECTION_LOST
        case ReadTimeoutError() | InvalidResponseError():
            return Failure.MAYBE_EXECUTED
        case _:
            return Failure.PERMANENT


def back_off(retry: int, *, base: float, ceiling: float, draw: Callable[[], float] = random.random) -> float:
    """
    Seconds to wait before the *retry*-th retry.

    The bound doubles with each retry and the wait is drawn from ``[0, bound]`` ("full jitter").

    Args:
        retry: 1 for the wait after the first attempt.

        base: The bound of the first wait, in seconds.

        ceiling: The most the bound grows to, in seconds.

        draw: A number in [0, 1).
    """
    # Past 64 doublings every bound is at its ceiling, and a float would overflow soon after 1,000.
    return draw() * min(base * 2.0 ** min(retry - 1, 64), ceiling)


class RetryQuota:
    """
    The tokens that the calls of one client share, so that a failing service is not stormed with retries.

    Tasks of one thread use it; nothing here awaits, so no lock is needed.
    """

    __slots__ = ("_available", "capacity")

    def __init__(self, capacity: int = QUOTA) -> None:
        self.capacity = capacity
        self._available = capacity

    @property
    def available(self) -> int:
        """Tokens left, from 0 to the capacity."""
        return self._available

    def acquire(self, cost: int) -> bool:
        """Take *cost* tokens, all or none; whether there were enough."""
        if cost > self._available:
            return False
        self._available -= cost
        return True

    def release(self, tokens: int) -> None:
        """Give tokens back; the quota never exceeds its capacity."""
        available = self._available + tokens
        self._available = min(self.capacity, available)


class Retryer(Protocol):
    """
    Decides on retries. The Retry middleware asks it, and does the waiting.

    Nothing of one call is kept in it: what the call went through is in the arguments.
    """

    @property
    def max_attempts(self) -> int:
        """Attempts a call makes at most, the first one included. Told to the service in ``Amz-Sdk-Request``."""
        ...

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """
        Seconds to wait before the next attempt, or None to give up.

        Args:
            failures: What each attempt so far raised, oldest first; never empty.

            elapsed: Seconds since the call's first attempt began.

            remaining: Seconds until ``Timeout.total`` ends the call; None where there is no such limit.
        """
        ...

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """
        Take note that a call succeeded.

        Args:
            failures: What its earlier attempts raised; empty if the first one succeeded.
        """
        ...


@frozen
class NopRetryer:
    """One attempt, whatever happens."""

    max_attempts: int = field(default=1, init=False)

    def delay(
        self,
        failures: Sequence[Exception],  # noqa: ARG002 - the protocol's, as the next two
        *,
        elapsed: float,  # noqa: ARG002
        remaining: float | None = None,  # noqa: ARG002
    ) -> float | None:
        """None: never another attempt."""
        return None

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """Nothing to note."""


def _at_least(least: N) -> Callable[[object, Attribute[N], N], None]:
    def check(_: object, attribute: Attribute[N], value: N) -> None:
        whole = isinstance(least, int)
        if not is_number(value) or not value >= least or (whole and not isinstance(value, int)):
            kind = "whole number" if whole else "number"
            raise ConfigError(f"StandardRetryer({attribute.name}={value!r}): it takes a {kind}, {least:g} or more")

    return check


@frozen(eq=False, kw_only=True)
class StandardRetryer:
    """
    AWS's standard mode with what SageMaker Runtime needs beyond it; the module's table says what is retried.

    Raises:
        ConfigError: A number that makes no sense.
    """

    max_attempts: int = field(default=MAX_ATTEMPTS, validator=_at_least(1))
    """Attempts in all, the first one included. Those that met a model that was not ready do not count."""

    base_delay: float = field(default=BASE_DELAY, validator=_at_least(0.0))
    """Bound of the first wait, in seconds; it doubles with each retry."""

    throttling_base_delay: float = field(default=THROTTLING_BASE_DELAY, validator=_at_least(0.0))
    """The same after throttling, and while the model is not ready."""

    max_delay: float = field(default=MAX_DELAY, validator=_at_least(0.0))
    """The most a bound grows to, in seconds."""

    model_not_ready_timeout: float = field(default=MODEL_NOT_READY_TIMEOUT, validator=_at_least(0.0))
    """Seconds from the call's start for which ``ModelNotReadyException`` is retried; 0 for never."""

    retry_lost_connections: bool = True
    """Whether to retry when the connection was lost before the first byte of the answer."""

    retry_read_timeouts: bool = False
    """Whether the model may run twice: retry after a read time-out, and after an answer that broke off."""

    quota: RetryQuota = field(factory=RetryQuota)
    """Shared by all calls through this retryer."""

    draw: Callable[[], float] = field(default=random.random, repr=False)
    """A number in [0, 1): the jitter."""

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """
        Seconds to wait before the next attempt, or None to give up: also where ``Timeout.total`` would end the wait.

        Takes the wait's cost from the quota. An exhausted quota is told by a note on the last failure.
        """
        error = failures[-1]
        failure = classify(error)
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
                "too many calls through this client have failed of late"
            )
            return None
        return delay

    def with_max_attempts(self, max_attempts: int) -> StandardRetryer:
        """The same policy, on the same quota, with another number of attempts."""
        return evolve(self, max_attempts=max_attempts)

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """Give back what the call's last retry cost, or one token if it needed none."""
        self.quota.release(self._cost(classify(failures[-1])) if failures else FIRST_ATTEMPT_CREDIT)

    def _may_retry(self, failure: Failure, failures: Sequence[Exception], elapsed: float) -> bool:
        if failure is Failure.MODEL_NOT_READY:
            return elapsed < self.model_not_ready_timeout
        if failure is Failure.PERMANENT:
            return False
        if failure is Failure.MAYBE_EXECUTED and not self.retry_read_timeouts:
            return False
        if failure is Failure.CONNECTION_LOST and not self.retry_lost_connections:
            return False
        counted = sum(not isinstance(error, ModelNotReadyException) for error in failures)
        return counted < self.max_attempts

    @staticmethod
    def _cost(failure: Failure) -> int:
        if failure is Failure.MODEL_NOT_READY:
            return 0  # or fifty calls that meet one cold start would use up the quota and fail; time bounds them
        return THROTTLING_COST if failure is Failure.THROTTLING else RETRY_COST

    def _wait(self, failure: Failure, failures: Sequence[Exception]) -> float:
        throttled = failure in (Failure.THROTTLING, Failure.MODEL_NOT_READY)
        base = self.throttling_base_delay if throttled else self.base_delay
        delay = back_off(len(failures), base=base, ceiling=self.max_delay, draw=self.draw)
        asked = getattr(failures[-1], "retry_after", None)
        if isinstance(asked, float):
            return min(max(asked, delay), delay + RETRY_AFTER_SPREAD)
        return delay
