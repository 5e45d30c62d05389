"""Response streams through a whole client and real sockets: nothing is lost, held, or left behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
import textwrap
import tracemalloc

import pytest
from transport.servers import OK, client_for, other_tasks, params, serving
from transport.streams import (
    CHUNKED,
    END,
    HALF,
    HEAD,
    ONE,
    PARAMS,
    TWO,
    WHOLE,
    assert_nothing_left,
    chunk,
    half,
    open_stream,
    part,
    read,
)

from sagemaker_runtime import (
    ClientClosedError,
    ClientLogMode,
    EventStreamError,
    InvokeEndpointWithResponseStreamInput,
    InvokeEndpointWithResponseStreamOutput,
    ModelError,
    ModelStreamError,
    Output,
    PayloadPart,
    ReadTimeoutError,
    StandardRetryer,
    Timeout,
    TruncatedResponseError,
    deserialize_middleware,
    initialize_middleware,
)
from sagemaker_runtime.streams.frames import Message, encode

UNAVAILABLE = b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"
MEGABYTE = 2**20  # bytes
FAILED = encode(
    Message({":message-type": "exception", ":exception-type": "ModelStreamError"}, b'{"ErrorCode": "StreamBroken"}')
)


@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
@pytest.mark.parametrize("coding", ["chunked", "length"])
async def test_a_stream_read_to_its_end_gives_its_connection_back(coding, size):
    """Frames and chunks align with nothing; and a new connection for each response would cost a handshake."""
    frames = b"".join(part(b"%d" % number * number) for number in range(20))
    pieces = [frames[at : at + size] for at in range(0, len(frames), size)]

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(CHUNKED if coding == "chunked" else HEAD + b"Content-Length: %d\r\n\r\n" % len(frames))
        for piece in pieces:
            await exchange.send(chunk(piece) if coding == "chunked" else piece)
        await exchange.send(END if coding == "chunked" else b"")

    async with serving(respond, respond, OK) as server, client_for(server) as client:
        for _ in range(2):
            assert [b"%d" % number * number for number in range(20)] == await read(await open_stream(client))
        assert b"ok" == (await client.invoke_endpoint(params())).body

        assert (1, 1, 3) == (server.accepted, server.open, len(server.requests))
        assert 1 == len({exchange.writer.get_extra_info("peername") for exchange in server.requests})


def cut_off(data, how):
    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(data)
        await reader_is_there.wait()
        getattr(exchange, how)()

    reader_is_there = asyncio.Event()
    return reader_is_there, respond


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(
    "data",
    [
        HALF,
        HALF + chunk(TWO[:-1]),
        HALF + chunk(TWO)[:-4],
        HEAD + b"Content-Length: 1000\r\n\r\n" + ONE,
    ],
    ids=["between frames", "inside a frame", "inside a chunk", "short"],
)
async def test_a_cut_comes_after_what_came_before_it(data, how):
    """Wherever it is: half a response is not a response, but its half."""
    reader_is_there, respond = cut_off(data, how)
    async with serving(respond) as server, client_for(server) as client:
        stream = await open_stream(client)
        got = [(await anext(stream)).bytes]
        reader_is_there.set()

        with pytest.raises(TruncatedResponseError) as caught:
            await read(stream, got)

        assert b"one" == got[0]
        assert "abc-123" == caught.value.request_id
        await assert_nothing_left(server)
        assert 1 == len(server.requests)


async def test_a_cut_takes_nothing_from_a_reader_who_is_slow():
    """What has come and waits to be read is as good as what was read: a cut must not overtake it."""

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(HALF + chunk(TWO))
        exchange.close()

    got = []
    async with serving(respond) as server, client_for(server) as client:
        stream = await open_stream(client)
        await server.until_open(0)
        for _ in range(20):  # until the client knows
            await asyncio.sleep(0)

        with pytest.raises(TruncatedResponseError):
            await read(stream, got)

        assert [b"one", b"two"] == got


async def test_a_stream_that_only_the_connection_ends_is_not_taken_for_whole():
    """A proxy that speaks HTTP/1.0: a container that dies between two parts would look like one that is done."""

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(HEAD + b"Connection: close\r\n\r\n" + ONE + TWO)
        exchange.close()

    got = []
    async with serving(respond) as server, client_for(server) as client:
        with pytest.raises(TruncatedResponseError, match="so its end cannot be told"):
            await read(await open_stream(client), got)

        assert [b"one", b"two"] == got
        await assert_nothing_left(server)


async def test_a_stream_inside_whose_last_frame_the_body_ends_is_an_error():
    """HTTP ended as it should; whoever made the frames did not."""
    async with serving(CHUNKED + chunk(ONE + TWO[:-2]) + END) as server, client_for(server) as client:
        got = []
        with pytest.raises(EventStreamError, match="stopped inside the frame") as caught:
            await read(await open_stream(client), got)

        assert ([b"one"], len(ONE)) == (got, caught.value.offset)


async def test_silence_between_parts_is_a_read_timeout():
    """A model that hangs; nobody is to wait for it without end, and the connection cannot be used again."""
    async with serving(half) as server, client_for(server, timeout=Timeout(read=0.1)) as client:
        got = []
        with pytest.raises(ReadTimeoutError, match=r"0\.1 s"):
            await read(await open_stream(client), got)

        assert [b"one"] == got
        await assert_nothing_left(server)
        assert 1 == len(server.requests)


async def test_the_total_limit_ends_with_the_head():
    """It is for the wait for a response; a long response that comes steadily is none."""
    over = asyncio.Event()

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(HALF)
        await over.wait()
        await exchange.send(chunk(TWO) + END)

    async with serving(respond) as server, client_for(server, timeout=Timeout(total=0.1)) as client:
        stream = await open_stream(client)
        asyncio.get_running_loop().call_later(0.12, over.set)

        assert [b"one", b"two"] == await read(stream)


async def test_a_reader_who_does_not_read_stops_the_server():
    """What a slow consumer leaves must wait in the server's memory, not in ours."""
    wanted, stalled, resumed = 64 * MEGABYTE, asyncio.Event(), asyncio.Event()
    piece = part(bytes(65_536 - 100))
    sent = 0

    async def respond(exchange):
        nonlocal sent
        exchange.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        await exchange.read_body()
        await exchange.send(CHUNKED)
        try:
            while sent < wanted:
                async with asyncio.timeout(0.2):  # on loopback, a write takes microseconds or for ever
                    await exchange.send(chunk(piece))
                sent += len(piece)
        except TimeoutError:
            sent += len(piece)
        stalled.set()
        await resumed.wait()
        await exchange.send(END)

    async with serving(respond) as server, client_for(server) as client:
        stream = await open_stream(client)
        await anext(stream)
        await stalled.wait()
        before = sent

        resumed.set()
        rest = await read(stream)

        assert before < wanted / 4, "the kernel's buffers hold a few megabytes, ours far less"
        assert before == (1 + len(rest)) * len(piece)


