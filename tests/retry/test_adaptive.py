"""The adaptive mode: how fast a client that was throttled may go on, and how its calls wait for their turn."""

from __future__ import annotations

import asyncio
import heapq
import logging
import math
from collections.abc import Sequence

import pytest
from attrs import define, field
from botocore.exceptions import CapacityNotAvailableError
from botocore.retries import adaptive, bucket, throttling
from hypothesis import given, strategies as st
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    ATTEMPTS,
    ClientLogMode,
    ConfigError,
    ConnectError,
    InternalFailure,
    InvokeEndpointInput,
    ModelNotReadyException,
    NopRetryer,
    ReadTimeoutError,
    RetryQuota,
    ServiceError,
    StandardRetryer,
    Timeout,
    TotalTimeoutError,
    ValidationError,
)
from sagemaker_runtime.retry import AdaptiveRetryer, PacedRetryer, RateLimiter

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


def throttled() -> ServiceError:
    error = ServiceError("slow down")
    error.code, error.status = "ThrottlingException", 400
    return error


@define
class Hand:
    """A clock from 0, so that times are exact."""

    time: float = 0.0

    def monotonic(self) -> float:
        return self.time

    current_time = monotonic  # what botocore calls it


def retryer(**changes: object) -> AdaptiveRetryer:
    """A policy without chance: no back-off, so that every wait is the limiter's."""
    return AdaptiveRetryer(**{"draw": lambda: 0.0, **changes})


def limiter_at(rate: float, clock: Hand) -> RateLimiter:
    """A limiter that a throttle has just left at *rate*, with an empty bucket."""
    limiter = RateLimiter(clock)
    # In the two seconds before; the measured rate is 0.8 of them, and 0.7 of that is left.
    responses = 2.0 * rate / 0.7 / 0.8
    for _ in range(round(responses) - 1):
        limiter.responded(throttled=False)
    clock.time += 2.0
    limiter.responded(throttled=True)
    while limiter.take() == 0.0:
        pass
    return limiter


@define
class Detector:
    """Botocore's question, answered by the test."""

    throttled: bool = False

    def is_throttling_error(self, **_: object) -> bool:
        return self.throttled


STEPS = st.tuples(st.floats(0.0, 30.0) | st.floats(0.0, 0.2), st.sampled_from(["take", "success", "throttle"]))


@given(st.floats(0.0, 1e6), st.lists(STEPS, max_size=80))
def test_the_rate_and_the_tokens_are_those_of_botocore(start: float, steps: list[tuple[float, str]]) -> None:
    """Whatever comes at whatever time: the calls of all SDKs share one limit, and must give way to it alike."""
    clock = Hand(start)
    ours, detector = RateLimiter(clock), Detector()
    tokens = bucket.TokenBucket(max_rate=1, clock=clock)
    theirs = adaptive.ClientRateLimiter(
        throttling.CubicCalculator(starting_max_rate=0, start_time=start),
        adaptive.RateClocker(clock),
        tokens,
        detector,
        clock,
    )
    enabled = False

    for seconds, event in steps:
        clock.time += seconds
        if event == "take":
            try:
                room = not enabled or tokens.acquire(block=False)
            except CapacityNotAvailableError:
                room = False
            assert room is (ours.take() == 0.0)
        else:
            detector.throttled = event == "throttle"
            enabled = enabled or detector.throttled
            theirs.on_receiving_response()
            ours.responded(throttled=detector.throttled)
        assert pytest.approx(tokens.max_rate, rel=1e-9) == ours.rate


def test_a_throttle_leaves_seven_tenths_of_the_rate_and_successes_win_it_back() -> None:
    """The curve of the guide: 70 % at once, the old rate after the cube root of 0.3/0.4 of it, more only after that."""
    clock = Hand()
    limiter = limiter_at(56.0, clock)
    back = clock.time + (80.0 * 0.3 / 0.4) ** (1 / 3)
    rates = [limiter.rate]

    for end in (back, back + 1.0):
        while clock.time < end:
            clock.time = min(clock.time + 1 / 256, end)
            limiter.responded(throttled=False)
        rates.append(limiter.rate)

    assert pytest.approx([56.0, 80.0, 80.4]) == rates


