"""A conversation: what goes where, what is raised to whom, what is attempted again, and how it ends."""

from __future__ import annotations

import asyncio
import copy
import gc
import re
import time
import warnings
from pathlib import Path

import pytest
from duplex_server import ServerStream, duplex_client, duplex_server, echo, part_frame

from sagemaker_runtime import (
    ATTEMPTS,
    BEFORE,
    REQUEST_ID,
    AnonymousCredentialsProvider,
    BuildHandler,
    BuildInput,
    Client,
    ClientClosedError,
    ClientLogMode,
    ConfigError,
    ConnectionLostError,
    Context,
    DuplexStream,
    EventStreamError,
    HTTP2Client,
    InputValidationError,
    InvalidParamsError,
    InvokeEndpointInput,
    InvokeEndpointWithBidirectionalStreamInput,
    ModelError,
    ModelStreamError,
    NopRetryer,
    Options,
    Output,
    RequestPayloadPart,
    ServiceError,
    ServiceUnavailableError,
    StandardRetryer,
    StaticCredentialsProvider,
    StreamClosedError,
    StreamContentError,
    Timeout,
    TotalTimeoutError,
    build_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.streams.frames import Message, encode

INPUT = InvokeEndpointWithBidirectionalStreamInput(
    endpoint_name="talker", target_variant="blue", model_invocation_path="v1/ws", model_query_string="rate=16000"
)
QUICK = StandardRetryer(base_delay=0.001, throttling_base_delay=0.001)
PAGE = Path(__file__).parents[2] / "docs" / "duplex.md"


async def opened(client: Client, *changes: object) -> DuplexStream:
    return await client.invoke_endpoint_with_bidirectional_stream(INPUT, *changes)  # type: ignore[arg-type]


async def test_each_part_keeps_its_bytes_its_type_and_its_place() -> None:
    """One part is one frame of the container's WebSocket: to merge or to split two would be another message."""
    async with duplex_server(echo) as server, duplex_client(server) as client, await opened(client) as stream:
        await stream.send("text é")
        await stream.send(b"\xff", partial=True)
        await stream.send(bytearray(b"rest"))
        await stream.send(RequestPayloadPart(b"own", data_type="BINARY", p="pad"))
        await stream.send(b"")
        await stream.end()
        await stream.end()
        parts = [(part.bytes, part.data_type, part.completion_state, part.p) async for part in stream]

    assert parts == [
        ("text é".encode(), "UTF8", "COMPLETE", None),
        (b"\xff", "BINARY", "PARTIAL", None),
        (b"rest", "BINARY", "COMPLETE", None),
        (b"own", "BINARY", None, "pad"),
        (b"", "BINARY", "COMPLETE", None),
    ]
    assert (5, True) == (stream.parts_sent, stream.ended)
    sent = server.streams[0].headers
    assert "/endpoints/talker/invocations-bidirectional-stream" == sent[":path"]
    assert ["blue", "v1/ws", "rate=16000"] == [
        sent[f"x-amzn-sagemaker-{name}"] for name in ("target-variant", "model-invocation-path", "model-query-string")
    ]
    assert "STREAMING-AWS4-HMAC-SHA256-EVENTS" == sent["x-amz-content-sha256"]
    assert {"content-length", "host", "te"}.isdisjoint(sent)


async def test_messages_are_joined_from_their_parts() -> None:
    """A text may be cut inside a character, which only the whole message has."""
    async with duplex_server(echo) as server, duplex_client(server) as client, await opened(client) as stream:
        e = "é".encode()
        await stream.send(RequestPayloadPart(e[:1], data_type="UTF8", completion_state="PARTIAL"))
        await stream.send(RequestPayloadPart(e[1:], data_type="UTF8"))
        await stream.send(b"bytes")
        await stream.send("begun", partial=True)
        await stream.end()
        messages = stream.messages()
        first = await anext(messages)
        second = await anext(messages)
        with pytest.raises(EventStreamError, match="inside a message, after 5 bytes of it"):
            await anext(messages)

    assert ("é", "UTF8", b"bytes") == (first.text, first.data_type, second.bytes)


async def test_a_part_that_is_no_text_says_so() -> None:
    """Half a character is what a partial message has at its end."""
    async with duplex_server(echo) as server, duplex_client(server) as client, await opened(client) as stream:
        await stream.send(b"\xc3", partial=True)
        part = await anext(stream)
        with pytest.raises(StreamContentError, match="which is PARTIAL and may end inside a character, is not UTF-8"):
            _ = part.text


async def test_the_head_may_come_after_the_first_part() -> None:
    """A model that responds to what it hears would otherwise wait for us as we for it."""

    async def script(stream: ServerStream) -> None:
        message = await anext(stream.events())
        stream.respond(x_amzn_invoked_production_variant="green")
        await stream.part(message.payload)
        stream.end()

    async with duplex_server(script) as server, duplex_client(server) as client, await opened(client) as stream:
        await stream.send("hi")
        output = await stream.initial_response()

        assert "green" == output.invoked_production_variant
        assert "req-1" == output.result_metadata[REQUEST_ID]
        assert "hi" == (await anext(stream)).text


async def test_both_sides_may_end_first() -> None:
    """Half-close: a model that has said all still listens, and one that hears the end still speaks."""
    heard: list[bytes] = []

    async def script(stream: ServerStream) -> None:
        stream.respond()
        await stream.part("all I say")
        stream.end()
        heard.extend([message.payload async for message in stream.events()])

    async with duplex_server(script) as server, duplex_client(server) as client, await opened(client) as stream:
        assert ["all I say"] == [part.text async for part in stream]
        await stream.send("go")
        await stream.send("on")
        await stream.end()
        while len(heard) < 2:
            await asyncio.sleep(0.001)

    assert [b"go", b"on"] == heard


async def test_three_tasks_send_and_each_part_arrives_once_and_whole() -> None:
    """Their order among each other is theirs to fix; the chain of signatures has one order only."""
    async with duplex_server(echo) as server, duplex_client(server) as client, await opened(client) as stream:

        async def speak(name: str) -> None:
            for number in range(50):
                await stream.send(f"{name}{number}")

        async with asyncio.TaskGroup() as tasks:
            for name in "abc":
                tasks.create_task(speak(name))
            got = [(await anext(stream)).text for _ in range(150)]

    for name in "abc":
        assert [f"{name}{number}" for number in range(50)] == [text for text in got if text[0] == name]


async def test_a_large_part_goes_through_small_windows() -> None:
    """A part is larger than a frame of HTTP/2 and than its windows."""
    part = bytes(range(256)) * 4_096
    async with duplex_server(echo) as server, duplex_client(server) as client, await opened(client) as stream:
        await stream.send(part)
        assert part == (await anext(stream)).bytes


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        (3, "the part is of type int; it takes str or bytes"),
        (None, "of type NoneType; it takes str or bytes$"),
        ({"a": 1}, r"of type dict; it takes str or bytes; for JSON, send json\.dumps\(value\)"),
        (RequestPayloadPart(b"x", data_type="TEXT"), "data_type is 'TEXT', which does not match"),
        (RequestPayloadPart(b"x", completion_state=1), "completion_state is of type int"),  # type: ignore[arg-type]
        (RequestPayloadPart(b"x", p="p" * 40_000), "header 'P' has 40000 bytes"),
        ("\ud800", "lone surrogate"),
        (bytes(25 * 2**20), "send several parts"),
    ],
)
async def test_what_is_no_part_is_refused_and_the_stream_goes_on(part: object, problem: str) -> None:
    """Nothing of it was sent, so the next part is as good as before."""
    async with duplex_server(echo) as server, duplex_client(server) as client, await opened(client) as stream:
        with pytest.raises(InvalidParamsError, match=problem):
            await stream.send(part)  # type: ignore[arg-type]
        with pytest.raises(InvalidParamsError, match="set completion_state"):
            await stream.send(RequestPayloadPart(b"x"), partial=True)
        await stream.send("good")
        assert "good" == (await anext(stream)).text


