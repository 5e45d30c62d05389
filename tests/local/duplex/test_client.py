"""The duplex operation from end to end: this package's client, and its local endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sagemaker_runtime import (
    ATTEMPTS,
    Client,
    ConnectionLostError,
    EventStreamError,
    InputValidationError,
    InternalServerError,
    InternalStreamFailure,
    InvokeEndpointInput,
    InvokeEndpointWithBidirectionalStreamInput,
    ModelError,
    ModelStreamError,
    RequestPayloadPart,
    ServiceError,
    StandardRetryer,
    TruncatedResponseError,
    override,
)
from sagemaker_runtime.local import (
    Conversation,
    CorruptFrame,
    Duplex,
    ErrorAnswer,
    Fault,
    GoAway,
    Invocation,
    LocalEndpoint,
    Part,
    Reset,
    StreamError,
    StreamReset,
    TruncatedBody,
    TruncatedFrame,
)

TALK = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="it")
AT_ONCE = override(retryer=StandardRetryer(draw=lambda: 0.0))


async def echo(conversation: Conversation) -> AsyncIterator[Part]:
    async for part in conversation:
        yield part


async def talk(client: Client, *parts: str | bytes | RequestPayloadPart) -> tuple[list[bytes], int]:
    """What comes back, and in how many attempts."""
    async with asyncio.timeout(20), await client.invoke_endpoint_with_bidirectional_stream(TALK, AT_ONCE) as stream:
        for part in parts:
            await stream.send(part)
        await stream.end()
        said = [part.bytes async for part in stream]
        head = await stream.initial_response()
    return said, len(head.result_metadata[ATTEMPTS])


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_one_client_calls_and_talks_at_one_url(*, tls: bool) -> None:
    """Options of the local endpoint are all that either needs, with TLS too."""

    def shout(invocation: Invocation) -> bytes:
        return invocation.body.upper()

    async with (
        LocalEndpoint({"it": Duplex(echo), "shout": shout}, tls=tls) as local,
        Client(local.options()) as client,
    ):
        said, _ = await talk(client, "one", b"two", RequestPayloadPart(b"three", completion_state="PARTIAL"))
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="shout", body=b"hello"))

    assert [b"one", b"two", b"three"] == said
    assert b"HELLO" == output.body


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        (ErrorAnswer(), 2),
        (ErrorAnswer(after=1), 2),
        (ErrorAnswer("ModelNotReadyException"), 2),
        (StreamReset(7, after=1), 2),
        (GoAway(refused=True), 2),
        (GoAway(after=1), 1),
    ],
)
async def test_a_call_outlives_a_fault(fault: Fault, attempts: int) -> None:
    """What was sent is sent again; every part comes back once."""
    async with LocalEndpoint({"it": Duplex(echo)}) as local, Client(local.options()) as client:
        local.inject("it", fault, call=1)

        assert ([b"one", b"two"], attempts) == await talk(client, "one", "two")
        assert attempts == local.calls("it")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ErrorAnswer("ValidationError"), InputValidationError),
        (ErrorAnswer("ModelError", after=2), ModelError),
        (ErrorAnswer("AccessDeniedException", 403, "no", after=1), ServiceError),
        (StreamError(), ModelStreamError),
        (StreamError("InternalStreamFailure"), InternalStreamFailure),
        (StreamReset(after=1), ConnectionLostError),
        (StreamReset(after=1, after_head=True), TruncatedResponseError),
        (Reset(after_head=True), TruncatedResponseError),
        (TruncatedBody(kept=20), TruncatedResponseError),
        (TruncatedFrame(), EventStreamError),
        (CorruptFrame(), EventStreamError),
    ],
)
async def test_a_fault_is_the_error_that_it_should_be(fault: Fault, error: type[Exception]) -> None:
    """And not a hang: each comes while its caller reads."""
    async with LocalEndpoint({"it": Duplex(echo)}) as local, Client(local.options()) as client:
        local.inject("it", fault, call=1)

        with pytest.raises(error):
            await talk(client, "one", "two", "three")


async def test_an_error_that_lasts_is_raised() -> None:
    """After the attempts of every other call."""
    async with LocalEndpoint({"it": Duplex(echo)}) as local, Client(local.options()) as client:
        local.inject("it", ErrorAnswer("InternalFailure"), call=1, times=3)

        with pytest.raises(InternalServerError):
            await talk(client, "one")
        assert 3 == local.calls("it")


async def test_an_endpoint_without_a_conversation_refuses_one() -> None:
    """As one whose container lacks the label."""
    async with LocalEndpoint({"it": lambda invocation: b""}) as local, Client(local.options()) as client:
        with pytest.raises(InputValidationError, match="does not support"):
            await talk(client, "one")


async def test_a_duplex_model_has_no_answer_to_other_calls() -> None:
    """The error says which call it takes."""
    async with LocalEndpoint({"it": Duplex(echo)}) as local, Client(local.options()) as client:
        with pytest.raises(ModelError, match="InvokeEndpointWithBidirectionalStream only") as caught:
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))

    assert 405 == caught.value.original_status_code


async def test_it_serves_from_a_thread() -> None:
    """As the fixture for pytest does."""
    with LocalEndpoint({"it": Duplex(echo)}) as local:
        async with Client(local.options()) as client:
            assert ([b"one"], 1) == await talk(client, "one")
        assert [Part(b"one", is_text=True)] == local.journal[0].parts


async def test_two_hundred_conversations_at_once() -> None:
    """Opened together, through a limit of 20 streams on a connection."""
    async with LocalEndpoint({"it": Duplex(echo)}, max_streams=20) as local, Client(local.options()) as client:
        found = await asyncio.gather(*(talk(client, f"{number}", "two") for number in range(200)))

    assert [[b"%d" % number, b"two"] for number in range(200)] == [said for said, _ in found]
