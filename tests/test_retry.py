"""The retry policy: what is retried, after which wait, within which quota."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_runtime import ConfigError, NopRetryer, RetryQuota, StandardRetryer, errors
from sagemaker_runtime.retry import (
    THROTTLING_CODES,
    TRANSIENT_CODES,
    TRANSIENT_STATUSES,
    Failure,
    back_off,
    classify,
)


def service_error(status: int, code: str = "Odd", retry_after: float | None = None) -> errors.ServiceError:
    error = errors.ServiceError("it broke")
    error.status, error.code, error.retry_after = status, code, retry_after
    return error


def model_not_ready(retry_after: float | None = None) -> errors.ModelNotReadyException:
    error = errors.ModelNotReadyException("loading")
    error.status, error.retry_after = 429, retry_after
    return error


def retryer(**changes: object) -> StandardRetryer:
    """A policy without chance: every wait is its bound."""
    return StandardRetryer(**{"draw": lambda: 1.0, **changes})


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (model_not_ready(), Failure.MODEL_NOT_READY),
        *((service_error(400, code), Failure.THROTTLING) for code in sorted(THROTTLING_CODES)),
        (service_error(429), Failure.THROTTLING),
        (service_error(503, "SlowDown"), Failure.THROTTLING),
        *((service_error(status), Failure.TRANSIENT) for status in sorted(TRANSIENT_STATUSES)),
        *((service_error(400, code), Failure.TRANSIENT) for code in sorted(TRANSIENT_CODES)),
        (errors.InternalDependencyException(), Failure.TRANSIENT),
        (errors.ConnectError(), Failure.TRANSIENT),
        (errors.ConnectTimeoutError(), Failure.TRANSIENT),
        (errors.WriteTimeoutError(), Failure.TRANSIENT),
        (errors.ConnectionLostError(), Failure.CONNECTION_LOST),
        (errors.ReadTimeoutError(), Failure.MAYBE_EXECUTED),
        (errors.InvalidResponseError(), Failure.MAYBE_EXECUTED),
        (errors.TruncatedResponseError(), Failure.MAYBE_EXECUTED),
        (errors.ModelError(), Failure.PERMANENT),
        (service_error(424, "ModelError"), Failure.PERMANENT),
        (errors.ValidationError(), Failure.PERMANENT),
        (service_error(403, "AccessDeniedException"), Failure.PERMANENT),
        (service_error(501), Failure.PERMANENT),
        (errors.CertificateError(), Failure.PERMANENT),
        (errors.TransportError(), Failure.PERMANENT),
        (errors.CredentialsError(), Failure.PERMANENT),
        (errors.InvalidParamsError(), Failure.PERMANENT),
        (ValueError("a user's own"), Failure.PERMANENT),
        (TimeoutError("a user's own"), Failure.PERMANENT),
    ],
)
def test_each_failure_is_of_the_class_the_table_says(error: Exception, failure: Failure) -> None:
    """The table at the top of the module is the policy; this is the table once more, as a test."""
    assert failure is classify(error)


@pytest.mark.parametrize(
    ("error", "changes", "delay"),
    [
        (service_error(500), {}, 0.05),
        (service_error(400, "ThrottlingException"), {}, 1.0),
        (model_not_ready(), {}, 1.0),
        (model_not_ready(), {"model_not_ready_timeout": 0}, None),
        (errors.ConnectionLostError(), {}, 0.05),
        (errors.ConnectionLostError(), {"retry_lost_connections": False}, None),
        (errors.ReadTimeoutError(), {}, None),
        (errors.ReadTimeoutError(), {"retry_read_timeouts": True}, 0.05),
        (errors.TruncatedResponseError(), {"retry_read_timeouts": True}, 0.05),
        (errors.ConnectError(), {"max_attempts": 1}, None),
        (errors.ModelError(), {"retry_read_timeouts": True}, None),
        (errors.CertificateError(), {}, None),
        (service_error(500), {"base_delay": 0.0}, 0.0),
    ],
)
def test_the_first_wait_is_the_one_its_class_asks_for(
    error: Exception, changes: dict[str, object], delay: float | None
) -> None:
    """Throttling waits twenty times as long as a passing fault; what may run twice waits for permission."""
    assert delay == retryer(**changes).delay([error], elapsed=0.0)


def test_the_bound_doubles_with_each_retry_up_to_its_ceiling() -> None:
    """A service in trouble needs the load to fall off, and a caller needs an end to it."""
    policy = retryer(max_attempts=100, base_delay=0.05, max_delay=1.0)
    error = service_error(500)

    waits = [policy.delay([error] * tries, elapsed=0.0) for tries in range(1, 8)]

    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


@given(st.integers(1, 10_000), st.floats(0, 100), st.floats(0, 100), st.floats(0, 1, exclude_max=True))
def test_a_wait_lies_between_nothing_and_its_ceiling(retry: int, base: float, ceiling: float, drawn: float) -> None:
    """Full jitter: whatever is drawn, however often it failed, and no overflow on the way."""
    assert 0.0 <= back_off(retry, base=base, ceiling=ceiling, draw=lambda: drawn) <= ceiling


def test_attempts_are_counted_with_the_first_one() -> None:
    """Three attempts are one call and two retries, as in every AWS SDK."""
    policy = retryer(max_attempts=3)
    error = service_error(500)

    assert policy.delay([error] * 2, elapsed=0.0) is not None
    assert policy.delay([error] * 3, elapsed=0.0) is None


def test_a_model_that_is_not_ready_is_awaited_by_time_and_not_by_attempts() -> None:
    """A serverless container takes minutes; three attempts would give up before it has started."""
    policy = retryer(max_attempts=2, model_not_ready_timeout=60.0)
    failures = [model_not_ready() for _ in range(50)]

    assert policy.delay(failures, elapsed=0.0) == 20.0
    assert policy.delay([*failures, service_error(500)], elapsed=30.0) is not None
    assert policy.delay([*failures, service_error(500), service_error(500)], elapsed=30.0) is None


@given(st.floats(0, 200), st.integers(1, 30), st.none() | st.floats(0, 1000))
def test_the_wait_for_a_model_never_ends_beyond_its_time_limit(
    elapsed: float, failed: int, retry_after: float | None
) -> None:
    """The limit is a promise, even when the service asks for longer."""
    delay = retryer(model_not_ready_timeout=60.0).delay([model_not_ready(retry_after)] * failed, elapsed=elapsed)

    if elapsed >= 60.0:
        assert delay is None
    else:
        assert delay is not None
        assert 0.0 <= elapsed + delay <= 60.0 + 1e-9


@pytest.mark.parametrize(
    ("asked", "delay"), [(None, 0.05), (0.0, 0.05), (0.01, 0.05), (3.0, 3.0), (5.05, 5.05), (900.0, 5.05)]
)
def test_the_service_may_ask_for_a_longer_wait_within_reason(asked: float | None, delay: float) -> None:
    """``x-amz-retry-after`` is heeded between our own wait and 5 s beyond it, or one bad header stops a caller."""
    assert delay == retryer().delay([service_error(500, retry_after=asked)], elapsed=0.0)


def test_an_exhausted_quota_ends_the_retries_and_leaves_a_note() -> None:
    """A retry that silently does not happen looks like a wrong max_attempts."""
    quota = RetryQuota(20)
    policy = retryer(quota=quota)
    error = service_error(500)

    assert policy.delay([service_error(500)], elapsed=0.0) is not None
    assert policy.delay([error], elapsed=0.0) is None

    assert quota.available == 6
    (note,) = error.__notes__
    assert "the retry quota has 6 tokens left and a retry costs 14" in note
    assert policy.delay([service_error(429)], elapsed=0.0) is not None, "throttling costs only 5"


def test_a_success_gives_back_what_its_last_retry_cost() -> None:
    """The quota recovers with the service: fully for a call that was retried, by one for a call that needed none."""
    quota = RetryQuota(100)
    policy = retryer(quota=quota)
    quota.acquire(50)

    policy.succeeded([])
    assert quota.available == 51
    policy.succeeded([service_error(500), model_not_ready()])
    assert quota.available == 51, "a wait for the model took nothing"
    policy.succeeded([service_error(500), service_error(429)])
    assert quota.available == 56
    policy.succeeded([model_not_ready(), service_error(500)])
    assert quota.available == 70
    for _ in range(10):
        policy.succeeded([service_error(500)])
    assert quota.available == quota.capacity == 100


def test_a_failure_that_is_not_retried_costs_nothing() -> None:
    """Otherwise a caller's own mistakes would use up the retries of everybody else."""
    quota = RetryQuota()

    assert retryer(quota=quota).delay([errors.ValidationError()], elapsed=0.0) is None

    assert quota.available == quota.capacity == 500