async def test_a_bad_input_or_option_fails_the_call_itself() -> None:
    """Nothing was sent, and there is no stream to ask."""
    async with duplex_server(echo) as server, duplex_client(server) as client:
        with pytest.raises(InvalidParamsError, match="model_query_string does not match"):
            await client.invoke_endpoint_with_bidirectional_stream(
                InvokeEndpointWithBidirectionalStreamInput(endpoint_name="e", model_query_string="?")
            )
        with pytest.raises(InvalidParamsError, match="pass yours to invoke_endpoint"):
            await client.invoke_endpoint_with_bidirectional_stream(InvokeEndpointInput(endpoint_name="e", body=b""))  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="is not absolute"):
            await opened(client, override(duplex_base_endpoint="nowhere"))
    with pytest.raises(ClientClosedError):
        await opened(client)
    assert [] == server.streams


async def test_a_signer_without_a_chain_is_refused() -> None:
    """The service would refuse each event, one call later and in other words."""

    class Corporate:
        def sign_http(self, request: object, **rest: object) -> None:
            raise AssertionError

    async with duplex_server(echo) as server, duplex_client(server, http_signer_v4=Corporate()) as client:
        with pytest.raises(ConfigError, match="the signer Corporate has no sign_events"):
            await opened(client)


async def test_anonymous_parts_are_not_signed() -> None:
    """For a server of one's own that checks nothing."""

    async def script(stream: ServerStream) -> None:
        stream.respond()
        frame = await stream.read()
        assert frame is not None
        await stream.send(frame)
        stream.end()

    async with (
        duplex_server(script) as server,
        duplex_client(server, credentials=AnonymousCredentialsProvider()) as client,
        await opened(client) as stream,
    ):
        await stream.send("bare")
        assert "bare" == (await anext(stream)).text
        assert "authorization" not in server.streams[0].headers


