"""Retry policy, classification and back-off against the published cases of three SDKs."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from conformance.conftest import cases, load, tally

from sagemaker_runtime import (
    ConnectError,
    ConnectionLostError,
    Headers,
    RetryQuota,
    ServiceError,
    StandardRetryer,
)
from sagemaker_runtime.operations.invoke_endpoint import INVOKE_ENDPOINT
from sagemaker_runtime.protocol import Marshaller
from sagemaker_runtime.retry import Failure, back_off, classify

MARSHALLER = Marshaller(INVOKE_ENDPOINT)


def error_of(status: int, code: str | None = None, headers: dict[str, str] | None = None) -> ServiceError:
    """The error that the client makes of such an answer."""
    body = b"" if code is None else json.dumps({"__type": code}).encode()
    return MARSHALLER.error(status, Headers(headers or {}), body)


def gave_up_for_the_quota(error: Exception) -> bool:
    return any("quota" in note for note in getattr(error, "__notes__", ()))


BASE_DELAYS = {"dynamodb": 0.025}  # seconds; an SDK of many services has such a table, here it is an option
LONG_POLLING = "no operation polls, so no call waits before it fails for want of quota"


def not_ours(case: dict[str, Any]) -> str | None:
    waits_and_fails = any(step["outcome"] == "quota_exceeded" and "delay_s" in step for step in case["steps"])
    return LONG_POLLING if waits_and_fails else None


STANDARD = cases(
    "retry/standard-2026.json",
    lambda document: document["cases"],
    id=lambda case: case["name"].replace(" ", "-"),
    skip=not_ours,
)


@pytest.mark.parametrize("case", STANDARD)
def test_standard_mode_decides_and_waits_as_the_other_sdks_do(case):
    """Outcome, quota and wait at each step: services tune their limits on how all SDKs behave together."""
    quota = RetryQuota(case["initial_quota"])
    retryer = StandardRetryer(
        max_attempts=case["max_attempts"],
        base_delay=BASE_DELAYS.get(case.get("service"), 0.05),
        quota=quota,
        draw=lambda: 1.0,
    ).with_max_backoff(case["max_backoff_s"])
    failures: list[Exception] = []

    for step in case["steps"]:
        answer = step["response"]
        if step["outcome"] == "success":
            retryer.succeeded(failures)
            failures = []  # what follows belongs to another call
        else:
            error = error_of(answer["status"], answer.get("error_code"), answer.get("headers"))
            failures.append(error)
            delay = retryer.delay(failures, elapsed=0.0)
            expected = pytest.approx(step["delay_s"]) if step["outcome"] == "retry" else None
            assert expected == delay
            assert (step["outcome"] == "quota_exceeded") is gave_up_for_the_quota(error)
        assert step.get("quota_after", case["initial_quota"]) == quota.available


TRAIT_ONLY = "the model's trait alone says nothing of a lost connection; here one rule knows both"
TAGGED = ("ModeledThrottlingError", "ModeledRetryableError", "ErrorCodeRetryable")  # by the retryable trait
MODELED_429 = "every 429 is throttling here, one that the model lists too"
BOTH = "throttling and transient in botocore; throttling here, which botocore too asks first"


def differs(row: dict[str, Any]) -> str | None:
    table, error, expected = row["table"], row["error"], row["expect"]
    if table == "RETRYABLE_MODELED_ERRORS" and isinstance(error, dict):
        return TRAIT_ONLY
    if table in ("STATUS_CODE_CHECKER_SKIPS_MODELED_ERRORS", "WHOLE_DECISION_ON_429_WITH_MODEL") and not expected:
        return MODELED_429
    return BOTH if table == "RETRYABLE_TRANSIENT_ERRORS" and error == "PriorRequestNotComplete" else None


def rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"table": table, **row} for table, listed in document["tables"].items() for row in listed]


def name_of(row: dict[str, Any]) -> str:
    error = row["error"]["exception"] if isinstance(row["error"], dict) else row["error"]
    return f"{row['table'].lower()}-{row['status']}-{error}"


CLASSIFICATION = cases("retry/classification-botocore.json", rows, id=name_of, skip=differs)
EXCEPTIONS = {"ConnectionError": ConnectError, "HTTPClientError": ConnectionLostError}
TRANSIENT = {Failure.TRANSIENT, Failure.CONNECTION_LOST}  # a lost connection is transient unless switched off


@pytest.mark.parametrize("row", CLASSIFICATION)
def test_a_failure_is_classified_as_botocore_classifies_it(row):
    """Each of botocore's tables asks one question; the answers must be the same where no difference is meant."""
    table, status, code = row["table"], row["status"], row["error"]
    if isinstance(code, dict):
        error: Exception = EXCEPTIONS[code["exception"]]("broken")
    else:
        error = ServiceError("refused")
        # The first table asks about the code alone and the second about the status alone; here one rule knows both.
        error.status = None if table == "RETRYABLE_THROTTLED_RESPONSES" and status == 429 else status
        if code is not None and table != "RETRYABLE_THROTTLING_STATUS_CODES":
            error.code = code

    answer = {
        "RETRYABLE_THROTTLED_RESPONSES": lambda: classify(error) is Failure.THROTTLING,
        "RETRYABLE_THROTTLING_STATUS_CODES": lambda: classify(error) is Failure.THROTTLING,
        "STATUS_CODE_CHECKER_SKIPS_MODELED_ERRORS": lambda: classify(error) is Failure.THROTTLING,
        "RETRYABLE_TRANSIENT_ERRORS": lambda: classify(error) in TRANSIENT,
        # No error of this service has the trait, so a policy is told by name.
        "RETRYABLE_MODELED_ERRORS": lambda: (
            StandardRetryer().with_error_codes(*TAGGED).delay([error], elapsed=0.0) is not None
        ),
        "WHOLE_DECISION_ON_429_WITH_MODEL": lambda: StandardRetryer().delay([error], elapsed=0.0) is not None,
    }[table]

    assert row["expect"] is answer()


