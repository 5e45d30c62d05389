"""The retry policy: what is retried, after which wait, within which quota; and what a call makes of any policy."""

from __future__ import annotations

import asyncio
import gc
import math
import weakref
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest
from attrs import define, field
from hypothesis import given, strategies as st
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    ATTEMPTS,
    ConfigError,
    InvokeEndpointInput,
    NopRetryer,
    Request,
    Response,
    RetryQuota,
    StandardRetryer,
    errors,
)
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


def skewed(code: str = "InvalidSignatureException", status: int = 403) -> errors.ServiceError:
    error = service_error(status, code)
    error.clock_skew = 3_600.0
    return error


def renewed(status: int = 403) -> errors.ServiceError:
    error = service_error(status, "ExpiredTokenException")
    error.credentials_renewed = True
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
        (errors.InternalFailure(), Failure.TRANSIENT),
        (errors.ServiceUnavailable(), Failure.TRANSIENT),
        (errors.InternalDependencyException(), Failure.TRANSIENT),
        (skewed(), Failure.CLOCK_SKEW),
        (skewed("RequestTimeTooSkewed", 400), Failure.CLOCK_SKEW),
        (skewed(status=503), Failure.TRANSIENT),
        (service_error(403, "InvalidSignatureException"), Failure.PERMANENT),
        (service_error(403, "ExpiredTokenException"), Failure.PERMANENT),
        (renewed(), Failure.NEW_CREDENTIALS),
        (renewed(503), Failure.TRANSIENT),
        (errors.ConnectError(), Failure.TRANSIENT),
        (errors.ConnectTimeoutError(), Failure.TRANSIENT),
        (errors.RefusedStreamError(), Failure.REFUSED_STREAM),
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
        (skewed(), {}, 0.0),
        (renewed(), {}, 0.0),
        (renewed(), {"max_attempts": 1}, None),
        (skewed(), {"max_attempts": 1}, None),
        (service_error(409, "Odd"), {"error_codes": frozenset({"Odd"})}, 0.05),
        (service_error(409, "Other"), {"error_codes": frozenset({"Odd"})}, None),
        (service_error(400, "SlowDown"), {"error_codes": frozenset({"SlowDown"})}, 1.0),
        (ValueError("Odd"), {"error_codes": frozenset({"Odd"})}, None),
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
    ("asked", "delay"),
    [(None, 0.05), (0.0, 0.05), (0.01, 0.05), (3.0, 3.0), (3, 3), (5.05, 5.05), (900.0, 5.05), (math.nan, 0.05)],
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


def test_a_refused_stream_takes_nothing_from_the_quota() -> None:
    """One GOAWAY refuses every stream behind it; they were not processed, and the attempts of each are bounded."""
    quota = RetryQuota(0)
    policy = retryer(quota=quota)
    refused = errors.RefusedStreamError()

    assert 0.05 == policy.delay([refused], elapsed=0.0)
    assert policy.delay([refused] * 3, elapsed=0.0) is None
    policy.succeeded([refused])
    assert 0 == quota.available


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


def test_a_clock_that_was_wrong_is_made_up_for_once_in_a_call() -> None:
    """The next attempt is signed by the corrected clock; refused again, the key is wrong and not the time."""
    policy = retryer(max_attempts=5, quota=RetryQuota(100))
    failures: list[Exception] = [service_error(500), skewed()]

    assert 0.0 == policy.delay(failures, elapsed=0.0)
    assert 86 == policy.quota.available
    assert policy.delay([*failures, service_error(500), skewed()], elapsed=0.0) is None
    policy.succeeded(failures)
    assert 100 == policy.quota.available


def test_credentials_are_renewed_once_in_a_call() -> None:
    """Others that are refused as well say that it is not the keys; a clock that was wrong is another matter."""
    policy = retryer(max_attempts=9)

    assert policy.delay([renewed(), renewed()], elapsed=0.0) is None
    assert 0.0 == policy.delay([renewed(), skewed()], elapsed=0.0)