async def test_events_are_dated_by_the_services_clock() -> None:
    """A machine whose clock is off has its events refused as its requests are."""
    dates: list[float] = []

    async def script(stream: ServerStream) -> None:
        if len(server.streams) == 1:
            stream.respond(403, x_amzn_errortype="RequestTimeTooSkewed", date="Sun, 06 Nov 2044 08:49:37 GMT", end=True)
            return
        stream.respond()
        data = await stream.read()
        assert data is not None
        dates.append(int.from_bytes(data[12 + 7 : 12 + 15]) / 1000)
        stream.end()

    async with duplex_server(script) as server, duplex_client(server) as client, await opened(client) as stream:
        await stream.initial_response()
        await stream.send("late")
        async for _ in stream:
            pass

    assert dates[0] - time.time() > 86_400 * 365


# What is attempted again.


async def script_once(stream: ServerStream, seen: list[ServerStream], fault: str) -> bool:
    """Do *fault* to the first stream; whether it was."""
    seen.append(stream)
    if len(seen) > 1:
        return False
    events = stream.events()
    for _ in range(3):
        await anext(events)
    match fault:
        case "refused":
            stream.reset(7)
        case "goaway":
            stream.connection.go_away(max(stream.id - 2, 0))
        case "lost":
            stream.connection.transport.abort()
        case "reset":
            stream.reset(2)
        case _:
            stream.refuse(int(fault), "ThrottlingException" if fault == "429" else "Other")
    return True


@pytest.mark.parametrize("fault", ["refused", "goaway", "429", "500", "503"])
async def test_what_was_sent_is_sent_again_to_the_next_attempt(fault: str) -> None:
    """The caller sees one conversation: no part is missing, and none comes twice."""
    seen: list[ServerStream] = []

    async def script(stream: ServerStream) -> None:
        if not await script_once(stream, seen, fault):
            await echo(stream)

    async with (
        duplex_server(script) as server,
        duplex_client(server, retryer=QUICK) as client,
        await opened(client) as stream,
    ):

        async def speak() -> None:
            for number in range(10):
                await stream.send(str(number))
                await asyncio.sleep(0.001)
            await stream.end()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(speak())
            got = [part.text async for part in stream]
        output = await stream.initial_response()

    assert [str(number) for number in range(10)] == got
    assert 2 == len(output.result_metadata[ATTEMPTS])
    assert seen[0].headers["authorization"] != seen[1].headers["authorization"]