OTHER_JITTER = "only full jitter is built"
TABLES = cases(
    "retry/backoff.json",
    lambda document: document["smithy_python_tables"],
    id=lambda table: f"{table['jitter']}-{table['scale']}-{table['max']}",
    skip=lambda table: None if table["jitter"] in ("full", "none") else OTHER_JITTER,
)


@pytest.mark.parametrize("table", TABLES)
def test_the_wait_doubles_up_to_its_ceiling(table):
    """No jitter is a draw of 1. Their first wait, before the first attempt, is always 0 and has no counterpart here."""
    draw = 0.5 if table["jitter"] == "full" else 1.0

    waits = [
        back_off(retry, base=table["scale"], ceiling=table["max"], draw=lambda: draw)
        for retry in range(1, len(table["delays"]))
    ]

    assert table["delays"][0] == 0
    assert pytest.approx(table["delays"][1:]) == waits


def test_the_waits_without_jitter_are_those_of_botocore():
    """The numbers of the standard mode: 50 ms doubling up to 20 s, and 1 s for a 429 without a name."""
    document = load("retry/backoff.json")
    bare = document["botocore_bare_429"]

    waits = [back_off(retry, base=0.05, ceiling=20.0, draw=lambda: 1.0) for retry in range(1, 12)]
    delay = StandardRetryer(draw=lambda: bare["random"]).delay([error_of(429)] * bare["attempt"], elapsed=0.0)

    assert pytest.approx(document["botocore_full_jitter_random_1"]["delays"]) == waits
    assert bare["delay_s"] == delay


def test_full_jitter_spreads_the_waits_evenly():
    """Botocore's statistics, with a seeded source: clients that failed together must not come back together."""
    draw = random.Random(2026).random

    third = [back_off(3, base=0.05, ceiling=20.0, draw=draw) for _ in range(1_000)]
    tenth = Counter(int(back_off(10, base=0.05, ceiling=20.0, draw=draw)) for _ in range(10_000))

    assert 0 <= min(third) <= max(third) <= 0.2
    assert sorted(tenth) == list(range(20))
    assert all(400 <= count <= 600 for count in tenth.values())


@pytest.mark.parametrize("index", range(3))
def test_the_service_may_ask_for_a_longer_wait_within_bounds(index):
    """At least our own wait, at most five seconds more: a wrong header must not hold a call for hours."""
    case = load("retry/backoff.json")["retry_after_smithy_python"][index]
    error = error_of(500)
    error.retry_after = case["retry_after"]

    delay = StandardRetryer(base_delay=case["base"], draw=lambda: 1.0).delay([error], elapsed=0.0)

    assert case["delay"] == delay


def test_what_is_skipped_of_the_policy_is_known():
    """A difference from the other SDKs is meant and has a name, or it is a mistake."""
    assert tally(STANDARD) == {"run": 18, LONG_POLLING: 2}
    assert tally(CLASSIFICATION) == {"run": 52, TRAIT_ONLY: 1, MODELED_429: 5, BOTH: 1}
    assert len(load("retry/backoff.json")["retry_after_smithy_python"]) == 3
    assert tally(TABLES) == {"run": 12, OTHER_JITTER: 4}