def test_the_rate_grows_to_no_more_than_twice_what_is_sent() -> None:
    """A client that sends little has not shown that the service would bear much."""
    clock = Hand()
    limiter = limiter_at(56.0, clock)

    for _ in range(120):
        clock.time += 0.5
        limiter.responded(throttled=False)

    assert pytest.approx(4.0) == limiter.rate


def test_the_rate_never_falls_below_one_attempt_in_two_seconds() -> None:
    """A client that stopped altogether would never learn that the service has recovered."""
    clock = Hand()
    limiter = limiter_at(7.0, clock)

    for _ in range(50):
        limiter.responded(throttled=True)

    assert (0.5, 2.0) == (limiter.rate, limiter.take())


def test_before_the_first_throttle_everything_goes_out_at_once() -> None:
    """The mode costs nothing where the service has room, whatever else fails."""
    policy = retryer(clock=Hand())

    for error in (InternalFailure(), ConnectError(), ReadTimeoutError(), ValidationError(), ModelNotReadyException()):
        policy.delay([error], elapsed=0.0)
    policy.succeeded([])

    assert {0.0} == {policy.pace() for _ in range(1_000)}
    assert not policy.limiter.enabled


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_throttle_is_heard_whether_it_is_retried_or_not(attempts: int) -> None:
    """The service has asked this client for room, and not only this call."""
    policy = retryer(clock=Hand(), max_attempts=attempts)

    policy.delay([throttled()], elapsed=0.0)

    assert 2.0 == policy.pace()


def test_a_token_comes_with_time_and_is_taken_once() -> None:
    """At 7 attempts a second, each token is an attempt; a quiet time saves up at most the tokens of one second."""
    clock = Hand()
    limiter = limiter_at(7.0, clock)

    clock.time += 1 / 4
    taken = [limiter.take() for _ in range(2)]
    clock.time += 3_600.0
    saved = [limiter.take() for _ in range(8)]

    assert [0.0, pytest.approx(0.25 / 7)] == taken
    assert [0.0] * 7 == saved[:7]
    assert pytest.approx(1 / 7) == saved[7]


def test_time_that_has_passed_counts_at_the_rate_it_passed_at() -> None:
    """A new rate is for what comes; else a throttle would take back tokens, and a success hand out unearned ones."""
    clock = Hand()
    limiter = limiter_at(56.0, clock)

    clock.time += 0.1
    limiter.responded(throttled=True)

    assert pytest.approx(39.2) == limiter.rate
    assert [True] * 5 + [False] == [limiter.take() == 0.0 for _ in range(6)], "0.1 s at 56 a second"


def test_those_who_wait_are_spread_over_the_next_second_and_all_get_through() -> None:
    """1,000 who all woke for each of 56 tokens a second would ask 56,000 times a second, on one event loop."""
    clock = Hand()
    limiter = limiter_at(56.0, clock)
    start = clock.time
    waiting = [(start, number) for number in range(1_000)]
    went: list[float] = []
    asked = 0

    while waiting:
        clock.time, number = heapq.heappop(waiting)
        asked += 1
        wait = limiter.take()
        if wait == 0.0:
            went.append(clock.time - start)
        else:
            heapq.heappush(waiting, (clock.time + wait, number))

    assert 1_000 == len(went)
    assert all(number <= 56.0 * time + 1e-6 for number, time in enumerate(went, start=1)), "no faster than the rate"
    assert pytest.approx(1_000 / 56.0, rel=0.01) == went[-1], "and no slower"
    assert asked < 500 * 2.2 * went[-1], "of those who wait, 500 on average, each asks about twice a second"