@pytest.mark.parametrize(
    ("fault", "error", "note"),
    [
        ("lost", ConnectionLostError, "parts had been sent, and the model may have acted on them"),
        ("reset", ConnectionLostError, "parts had been sent, and the model may have acted on them"),
        ("400", ServiceError, None),
        ("424", ServiceError, None),
    ],
)
async def test_what_a_model_may_have_acted_on_is_not_sent_again(
    fault: str, error: type[Exception], note: str | None
) -> None:
    """A second conversation that begins as the first one did is a mistake that the caller would not see."""
    seen: list[ServerStream] = []

    async def script(stream: ServerStream) -> None:
        assert await script_once(stream, seen, fault)

    async with duplex_server(script) as server, duplex_client(server, retryer=QUICK) as client:
        stream = await opened(client)
        with pytest.raises(error) as caught:
            await say(stream, 100)
        await stream.aclose()

    assert 1 == len(seen)
    assert note is None or any(note in each for each in caught.value.__notes__)


async def say(stream: DuplexStream, times: int, part: bytes = b"hello") -> None:
    for _ in range(times):
        await stream.send(part)
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(("replay_buffer", "attempts"), [(0, 1), (200, 1), (2_000, 2), (None, 2)])
async def test_no_more_is_kept_for_another_attempt_than_the_option_says(
    replay_buffer: int | None, attempts: int
) -> None:
    """Memory is the caller's; and what is not kept cannot be sent again."""
    seen: list[ServerStream] = []

    async def script(stream: ServerStream) -> None:
        if not await script_once(stream, seen, "503"):
            await echo(stream)

    async with duplex_server(script) as server, duplex_client(server, retryer=QUICK) as client:
        stream = await opened(client, override(replay_buffer=replay_buffer))
        outcome = await asyncio.gather(converse(stream), return_exceptions=True)
        await stream.aclose()

    assert attempts == len(seen)
    if attempts == 2:
        assert [["hello"] * 3] == outcome
    else:
        assert isinstance(outcome[0], ServiceError)
        assert f"than the {replay_buffer} bytes that are kept" in outcome[0].__notes__[0]


async def converse(stream: DuplexStream) -> list[str]:
    await say(stream, 3)
    await stream.end()
    return [part.text async for part in stream]


@pytest.mark.parametrize("size", [-1, 1.5, True, "1 MiB"])
def test_a_replay_buffer_is_a_number_of_bytes(size: object) -> None:
    """A mistake is found where it is made."""
    with pytest.raises(ConfigError, match=r"replay_buffer is .*; it takes a number of bytes"):
        Client(Options(region="us-east-1"), override(replay_buffer=size))  # type: ignore[arg-type]


async def test_with_no_buffer_a_call_that_has_sent_nothing_is_attempted_again() -> None:
    """What was not sent need not be kept."""
    seen: list[ServerStream] = []

    async def script(stream: ServerStream) -> None:
        seen.append(stream)
        if len(seen) == 1:
            stream.reset(7)
        else:
            await echo(stream)

    async with duplex_server(script) as server, duplex_client(server, retryer=QUICK) as client:
        stream = await opened(client, override(replay_buffer=0))
        await stream.initial_response()
        await stream.send("now")
        assert "now" == (await anext(stream)).text
        await stream.aclose()

    assert 2 == len(seen)


async def test_the_total_time_ends_with_the_head() -> None:
    """A conversation has no time limit of its own; a call that gets no response has."""

    async def script(stream: ServerStream) -> None:
        if len(server.streams) > 1:
            await stream.gone.wait()
        else:
            stream.respond()
            await asyncio.sleep(0.5)
            await stream.part("late")
            stream.end()

    async with duplex_server(script) as server, duplex_client(server, timeout=Timeout(total=0.4)) as client:
        async with await opened(client) as stream:
            assert "late" == (await anext(stream)).text
        stream = await opened(client)
        with pytest.raises(TotalTimeoutError):
            await anext(stream)
        await stream.aclose()


# Errors, and the end.


async def test_the_error_is_raised_to_all_who_wait_and_carries_the_facts_of_the_call() -> None:
    """A reader and a sender in two tasks must not get two stories."""

    async def script(stream: ServerStream) -> None:
        await anext(stream.events())
        stream.refuse(424, "ModelError", OriginalStatusCode=500, OriginalMessage="oops", ErrorCode="Container")

    async with duplex_server(script, reads=False) as server, duplex_client(server) as client:
        stream = await opened(client)
        results = await asyncio.gather(
            say(stream, 200, bytes(3_000)),
            anext(stream),
            stream.initial_response(),
            return_exceptions=True,
        )
        await stream.aclose()

    for error in results:
        assert isinstance(error, ModelError)
        assert (424, "req-1", "oops", "Container") == (
            error.status,
            error.request_id,
            error.original_message,
            error.error_code,
        )
        assert 1 == len(error.attempts)


