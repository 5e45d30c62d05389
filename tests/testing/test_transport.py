"""`StubHTTPClient`: the script is followed to the letter, and what was sent can be read."""

from __future__ import annotations

import contextlib

import pytest

from sagemaker_runtime import (
    Client,
    ConnectError,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    NopRetryer,
    ReadTimeoutError,
    Timeout,
    TransportError,
    TruncatedResponseError,
    override,
)
from sagemaker_runtime.testing import (
    StubHTTPClient,
    UnexpectedCallError,
    respond,
    respond_error,
    respond_stream,
)

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
STREAMED = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"once")


def client(stub: StubHTTPClient) -> Client:
    return Client(stub.options(), override(retryer=NopRetryer()))


async def test_the_responses_come_in_the_order_of_the_script() -> None:
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
    """Whatever the client did with a response that nobody wrote, the test would show nothing."""
    stub = StubHTTPClient([respond(b"7")])
    sending = Client(stub.options())
    await sending.invoke_endpoint(PARAMS)

    with pytest.raises(
        UnexpectedCallError, match=r"request 2, POST /endpoints/iris/invocations \(attempt 1\).* 1 entries"
    ):
        await sending.invoke_endpoint(PARAMS)

    assert 2 == len(stub.requests)


async def test_the_last_response_repeats_on_request() -> None:
    """It is a new one each time, because a body can be read only once."""
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
    """A last entry that was never used has not been repeated."""
    stub = StubHTTPClient([respond()], repeat=True)

    with pytest.raises(UnexpectedCallError, match="0 requests were sent, and the script has 1 more"):
        stub.assert_done()


async def test_a_response_left_open_is_found() -> None:
    """In production it would hold a connection until garbage collection."""
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


async def test_a_response_that_takes_time_takes_the_clocks() -> None:
    """The duration of an attempt is a fact that middleware report."""
    stub = StubHTTPClient([respond(b"7").after(3.0)])

    output = await client(stub).invoke_endpoint(PARAMS)

    assert (b"7", 3.0) == (output.body, stub.clock.monotonic())


async def test_a_response_beyond_the_read_limit_is_a_read_timeout_after_that_limit() -> None:
    """As with the real transport: the response is lost, and the time too."""
    stub = StubHTTPClient([respond(b"7").after(3.0)])

    with pytest.raises(ReadTimeoutError, match=r"Timeout\.read, 2 s"):
        await client(stub).invoke_endpoint(PARAMS, override(timeout=Timeout(read=2.0)))

    assert 2.0 == stub.clock.monotonic()


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
