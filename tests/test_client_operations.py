"""What the operations have in common at the door, and where each has a way of its own."""

from __future__ import annotations

import pytest
from support import ManualClock, ScriptedBody, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    ATTEMPTS,
    REQUEST_ID,
    TIMING,
    ClientClosedError,
    ConfigError,
    EventStreamError,
    InternalFailure,
    InvalidParamsError,
    InvokeEndpointAsyncInput,
    InvokeEndpointAsyncOutput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    PayloadPart,
    S3Object,
    ServiceError,
    Stack,
    WaitTimeoutError,
)
from sagemaker_runtime.streams.frames import Message, encode

ASYNC = InvokeEndpointAsyncInput(endpoint_name="iris", body=b"1,2")
STREAM = InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=b"1,2")
QUEUED = answer(
    202, b'{"InferenceId": "42"}', X_Amzn_SageMaker_OutputLocation="s3://bucket/out", x_amzn_RequestId="r-1"
)


def streamed(*parts: bytes) -> bytes:
    headers = {":message-type": "event", ":event-type": "PayloadPart"}
    return b"".join(encode(Message(headers, part)) for part in parts)


async def test_a_queued_inference_tells_where_its_answer_will_be() -> None:
    """202, the id in the document, the locations in headers; and the facts of the call as for every operation."""
    http = ScriptedHTTPClient([answer(503, b"{}"), QUEUED])

    output = await client(http, clock=ManualClock()).invoke_endpoint_async(ASYNC)

    assert ("42", "s3://bucket/out", None) == (output.inference_id, output.output_location, output.failure_location)
    assert output.result_metadata[REQUEST_ID] == "r-1"
    assert [record.status for record in output.result_metadata[ATTEMPTS]] == [503, None]
    assert TIMING in output.result_metadata
    assert http.requests[0].path == "/endpoints/iris/async-invocations"


async def test_a_stream_gives_its_parts_and_the_facts_of_the_call() -> None:
    """The output is there with the head; the parts follow."""
    http = ScriptedHTTPClient([answer(200, streamed(b"a", b"b"), x_amzn_RequestId="r-2")])

    output = await client(http).invoke_endpoint_with_response_stream(STREAM)
    async with output.body as stream:
        parts = [event async for event in stream]

    assert [PayloadPart(b"a"), PayloadPart(b"b")] == parts
    assert output.result_metadata[REQUEST_ID] == "r-2"
    assert len(output.result_metadata[ATTEMPTS]) == 1
    assert TIMING in output.result_metadata
    assert http.requests[0].path == "/endpoints/iris/invocations-response-stream"


@pytest.mark.parametrize("body", [b"<html>Please sign in</html>", b"Moved"])
@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/vnd.amazon.eventstream"])
async def test_a_stream_that_is_none_says_of_what_type_the_answer_is(body: bytes, kind: str) -> None:
    """A captive portal answers 200 to everything; that a checksum is wrong would send its user looking in the dark."""
    made = client(ScriptedHTTPClient([answer(200, body, Content_Type=kind)]))
    output = await made.invoke_endpoint_with_response_stream(STREAM)

    with pytest.raises(EventStreamError) as caught:
        await anext(output.body)

    note = "the response is of type 'text/html; charset=utf-8', not an event stream"
    assert ([note] if "html" in kind else []) == getattr(caught.value, "__notes__", [])
    assert 0 == caught.value.offset


async def test_a_stream_that_breaks_later_has_the_right_type_whatever_its_head_says() -> None:
    """A proxy may change the type; after a good part, it explains nothing."""
    cut = streamed(b"a", b"b")[:-1]
    made = client(ScriptedHTTPClient([answer(200, cut, Content_Type="application/octet-stream")]))
    output = await made.invoke_endpoint_with_response_stream(STREAM)

    assert PayloadPart(b"a") == await anext(output.body)
    with pytest.raises(EventStreamError, match="stopped inside the frame") as caught:
        await anext(output.body)

    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize(
    ("method", "params"),
    [("invoke_endpoint_async", ASYNC), ("invoke_endpoint_with_response_stream", STREAM)],
)
async def test_a_failed_call_tells_the_same_facts_whatever_the_operation(method: str, params: object) -> None:
    """A log line or a metric made of an error must not care which operation it was."""
    http = ScriptedHTTPClient(
        [answer(500, b'{"Message": "no"}', x_amzn_ErrorType="InternalFailure", x_amzn_RequestId="r")]
    )
    made = client(http, clock=ManualClock())

    with pytest.raises(InternalFailure) as caught:
        await getattr(made, method)(params)

    error = caught.value
    assert (error.status, error.request_id, len(error.attempts)) == (500, "r", 3)
    assert error.operation in str(made.stack(error.operation))
    assert error.metadata is not None
    assert TIMING in error.metadata


async def test_an_api_option_tells_the_operations_apart_by_the_stack_s_id() -> None:
    """One function serves all operations, and a middleware for one of them is added by name."""
    seen: list[str] = []

    def only_streams(stack: Stack) -> None:
        seen.append(stack.id)
        if stack.id == "InvokeEndpointWithResponseStream":
            stack.finalize.remove("Retry")

    made = client(api_options=[only_streams])

    assert seen == ["InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream"]
    assert [id for id in seen if made.stack(id).finalize.get("Retry") is None] == ["InvokeEndpointWithResponseStream"]