async def test_parts_before_an_exception_are_given_out_even_if_a_sender_meets_it_first() -> None:
    """The sender looks for the reason, and must not swallow what it passes on the way."""

    async def script(stream: ServerStream) -> None:
        stream.respond()
        for number in range(5):
            await stream.part(str(number))
        await stream.exception("ModelStreamError", Message="gone", ErrorCode="1011")
        stream.connection.h2.end_stream(stream.id)
        stream.reset(0)

    async with duplex_server(script) as server, duplex_client(server) as client:
        stream = await opened(client)
        await stream.initial_response()
        with pytest.raises(ModelStreamError, match="gone"):
            await say(stream, 1_000)
        got: list[str] = []
        with pytest.raises(ModelStreamError):
            got.extend([part.text async for part in stream])
        for _ in range(2):
            with pytest.raises(ModelStreamError):
                await stream.send("again")
        await stream.aclose()

    assert 5 - len(got) in (0, 5)


async def test_leaving_the_block_by_an_exception_cancels() -> None:
    """The model need not compute for one who has left."""

    async def script(stream: ServerStream) -> None:
        stream.respond()
        await stream.gone.wait()

    async with duplex_server(script) as server, duplex_client(server) as client:
        with pytest.raises(KeyError):
            async with await opened(client):
                raise KeyError
        await server.streams[0].gone.wait()

    assert 8 == server.streams[0].reset_code  # CANCEL


async def test_leaving_the_block_normally_ends_and_drops_what_still_comes() -> None:
    """A clean end for the model; and its last words are no error."""
    ends: list[str] = []

    async def script(stream: ServerStream) -> None:
        stream.respond()
        async for _ in stream.events():
            pass
        await stream.part("bye")
        stream.end()
        ends.append("clean")

    async with duplex_server(script) as server, duplex_client(server) as client, await opened(client) as stream:
        await stream.send("hi")

    assert (["clean"], None) == (ends, server.streams[0].reset_code)


async def test_leaving_after_the_model_has_ended_and_hung_up_is_no_error() -> None:
    """It needs no end of ours: all has been said."""

    async def script(stream: ServerStream) -> None:
        stream.respond()
        await stream.part("bye")
        stream.connection.h2.end_stream(stream.id)
        stream.reset(0)

    async with duplex_server(script) as server, duplex_client(server) as client, await opened(client) as stream:
        assert ["bye"] == [part.text async for part in stream]
        await asyncio.sleep(0.01)
        await stream.end()


async def test_an_error_that_was_handled_in_the_block_is_not_raised_again_at_its_end() -> None:
    """Or nobody could handle it."""

    async def script(stream: ServerStream) -> None:
        stream.respond()
        await stream.exception(Message="gone")
        stream.end()

    async with duplex_server(script) as server, duplex_client(server) as client, await opened(client) as stream:
        with pytest.raises(ModelStreamError):
            await anext(stream)


async def test_a_refusal_that_nobody_has_read_is_raised_when_the_block_is_left() -> None:
    """One who only sends would otherwise never know."""

    async def script(stream: ServerStream) -> None:
        stream.refuse(400, "InputValidationError")

    async with duplex_server(script) as server, duplex_client(server) as client:
        stream = await opened(client)
        with pytest.raises(InputValidationError):
            async with stream:
                await asyncio.sleep(0.05)


