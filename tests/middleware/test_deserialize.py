"""Deserialize: results, errors, and who lets go of the connection."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from attrs import define, field
from support import NOON, ManualClock, ScriptedBody, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    BEFORE,
    RAW_RESPONSE,
    REQUEST_ID,
    TIMING,
    ClientLogMode,
    Context,
    DeserializeHandler,
    DeserializeInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    ModelError,
    NopRetryer,
    Output,
    Request,
    Response,
    ServiceError,
    TruncatedResponseError,
    deserialize_middleware,
)

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


def body_of(response: Response) -> ScriptedBody:
    assert isinstance(response.body, ScriptedBody)
    return response.body


async def test_a_result_brings_the_facts_of_its_call() -> None:
    """Request id for support, timing for a dashboard, the response for what has no member."""
    date = format_datetime(datetime.fromtimestamp(NOON, UTC), usegmt=True)
    response = answer(200, b"0.5", content_type="text/csv", x_amzn_requestid="r-1", date=date, x_odd="1")
    clock = ManualClock()

    def respond(_: Request) -> Response:
        clock.advance(2.0)
        return response

    output = await client(ScriptedHTTPClient([respond]), clock=clock).invoke_endpoint(PARAMS)

    metadata = output.result_metadata
    assert (output.body, output.content_type) == (b"0.5", "text/csv")
    assert metadata[REQUEST_ID] == "r-1"
    assert (metadata[TIMING].sent, metadata[TIMING].received, metadata[TIMING].date) == (NOON, NOON + 2.0, date)
    assert metadata[RAW_RESPONSE].headers["x-odd"] == "1"
    assert body_of(response).closed >= 1


@pytest.mark.parametrize("name", ["x-amzn-requestid", "X-Amz-Request-Id", "x-amz-requestid"])
async def test_the_request_id_is_found_under_each_of_its_names(name: str) -> None:
    """Different parts of AWS write it differently."""
    output = await client(ScriptedHTTPClient([answer(**{name: "r-1"})])).invoke_endpoint(PARAMS)

    assert output.result_metadata[REQUEST_ID] == "r-1"


async def test_an_answer_without_a_request_id_has_none() -> None:
    """A proxy or a local endpoint may send none, and the call has still succeeded."""
    output = await client().invoke_endpoint(PARAMS)

    assert output.result_metadata.get(REQUEST_ID) is None


@pytest.mark.parametrize(
    ("headers", "round_trip", "knows"),
    [
        ({"date": "Sun, 15 Jun 2025 15:06:40 GMT"}, 0.0, True),
        ({"date": "Sun, 15 Jun 2025 15:06:40 GMT"}, 901.0, True),
        ({"date": "Sun, 15 Jun 2025 15:06:40 GMT", "age": "5"}, 0.0, False),
        ({"date": "yesterday"}, 0.0, False),
        ({}, 0.0, False),
    ],
)
async def test_the_services_clock_is_read_from_a_date_that_can_be_trusted(
    *, headers: dict[str, str], round_trip: float, knows: bool
) -> None:
    """A cache's old date says nothing of the time now; one from within a call does, however long the call."""
    clock = ManualClock()

    def respond(_: Request) -> Response:
        clock.advance(round_trip)
        return answer(**headers)

    http = ScriptedHTTPClient([respond])
    caller = client(http, clock=clock)
    await caller.invoke_endpoint(PARAMS)
    output = await caller.invoke_endpoint(PARAMS)

    assert knows == http.requests[1].headers["amz-sdk-request"].startswith("ttl=")
    assert headers.get("date") == output.result_metadata[TIMING].date


async def test_an_error_has_the_facts_of_its_answer_and_the_connection_is_let_go() -> None:
    """An exception carries no output, so the facts are attached to it in one place."""
    body = b'{"Message": "boom", "OriginalStatusCode": 500, "OriginalMessage": "oom", "LogStreamArn": "arn"}'
    response = answer(424, body, x_amzn_errortype="ModelError", x_amzn_requestid="r-1")

    with pytest.raises(ModelError) as caught:
        await client(ScriptedHTTPClient([response])).invoke_endpoint(PARAMS)

    error = caught.value
    assert (error.operation, error.request_id, error.status, len(error.attempts)) == ("InvokeEndpoint", "r-1", 424, 1)
    assert error.metadata is not None
    assert error.metadata[RAW_RESPONSE] is response
    assert "original status 500" in str(error)
    assert body_of(response).closed >= 1


