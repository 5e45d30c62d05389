"""Where an error's name and message stand in an answer, and the trace id that is passed on inside Lambda."""

from __future__ import annotations

import base64
import os
from typing import Any

import pytest
from conformance.conftest import cases, load, tally
from support import ScriptedHTTPClient, client

from sagemaker_runtime import BEFORE, Headers, InvokeEndpointInput, build_middleware
from sagemaker_runtime.middleware.build import printable
from sagemaker_runtime.operations.invoke_endpoint import INVOKE_ENDPOINT
from sagemaker_runtime.protocol import Marshaller

MARSHALLER = Marshaller(INVOKE_ENDPOINT)
ELSEWHERE = "its body stands in Smithy's protocol tests, and runs there"


def answers(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The four lists of answers in one form: status, error type, body, and the code and message to be found."""
    found = [{"x_amzn_errortype": None, "body": "", **row} for row in document["header"]]
    found += [{"x_amzn_errortype": None, **row} for row in document["body"]]
    found += [
        {"x_amzn_errortype": row.get("header"), "expect": row.get("header", "FooError"), **row}
        for row in document["message"]
    ]
    found += [{"x_amzn_errortype": None, "expect": row["code"], **row} for row in document["not_json"]]
    return found


ANSWERS = cases(
    "misc/error-codes.json",
    answers,
    id=lambda row: f"{row['x_amzn_errortype']}-{row['body']}"[:60],
    skip=lambda row: ELSEWHERE if row["body"].startswith("see ") else None,
)


@pytest.mark.parametrize("row", ANSWERS)
def test_the_name_and_message_of_an_error_are_found(row):
    """Services, gateways and proxies put them in different places; an answer without a name has its status for one."""
    status = row.get("status", 400)
    headers = Headers() if row["x_amzn_errortype"] is None else Headers({"X-Amzn-ErrorType": row["x_amzn_errortype"]})

    error = MARSHALLER.error(status, headers, row["body"].encode())

    assert (row["expect"] or str(status)) == error.code
    if "message" in row:
        assert (row["body"] if row["message"] == "the body text" else row["message"]) == error.message


@pytest.mark.parametrize("index", range(8))
def test_the_wait_the_service_asks_for_is_in_milliseconds(index):
    """Anything else than a whole number is not a wait, and the standard Retry-After is not this service's."""
    text, seconds = load("misc/error-codes.json")["retry_after"]["cases"][index]
    headers = Headers({"Retry-After": "7"})
    if text is not None:
        headers["x-amz-retry-after"] = text

    assert seconds == MARSHALLER.error(503, headers, b"").retry_after


IN_CONTEXT = "a trace id in the context, for each of several invocations in a process, is Go's alone"
TRACES = cases(
    "misc/recursion-detection.json",
    lambda document: document["cases"],
    id=lambda case: (
        "-".join([*case["env"].values(), str(case["header_before"])])[:50].replace("\n", "%0A") or "nothing"
    ),
    skip=lambda case: IN_CONTEXT if case["context_trace_id"] is not None else None,
)


@pytest.mark.parametrize("case", TRACES)
async def test_the_trace_id_is_passed_on_inside_lambda(case, monkeypatch):
    """By it AWS stops a function that calls itself in a circle; a header that is there already is kept."""
    for name in ("AWS_LAMBDA_FUNCTION_NAME", "_X_AMZN_TRACE_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in case["env"].items():
        monkeypatch.setenv(name, value)
    transport = ScriptedHTTPClient()

    @build_middleware("Trace")
    def trace(ctx, step, next):
        if case["header_before"] is not None:
            step.request.headers["X-Amzn-Trace-Id"] = case["header_before"]
        return next(ctx, step)

    sdk = client(transport, api_options=[lambda stack: stack.build.add(trace, BEFORE)])
    await sdk.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b""))

    assert case["header_after"] == transport.requests[0].headers.get("x-amzn-trace-id")


def test_every_byte_of_a_trace_id_can_be_sent():
    """A trace id is what stands in the environment: bytes, of which a header carries the printable ones as they are."""
    case = load("misc/recursion-detection.json")["every_byte"]

    assert case["expect"] == printable(os.fsdecode(base64.b64decode(case["input_b64"])))


def test_only_what_go_alone_has_or_what_runs_elsewhere_is_skipped():
    """A case that is dropped, or a new one that does not run, is noticed here."""
    assert tally(ANSWERS) == {"run": 29, ELSEWHERE: 1}
    assert len(load("misc/error-codes.json")["retry_after"]["cases"]) == 8
    assert tally(TRACES) == {"run": 8, IN_CONTEXT: 7}