async def test_a_model_that_goes_on_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cancelled after a while."""
    monkeypatch.setattr("sagemaker_runtime.streams.duplex_stream.CLOSING_WAIT", 0.05)

    async def script(stream: ServerStream) -> None:
        stream.respond()
        while not stream.gone.is_set():
            await stream.part("more")
            await asyncio.sleep(0.001)

    async with duplex_server(script) as server, duplex_client(server) as client:
        async with await opened(client):
            pass
        await server.streams[0].gone.wait()

    assert 8 == server.streams[0].reset_code


@pytest.mark.parametrize("before_the_head", [True, False])
async def test_closing_wakes_all_who_wait(*, before_the_head: bool) -> None:
    """From another task, or a signal handler; nobody is left behind."""

    async def script(stream: ServerStream) -> None:
        if not before_the_head:
            stream.respond()
        await stream.gone.wait()

    async with duplex_server(script, reads=False) as server, duplex_client(server) as client:
        stream = await opened(client)
        if not before_the_head:
            await stream.initial_response()
        waiting = [
            asyncio.create_task(say(stream, 1_000, bytes(3_000))),
            asyncio.create_task(say(stream, 1_000, bytes(3_000))),
            asyncio.ensure_future(anext(stream)),
        ]
        await asyncio.sleep(0.05)
        stream.close()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        await stream.aclose()
        with pytest.raises(StreamClosedError, match="the stream was closed"):
            await stream.send("more")
        with pytest.raises(StreamClosedError):
            await anext(stream)

    assert [StreamClosedError] * 3 == [type(result) for result in results], results
    assert all("InvokeEndpointWithBidirectionalStream" in str(result) for result in results)


async def test_nothing_can_be_sent_after_the_end() -> None:
    """The service would refuse the stream for it."""
    async with duplex_server(echo) as server, duplex_client(server) as client, await opened(client) as stream:
        await stream.end()
        with pytest.raises(StreamClosedError, match=r"nothing can be sent after end\(\)"):
            await stream.send("more")


async def test_two_readers_are_refused_and_the_first_reads_on() -> None:
    """Each would get half of the words."""
    async with duplex_server(echo) as server, duplex_client(server) as client, await opened(client) as stream:
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.02)
        with pytest.raises(RuntimeError, match="two tasks read one stream"):
            await anext(stream)
        await stream.send("one")
        assert "one" == (await reading).text


async def test_a_read_that_is_given_up_loses_nothing() -> None:
    """Loops that look for a part now and then, with a time limit, are common; half a part may have come by then."""

    async def script(stream: ServerStream) -> None:
        stream.respond()
        for number in range(10):
            frame = part_frame(str(number))
            await stream.send(frame[:20])
            await asyncio.sleep(0.004)
            await stream.send(frame[20:])
            await asyncio.sleep(0.004)
        stream.end()

    got: list[str] = []
    given_up = 0
    async with duplex_server(script) as server, duplex_client(server) as client, await opened(client) as stream:
        while not stream.ended:
            try:
                async with asyncio.timeout(0.003):
                    got.extend([(await anext(stream)).text])
            except TimeoutError:
                given_up += 1
            except StopAsyncIteration:
                break

    assert [str(number) for number in range(10)] == got
    assert given_up > 3


async def test_an_abandoned_stream_is_closed_and_says_so() -> None:
    """It would hold a place on the connection, and a container, for ever."""
    async with duplex_server(echo) as server, duplex_client(server) as client:
        stream = await opened(client)
        await stream.initial_response()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del stream
            gc.collect()
        assert ["was not closed"] == [word for word in ("was not closed",) if word in str(caught[0].message)]
        await server.streams[0].gone.wait()


async def test_a_stream_is_neither_copied_nor_shown() -> None:
    """A second owner would close it under the first; and its parts are nobody's business."""
    async with duplex_server(echo) as server, duplex_client(server) as client, await opened(client) as stream:
        with pytest.raises(TypeError, match="cannot be copied"):
            copy.copy(stream)
        await stream.send("secret words")
        part = await anext(stream)
        assert "<DuplexStream, open, 1 parts sent>" == repr(stream)
        assert "secret" not in repr(part)


async def test_closing_the_client_ends_its_streams() -> None:
    """One pool, closed with the client."""
    async with duplex_server(echo) as server:
        client = duplex_client(server)
        stream = await opened(client)
        await stream.initial_response()
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.01)
        await client.close()
        with pytest.raises(ClientClosedError):
            await reading
        await stream.aclose()


# The stack.


