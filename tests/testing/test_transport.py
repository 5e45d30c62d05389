"""`StubHTTPClient`: the script is followed to the letter, and what was sent can be read."""

from __future__ import annotations

import contextlib

import attrs
import pytest

from sagemaker_runtime import (
    Client,
    ConnectError,
    Headers,
    InternalStreamFailure,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    ModelStreamError,
    NopRetryer,
    ReadTimeoutError,
    Request,
    Response,
    ServiceError,
    Timeout,
    TransportError,
    TruncatedResponseError,
    ValidationError,
    override,
)
from sagemaker_runtime.testing import (
    SentRequest,
    StubHTTPClient,
    StubResponse,
    UnexpectedCallError,
    respond,
    respond_error,
    respond_stream,
)

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
STREAMED = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"once")


def client(stub: StubHTTPClient) -> Client:
    return Client(stub.options(), override(retryer=NopRetryer()))


async def test_the_answers_come_in_the_order_of_the_script() -> None:
    """A script is read from the top, whichever operations the requests are for."""
    stub = StubHTTPClient([respond(b"7"), respond_stream([b"a", b"b"]), lambda request: respond(request.body)])

    first = await client(stub).invoke_endpoint(PARAMS)
    second = await client(stub).invoke_endpoint_with_response_stream(STREAMED)
    parts = [part async for part in second.body.iter_bytes()]
    third = await client(stub).invoke_endpoint(PARAMS)

    assert (b"7", [b"a", b"b"], b"1,2") == (first.body, parts, third.body)
    stub.assert_done()


async def test_a_response_of_ones_own_and_an_exception_go_as_they_are() -> None:
    """A test of a transport's odd behaviour needs the body and the error to be its own objects."""
    error = ConnectError("refused")
    own = respond(b"own").response()
    stub = StubHTTPClient([error, own, lambda request: error])

    with pytest.raises(ConnectError) as first:
        await client(stub).invoke_endpoint(PARAMS)
    output = await client(stub).invoke_endpoint(PARAMS)
    with pytest.raises(ConnectError) as third:
        await client(stub).invoke_endpoint(PARAMS)

    assert error is first.value is third.value
    assert b"own" == output.body


async def test_one_request_too_many_is_an_error_that_names_it_and_is_not_retried() -> None:
    """Whatever the client does with an answer that nobody wrote, the test would be about nothing."""
    stub = StubHTTPClient([respond(b"7")])
    sending = Client(stub.options())
    await sending.invoke_endpoint(PARAMS)

    with pytest.raises(
        UnexpectedCallError, match=r"request 2, POST /endpoints/iris/invocations \(attempt 1\).* 1 entries"
    ):
        await sending.invoke_endpoint(PARAMS)

    assert 2 == len(stub.requests)


async def test_the_last_answer_repeats_where_that_is_wished() -> None:
    """Each time it is made anew: a body can be read but once."""
    stub = StubHTTPClient([respond_error(ModelError("no")), respond(b"7")], repeat=True)

    with pytest.raises(ModelError):
        await client(stub).invoke_endpoint(PARAMS)
    bodies = [(await client(stub).invoke_endpoint(PARAMS)).body for _ in range(3)]

    assert [b"7"] * 3 == bodies
    stub.assert_done()


@pytest.mark.parametrize(("repeat", "left"), [(False, 2), (True, 1)])
async def test_what_is_left_of_a_script_is_an_error_at_the_end(*, repeat: bool, left: int) -> None:
    """Code that stops calling too early passes every other assertion."""
    stub = StubHTTPClient([respond(), respond(), respond()], repeat=repeat)
    await client(stub).invoke_endpoint(PARAMS)

    with pytest.raises(UnexpectedCallError, match=f"1 requests were sent, and the script has {left} more"):
        stub.assert_done()


async def test_a_script_that_repeats_must_have_begun() -> None:
    """Repeated never is not what "the last one repeats" foresees."""
    stub = StubHTTPClient([respond()], repeat=True)

    with pytest.raises(UnexpectedCallError, match="0 requests were sent, and the script has 1 more"):
        stub.assert_done()


async def test_a_response_left_open_is_found() -> None:
    """In production it would hold a connection until a collection comes."""
    stub = StubHTTPClient([respond_stream([b"a", b"b"])])
    output = await client(stub).invoke_endpoint_with_response_stream(STREAMED)

    with pytest.raises(
        UnexpectedCallError, match="nor closed: the response to POST /endpoints/story/invocations-response"
    ):
        stub.assert_done()

    assert ["story"] == [sent.endpoint_name for sent in stub.unclosed]
    await output.body.aclose()
    stub.assert_done()


async def test_a_transport_that_was_given_is_closed_by_its_owner_alone() -> None:
    """What a client closes that is not its own is missing elsewhere."""
    stub = StubHTTPClient([])

    async with client(stub):
        pass
    before = stub.closed
    await stub.close()

    assert (0, 1) == (before, stub.closed)


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
    "filename": "answer.csv",
    "request_ttl_seconds": 60,
    "invocation_timeout_seconds": 90,
}


