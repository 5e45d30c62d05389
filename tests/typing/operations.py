"""The other operations, retryers and local models as a checker sees them. Never run; see ``api.py``."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from sagemaker_runtime import (
    AdaptiveRetryer,
    AsyncInferenceResult,
    Client,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    JSONLinesParser,
    PacedRetryer,
    PayloadPart,
    Retryer,
    ServerSentEvent,
    ServerSentEventParser,
    StandardRetryer,
    SyncClient,
    UnknownEvent,
    override,
)
from sagemaker_runtime.local import Invocation, Model
from sagemaker_runtime.sync import LoopThread


async def wait(client: Client) -> None:
    """What an asynchronous inference takes and gives."""
    output = await client.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="story", body=b""))
    assert_type(output.output_location, str | None)
    assert_type(await client.wait_for_output(output, timeout=60), AsyncInferenceResult)
    InvokeEndpointAsyncInput(body=b"")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    await client.invoke_endpoint_async(InvokeEndpointInput(endpoint_name="a", body=b""))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def read(client: Client) -> None:
    """What a stream gives, event by event and put together."""
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"")
    output = await client.invoke_endpoint_with_response_stream(params)
    async with output.body as stream:
        async for event in stream:
            assert_type(event, PayloadPart | UnknownEvent)
            if isinstance(event, PayloadPart):
                assert_type(event.bytes, bytes)
        async for text in stream.iter_text():
            assert_type(text, str)
        async for message in stream.iter_server_sent_events():
            assert_type(message, ServerSentEvent)
        async for document in stream.iter_json_lines():
            assert_type(document, object)
        async for record in stream.iter_json_lines(decoder=record_of):
            assert_type(record, tuple[str, int])
        async for record in stream.iter_server_sent_events(decoder=record_of):
            assert_type(record, tuple[str, int])
        async for number in stream.iter_json_lines(decoder=number_of):
            assert_type(number, float)
        stream.iter_json_lines(decoder=5)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]


def read_without_async(client: SyncClient) -> None:
    """What the stream of a `SyncClient` gives: the same."""
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"")
    with client.invoke_endpoint_with_response_stream(params).body as stream:
        for event in stream:
            assert_type(event, PayloadPart | UnknownEvent)
        assert_type(list(stream.iter_bytes()), list[bytes])
        assert_type(list(stream.iter_text()), list[str])
        assert_type(list(stream.iter_lines()), list[str])
        assert_type(list(stream.iter_server_sent_events()), list[ServerSentEvent])
        assert_type(list(stream.iter_json_lines()), list[object])
        assert_type(list(stream.iter_json_lines(decoder=record_of)), list[tuple[str, int]])
        assert_type(list(stream.iter_server_sent_events(decoder=record_of)), list[tuple[str, int]])
        assert_type(list(stream.iter_json_lines(decoder=number_of)), list[float])
        stream.iter_json_lines(decoder=5)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]


def call_without_async(client: SyncClient) -> None:
    """What its other calls give: the same too."""
    output = client.invoke_endpoint(InvokeEndpointInput(endpoint_name="story", body=b""))
    assert_type(output.body, bytes)
    queued = client.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="story", body=b""))
    assert_type(client.wait_for_output(queued, timeout=60), AsyncInferenceResult)
    client.invoke_endpoint_async(InvokeEndpointInput(endpoint_name="a", body=b""))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def keep_a_loop(thread: LoopThread) -> None:
    """What a coroutine function takes and gives is checked through the thread."""

    async def length(text: str, *, times: int = 1) -> int:
        return len(text) * times

    assert_type(thread.run(length, "a", times=2), int)
    thread.run(length, 5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def record_of(line: str) -> tuple[str, int]:
    """A decoder of text."""
    return line, len(line)


def number_of(line: bytes | str) -> float:
    """A decoder of either, as those of libraries are."""
    return float(line)


def parsers() -> None:
    """What a parser gives is of its decoder's type."""
    assert_type(JSONLinesParser().feed(b""), list[object])
    assert_type(JSONLinesParser(decoder=record_of).feed(b""), list[tuple[str, int]])
    assert_type(ServerSentEventParser().feed(b""), list[ServerSentEvent])
    assert_type(ServerSentEventParser(decoder=number_of).end(), list[float])


standard: Retryer = AdaptiveRetryer().with_max_attempts(5)
paced: PacedRetryer = AdaptiveRetryer()
unpaced: PacedRetryer = StandardRetryer()  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
override(retry_mode="adaptive")
override(retry_mode="legacy")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def plain(invocation: Invocation) -> bytes:
    """A model that returns all at once."""
    return invocation.body


def pieces(invocation: Invocation) -> Iterator[bytes]:
    """A model that returns pieces."""
    yield invocation.body


async def slow_pieces(invocation: Invocation) -> AsyncIterator[bytes]:
    """The same, in the event loop."""
    yield invocation.body


def words(invocation: Invocation) -> Iterator[str]:
    """What is no model: a stream carries bytes."""
    yield invocation.body.decode()


models: list[Model] = [plain, pieces, slow_pieces]
no_model: Model = words  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
