"""`SentRequest`: what was sent can be read in terms of the API."""

from __future__ import annotations

import attrs
import pytest

from sagemaker_runtime import (
    Client,
    Headers,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Request,
    Timeout,
)
from sagemaker_runtime.testing import (
    SentRequest,
    StubHTTPClient,
    StubResponse,
    respond,
    respond_stream,
)


def members_of(parameters: object) -> dict[str, object]:
    members = {name: getattr(parameters, name) for name in attrs.fields_dict(type(parameters))}
    return {**members, "content_type": None} if members["content_type"] == FILLED_IN else members


FILLED_IN = "application/octet-stream"  # by the client, where nothing is given
ALL_IN = {
    "endpoint_name": "iris",
    "body": b"1,2",
    "content_type": "text/csv",
    "accept": "application/json",
    "custom_attributes": "tenant=acme",
    "inference_id": "abc",
}
TARGETED = {
    **ALL_IN,
    "target_variant": "blue",
    "target_container_hostname": "left",
    "inference_component_name": "part",
    "session_id": "session-1",
    "prefix_aware_id": "prefix",
}
QUEUED = {
    "s3_output_path_extension": "today",
    "filename": "result.csv",
    "request_ttl_seconds": 60,
    "invocation_timeout_seconds": 90,
}


@pytest.mark.parametrize(
    ("operation", "parameters", "response"),
    [
        (
            "InvokeEndpoint",
            InvokeEndpointInput(**TARGETED, target_model="m.tar.gz", enable_explanations="`true`"),
            respond(),
        ),
        ("InvokeEndpointWithResponseStream", InvokeEndpointWithResponseStreamInput(**TARGETED), respond_stream([])),
        ("InvokeEndpointAsync", InvokeEndpointAsyncInput(**ALL_IN, **QUEUED), respond(status=202)),
        (
            "InvokeEndpointAsync",
            InvokeEndpointAsyncInput(endpoint_name="iris", input_location="s3://bucket/key"),
            respond(status=202),
        ),
    ],
)
async def test_what_was_sent_reads_as_what_was_given(
    operation: str, parameters: object, response: StubResponse
) -> None:
    """Every member of every operation, read by a table that is not the client's own."""
    stub = StubHTTPClient([response])
    sending = Client(stub.options())

    if operation == "InvokeEndpoint":
        await sending.invoke_endpoint(parameters)
    elif operation == "InvokeEndpointAsync":
        await sending.invoke_endpoint_async(parameters)
    else:
        await (await sending.invoke_endpoint_with_response_stream(parameters)).body.aclose()

    (sent,) = stub.requests
    assert (operation, "iris", 1, Timeout()) == (sent.operation, sent.endpoint_name, sent.attempt, sent.timeout)
    assert type(parameters) is type(sent.parameters)
    assert members_of(parameters) == members_of(sent.parameters)


async def test_what_was_sent_is_as_it_was_then() -> None:
    """A middleware that changes the request afterwards would change the evidence."""
    stub = StubHTTPClient([respond()])
    headers = Headers({"accept": "x", "content-length": "0"})
    request = Request(host="models.test", path="/base/endpoints/a%20b/invocations", headers=headers)

    await stub.send(request, timeout=Timeout(read=3.0))
    request.headers["accept"] = request.path = "changed"

    (sent,) = stub.requests
    assert ("a b", "x", 3.0) == (sent.endpoint_name, sent.parameters.accept, sent.timeout.read)


@pytest.mark.parametrize("path", ["/bucket/key", "/endpoints/iris/elsewhere"])
def test_a_request_of_another_service_says_so(path: str) -> None:
    """The results of asynchronous inferences are fetched through the same transport."""
    sent = SentRequest(Request("GET", path=path), Timeout())

    assert (None, None, 1) == (sent.operation, sent.endpoint_name, sent.attempt)
    with pytest.raises(ValueError, match=f"GET {path} is not a request to SageMaker Runtime"):
        sent.parameters  # noqa: B018