async def test_a_large_stream_needs_no_memory():
    """A response is as long as the model likes; only its pieces under way may count."""
    pieces, held = 1024, chunk(part(bytes(65_536)))

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(CHUNKED)
        for _ in range(pieces):
            await exchange.send(held)
        await exchange.send(END)

    async with serving(respond) as server, client_for(server) as client:
        stream = await open_stream(client)
        tracemalloc.start()
        try:
            sizes = [len(event.bytes) async for event in stream]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert [65_536] * pieces == sizes
        assert peak < 2 * MEGABYTE, "of 64, with what the server's own transport holds"


async def leave_by_break(stream):
    async with stream:
        async for _ in stream:
            break


async def leave_by_close(stream):
    await anext(stream)
    await stream.aclose()


async def leave_by_cancellation(stream):
    await anext(stream)
    reader = asyncio.create_task(anext(stream))
    for _ in range(5):
        await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader


async def leave_by_timeout(stream):
    async def read_on():
        async with asyncio.timeout(0.02):
            await read(stream)

    with pytest.raises(TimeoutError):
        await read_on()


async def leave_by_task_group(stream):
    async def read_on():
        async for _ in stream:
            begun.set()

    async def read_beside_a_failure():
        async with asyncio.TaskGroup() as group:
            group.create_task(read_on())
            await begun.wait()
            raise KeyError

    begun = asyncio.Event()
    with pytest.raises(ExceptionGroup):
        await read_beside_a_failure()


async def leave_by_exception(stream):
    async def fail():
        async with stream:
            async for _ in stream:
                raise KeyError

    with pytest.raises(KeyError):
        await fail()


async def leave_lines(stream):
    async for _ in stream.iter_text():
        break