@given(st.floats(1.0, 1e3), st.integers(0, 10**9))
def test_a_wait_is_never_lost_in_the_rounding_of_the_clock(rate: float, start: int) -> None:
    """Late in a machine's life a microsecond is below the clock's step; a wait that does not end is a busy loop."""
    clock = Hand(float(start))
    limiter = limiter_at(rate, clock)

    asked = 0
    while (wait := limiter.take()) > 0.0:
        assert clock.time < clock.time + wait
        clock.time += wait
        asked += 1

    assert 1 <= asked <= 3


def test_a_success_is_credited_to_the_quota_as_in_the_standard_mode() -> None:
    """Without the credit, a client whose quota was once used up would never retry again."""
    policy = retryer(clock=Hand(), quota=RetryQuota(20))
    assert policy.delay([throttled()] * 2, elapsed=0.0) is not None
    assert 15 == policy.quota.available

    policy.succeeded([])
    assert 16 == policy.quota.available
    policy.succeeded([throttled()])
    assert 20 == policy.quota.available


def test_policies_made_of_one_another_share_the_limiter_and_the_quota() -> None:
    """The service counts the client's requests, whatever options each call has."""
    policy = retryer(clock=Hand())

    other = policy.with_max_attempts(1).with_max_backoff(3.0).with_error_codes("Odd")

    assert isinstance(other, AdaptiveRetryer)
    assert (other.limiter, other.quota) == (policy.limiter, policy.quota)
    assert retryer(clock=Hand()).limiter is not policy.limiter
    with pytest.raises(ConfigError, match=r"AdaptiveRetryer\(max_attempts=0\): it takes"):
        policy.with_max_attempts(0)


async def test_after_a_throttle_every_attempt_waits_for_its_turn_the_first_one_of_a_call_too() -> None:
    """A burst of new calls is load as much as retries are."""
    clock = ManualClock()
    http = ScriptedHTTPClient([throttled(), answer()])
    caller = client(http, clock=clock, retryer=retryer(clock=clock))

    await caller.invoke_endpoint(PARAMS)
    await caller.invoke_endpoint(PARAMS)

    # 0.5 a second after the throttle; then 2 responses in 2 s, smoothed 0.8, of which twice as many may be sent.
    assert [0.0, 2.0, pytest.approx(1 / 1.6)] == clock.slept


async def test_a_throttle_of_one_client_slows_another_one_with_the_same_retryer() -> None:
    """Two clients of one account meet the same limit; to share the retryer is how they learn of it."""
    clock = ManualClock()
    policy = retryer(clock=clock, max_attempts=1)
    refused = client(ScriptedHTTPClient([throttled()]), clock=clock, retryer=policy)
    other = client(clock=clock, retryer=policy)

    with pytest.raises(ServiceError):
        await refused.invoke_endpoint(PARAMS)
    await other.invoke_endpoint(PARAMS)

    assert [2.0] == clock.slept


async def test_a_first_attempt_without_room_before_the_total_limit_fails_at_once() -> None:
    """The caller learns now what a timeout would show later, and nothing is sent in vain."""
    clock = ManualClock()
    http = ScriptedHTTPClient([throttled(), answer()])
    policy = retryer(clock=clock, max_attempts=1)
    caller = client(http, clock=clock, retryer=policy, timeout=Timeout(total=1.5))
    with pytest.raises(ServiceError):
        await caller.invoke_endpoint(PARAMS)

    with pytest.raises(TotalTimeoutError) as caught:
        await caller.invoke_endpoint(PARAMS)

    assert (
        "not sent: the retryer allows no attempt for 2.000 s, and Timeout.total ends in 1.500 s" == caught.value.message
    )
    assert ((), 1, []) == (caught.value.attempts, len(http.requests), clock.slept)


async def test_a_retry_without_room_before_the_total_limit_ends_with_what_had_failed() -> None:
    """As where the back-off would pass the limit: what the service said helps more than that time was short."""
    clock = ManualClock()
    caller = client(
        ScriptedHTTPClient([throttled()]), clock=clock, retryer=retryer(clock=clock), timeout=Timeout(total=1.5)
    )

    with pytest.raises(ServiceError, match="slow down") as caught:
        await caller.invoke_endpoint(PARAMS)

    note = "not retried: the retryer allows no attempt for 2.000 s, and Timeout.total ends in 1.500 s"
    assert [note] == caught.value.__notes__
    assert caught.value.__context__ is None
    assert (1, [0.0]) == (len(caught.value.attempts), clock.slept)