async def test_an_answer_whose_end_cannot_be_told_from_a_cut_is_an_error_and_not_retried() -> None:
    """Half a JSON document that looks whole is worse than a failure; and the model has run."""
    response = answer()
    body_of(response).delimited = False
    http = ScriptedHTTPClient([response])

    with pytest.raises(TruncatedResponseError, match="neither a Content-Length nor chunked coding"):
        await client(http).invoke_endpoint(PARAMS)

    assert len(http.requests) == 1
    assert body_of(response).closed >= 1


@pytest.mark.parametrize("mode", [ClientLogMode(0), ClientLogMode.RESPONSE, ClientLogMode.RESPONSE_WITH_BODY])
async def test_an_error_whose_body_breaks_off_is_still_that_error(mode: ClientLogMode) -> None:
    """Status and headers say what happened; and what is logged must not change what a call does."""
    response = answer(503, b"", x_amzn_errortype="ServiceUnavailable", x_amzn_requestid="r-1")
    body_of(response).error = TruncatedResponseError("cut")

    with pytest.raises(ServiceError) as caught:
        await client(ScriptedHTTPClient([response]), retryer=NopRetryer(), client_log_mode=mode).invoke_endpoint(PARAMS)

    assert (caught.value.code, caught.value.request_id) == ("ServiceUnavailable", "r-1")
    assert body_of(response).closed >= 1


@pytest.mark.parametrize("mode", [ClientLogMode(0), ClientLogMode.RESPONSE_WITH_BODY])
async def test_an_answer_that_breaks_off_has_its_request_id(mode: ClientLogMode) -> None:
    """Only the service can say what became of the call, and asks for the id."""
    response = answer(x_amzn_requestid="r-1")
    body_of(response).error = TruncatedResponseError("cut")

    with pytest.raises(TruncatedResponseError) as caught:
        await client(ScriptedHTTPClient([response]), client_log_mode=mode).invoke_endpoint(PARAMS)

    assert caught.value.request_id == "r-1"
    assert body_of(response).closed >= 1


@define
class EndlessBody(ScriptedBody):
    """A body that never comes; says when it is waited for."""

    waited_for: asyncio.Event = field(factory=asyncio.Event)

    async def read(self) -> bytes:
        self.waited_for.set()
        await asyncio.Event().wait()
        return b""


async def test_a_cancelled_call_lets_go_of_its_connection() -> None:
    """Otherwise the pool would keep a connection whose answer nobody reads."""
    body = EndlessBody()
    response = answer()
    response.body = body
    call = asyncio.ensure_future(client(ScriptedHTTPClient([response])).invoke_endpoint(PARAMS))
    await body.waited_for.wait()

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert body.closed >= 1


@pytest.mark.parametrize("anchor", ["CloseResponseBody", "OperationDeserializer", "RequestResponseLogger"])
async def test_a_middleware_that_fails_after_the_answer_leaks_no_connection(anchor: str) -> None:
    """Its exception is not wrapped; a note tells the request id where it is known."""

    async def burst(ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        await next(ctx, step)
        raise ZeroDivisionError("mine")

    response = answer(x_amzn_requestid="r-1")
    bursting = deserialize_middleware("Burst")(burst)

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        await client(
            ScriptedHTTPClient([response]), api_options=[lambda s: s.deserialize.insert(bursting, after=anchor)]
        ).invoke_endpoint(PARAMS)

    assert body_of(response).closed >= 1
    known = ["while reading the response to request id r-1"] if anchor == "OperationDeserializer" else []
    assert known == getattr(caught.value, "__notes__", [])


async def test_a_middleware_may_answer_in_the_services_stead() -> None:
    """A cache below OperationDeserializer gives the result itself; nothing is sent and nothing is parsed."""

    async def cached(ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        return Output(InvokeEndpointOutput(body=b"cached"))

    http = ScriptedHTTPClient()
    cache = deserialize_middleware("Cache")(cached)
    outputs = [
        await client(http, api_options=[lambda s, p=place: s.deserialize.add(cache, **p)]).invoke_endpoint(PARAMS)
        for place in ({}, {"position": BEFORE})
    ]

    assert [output.body for output in outputs] == [b"cached", b"cached"]
    assert http.requests == []


async def test_a_middleware_may_change_the_response_before_it_is_read() -> None:
    """Decompression, for one, is such a middleware."""

    async def shout(ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        output = await next(ctx, step)
        assert output.raw_response is not None
        output.raw_response.body = ScriptedBody((await output.raw_response.body.read()).upper())
        return output

    shouting = deserialize_middleware("Shout")(shout)

    output = await client(api_options=[lambda s: s.deserialize.add(shouting)]).invoke_endpoint(PARAMS)

    assert output.body == b"OK"