@pytest.mark.parametrize(
    "leave",
    [
        leave_by_break,
        leave_by_close,
        leave_by_cancellation,
        leave_by_timeout,
        leave_by_task_group,
        leave_by_exception,
        leave_lines,
    ],
)
async def test_leaving_a_stream_closes_its_connection_at_once(leave):
    """A user has gone: the model must stop computing for nobody, and the pool must not fill with half-read responses."""
    async with serving(half, OK) as server, client_for(server) as client:
        stream = await open_stream(client)
        await leave(stream)

        await assert_nothing_left(server)
        with pytest.raises(EventStreamError, match="closed before its end"):
            await anext(stream)
        assert b"ok" == (await client.invoke_endpoint(params())).body


async def test_a_reader_cancelled_after_any_number_of_turns_leaves_nothing():
    """Every place where a call and its stream may be cancelled is hit once."""

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(HALF)
        await asyncio.sleep(0)
        await exchange.send(chunk(TWO) + END)

    async def call():
        stream = await open_stream(client)
        async with stream:
            return [event async for event in stream]

    turns, finished = 0, 0
    async with serving(respond) as server, client_for(server) as client:
        while finished < 3:
            task = asyncio.create_task(call())
            for _ in range(turns):
                await asyncio.sleep(0)
            in_time = task.cancel()
            await asyncio.wait([task])

            assert in_time is task.cancelled()
            finished += not in_time
            turns += 1
        await server.until_open(1)  # the pooled one

        assert turns > 10
        assert set() == other_tasks(server)
        del task
        gc.collect()


@pytest.mark.parametrize("waiting", [True, False])
async def test_closing_the_client_ends_its_streams(waiting):
    """Who reads, or reads on later, learns why there is no more."""
    async with serving(half) as server:
        client = client_for(server)
        stream = await open_stream(client)
        await anext(stream)
        reader = asyncio.create_task(anext(stream)) if waiting else None
        for _ in range(5):
            await asyncio.sleep(0)

        await client.close()
        with pytest.raises(ClientClosedError, match="closed during the call"):
            await (reader or anext(stream))

        await assert_nothing_left(server)


@pytest.mark.parametrize("reads", [0, 1])
async def test_a_stream_that_is_dropped_is_closed_with_one_warning(reads):
    """An output whose body nobody touched, and a loop that was left without closing."""
    async with serving(half) as server, client_for(server) as client:
        output = await client.invoke_endpoint_with_response_stream(PARAMS)
        for _ in range(reads):
            await anext(output.body)

        with pytest.warns(ResourceWarning, match="neither read to its end nor closed") as warned:  # noqa: PT031
            del output
            gc.collect()

        assert 1 == len(warned)
        await assert_nothing_left(server)


def other_output(output):
    """What a middleware gives instead: the response of another model, say."""
    return InvokeEndpointWithResponseStreamOutput(body=None, result_metadata=output.metadata)


@initialize_middleware("Swap")
async def swap(ctx, step, next):
    output = await next(ctx, step)
    output.result = other_output(output)
    return output


@deserialize_middleware("Instead")
async def instead(ctx, step, next):
    output = await next(ctx, step)
    return Output(other_output(output))


@pytest.mark.parametrize(
    "add",
    [
        lambda stack: stack.initialize.add(swap),
        lambda stack: stack.deserialize.insert(instead, before="OperationDeserializer"),
        lambda stack: stack.deserialize.insert(instead, before="CloseResponseBody"),
    ],
    ids=["initialize", "within", "outermost"],
)
async def test_a_stream_that_a_middleware_has_dropped_without_an_error_is_closed_with_one_warning(add):
    """The call succeeded, so nobody but the stream itself can know that nobody will read it."""
    async with serving(half) as server, client_for(server, api_options=[add]) as client:
        with pytest.warns(ResourceWarning, match="neither read to its end") as warned:  # noqa: PT031
            await client.invoke_endpoint_with_response_stream(PARAMS)
            gc.collect()

        assert 1 == len(warned)
        await assert_nothing_left(server)
        assert 1 == len(server.requests)


@pytest.mark.parametrize("anchor", ["RequestIDRetriever", "RequestResponseLogger"])
async def test_a_response_in_the_service_s_stead_leaves_no_connection(anchor):
    """A middleware below OperationDeserializer asked the service, and then gave a result of its own."""

    def add(stack):
        stack.deserialize.insert(instead, before=anchor)

    async with serving(half) as server, client_for(server, api_options=[add]) as client:
        output = await client.invoke_endpoint_with_response_stream(PARAMS)

        assert output.body is None
        await assert_nothing_left(server)


