"""`respond`, `respond_stream` and `respond_error`: the client reads them as it reads the service's responses."""

from __future__ import annotations

import pytest

from sagemaker_runtime import (
    Client,
    InternalStreamFailure,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    ModelStreamError,
    NopRetryer,
    Response,
    ServiceError,
    TruncatedResponseError,
    ValidationError,
    override,
)
from sagemaker_runtime.testing import (
    StubHTTPClient,
    StubResponse,
    respond,
    respond_error,
    respond_stream,
)

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
STREAMED = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"once")


def client(stub: StubHTTPClient) -> Client:
    return Client(stub.options(), override(retryer=NopRetryer()))


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


async def test_an_error_has_its_members_and_its_status() -> None:
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
    ("error", "message"),
    [
        (InternalStreamFailure("sorry"), "sorry"),
        (ModelStreamError("broken pipe"), "broken pipe"),
        (TruncatedResponseError("cut"), "cut"),
    ],
)
async def test_a_stream_ends_in_the_error_that_it_was_given(error: Exception, message: str) -> None:
    """The parts before it are good, and come."""
    stub = StubHTTPClient([respond_stream([b"a", b"b"], error=error)])
    output = await client(stub).invoke_endpoint_with_response_stream(STREAMED)
    parts = []

    with pytest.raises(type(error)) as caught:  # noqa: PT012 - the parts before it count
        async for part in output.body.iter_bytes():
            parts.append(part)  # noqa: PERF401 - as above

    assert ([b"a", b"b"], message) == (parts, caught.value.message)
    stub.assert_done()


async def test_a_body_may_break_off() -> None:
    """The head was good, and that is all that was."""
    stub = StubHTTPClient([respond(b"half", error=TruncatedResponseError("cut"))])

    with pytest.raises(TruncatedResponseError, match="cut"):
        await client(stub).invoke_endpoint(PARAMS)

    stub.assert_done()


async def test_a_body_read_twice_gives_the_same_bytes() -> None:
    """The transport's contract, which middleware below the deserializer rely on."""
    response: Response = respond(b"7").response()

    assert (b"7", b"7") == (await response.body.read(), await response.body.read())
