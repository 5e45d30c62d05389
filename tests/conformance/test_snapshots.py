"""Our operations against the Go client's own snapshots, with every member set; it has none of the streaming one."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.conftest import cases, snake_case, tally
from support import OPERATIONS

from sagemaker_runtime import Headers, Metadata, Request
from sagemaker_runtime.operations.base import bindings
from sagemaker_runtime.protocol import Marshaller

MARSHALLERS = {operation.name: Marshaller(operation) for operation in OPERATIONS}
EMPTY_BODY = "frozen by mistake without the body that its input has"


def frozen_without_body(snapshot: dict[str, Any]) -> str | None:
    return EMPTY_BODY if "EMPTY body" in snapshot["id"] else None


REQUESTS = cases("protocol/go-snapshots/requests.json", id=lambda snapshot: snapshot["id"], skip=frozen_without_body)
RESPONSES = cases("protocol/go-snapshots/responses.json", id=lambda snapshot: snapshot["id"])


@pytest.mark.parametrize("snapshot", REQUESTS)
def test_a_request_is_that_of_the_go_client_header_for_header(snapshot):
    """At the serializer, because the placeholders break patterns that validation holds. Every member is set."""
    values = {snake_case(name): value for name, value in snapshot["input"].items()}
    values["body"] = values["body"].encode()
    marshaller, request = MARSHALLERS[snapshot["operation"]], Request(path="")

    marshaller.serialize(marshaller.operation.input_type(**values), request)

    # Go's transport asks for gzip and undoes it by itself. Ours gives the body as it came, so it asks for it plain,
    # and by a header of its own, because the signature covers it.
    expected = {"accept-encoding": "identity"} | {name.lower(): value for name, value in snapshot["headers"].items()}
    assert expected == dict(request.headers)
    assert (snapshot["method"], snapshot["path"]) == (request.method, request.path)
    assert snapshot["body"].encode() == request.body


@pytest.mark.parametrize("snapshot", RESPONSES)
def test_an_answer_is_read_as_the_go_client_reads_it(snapshot):
    """Every member of the output, and of each error, comes from where the service puts it."""
    marshaller = MARSHALLERS[snapshot["operation"]]
    headers, body = Headers.received(snapshot["headers"].items()), snapshot["body"].encode()

    if "expect" in snapshot:
        output = marshaller.deserialize(headers, body, Metadata())

        expected = {snake_case(name): value for name, value in snapshot["expect"].items()}
        if "body" in expected:
            expected["body"] = expected["body"].encode()
        assert expected == {name: getattr(output, name) for name in bindings(marshaller.operation.output_type)}
    else:
        error = marshaller.error(snapshot["status"], headers, body)

        members = {snake_case(name): value for name, value in snapshot["expect_error"].items() if name != "name"}
        assert (snapshot["expect_error"]["name"], snapshot["status"]) == (type(error).__name__, error.status)
        assert members == {name: getattr(error, name) for name in members}


def test_only_the_snapshot_that_contradicts_itself_is_skipped():
    """Two operations have snapshots, of requests, answers and errors; all others are to run."""
    assert tally(REQUESTS) == {"run": 3, EMPTY_BODY: 1}
    assert tally(RESPONSES) == {"run": 5}