async def test_a_result_set_below_the_deserializer_leaves_no_connection():
    """The middleware kept the output that came: nobody else will ever read the stream in its response."""

    @deserialize_middleware("Set")
    async def set_result(ctx, step, next):
        output = await next(ctx, step)
        output.result = other_output(output)
        return output

    def add(stack):
        stack.deserialize.insert(set_result, after="OperationDeserializer")

    async with serving(half) as server, client_for(server, api_options=[add]) as client:
        output = await client.invoke_endpoint_with_response_stream(PARAMS)

        assert output.body is None
        await assert_nothing_left(server)


async def test_only_what_comes_before_the_head_is_tried_again():
    """A second stream would give the first parts twice."""
    async with (
        serving(UNAVAILABLE, CHUNKED + chunk(ONE + FAILED) + END) as server,
        client_for(server, retryer=StandardRetryer(retry_read_timeouts=True)) as client,
    ):
        output = await client.invoke_endpoint_with_response_stream(PARAMS)
        got = []
        with pytest.raises(ModelStreamError) as caught:
            await read(output.body, got)

        assert [b"one"] == got
        assert "StreamBroken" == caught.value.error_code
        assert [503, None] == [attempt.status for attempt in caught.value.attempts]
        assert "abc-123" == caught.value.request_id
        assert "InvokeEndpointWithResponseStream, request id abc-123, 2 attempts" in str(caught.value)
        assert output.result_metadata is caught.value.metadata
        assert (2, 1) == (len(server.requests), server.open)


async def test_a_failure_instead_of_a_stream_is_an_ordinary_error():
    """Its body is a document, whatever the operation."""
    document = b'{"Message": "boom", "OriginalStatusCode": 500, "LogStreamArn": "arn"}'
    response = b"HTTP/1.1 424 X\r\nx-amzn-ErrorType: ModelError\r\nContent-Length: %d\r\n\r\n%b" % (
        len(document),
        document,
    )
    async with serving(response) as server, client_for(server) as client:
        with pytest.raises(ModelError, match="boom") as caught:
            await open_stream(client)

        assert (424, 500, "arn") == (
            caught.value.status,
            caught.value.original_status_code,
            caught.value.log_stream_arn,
        )
        assert (1, 1) == (len(server.requests), server.open)


@pytest.mark.parametrize("content_type", ["application/vnd.amazon.eventstream", "application/octet-stream"])
async def test_logging_bodies_leaves_the_stream_alone(content_type, caplog):
    """To log it whole would be to wait for its end, and to take it from its reader; a proxy may change the type."""
    caplog.set_level(logging.DEBUG)
    head = CHUNKED.replace(b"application/vnd.amazon.eventstream", content_type.encode())
    done = asyncio.Event()

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(head + chunk(ONE))
        await done.wait()
        await exchange.send(chunk(TWO) + END)

    async with (
        serving(respond) as server,
        client_for(server, client_log_mode=ClientLogMode.RESPONSE_WITH_BODY, timeout=Timeout(read=0.2)) as client,
    ):
        stream = await open_stream(client)
        first = await anext(stream)
        done.set()
        rest = await read(stream)

    assert (PayloadPart(b"one"), [b"two"]) == (first, rest)
    assert "response: <Response 200" in caplog.text
    assert "one" not in caplog.text


async def test_a_body_that_a_middleware_has_read_is_a_stream_all_the_same():
    """Whoever looks at responses reads them whole; the reader of the stream must not find it empty, as if it had ended."""

    @deserialize_middleware("Look")
    async def look(ctx, step, next):
        output = await next(ctx, step)
        seen.append(await output.raw_response.body.read())
        return output

    def add(stack):
        stack.deserialize.insert(look, after="OperationDeserializer")

    seen = []
    async with serving(WHOLE) as server, client_for(server, api_options=[add]) as client:
        assert [b"one", b"two"] == await read(await open_stream(client))
        assert [ONE + TWO] == seen


async def test_nothing_shows_the_bytes_of_a_stream():
    """Outputs and errors end up in logs."""
    secret = part(b"4111 1111")
    async with serving(CHUNKED + chunk(secret + secret[:-1]) + END) as server, client_for(server) as client:
        output = await client.invoke_endpoint_with_response_stream(PARAMS)
        shown = [repr(output)]
        shown.append(repr(await anext(output.body)))
        with pytest.raises(EventStreamError) as caught:
            await anext(output.body)
        shown += [repr(output), repr(caught.value), str(caught.value), repr(caught.value.metadata)]

        assert "open, 0 bytes received" in shown[0]
        assert not [text for text in shown if "4111" in text]


