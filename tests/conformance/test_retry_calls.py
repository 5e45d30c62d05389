"""The retry quota, and what the service is told of retries, against the published cases: whole calls where they matter."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from typing import Any

import pytest
from conformance.conftest import cases, load, tally
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    ATTEMPTS,
    ConnectTimeoutError,
    Context,
    InvokeEndpointInput,
    Output,
    Request,
    RetryQuota,
    ServiceError,
    StandardRetryer,
    Timeout,
    finalize_middleware,
    override,
)
from sagemaker_runtime.clock_skew import ClockSkew
from sagemaker_runtime.context import ATTEMPT, CLOCK, DEADLINE, TIMEOUT
from sagemaker_runtime.middleware import FinalizeInput
from sagemaker_runtime.middleware.finalize import RetryMetricsHeader
from sagemaker_runtime.retry import RETRYER

INPUT = InvokeEndpointInput(endpoint_name="iris", body=b"")


def failure(status: int | None = 500, code: str | None = None) -> ServiceError:
    error = ServiceError("refused")
    error.status = status
    error.code = code or str(status)
    return error


def in_prose(case: dict[str, Any]) -> bool:
    return "rule" in case or "results" in case


QUOTA = cases(
    "retry/quota.json",
    lambda document: [case for case in document["cases"] if not in_prose(case)],
    id=lambda case: case["id"].replace(" ", "-"),
)


@pytest.mark.parametrize("case", QUOTA)
def test_the_quota_is_spent_and_given_back_as_in_the_other_sdks(case):
    """The quota bounds how much a failing service is stormed; its arithmetic is the same in all SDKs."""
    quota = RetryQuota(50 if case["start"] == 50 else 500)
    assert quota.acquire(quota.capacity - case["start"])
    retryer = StandardRetryer(quota=quota)
    failures: list[Exception] = []

    for op in case.get("ops", [case["id"]]):
        match op:
            case ["acquire", tokens, enough, after]:
                assert (enough, after) == (quota.acquire(tokens), quota.available)
            case ["release", tokens, None, after]:
                quota.release(tokens)
                assert after == quota.available
            case "success":
                retryer.succeeded(failures)
            case "400":
                assert retryer.delay([failure(400)], elapsed=0.0) is None
            case "final 500" | "fail refused":
                failures = [*failures, failure()] if op == "fail refused" else [*failures, failure(), failure()]
                assert retryer.delay(failures, elapsed=0.0) is None
            case "timeout costs 14 (2026)":
                assert retryer.delay([ConnectTimeoutError("late")], elapsed=0.0) is not None
            case _:
                failures.append(failure(case.get("status", 500), case.get("error")))
                assert retryer.delay(failures, elapsed=0.0) is not None

    if "after" in case:
        assert case["after"] == quota.available
    if "cost" in case:
        assert case["cost"] == case["start"] - quota.available


async def test_calls_at_the_same_time_share_one_quota():
    """Two calls of one client, with two retries and one: each gives back only what its last retry cost."""
    case = next(case for case in load("retry/quota.json")["cases"] if "results" in case)
    scripts = {"a": [500, 500, 200], "b": [500, 200]}
    transport = ScriptedHTTPClient([lambda request: answer(scripts[request.path.split("/")[2]].pop(0))])
    quota = RetryQuota(case["start"])
    sdk = client(transport, retryer=StandardRetryer(quota=quota))

    outputs = await asyncio.gather(
        *(sdk.invoke_endpoint(InvokeEndpointInput(endpoint_name=name, body=b"")) for name in scripts)
    )

    assert [["success", len(output.result_metadata[ATTEMPTS])] for output in outputs] == case["results"]
    assert case["after"] == quota.available


def test_the_quota_never_leaves_its_bounds():
    """Ten workers that take and give back in any order, as the tasks of one thread do between two awaits."""
    quota, source = RetryQuota(500), random.Random(10)
    held = [0] * 10
    refused = 0

    for _ in range(10_000):
        worker, tokens = source.randrange(10), source.randint(1, 100)
        if held[worker]:
            quota.release(held[worker])
            held[worker] = 0
        elif quota.acquire(tokens):
            held[worker] = tokens
        else:
            refused += 1
        assert 500 - sum(held) == quota.available

    assert refused > 0


async def test_the_quota_runs_out_over_calls_and_the_error_says_so():
    """17 calls of three 502s use 476 of 500 tokens; the next one may retry once, and tells why it stopped."""
    quota = RetryQuota()
    transport = ScriptedHTTPClient([answer(502)])
    sdk = client(transport, retryer=StandardRetryer(quota=quota))

    for _ in range(17):
        with pytest.raises(ServiceError):
            await sdk.invoke_endpoint(INPUT)
    left, before = quota.available, len(transport.requests)
    with pytest.raises(ServiceError) as caught:
        await sdk.invoke_endpoint(INPUT)

    assert (left, before) == (24, 51)
    assert len(transport.requests) - before == 2
    assert any("quota" in note for note in caught.value.__notes__)


NAMED = "retry/amz-sdk-request.json"
CALLS = cases(
    NAMED,
    lambda document: [case for case in document["cases"] if "headers" in case or "requests" in case],
    id=lambda case: f"{case['origin']}-{case.get('note', 'no skew')}"[:60].replace(" ", "-"),
)
ATTEMPTS_OF_GO = cases(
    NAMED,
    lambda document: [case for case in document["cases"] if "header" in case],
    id=lambda case: f"attempt-{case['attempt']}",
)
DATES = ["Sat, 01 Jun 2019 00:00:00 GMT", "Sat, 01 Jun 2019 00:00:01 GMT", "Sat, 01 Jun 2019 00:00:02 GMT"]


def pairs(header: str) -> set[str]:
    """The pairs in ``amz-sdk-request``, whose order each SDK chooses."""
    return set(header.split("; "))


@pytest.mark.parametrize("case", CALLS)
async def test_the_service_is_told_the_attempt_and_the_deadline_on_its_own_clock(case):
    """The service may drop what nobody waits for any more, so the deadline is told by the clock of its last answer."""
    clock = ManualClock(datetime.fromisoformat("2019-06-01T00:00:00Z").timestamp())
    answers = case.get("responses") or [[500, DATES[0]], [500, DATES[1]], [200, DATES[2]]]
    transport = ScriptedHTTPClient([answer(status, date=date) for status, date in answers])
    one_second = StandardRetryer(base_delay=1.0, max_delay=1.0, draw=lambda: 1.0)
    # Where the case lets five seconds pass before an answer, they pass before the request is sent: botocore takes the
    # skew at the end of the round trip and we in its middle, which agree where the trip takes no time.
    seconds = 5 if "client_times" in case else 0

    @finalize_middleware("TimePasses")
    def time_passes(ctx, step, next):
        clock.advance(seconds)
        return next(ctx, step)

    sdk = client(
        transport,
        clock=clock,
        retryer=one_second,
        timeout=Timeout(read=case.get("read_timeout_s", 10)),
        api_options=[lambda stack: stack.finalize.insert(time_passes, after="RetryMetricsHeader")],
    )

    await sdk.invoke_endpoint(
        INPUT, *([override(timeout=Timeout(read=300))] if "300 s" in case.get("note", "") else [])
    )

    expected = case.get("headers") or [request["header"] for request in case["requests"]]
    assert list(map(pairs, expected)) == [pairs(request.headers["amz-sdk-request"]) for request in transport.requests]
    for expected_request, request in zip(case.get("requests", []), transport.requests, strict=False):
        assert expected_request["x_amz_date"] == request.headers["x-amz-date"]


@pytest.mark.parametrize("case", ATTEMPTS_OF_GO)
async def test_one_attempt_is_described_as_the_go_sdk_describes_it(case):
    """Go writes the deadline last and on the first attempt too; the pairs are the same."""
    clock, skew, ctx, request = ManualClock(), ClockSkew(), Context(), Request()
    ctx[ATTEMPT] = case["attempt"]
    ctx[CLOCK], ctx[TIMEOUT], ctx[RETRYER] = clock, Timeout(), StandardRetryer(max_attempts=case["max"])
    if case["deadline"] is not None:
        clock.time = datetime.fromisoformat(case["attempt_time"]).timestamp()
        skew.seconds = case["clock_skew_s"]
        ctx[DEADLINE] = clock.monotonic() + float(case["deadline"].removesuffix(" s"))

    async def end(ctx, step):
        return Output()

    await RetryMetricsHeader(skew).handle_finalize(ctx, FinalizeInput(request), end)

    assert pairs(case["header"]) == pairs(request.headers["amz-sdk-request"])


async def test_all_attempts_of_a_call_have_one_id_and_no_other_call_has_it():
    """By it the service tells a retry from another call of the same content."""
    transport = ScriptedHTTPClient([answer(500), answer(500), answer(200)])
    sdk = client(transport)

    await sdk.invoke_endpoint(INPUT)
    await sdk.invoke_endpoint(INPUT)

    first, second, third, other = (request.headers["amz-sdk-invocation-id"] for request in transport.requests)
    assert first == second == third
    assert first != other


def test_no_case_on_the_quota_or_the_header_is_skipped():
    """Those told in prose have a test of their own: three on the quota, one on the header."""
    quota_in_prose = [case for case in load("retry/quota.json")["cases"] if in_prose(case)]
    header_in_prose = [case for case in load(NAMED)["cases"] if "rule" in case]

    assert (tally(QUOTA), len(quota_in_prose)) == ({"run": 14}, 3)
    assert (tally(CALLS, ATTEMPTS_OF_GO), len(header_in_prose)) == ({"run": 6}, 1)
