"""What `client_log_mode` logs, and what no mode ever shows."""

from __future__ import annotations

import itertools
import logging

import pytest
from support import ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    ClientLogMode,
    Context,
    FinalizeInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    PayloadPart,
    Request,
    StandardRetryer,
    StaticCredentialsProvider,
    ValidationError,
    finalize_middleware,
)
from sagemaker_runtime.streams.frames import Message, encode

MODES = list(ClientLogMode)
SILENT = {  # by a unary call
    ClientLogMode.DEPRECATED_USAGE,
    ClientLogMode.REQUEST_EVENT_MESSAGE,
    ClientLogMode.RESPONSE_EVENT_MESSAGE,
}
PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"in-body", custom_attributes="hush-in", accept="text/csv")
FIRST_LINE = {
    ClientLogMode.SIGNING: "InvokeEndpoint canonical request:",
    ClientLogMode.RETRIES: "InvokeEndpoint attempt 1 failed, retrying in 0.000 s: ServiceUnavailable: busy (HTTP 503)",
    ClientLogMode.REQUEST: "InvokeEndpoint request: <Request POST https://runtime.sagemaker.us-east-1",
    ClientLogMode.REQUEST_WITH_BODY: "InvokeEndpoint request: <Request POST https://runtime.sagemaker.us-east-1",
    ClientLogMode.RESPONSE: "InvokeEndpoint response: <Response 503, Headers({",
    ClientLogMode.RESPONSE_WITH_BODY: "InvokeEndpoint response: <Response 503, Headers({",
}


async def call(caplog: pytest.LogCaptureFixture, mode: ClientLogMode, **changes: object) -> str:
    """The log of a call that is tried twice."""
    attributes = {"X-Amzn-SageMaker-Custom-Attributes": "hush-out", "set-cookie": "hush-cookie"}
    http = ScriptedHTTPClient(
        [
            answer(503, b'{"message": "busy"}', x_amzn_errortype="ServiceUnavailable", **attributes),
            answer(200, b"out-body", **attributes),
        ]
    )
    credentials = StaticCredentialsProvider("AKID", "hush-secret", "hush-token")
    values = {"client_log_mode": mode, "credentials": credentials, "retryer": StandardRetryer(draw=lambda: 0.0)}
    with caplog.at_level(logging.DEBUG):
        await client(http, **{**values, **changes}).invoke_endpoint(PARAMS)
    signatures = {request.headers["authorization"].rpartition("=")[2] for request in http.requests}
    assert not any(signature in caplog.text for signature in signatures)
    return "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("sagemaker_runtime"))


async def test_nothing_is_logged_unless_asked(caplog: pytest.LogCaptureFixture) -> None:
    """A service's body may be anybody's data, and a call may be made a thousand times a second."""
    assert await call(caplog, ClientLogMode(0)) == ""


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode not in SILENT], ids=lambda mode: mode.name)
async def test_each_mode_logs_what_it_is_named_after(mode: ClientLogMode, caplog: pytest.LogCaptureFixture) -> None:
    """One flag, one kind of line."""
    text = await call(caplog, mode)

    assert text.startswith(FIRST_LINE[mode])
    assert [name for name in ("request:", "response:", "attempt 1") if name in text] == [
        name for name in ("request:", "response:", "attempt 1") if name in FIRST_LINE[mode]
    ]