def test_policies_made_of_one_another_share_the_quota_and_differ_in_one_thing() -> None:
    """A call that is given more attempts must not get a full quota of its own with them."""
    policy = retryer(max_delay=7.0).with_error_codes("Odd")

    more = policy.with_max_attempts(9).with_max_backoff(0.15).with_error_codes("Even", "Odd")

    assert more.quota is policy.quota
    assert (policy.max_attempts, policy.max_delay, policy.error_codes) == (3, 7.0, {"Odd"})
    assert (more.max_attempts, more.max_delay, more.error_codes) == (9, 0.15, {"Odd", "Even"})


def test_another_limit_of_the_waits_leaves_the_first_ones_as_they_were() -> None:
    """The limit is where the waits end up; it must not bring back the longer back-off of earlier SDKs."""
    policy = retryer(max_attempts=9).with_max_backoff(0.15)
    error = service_error(500)

    assert [0.05, 0.1, 0.15, 0.15] == [policy.delay([error] * tries, elapsed=0.0) for tries in range(1, 5)]


def test_two_retryers_do_not_share_a_quota_by_default() -> None:
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
        ("error_codes", "Odd"),
        ("error_codes", frozenset({""})),
        ("error_codes", frozenset({503})),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_by_name(name: str, value: object) -> None:
    """Found out when the client is made, and not when the first call fails."""
    with pytest.raises(ConfigError) as caught:
        StandardRetryer(**{name: value})

    assert str(caught.value).startswith(f"StandardRetryer({name}={value!r}): it takes ")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda policy: policy.with_max_attempts(0), "StandardRetryer(max_attempts=0): it takes a whole number, 1 "),
        (lambda policy: policy.with_max_backoff(-1), "StandardRetryer(max_delay=-1): it takes a number, 0 or more"),
        (lambda policy: policy.with_error_codes(""), "StandardRetryer(error_codes=frozenset({''})): it takes "),
    ],
)
def test_what_is_changed_later_is_checked_as_well(
    change: Callable[[StandardRetryer], StandardRetryer], text: str
) -> None:
    """Most policies are made of another one, for a single call."""
    with pytest.raises(ConfigError) as caught:
        change(StandardRetryer())

    assert str(caught.value).startswith(text)


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


PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


@define
class Scripted:
    """A user's retryer, which says what its script says and remembers what it heard."""

    script: list[object]
    max_attempts: int = 9
    heard: list[tuple[int, float]] = field(factory=list)
    successes: list[int] = field(factory=list)

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> object:
        self.heard.append((len(failures), elapsed))
        said = self.script.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    def succeeded(self, failures: Sequence[Exception]) -> None:
        self.successes.append(len(failures))


@pytest.mark.parametrize("said", [math.nan, math.inf, -math.inf, -0.5, "1", True])
async def test_a_retryer_that_gives_no_number_of_seconds_is_refused(said: object) -> None:
    """NaN disorders the timers of the whole event loop, and infinity waits for ever."""
    http, clock = ScriptedHTTPClient([errors.ConnectError("refused")]), ManualClock()

    with pytest.raises(ConfigError) as caught:
        await client(http, clock=clock, retryer=Scripted([said])).invoke_endpoint(PARAMS)

    assert f"the retryer's delay() returned {said!r}; it must return seconds, 0 or more" == caught.value.message
    assert isinstance(caught.value.__context__, errors.ConnectError), "what had failed is still to be seen"
    assert (1, []) == (len(http.requests), clock.slept)


async def test_a_retryer_that_raises_is_heard_with_what_had_failed_before() -> None:
    """Its mistake must not pass for one of the service, nor hide it."""
    http = ScriptedHTTPClient([errors.ConnectError("refused")])

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        await client(http, retryer=Scripted([ZeroDivisionError("mine")])).invoke_endpoint(PARAMS)

    assert isinstance(caught.value.__context__, errors.ConnectError)


