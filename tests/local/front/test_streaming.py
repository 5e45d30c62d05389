"""The response of InvokeEndpointWithResponseStream: its head, its parts, and when they are sent."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from both_clients import Client
from local.streams import ask, parts, until

from sagemaker_runtime import (
    ATTEMPTS,
    RAW_RESPONSE,
    REQUEST_ID,
    BuildHandler,
    BuildInput,
    Context,
    InvokeEndpointWithResponseStreamInput,
    Output,
    PayloadPart,
    StandardRetryer,
    ValidationError,
    build_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, Model

pytestmark = pytest.mark.twice

AT_ONCE = override(retryer=StandardRetryer(draw=lambda: 0.0))
CARELESS = with_api_options(lambda stack: stack.initialize.remove("OperationInputValidation"))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (lambda invocation: invocation.body, [b"body"]),
        (lambda invocation: Answer(body=invocation.body), [b"body"]),
        (lambda _: b"", [b""]),
        (lambda _: iter(()), []),
        (lambda _: iter([bytes(24 * 2**20 + 1)]), [bytes(24 * 2**20), b"\0"]),
    ],
)
async def test_an_answer_at_once_is_one_part_as_long_as_it_fits(model: Model, expected: list[bytes]) -> None:
    """A container need not stream; none that it says may be lost, nor make a frame that clients refuse."""
    assert expected == await parts(model)


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_part_is_sent_as_soon_as_the_model_gives_it(*, threaded: bool) -> None:
    """The first word must not wait for the last: this model goes on only when its first piece has arrived."""
    arrived = threading.Event()

    def plain(invocation: Invocation) -> Iterator[bytes]:
        yield b"first"
        assert arrived.wait(timeout=10)
        yield b"second"

    async def asynchronous(invocation: Invocation) -> AsyncIterator[bytes]:
        yield b"first"
        await until(arrived.is_set)
        yield b"second"

    model = plain if threaded else asynchronous
    async with LocalEndpoint({"it": model}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint_with_response_stream(ask())
        async with output.body as stream:
            first = await anext(stream)
            arrived.set()
            rest = [event async for event in stream]

    assert (PayloadPart(b"first"), [PayloadPart(b"second")]) == (first, rest)


async def test_every_member_of_input_and_head_makes_the_round_trip() -> None:
    """Two of them travel under headers of this operation's own, and the body's content type is that of the frames."""
    seen: list[Invocation] = []

    def answer_in_full(invocation: Invocation) -> Answer:
        seen.append(invocation)
        return Answer(
            body=b"data: 1\n\n",
            content_type="text/event-stream",
            custom_attributes="from: the container",
            invoked_production_variant="blue",
        )

    members = {
        "endpoint_name": "it",
        "body": b"body",
        "content_type": "application/json",
        "accept": "text/event-stream",
        "custom_attributes": "to: the container",
        "target_variant": "blue",
        "target_container_hostname": "second",
        "inference_id": "id 1",
        "inference_component_name": "component-1",
        "session_id": "s1",
        "prefix_aware_id": "prompt 7",
    }

    async with LocalEndpoint({"it": answer_in_full}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint_with_response_stream(InvokeEndpointWithResponseStreamInput(**members))
        await output.body.aclose()

    assert members == {name: getattr(seen[0], name) for name in members}
    assert (None, None) == (seen[0].target_model, seen[0].enable_explanations)
    assert ("text/event-stream", "from: the container", "blue") == (
        output.content_type,
        output.custom_attributes,
        output.invoked_production_variant,
    )
    head = output.result_metadata[RAW_RESPONSE].headers
    assert ("application/vnd.amazon.eventstream", "chunked") == (head["content-type"], head["transfer-encoding"])
    assert 4 == uuid.UUID(output.result_metadata[REQUEST_ID]).version


async def test_a_stream_takes_no_members_of_the_other_operation() -> None:
    """The service does not read them here, so a model that saw them would work on this machine only."""
    seen: list[Invocation] = []
    strangers = {
        "accept": "text/plain",
        "x-amzn-sagemaker-target-model": "m.tar.gz",
        "x-amzn-sagemaker-enable-explanations": "`true`",
    }

    @build_middleware("AddStrangers")
    async def add_strangers(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        for name, value in strangers.items():
            step.request.headers[name] = value
        return await next(ctx, step)

    async with (
        LocalEndpoint({"it": lambda invocation: seen.append(invocation) or b""}) as local,
        Client(local.options(), with_api_options(lambda stack: stack.build.add(add_strangers))) as client,
    ):
        output = await client.invoke_endpoint_with_response_stream(ask())
        await output.body.aclose()

    (invocation,) = seen
    assert strangers == {name: invocation.headers[name] for name in strangers}
    assert (None, None, None) == (invocation.accept, invocation.target_model, invocation.enable_explanations)


async def test_members_are_checked_as_this_operation_has_them(local: LocalEndpoint) -> None:
    """Only InvokeEndpoint opens a session; the failure for a wrong member comes before any stream."""
    params = ask(endpoint_name="echo", session_id="NEW_SESSION", accept="caf\u00e9")

    async with Client(local.options(), CARELESS) as client:
        with pytest.raises(ValidationError, match="2 validation errors detected") as raised:
            await client.invoke_endpoint_with_response_stream(params)

    assert "at 'accept'" in raised.value.message
    assert "Value 'NEW_SESSION' at 'sessionId'" in raised.value.message
    assert 0 == local.calls("echo")


async def test_a_fault_hits_a_streaming_call_too(local: LocalEndpoint) -> None:
    """Before the head, a stream is tried again like any call; the count of requests is one for both operations."""
    local.fail("echo", call=1)

    async with Client(local.options(), AT_ONCE) as client:
        output = await client.invoke_endpoint_with_response_stream(ask(endpoint_name="echo"))
        async with output.body as stream:
            pieces = [piece async for piece in stream.iter_bytes()]

    assert [b"body"] == pieces
    assert [503, None] == [attempt.status for attempt in output.result_metadata[ATTEMPTS]]
    assert 2 == local.calls("echo")


async def test_a_caller_whose_connection_breaks_under_a_write_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The write then fails before the loop has heard of it: an end like any other, and no failure of the model's."""
    seen: list[Invocation] = []
    closed: list[int] = []
    caller = socket.socket()

    async def hangs_up(invocation: Invocation) -> AsyncIterator[bytes]:
        seen.append(invocation)
        try:
            yield b"first"
            if len(seen) == 2:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() resets
                caller.close()
                for _ in range(3):
                    yield b"for nobody"
                pytest.fail("it cannot be written to")
        finally:
            closed.append(len(seen))

    async with LocalEndpoint({"it": hangs_up}) as local, Client(local.options()) as client:
        await (await client.invoke_endpoint_with_response_stream(ask())).body.aclose()
        # The same request once more, with its signature, by a caller that is not in the loop.
        caller.connect(("127.0.0.1", int(local.url.rpartition(":")[2])))
        head = "".join(f"{name}: {value}\r\n" for name, value in seen[0].headers.items())
        caller.sendall(f"POST /endpoints/it/invocations-response-stream HTTP/1.1\r\n{head}\r\nbody".encode())
        await until(lambda: len(closed) == 2)

    assert [1, 2] == closed
    assert [] == caplog.records


async def test_a_model_goes_no_faster_than_its_caller_reads() -> None:
    """Otherwise a long response to a slow reader would pile up in memory: 64 MiB here, of which the sockets hold a part."""
    piece = bytes(65_536)
    given = 0

    async def hasty(invocation: Invocation) -> AsyncIterator[bytes]:
        nonlocal given
        for given in range(1, 1_025):  # noqa: B007 - looked at from outside
            yield piece

    async with LocalEndpoint({"it": hasty}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint_with_response_stream(ask())
        async with output.body as stream:
            first = await anext(stream)
            for _ in range(1_000):
                await asyncio.sleep(0)
            given_to_one_read = given
            rest = [event async for event in stream]

    assert PayloadPart(piece) == first
    assert 1_023 == len(rest)
    assert given_to_one_read < 512