@pytest.mark.parametrize(
    ("operation", "parameters", "answer"),
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
async def test_what_was_sent_reads_as_what_was_given(operation: str, parameters: object, answer: StubResponse) -> None:
    """Every member of every operation, read by a table that is not the client's own."""
    stub = StubHTTPClient([answer])
    sending = client(stub)

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
    request = Request(path="/base/endpoints/a%20b/invocations", headers=Headers({"accept": "x"}))

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


@pytest.mark.parametrize(
    ("given", "kind", "status", "facts"),
    [
        (respond_error("ThrottlingException", "Rate exceeded"), ServiceError, 400, {"message": "Rate exceeded"}),
        (respond_error("ValidationError"), ValidationError, 400, {"message": ""}),
        (
            respond_error("Odd", status=418, headers={"x-amz-retry-after": "1500"}),
            ServiceError,
            418,
            {"retry_after": 1.5},
        ),
        (respond_error(ModelError("no memory")), ModelError, 424, {"message": "no memory", "log_stream_arn": None}),
    ],
)
async def test_an_error_reads_as_the_service_writes_it(
    given: StubResponse, kind: type[ServiceError], status: int, facts: dict[str, object]
) -> None:
    """Class, code, status and members go over the wire and back."""
    with pytest.raises(kind) as caught:
        await client(StubHTTPClient([given])).invoke_endpoint(PARAMS)

    assert (kind, status) == (type(caught.value), caught.value.status)
    assert facts == {name: getattr(caught.value, name) for name in facts}


async def test_an_error_tells_its_members_and_its_status() -> None:
    """What a container said is most of what a ModelError is for."""
    error = ModelError("no memory")
    error.original_status_code, error.original_message, error.status = 507, "out of memory", 499

    with pytest.raises(ModelError) as caught:
        await client(StubHTTPClient([respond_error(error)])).invoke_endpoint(PARAMS)

    heard = caught.value
    assert (507, "out of memory", 499) == (heard.original_status_code, heard.original_message, heard.status)


def test_an_error_without_a_known_status_needs_one() -> None:
    """A guess would be tested instead of what the service does."""
    with pytest.raises(
        ValueError, match="no status is known for the error 'Odd': give one, or use one of ValidationError"
    ):
        respond_error("Odd")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InternalStreamFailure("sorry"), "sorry"),
        (ModelStreamError("broken pipe"), "broken pipe"),
        (TruncatedResponseError("cut"), "cut"),
    ],
)
async def test_a_stream_ends_in_the_error_that_it_was_given(error: Exception, told: str) -> None:
    """The parts before it are good, and come."""
    stub = StubHTTPClient([respond_stream([b"a", b"b"], error=error)])
    output = await client(stub).invoke_endpoint_with_response_stream(STREAMED)
    parts = []

    with pytest.raises(type(error)) as caught:  # noqa: PT012 - the parts before it count
        async for part in output.body.iter_bytes():
            parts.append(part)  # noqa: PERF401 - as above

    assert ([b"a", b"b"], told) == (parts, caught.value.message)
    stub.assert_done()


async def test_a_body_may_break_off() -> None:
    """The head was good, and that is all that was."""
    stub = StubHTTPClient([respond(b"half", error=TruncatedResponseError("cut"))])

    with pytest.raises(TruncatedResponseError, match="cut"):
        await client(stub).invoke_endpoint(PARAMS)

    stub.assert_done()


async def test_an_answer_that_takes_time_takes_the_clocks() -> None:
    """The duration of an attempt is a fact that middleware report."""
    stub = StubHTTPClient([respond(b"7").after(3.0)])

    output = await client(stub).invoke_endpoint(PARAMS)

    assert (b"7", 3.0) == (output.body, stub.clock.monotonic())


async def test_an_answer_beyond_the_read_limit_is_a_read_time_out_after_that_limit() -> None:
    """As the real transport does it: the answer is lost, and the time too."""
    stub = StubHTTPClient([respond(b"7").after(3.0)])

    with pytest.raises(ReadTimeoutError, match=r"Timeout\.read, 2 s"):
        await client(stub).invoke_endpoint(PARAMS, override(timeout=Timeout(read=2.0)))

    assert 2.0 == stub.clock.monotonic()


async def test_a_body_read_twice_gives_the_same_bytes() -> None:
    """The transport's contract, which middleware below the deserializer rely on."""
    response: Response = respond(b"7").response()

    assert (b"7", b"7") == (await response.body.read(), await response.body.read())


async def test_a_request_too_many_is_an_error_at_the_end_also_where_the_code_has_swallowed_it() -> None:
    """An application that logs every exception and goes on would pass otherwise."""
    stub = StubHTTPClient([respond(b"7")])
    for _ in range(2):
        with contextlib.suppress(Exception):
            await client(stub).invoke_endpoint(PARAMS)

    with pytest.raises(UnexpectedCallError, match="request 2, POST /endpoints/iris/invocations"):
        stub.assert_done()


async def test_an_exception_of_the_script_is_raised_as_if_for_the_first_time() -> None:
    """Of one that repeats, each call would else show the frames and the notes of all before it."""
    stub = StubHTTPClient([ConnectError("down")], repeat=True)
    body = StubHTTPClient([respond(b"half", error=TruncatedResponseError("cut"))], repeat=True)
    seen = []
    for sending in (Client(stub.options()), client(body)):
        for _ in range(2):
            with pytest.raises(TransportError) as caught:
                await sending.invoke_endpoint(PARAMS)
            caught.value.add_note("of this call")
            seen.append((len(caught.traceback), len(caught.value.__notes__)))

    assert seen[0] == seen[1]
    assert seen[2] == seen[3]