def test_another_number_of_attempts_shares_the_quota() -> None:
    """A call that is given more attempts must not get a full quota of its own with them."""
    policy = retryer(max_delay=7.0)

    more = policy.with_max_attempts(9)

    assert more.quota is policy.quota
    assert (more.max_attempts, policy.max_attempts, more.max_delay) == (9, 3, 7.0)


def test_two_retryers_do_not_share_a_quota_unless_told() -> None:
    """A failing endpoint behind one client must not stop the retries of another."""
    assert StandardRetryer().quota is not StandardRetryer().quota


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_attempts", 0),
        ("max_attempts", True),
        ("max_attempts", "3"),
        ("max_attempts", 2.5),
        ("base_delay", -0.1),
        ("throttling_base_delay", -1),
        ("max_delay", math.nan),
        ("model_not_ready_timeout", None),
        ("model_not_ready_timeout", -1),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_by_name(name: str, value: object) -> None:
    """Found out when the client is made, and not when the first call fails."""
    with pytest.raises(ConfigError, match=rf"StandardRetryer\({name}={value!r}\): it takes "):
        StandardRetryer(**{name: value})


def test_the_policy_without_retries_never_asks_for_one() -> None:
    """For calls that must not run twice, whatever happens."""
    policy = NopRetryer()
    policy.succeeded([])

    assert policy.max_attempts == 1
    assert policy.delay([errors.ConnectError()], elapsed=0.0) is None


def test_many_calls_that_meet_one_cold_start_all_wait_for_it() -> None:
    """A hundred callers of a serverless endpoint would otherwise use up the quota in the first seconds, and fail."""
    policy = retryer(quota=RetryQuota(10))

    waits = [
        policy.delay([model_not_ready()] * tries, elapsed=float(tries)) for tries in range(1, 8) for _ in range(100)
    ]

    assert None not in waits
    assert policy.quota.available == 10


def test_a_wait_beyond_the_total_limit_is_not_begun_and_costs_nothing() -> None:
    """Else calls with a short limit would empty the quota without one retry."""
    policy = retryer(quota=RetryQuota(20))
    error = service_error(429)

    assert policy.delay([error], elapsed=0.0, remaining=0.9) is None

    assert policy.quota.available == 20
    assert "would end after Timeout.total" in error.__notes__[0]
    assert policy.delay([error], elapsed=0.0, remaining=1.1) == 1.0