class AsleepClock(ManualClock):
    """Its sleep ends by cancellation alone."""

    async def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        await asyncio.Event().wait()


async def test_a_call_that_is_cancelled_while_it_waits_has_taken_nothing() -> None:
    """Else 1,000 cancelled calls would keep the client silent for the half hour they would have needed."""
    clock = AsleepClock()
    http = ScriptedHTTPClient()
    policy = retryer(clock=clock)
    policy.delay([throttled()], elapsed=0.0)
    caller = client(http, clock=clock, retryer=policy)
    calls = [asyncio.ensure_future(caller.invoke_endpoint(PARAMS)) for _ in range(1_000)]
    await asyncio.sleep(0)

    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)

    assert (1_000, 0) == (len(clock.slept), len(http.requests))
    assert all(call.cancelled() for call in calls)
    assert 2.0 == policy.pace()
    clock.advance(2.0)
    assert 0.0 == policy.pace()


@define
class Doorkeeper:
    """A user's paced retryer: lets an attempt in after the waits it was given."""

    waits: list[object]
    max_attempts: int = 3
    elapsed: list[float] = field(factory=list)

    def pace(self) -> object:
        return self.waits.pop(0)

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        self.elapsed.append(elapsed)
        return 0.25

    def succeeded(self, failures: Sequence[Exception]) -> None:
        pass


async def test_an_attempt_is_let_in_when_it_has_asked_until_there_is_room() -> None:
    """The rate may have changed while it waited; its time counts from when it was let in."""
    clock = ManualClock()
    policy = Doorkeeper([3, 2.0, 0, 0.5, 0.0])

    output = await client(
        ScriptedHTTPClient([ConnectError("refused"), answer()]), clock=clock, retryer=policy
    ).invoke_endpoint(PARAMS)

    assert [3, 2.0, 0.25, 0.5] == clock.slept
    assert [0.0] == policy.elapsed
    assert [0.0, 0.0] == [record.seconds for record in output.result_metadata[ATTEMPTS]]


@pytest.mark.parametrize("said", [math.nan, math.inf, -1.0, None, "1"])
async def test_a_pace_that_is_no_number_of_seconds_is_refused(said: object) -> None:
    """NaN would let everything through, and infinity nothing ever."""
    http = ScriptedHTTPClient()

    with pytest.raises(ConfigError) as caught:
        await client(http, retryer=Doorkeeper([said])).invoke_endpoint(PARAMS)

    assert f"the retryer's pace() returned {said!r}; it must return seconds, 0 or more" == caught.value.message
    assert [] == http.requests


async def test_a_retryer_whose_pace_is_no_method_is_not_paced() -> None:
    """A retryer of a user's own may mean something else by the name."""

    class Brisk(StandardRetryer):
        pace = "brisk"

    clock = ManualClock()

    for policy in (Brisk(), StandardRetryer(), NopRetryer()):
        await client(clock=clock, retryer=policy).invoke_endpoint(PARAMS)

    assert [] == clock.slept


async def test_the_log_of_retries_has_a_wait_for_room(caplog: pytest.LogCaptureFixture) -> None:
    """A client that has become slow by itself should be able to say so."""
    clock = ManualClock()
    caplog.set_level(logging.DEBUG, "sagemaker_runtime")
    caller = client(clock=clock, retryer=Doorkeeper([1.25, 0.0]), client_log_mode=ClientLogMode.RETRIES)

    await caller.invoke_endpoint(PARAMS)

    assert ["InvokeEndpoint waits 1.250 s for its turn"] == [record.getMessage() for record in caplog.records]


def test_the_adaptive_retryer_is_a_paced_one_to_a_type_checker() -> None:
    """The protocol is what a retryer of a user's own is written against."""
    policy: PacedRetryer = AdaptiveRetryer()

    assert 0.0 == policy.pace()
