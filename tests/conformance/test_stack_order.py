"""The order of the default stack against the order of the Go SDK's stacks."""

from __future__ import annotations

import pytest
from conformance.conftest import cases, load, tally
from support import client

STEPS = ("Initialize", "Serialize", "Build", "Finalize", "Deserialize")

# What stands in Go's stack and not in ours, and why.
NOT_HERE = {
    "spanInitializeStart": "tracing is a guest",
    "spanInitializeEnd": "tracing is a guest",
    "spanBuildRequestStart": "tracing is a guest",
    "spanBuildRequestEnd": "tracing is a guest",
    "spanRetryLoop": "tracing is a guest",
    "RegisterServiceMetadata": "the context holds it before the stack is entered",
    "SetLogger": "the context holds it before the stack is entered",
    "legacyEndpointContextSetter": "there is one endpoint system, not two",
    "setLegacyContextSigningOptions": "there is one endpoint system, not two",
    "ResolveEndpointV2": "there is one endpoint system, not two",
    "disableHTTPS": "the resolver heeds the switch",
    "setOperationInput": "the step's input holds it",
    "SetCredentialSourceMiddleware": "the credentials do not tell their source",
    "AddTimeOffsetMiddleware": "RecordResponseTiming measures the skew",
    "ResolveAuthScheme": "the service has one, SigV4",
    "GetIdentity": "Signing asks for the credentials, freshly for each attempt",
    "AddRawResponseToMetadata": "the transport's handler does it",
    **dict.fromkeys(
        ["InterceptAttempt", "InterceptBeforeRetryLoop"],
        "a middleware in the same place does what an interceptor does",
    ),
    "OperationEventStreamDeserializer": "OperationDeserializer makes the stream where the operation has one",
    "ErrorCloseResponseBody": "CloseResponseBody closes after errors too",
}
# What stands elsewhere on purpose: in ours, before or after which one.
MOVED = {
    "ComputePayloadHash": ("Retry", "above, once per call: the body is the same for all attempts"),
    "RequestIDRetriever": ("OperationDeserializer", "below: an error has no output, so its facts are collected first"),
}

SNAPSHOTS = cases(
    "middleware/sagemaker-stack-order.json",
    lambda document: document["snapshots"],
    id=lambda snapshot: snapshot["operation"],
)


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_what_both_stacks_have_stands_in_the_same_step_and_order(snapshot):
    """An id of Go's must be found where a reader of Go looks for it, or be accounted for in a table above."""
    stack = client().stack(snapshot["operation"])

    for name in STEPS:
        ours = getattr(stack, name.lower()).ids()
        expected = [id for id in snapshot[name] if id not in NOT_HERE and id not in MOVED]
        assert expected == [id for id in ours if id in snapshot[name] and id not in MOVED], name


def test_the_order_that_all_sdks_share_holds():
    """Serialize, retry, and for each attempt sign and deserialize: what a signature covers depends on it."""
    expected = load("middleware/sagemaker-stack-order.json")["sra_order"]["must_appear_in_this_order"]

    ours = client().stack("InvokeEndpoint").list()

    shared = [id for id in expected if id not in NOT_HERE]
    assert shared == ["OperationSerializer", "Retry", "Signing", "OperationDeserializer"]
    assert shared == sorted(shared, key=ours.index)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("OperationInputValidation", "ResolveEndpoint"),
        ("ResolveEndpoint", "OperationSerializer"),
        ("OperationSerializer", "ClientRequestID"),
        ("ClientRequestID", "UserAgent"),
        ("UserAgent", "RecursionDetection"),
        ("ComputePayloadHash", "Retry"),
        ("RecursionDetection", "Retry"),
        ("Retry", "RetryMetricsHeader"),
        ("RetryMetricsHeader", "Signing"),
        ("Signing", "OperationDeserializer"),
        ("OperationDeserializer", "RequestIDRetriever"),
    ],
)
def test_one_stands_outside_the_other(outer, inner):
    """The transferable order of the set's note, with the two that stand elsewhere on purpose."""
    ours = client().stack("InvokeEndpoint").list()

    assert ours.index(outer) < ours.index(inner)


def test_the_stack_of_every_operation_is_compared():
    """Go has a snapshot for each of them; one that was left out would not be missed."""
    assert tally(SNAPSHOTS) == {"run": 3}