@pytest.mark.parametrize(
    ("method", "wrong"),
    [
        ("invoke_endpoint", ASYNC),
        ("invoke_endpoint_async", STREAM),
        ("invoke_endpoint_with_response_stream", InvokeEndpointInput(endpoint_name="iris", body=b"")),
    ],
)
async def test_the_input_of_another_operation_is_refused(method: str, wrong: object) -> None:
    """They share most members, so it would be sent, and mean something else."""
    http = ScriptedHTTPClient()

    with pytest.raises(InvalidParamsError, match=f"the input is of type {type(wrong).__name__}; pass "):
        await getattr(client(http), method)(wrong)

    assert http.requests == []


class Store:
    """Holds what was put into it under its location."""

    def __init__(self, **objects: S3Object) -> None:
        self.objects = {f"s3://bucket/{name}": found for name, found in objects.items()}
        self.asked: list[str] = []

    async def read(self, location: str) -> S3Object | None:
        self.asked.append(location)
        return self.objects.get(location)


async def test_the_result_of_a_queued_inference_is_fetched_from_where_it_was_told() -> None:
    """The call and the wait go together: what the one gives, the other takes."""
    made = client(ScriptedHTTPClient([QUEUED]))
    output = await made.invoke_endpoint_async(ASYNC)

    result = await made.wait_for_output(output, s3=Store(out=S3Object(b"setosa", "text/csv")))

    assert (b"setosa", "text/csv") == (result.body, result.content_type)


async def test_a_wait_goes_by_the_client_s_clock() -> None:
    """A test of a service of the user's own must not wait an hour."""
    clock, store = ManualClock(), Store()

    with pytest.raises(WaitTimeoutError):
        await client(clock=clock).wait_for_output(
            InvokeEndpointAsyncOutput(output_location="s3://bucket/out"), s3=store
        )

    assert pytest.approx(3_600.0) == clock.monotonic()


async def test_the_client_s_own_reader_signs_for_s3_with_its_credentials_region_and_transport() -> None:
    """Nothing is to be set up for the usual case, and a second wait uses what the first has learnt of the buckets."""
    http = ScriptedHTTPClient([answer(200, b"setosa")])
    made = client(http)
    output = InvokeEndpointAsyncOutput(output_location="s3://bucket/out")

    first, second = await made.wait_for_output(output), await made.wait_for_output(output)

    assert (b"setosa", b"setosa") == (first.body, second.body)
    assert [("GET", "bucket.s3.us-east-1.amazonaws.com", "/out")] * 2 == [
        (request.method, request.host, request.path) for request in http.requests
    ]
    assert "/us-east-1/s3/aws4_request" in http.requests[0].headers["authorization"]


@pytest.mark.parametrize(("uncorrected", "signed"), [(False, "20250615T160640Z"), (True, "20250615T150640Z")])
async def test_the_client_s_own_reader_signs_by_the_service_s_clock(uncorrected: bool, signed: str) -> None:  # noqa: FBT001
    """Where ours is an hour late, S3 would refuse what SageMaker took: its answer has told what time it is."""
    queued = answer(202, b"{}", X_Amzn_SageMaker_OutputLocation="s3://bucket/out", Date="Sun, 15 Jun 2025 16:06:40 GMT")
    http = ScriptedHTTPClient([queued, answer(200, b"setosa")])
    made = client(http, disable_clock_skew_correction=uncorrected)

    await made.wait_for_output(await made.invoke_endpoint_async(ASYNC))

    assert ["20250615T150640Z", signed] == [request.headers["x-amz-date"] for request in http.requests]


async def test_a_wait_for_nothing_says_so() -> None:
    """An output without a location can only be one that was made by hand, or by a server that is not the service."""
    with pytest.raises(ConfigError, match="the output has no output_location"):
        await client().wait_for_output(InvokeEndpointAsyncOutput())


async def test_a_wait_without_a_region_says_what_to_set() -> None:
    """The signature and the bucket's address need one."""
    made = client(region=None)

    with pytest.raises(ConfigError, match=r"set Options\.region"):
        await made.wait_for_output(InvokeEndpointAsyncOutput(output_location="s3://bucket/out"))


async def test_a_closed_client_does_not_wait() -> None:
    """Its transport may be closed with it."""
    made = client()
    await made.close()

    with pytest.raises(ClientClosedError):
        await made.wait_for_output(InvokeEndpointAsyncOutput(output_location="s3://bucket/out"))


async def test_an_error_of_a_stream_has_its_body_read_and_closed_before_anyone_sees_it() -> None:
    """Only a stream that begins belongs to its reader."""
    body = ScriptedBody(b'{"Message": "slow down"}')
    response = answer(400, x_amzn_ErrorType="ThrottlingException")
    response.body = body
    made = client(ScriptedHTTPClient([response]), clock=ManualClock())

    with pytest.raises(ServiceError, match="ThrottlingException: slow down"):
        await made.invoke_endpoint_with_response_stream(STREAM)

    assert body.closed