@pytest.mark.parametrize(
    "modes", [pair for size in (1, 2, len(MODES)) for pair in itertools.combinations(MODES, size)], ids=str
)
async def test_no_mode_shows_a_credential_a_signature_or_a_sensitive_member(
    modes: tuple[ClientLogMode, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Logs are read by more people than the data is meant for; bodies have flags of their own."""
    mode = ClientLogMode(0)
    for each in modes:
        mode |= each

    text = await call(caplog, mode)

    assert "hush" not in text
    assert "AWS4-HMAC-SHA256 Credential" not in text
    assert (ClientLogMode.REQUEST_WITH_BODY in mode) == ("in-body" in text)
    assert (ClientLogMode.RESPONSE_WITH_BODY in mode) == ("out-body" in text)


async def test_the_logged_canonical_request_is_the_signed_one_but_for_what_is_redacted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is what one compares with when the service answers that the signature does not match."""
    text = await call(caplog, ClientLogMode.SIGNING)

    lines = text.splitlines()
    assert lines[1:3] == ["POST", "/endpoints/iris/invocations"]
    assert "x-amz-security-token:<redacted>" in lines
    assert "x-amzn-sagemaker-custom-attributes:<redacted>" in lines
    assert "accept:text/csv" in lines


async def test_what_is_logged_goes_to_the_logger_of_the_options(caplog: pytest.LogCaptureFixture) -> None:
    """A service has its own hierarchy of loggers."""
    ours = await call(caplog, ~ClientLogMode(0), logger=logging.getLogger("shop.calls"))

    assert ours == ""
    assert {record.name for record in caplog.records} == {"shop.calls"}
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


async def test_a_failure_that_is_not_retried_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """The last line of a failed call tells that no more was tried."""

    async def burst(ctx: Context, step: FinalizeInput, next: object) -> None:
        raise ZeroDivisionError("mine")

    bursting = finalize_middleware("Burst")(burst)
    caller = client(client_log_mode=ClientLogMode.RETRIES, api_options=[lambda s: s.finalize.add(bursting)])

    with caplog.at_level(logging.DEBUG), pytest.raises(ZeroDivisionError):
        await caller.invoke_endpoint(PARAMS)

    assert caplog.messages == ["InvokeEndpoint attempt 1 failed, not retrying: ZeroDivisionError: mine"]


class OtherSigner:
    """Signs in some way of its own."""

    def sign_http(self, request: Request, **_: object) -> None:
        request.headers["authorization"] = "Other hush=x"


async def test_a_signer_of_the_users_own_has_no_canonical_request_to_log(caplog: pytest.LogCaptureFixture) -> None:
    """To log ours would show a text that was not signed."""
    assert await call(caplog, ClientLogMode.SIGNING, http_signer_v4=OtherSigner()) == ""


async def test_a_transport_that_fails_leaves_only_the_request_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """There is not a response to show."""
    with caplog.at_level(logging.DEBUG), pytest.raises(ZeroDivisionError):
        await client(
            ScriptedHTTPClient([ZeroDivisionError()]), client_log_mode=ClientLogMode.REQUEST | ClientLogMode.RESPONSE
        ).invoke_endpoint(PARAMS)

    assert [message.partition(" <")[0] for message in caplog.messages] == ["InvokeEndpoint request:"]


async def test_the_messages_of_a_stream_are_logged_without_what_they_carry(caplog: pytest.LogCaptureFixture) -> None:
    """What came and how much of it; each part, though the stream reads equal ones by a quicker way."""
    part = encode(Message({":message-type": "event", ":event-type": "PayloadPart"}, b"hush"))
    http = ScriptedHTTPClient([answer(200, part * 2)])
    made = client(http, client_log_mode=ClientLogMode.RESPONSE_EVENT_MESSAGE)
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=b"hush")

    with caplog.at_level(logging.DEBUG):
        output = await made.invoke_endpoint_with_response_stream(params)
        async with output.body as stream:
            parts = [event async for event in stream]

    line = (
        "InvokeEndpointWithResponseStream event: <Message {':message-type': 'event', ':event-type': 'PayloadPart'}, "
        "payload of 4 bytes>"
    )
    assert [PayloadPart(b"hush")] * 2 == parts
    assert [line] * 2 == caplog.messages
    assert [("PayloadPart", 4)] * 2 == [(each.aws_event_type, each.aws_event_bytes) for each in caplog.records]


async def test_a_record_has_its_facts_as_attributes(caplog: pytest.LogCaptureFixture) -> None:
    """Who logs JSON must not have to take our sentences apart; the names are those that the documentation promises."""
    await call(caplog, ~ClientLogMode(0))

    common = {"aws_operation", "aws_attempt"}
    expected = {
        "canonical request": common,
        "request:": common | {"http_method", "http_url"},
        "response:": common | {"http_status", "aws_request_id"},
        "failed": common | {"http_status", "aws_error_code", "aws_retry_delay"},
    }
    seen = {
        kind: {name for name in vars(record) if name.startswith(("aws_", "http_"))}
        for record in caplog.records
        for kind in expected
        if kind in record.getMessage()
    }
    assert expected == seen
    assert {record.aws_attempt for record in caplog.records} == {1, 2}


async def test_a_line_end_of_a_peer_s_begins_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever writes an error's message could otherwise write log records."""
    http = ScriptedHTTPClient(
        [answer(400, b'{"message": "a\\nFAKE: line\\u001b[2J"}', x_amzn_errortype="ValidationError")]
    )

    with caplog.at_level(logging.DEBUG), pytest.raises(ValidationError):
        await client(http, client_log_mode=ClientLogMode.RETRIES).invoke_endpoint(PARAMS)

    (message,) = caplog.messages
    assert message.isprintable()
    assert "FAKE" in message