def test_the_stack_is_the_one_on_the_page() -> None:
    """Its ids are public: whoever anchors on one finds it there."""
    printed = str(Client(Options(region="us-east-1")).stack("InvokeEndpointWithBidirectionalStream"))
    page = re.search(r"```text\n(InvokeEndpointWithBidirectionalStream\n.*?)\n```", PAGE.read_text(), re.DOTALL)

    assert page is not None
    assert page[1] == printed


async def test_a_middleware_of_the_users_sees_the_call() -> None:
    """It is a stack as any other one, and an override of the call's."""

    @build_middleware("Tag")
    async def tag(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        step.request.headers["x-tag"] = "mine"
        return await next(ctx, step)

    tagged = with_api_options(lambda stack: stack.build.add(tag, BEFORE))
    async with duplex_server(echo) as server, duplex_client(server) as client, await opened(client, tagged) as stream:
        await stream.send("hi")
        await anext(stream)

    assert "mine" == server.streams[0].headers["x-tag"]
    assert "x-tag" in server.streams[0].headers["authorization"]


async def test_a_transport_of_the_users_is_used_and_left_open() -> None:
    """As an http_client is."""
    async with duplex_server(echo) as server:
        own = HTTP2Client(proxies={})
        async with duplex_client(server, duplex_http_client=own) as client, await opened(client) as stream:
            await stream.send("hi")
            await anext(stream)
        async with duplex_client(server, duplex_http_client=own) as client, await opened(client) as stream:
            await stream.send("hi")
            await anext(stream)
        assert 1 == len(server.connections)
        await own.close()


def test_the_endpoint_is_the_services_own_unless_the_options_say() -> None:
    """Its own port; and a base endpoint of its own comes before that of all calls."""

    def host(**changes: object) -> str:
        options = Options(region="eu-west-1", credentials=StaticCredentialsProvider("A", "S"))
        override(**changes)(options)  # type: ignore[arg-type]
        place = Client(options).stack("InvokeEndpointWithBidirectionalStream").serialize.get("ResolveEndpoint")
        resolved = place.resolver.resolve_endpoint("eu-west-1", options.endpoint_options)  # type: ignore[union-attr]
        return str(resolved.url)

    assert "https://runtime.sagemaker.eu-west-1.amazonaws.com:8443" == host()
    assert "http://all" == host(base_endpoint="http://all")
    assert "http://own" == host(base_endpoint="http://all", duplex_base_endpoint="http://own")


async def test_what_is_sent_can_be_logged_without_its_bytes(caplog: pytest.LogCaptureFixture) -> None:
    """To see in which order things went; what people say is nobody's business."""
    mode = ClientLogMode.REQUEST_EVENT_MESSAGE
    caplog.set_level("DEBUG", "sagemaker_runtime")
    async with (
        duplex_server(echo) as server,
        duplex_client(server, client_log_mode=mode) as client,
        await opened(client) as stream,
    ):
        await stream.send("secret words")
        await stream.end()

    sent = [record.getMessage() for record in caplog.records if "sent event" in record.getMessage()]
    assert 2 == len(sent)
    assert "payload of 12 bytes" in sent[0]
    assert "secret" not in caplog.text


async def test_503s_are_raised_when_the_retryer_gives_up() -> None:
    """With all attempts on the error."""

    async def script(stream: ServerStream) -> None:
        stream.refuse(503, "ServiceUnavailableError")

    async with duplex_server(script) as server, duplex_client(server, retryer=QUICK) as client:
        stream = await opened(client)
        with pytest.raises(ServiceUnavailableError) as caught:
            await anext(stream)
        await stream.aclose()
        assert 3 == len(caught.value.attempts) == len(server.streams)
        stream = await opened(client, override(retryer=NopRetryer()))
        with pytest.raises(ServiceUnavailableError):
            await stream.initial_response()
        await stream.aclose()


async def test_unknown_events_are_passed_over() -> None:
    """A service that has learnt something new must not break those who have not."""

    async def script(stream: ServerStream) -> None:
        stream.respond()
        headers = {":message-type": "event", ":event-type": "Gesture"}
        await stream.send(encode(Message(headers, b"wave")))
        await stream.part("end")
        stream.end()

    async with duplex_server(script) as server, duplex_client(server) as client, await opened(client) as stream:
        assert ["end"] == [part.text async for part in stream]
