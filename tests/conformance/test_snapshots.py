"""InvokeEndpoint against the Go client's own snapshots, with every member set."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.conftest import cases, snake_case, tally

from sagemaker_runtime import Headers, InvokeEndpointInput, Metadata, Request
from sagemaker_runtime.operations.base import bindings
from sagemaker_runtime.operations.invoke_endpoint import INVOKE_ENDPOINT
from sagemaker_runtime.protocol import Codec

CODEC = Codec(INVOKE_ENDPOINT)
NOT_THERE_YET = "the operation is not there yet"


def not_there(snapshot: dict[str, Any]) -> str | None:
    return None if snapshot["operation"] == "InvokeEndpoint" else NOT_THERE_YET


REQUESTS = cases("protocol/go-snapshots/requests.json", id=lambda snapshot: snapshot["id"], skip=not_there)
RESPONSES = cases("protocol/go-snapshots/responses.json", id=lambda snapshot: snapshot["id"], skip=not_there)


@pytest.mark.parametrize("snapshot", REQUESTS)
def test_a_request_is_that_of_the_go_client_header_for_header(snapshot):
    """At the serializer, because the placeholders break patterns that validation holds. Every member is set."""
    values = {snake_case(name): value for name, value in snapshot["input"].items()}
    values["body"] = values["body"].encode()
    request = Request(path="")

    CODEC.serialize(InvokeEndpointInput(**values), request)

    # Go's transport asks for gzip and undoes it by itself. Ours gives the body as it came, so it asks for it plain,
    # and by a header of its own, because the signature covers it.
    expected = {"accept-encoding": "identity"} | {name.lower(): value for name, value in snapshot["headers"].items()}
    assert expected == dict(request.headers)
    assert (snapshot["method"], snapshot["path"]) == (request.method, request.path)
    assert snapshot["body"].encode() == request.body


@pytest.mark.parametrize("snapshot", RESPONSES)
def test_an_answer_is_read_as_the_go_client_reads_it(snapshot):
    """Every member of the output, and of each error, comes from where the service puts it."""
    headers, body = Headers.received(snapshot["headers"].items()), snapshot["body"].encode()

    if "expect" in snapshot:
        output = CODEC.deserialize(headers, body, Metadata())

        expected = {snake_case(name): value for name, value in snapshot["expect"].items()}
        expected["body"] = expected["body"].encode()
        assert expected == {name: getattr(output, name) for name in bindings(INVOKE_ENDPOINT.output_type)}
    else:
        error = CODEC.error(snapshot["status"], headers, body)

        members = {snake_case(name): value for name, value in snapshot["expect_error"].items() if name != "name"}
        assert (snapshot["expect_error"]["name"], snapshot["status"]) == (type(error).__name__, error.status)
        assert members == {name: getattr(error, name) for name in members}


def test_only_the_snapshots_of_the_asynchronous_operation_are_skipped():
    """They are to run as soon as the operation is there."""
    assert tally(REQUESTS) == {"run": 2, NOT_THERE_YET: 2}
    assert tally(RESPONSES) == {"run": 4, NOT_THERE_YET: 1}