async def test_two_streams_of_one_client_do_not_mix():
    """Each has a connection of its own, and the faster does not wait for the slower."""

    def numbered(name):
        async def respond(exchange):
            await exchange.read_body()
            await exchange.send(CHUNKED)
            for number in range(3):
                await turns[name].acquire()
                await exchange.send(chunk(part(b"%s %d" % (exchange.body, number))))
            await exchange.send(END)

        return respond

    turns = {name: asyncio.Semaphore(0) for name in "ab"}
    async with serving(numbered("a"), numbered("b")) as server, client_for(server) as client:
        streams = {
            name: (
                await client.invoke_endpoint_with_response_stream(
                    InvokeEndpointWithResponseStreamInput(endpoint_name="llm", body=name.encode())
                )
            ).body
            for name in "ab"
        }
        got = []
        for name in "abbaab":
            turns[name].release()
            got.append((await anext(streams[name])).bytes)

        assert [b"a 0", b"b 0", b"b 1", b"a 1", b"a 2", b"b 2"] == got
        assert [[], []] == [[event async for event in stream] for stream in streams.values()]
        assert (2, 2) == (server.accepted, server.open)


async def test_two_hundred_streams_at_once_all_come_whole():
    """None ends before all have begun, so none may wait for another's connection."""
    count, all_there = 200, asyncio.Event()

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(CHUNKED + chunk(part(exchange.body)))
        if len(server.requests) == count:
            all_there.set()
        await all_there.wait()
        await exchange.send(chunk(TWO) + END)

    async def call(number):
        body = b"%d" % number
        output = await client.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="llm", body=body)
        )
        return await read(output.body)

    async with serving(respond) as server, client_for(server) as client:
        found = await asyncio.gather(*map(call, range(count)))

        assert [[b"%d" % number, b"two"] for number in range(count)] == found
        assert (count, count) == (server.accepted, server.open)


@pytest.mark.slow
async def test_ten_thousand_parts_each_waited_for_come_in_order_and_pile_up_nowhere():
    """A long response: a part is handed on before the next is made, and what was read is forgotten."""
    wanted = asyncio.Semaphore(0)

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(CHUNKED)
        for number in range(10_000):
            await wanted.acquire()
            await exchange.send(chunk(part(b"%05d" % number)))
        await exchange.send(END)

    async with serving(respond) as server, client_for(server) as client:
        stream = await open_stream(client)
        wanted.release()
        numbers = []
        tracemalloc.start()
        try:
            async for event in stream:
                numbers.append(int(event.bytes))
                wanted.release()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert list(range(10_000)) == numbers
        assert peak < 2 * MEGABYTE, "of which the numbers are half a megabyte"


PROGRAM = """
    import asyncio, sys
    from sagemaker_runtime import Client, InvokeEndpointWithResponseStreamInput, Options, StaticCredentialsProvider

    url, leave = sys.argv[1:]
    client = Client(
        Options(region="us-east-1", base_endpoint=url, credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret"))
    )
    kept = []

    async def main():
        asyncio.get_running_loop().slow_callback_duration = 60.0  # -X dev would report a busy machine
        params = InvokeEndpointWithResponseStreamInput(endpoint_name="llm", body=b"Why?")
        output = await client.invoke_endpoint_with_response_stream(params)
        async for event in output.body:
            print(event.bytes.decode())
            if leave == "dropped":
                break
            if leave == "kept":
                kept.append(output)
                break

    asyncio.run(main())
    asyncio.run(main())
"""


@pytest.mark.parametrize(("leave", "warnings"), [("read", 0), ("dropped", 2), ("kept", 2)])
async def test_streams_in_one_event_loop_after_another_leave_nothing(leave, warnings):
    """Nothing of ours or of aiohttp's warns but our one warning for each stream forgotten, even beyond its loop."""
    async with serving(WHOLE if leave == "read" else half) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "dev", "-W", "always", "-c", textwrap.dedent(PROGRAM), server.url, leave),
            env=dict(os.environ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()

        assert ([b"one", b"two"] if leave == "read" else [b"one"]) * 2 == out.splitlines()
        warned = [line for line in err.decode().splitlines() if "Warning: " in line or "Error" in line]
        warned = [line for line in warned if "Enable tracemalloc" not in line]
        assert warnings == len(warned), err.decode()
        assert all("neither read to its end nor closed" in line for line in warned), err.decode()
        await server.until_open(0)
        assert 0 == process.returncode