async def test_a_users_retryer_hears_of_every_failure_and_of_the_success() -> None:
    """Whole numbers and 0 are waits too; the records have them in the order in which they came."""
    policy, clock = Scripted([0, 2, 0.5]), ManualClock()
    http = ScriptedHTTPClient([errors.ConnectError("a"), errors.ModelError("b"), errors.ConnectError("c"), answer()])

    output = await client(http, clock=clock, retryer=policy).invoke_endpoint(PARAMS)

    records = output.result_metadata[ATTEMPTS]
    assert [(1, "a", 0), (2, "ModelError: b", 2), (3, "c", 0.5), (4, None, None)] == [
        (record.number, record.error, record.delay) for record in records
    ]
    assert ([0, 2, 0.5], [(1, 0.0), (2, 0.0), (3, 2.0)], [3]) == (clock.slept, policy.heard, policy.successes)


class YieldingClock(ManualClock):
    """Lets the other tasks run while one sleeps."""

    async def sleep(self, seconds: float, /) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


async def test_a_wait_of_nothing_still_lets_others_run_and_can_be_cancelled() -> None:
    """A retryer that always says 0, and a service that always refuses, must not hold the event loop."""

    class Tireless(Scripted):
        def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> object:
            return 0

    http = ScriptedHTTPClient([errors.ConnectError("refused")])
    call = asyncio.ensure_future(client(http, clock=YieldingClock(), retryer=Tireless([])).invoke_endpoint(PARAMS))
    while len(http.requests) < 20:
        await asyncio.sleep(0)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_thousand_calls_at_once_share_one_quota_to_the_last_token() -> None:
    """However they interleave, 500 tokens are 35 retries; everyone else fails at once, with the reason."""
    http = ScriptedHTTPClient([answer(503)])
    policy = StandardRetryer(max_attempts=2)
    caller = client(http, clock=YieldingClock(), retryer=policy)

    failures = await asyncio.gather(*(caller.invoke_endpoint(PARAMS) for _ in range(1_000)), return_exceptions=True)

    assert 35 == sum(len(failure.attempts) == 2 for failure in failures)
    assert 965 == sum("10 tokens left" in note for failure in failures for note in getattr(failure, "__notes__", ()))
    assert (1_035, 10) == (len(http.requests), policy.quota.available)


async def test_two_clients_may_share_a_retryer_and_only_its_quota_is_shared() -> None:
    """What one call went through is not kept in the policy, so it cannot leak into a call of another client."""
    policy = StandardRetryer(quota=RetryQuota(28), draw=lambda: 0.0)
    failing = client(ScriptedHTTPClient([answer(503)]), clock=YieldingClock(), retryer=policy)
    recovering = client(ScriptedHTTPClient([answer(503), answer()]), clock=YieldingClock(), retryer=policy)

    failure, output = await asyncio.gather(
        failing.invoke_endpoint(PARAMS), recovering.invoke_endpoint(PARAMS), return_exceptions=True
    )

    assert [503, None] == [record.status for record in output.result_metadata[ATTEMPTS]]
    assert [503, 503] == [record.status for record in failure.attempts]
    assert "0 tokens left" in failure.__notes__[0], "each has retried once, and nothing was left for a second time"
    assert 14 == policy.quota.available


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """What is let go only by the garbage collector is not let go."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class AsleepClock(ManualClock):
    """Its sleep ends by cancellation alone."""

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.Event().wait()


async def succeed(call: Awaitable[object]) -> None:
    await call


async def fail(call: Awaitable[object]) -> None:
    with pytest.raises(errors.ServiceError):
        await call


async def cancel(call: Awaitable[object]) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize(
    ("last", "clock", "end"),
    [(200, ManualClock(), succeed), (500, ManualClock(), fail), (500, AsleepClock(), cancel)],
)
async def test_a_request_is_let_go_when_its_call_ends_however_it_ends(
    last: int, clock: ManualClock, end: Callable[[Awaitable[object]], Awaitable[None]]
) -> None:
    """A failure kept in a list holds the frame with the list, and 6 MB of body, until a collection comes."""
    sent: list[weakref.ref[Request]] = []

    def send(request: Request) -> Response:
        sent.append(weakref.ref(request))
        return answer(500 if len(sent) < 3 else last)

    await end(client(ScriptedHTTPClient([send]), clock=clock).invoke_endpoint(PARAMS))

    assert sent
    assert [None] * len(sent) == [request() for request in sent]
