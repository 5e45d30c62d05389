"""What a watched journal has of a response, whatever becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from local.duplex_client import connected

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    NopRetryer,
    SageMakerRuntimeError,
    override,
)
from sagemaker_runtime.local import (
    CorruptFrame,
    Duplex,
    Exchange,
    Fault,
    Invocation,
    LocalEndpoint,
    ModelFailure,
    Reset,
    SlowBody,
    StreamError,
    TruncatedBody,
    TruncatedFrame,
)

ONCE = override(retryer=NopRetryer())


def story(invocation: Invocation) -> AsyncIterator[bytes]:
    async def told() -> AsyncIterator[bytes]:
        for word in invocation.body.split():
            if word == b"fail":
                raise ModelFailure("out of words")
            yield word

    return told()


async def watched(body: bytes, *, stream: bool, fault: Fault | None = None) -> Exchange:
    """The exchange of one call while somebody watches."""
    async with LocalEndpoint({"story": story}) as local, Client(local.options(), ONCE) as client:
        local.journal.watch(lambda exchange, event: None)
        if fault is not None:
            local.inject("story", fault, call=1)
        try:
            if stream:
                params = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=body)
                async with (await client.invoke_endpoint_with_response_stream(params)).body as parts:
                    async for _ in parts:
                        pass
            else:
                await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="story", body=body))
        except SageMakerRuntimeError:
            pass
    return local.journal[0]


def said(exchange: Exchange) -> list[tuple[str, bytes | None]]:
    return [(event.name, None if event.part is None else event.part.bytes) for event in exchange.events]


@pytest.mark.parametrize(
    ("body", "stream", "fault", "events"),
    [
        (b"a bc", False, None, [("head", None), ("body", b"abc"), ("end", None)]),
        (b"", False, None, [("head", None), ("end", None)]),
        (b"a bc", True, None, [("head", None), ("PayloadPart", b"a"), ("PayloadPart", b"bc"), ("end", None)]),
        (b"", True, None, [("head", None), ("end", None)]),
        (b"a", True, SlowBody(0, size=9), [("head", None), ("PayloadPart", b"a"), ("end", None)]),
        (b"abc", False, SlowBody(0, size=2), [("head", None), ("body", b"ab"), ("body", b"c"), ("end", None)]),
        (b"a", False, Reset(), [("reset", None)]),
        (b"a", False, Reset(after_head=True), [("head", None), ("reset", None)]),
        (b"abc", False, TruncatedBody(2), [("head", None), ("body", b"ab"), ("cut", None)]),
        (b"a b", True, TruncatedFrame(1), [("head", None), ("PayloadPart", b"a"), ("cut frame", None), ("end", None)]),
    ],
)
async def test_what_was_sent_is_noted_piece_by_piece(
    body: bytes, *, stream: bool, fault: Fault | None, events: list[tuple[str, bytes | None]]
) -> None:
    """As it went over the wire, so that a fault is seen where it struck."""
    exchange = await watched(body, stream=stream, fault=fault)

    assert events == said(exchange)
    parts = sum(len(part) for _, part in events if part is not None)
    assert parts == (0 if exchange.response is None else exchange.response.size)


async def test_an_error_in_a_stream_is_its_last_part() -> None:
    """Its document says why."""
    for fault, body in ((None, b"a fail"), (StreamError(), b"a b")):
        exchange = await watched(body, stream=True, fault=fault)

        assert ["head", "PayloadPart", "ModelStreamError", "end"] == [name for name, _ in said(exchange)]
        assert b"Message" in (said(exchange)[2][1] or b"")


async def test_what_follows_a_broken_frame_is_not_guessed() -> None:
    """Where the next one begins is not known."""
    exchange = await watched(b"a b c", stream=True, fault=CorruptFrame())

    assert ["head", "PayloadPart", "broken frame", "end"] == [name for name, _ in said(exchange)]


async def test_a_model_that_fails_at_first_has_one_response() -> None:
    """The head of the stream was never sent."""
    exchange = await watched(b"fail", stream=True)

    assert (424, "application/json") == (
        exchange.status,
        exchange.response and exchange.response.headers["Content-Type"],
    )
    assert ["head", "body", "end"] == [name for name, _ in said(exchange)]


async def test_a_large_body_is_kept_in_part() -> None:
    """A journal of 16 MiB would soon hold two exchanges."""
    exchange = await watched(b"x" * 1_000_000, stream=False)

    assert 262_144 == len(said(exchange)[1][1] or b"")
    assert exchange.response is not None
    assert 1_000_000 == exchange.response.size
    assert exchange.size < 2_000_000


async def test_a_duplex_call_has_a_response_too() -> None:
    """Its head, and the size of its parts."""

    async def shout(conversation: AsyncIterator[object]) -> AsyncIterator[str]:
        async for _ in conversation:
            yield "YES"

    async with LocalEndpoint({"it": Duplex(shout)}) as local, connected(local) as peer:
        local.journal.watch(lambda exchange, event: None)
        stream = peer.call()
        stream.send("hello", end=True)
        await stream.done()
        (exchange,) = local.journal

    assert exchange.response is not None
    assert ("application/vnd.amazon.eventstream", 3) == (
        exchange.response.headers["content-type"],
        exchange.response.size,
    )
    assert exchange.signature_holds


async def test_a_refused_duplex_call_has_the_body_of_its_error() -> None:
    """It says what is wrong."""
    async with LocalEndpoint({}) as local, connected(local) as peer:
        local.journal.watch(lambda exchange, event: None)
        stream = peer.call()
        await stream.done()
        (exchange,) = local.journal

    assert ["head", "body", "end"] == [name for name, _ in said(exchange)]
    assert b"not found" in (said(exchange)[1][1] or b"")
