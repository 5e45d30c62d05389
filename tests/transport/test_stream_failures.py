"""Streams of calls that fail once the head is there, and streams in more than one task: who closes, and who does not."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import pytest
from transport.servers import client_for, serving
from transport.streams import END, HALF, PARAMS, TWO, WHOLE, chunk, half, open_stream, read

from sagemaker_runtime import (
    ConnectError,
    EventStreamError,
    StackError,
    StandardRetryer,
    Timeout,
    TotalTimeoutError,
    ValidationError,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    serialize_middleware,
)


class TrippedError(Exception):
    """A middleware's own."""


@pytest.fixture
def no_garbage_collection():
    """Nothing but a close may let go of a connection: what is kept alive, or lies in a cycle, stays."""
    gc.disable()
    yield
    gc.enable()


class Keeper:
    """Makes a middleware that keeps each output, so that no stream is closed by being dropped, and then misbehaves."""

    def __init__(self):
        self.kept = []

    def middleware(self, step, then):
        @step("Keep")
        async def keep(ctx, step, next):
            output = await next(ctx, step)
            self.kept.append(output)
            return await then()

        return keep

    async def release(self):
        for output in self.kept:
            await output.result.body.aclose()


async def trip():
    raise TrippedError


async def forget():
    """A middleware without its return."""


PLACES = {
    "initialize": lambda stack, middleware: stack.initialize.add(middleware(initialize_middleware)),
    "serialize": lambda stack, middleware: stack.serialize.add(middleware(serialize_middleware)),
    "build": lambda stack, middleware: stack.build.add(middleware(build_middleware)),
    "above Retry": lambda stack, middleware: stack.finalize.insert(middleware(finalize_middleware), before="Retry"),
    "below Retry": lambda stack, middleware: stack.finalize.add(middleware(finalize_middleware)),
    "deserialize": lambda stack, middleware: stack.deserialize.insert(
        middleware(deserialize_middleware), before="CloseResponseBody"
    ),
    "above the deserializer": lambda stack, middleware: stack.deserialize.insert(
        middleware(deserialize_middleware), before="OperationDeserializer"
    ),
}


def at(place, keeper, then):
    """An option that puts the keeper's middleware there."""
    return lambda stack: PLACES[place](stack, lambda step: keeper.middleware(step, then))


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize(("then", "error"), [(trip, TrippedError), (forget, StackError)])
@pytest.mark.parametrize("place", ["initialize", "serialize", "build", "above Retry", "below Retry", "deserialize"])
async def test_a_call_that_fails_after_its_head_has_closed_its_stream(place, then, error):
    """Nobody will read it, and the error may live long, in a log or a task, with all that its frames hold."""
    keeper = Keeper()
    async with serving(half) as server, client_for(server, api_options=[at(place, keeper, then)]) as client:
        with pytest.raises(error) as caught:
            await client.invoke_endpoint_with_response_stream(PARAMS)

        await server.until_open(0)
        assert (1, 1) == (len(keeper.kept), len(server.requests))
        assert caught.value.__traceback__ is not None
        await keeper.release()


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("place", ["below Retry", "deserialize", "above the deserializer"])
@pytest.mark.parametrize("failing", [4, 5])
async def test_each_attempt_that_fails_after_its_head_has_closed_its_stream(place, failing):
    """Five attempts leave no stream but the one that the caller gets; and that one is whole."""
    keeper, errors = Keeper(), []

    async def fail_at_first():
        if len(keeper.kept) > failing:
            return keeper.kept[-1]
        errors.append(ConnectError(f"attempt {len(keeper.kept)}"))
        raise errors[-1]

    script = [half] * failing + [WHOLE]
    options = {"retryer": StandardRetryer(max_attempts=5), "api_options": [at(place, keeper, fail_at_first)]}
    async with serving(*script) as server, client_for(server, **options) as client:
        if failing == 5:
            with pytest.raises(ConnectError, match="attempt 5"):
                await open_stream(client)
            await server.until_open(0)
        else:
            stream = await open_stream(client)
            await server.until_open(1)
            assert [b"one", b"two"] == await read(stream)

        assert (5, failing) == (len(server.requests), len(errors))
        await keeper.release()


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("ended_by", ["the limit", "the caller"])
@pytest.mark.parametrize("place", ["initialize", "above Retry", "below Retry", "deserialize"])
async def test_a_call_that_is_ended_while_a_middleware_waits_has_closed_its_stream(place, ended_by):
    """The head had come, so the stream would be the caller's; but the caller never gets it."""
    keeper, reached = Keeper(), asyncio.Event()

    async def wait():
        reached.set()
        await asyncio.Event().wait()

    options = {"timeout": Timeout(total=0.2 if ended_by == "the limit" else None)}
    options["api_options"] = [at(place, keeper, wait)]
    async with serving(half) as server, client_for(server, **options) as client:
        call = asyncio.create_task(open_stream(client))
        await reached.wait()
        if ended_by == "the caller":
            call.cancel()

        with pytest.raises(TotalTimeoutError if ended_by == "the limit" else asyncio.CancelledError):
            await call

        await server.until_open(0)
        await keeper.release()


REFUSED = b"HTTP/1.1 400 X\r\nx-amzn-ErrorType: ValidationError\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("shadowed", [half, REFUSED], ids=["a stream", "an error"])
@pytest.mark.parametrize("place", ["above Retry", "below Retry", "deserialize"])
async def test_a_shadow_call_does_not_close_the_stream_of_the_call_itself(place, shadowed):
    """A second request through a context of its own, as for a model to be compared: each has its own response."""
    asked, shadows = asyncio.Event(), []

    def shadow(step):
        @step("Shadow")
        async def ask_twice(ctx, step, next):
            output = await next(ctx, step)
            with contextlib.suppress(ValidationError):
                shadows.append(await next(ctx.for_attempt(), type(step)(step.request.copy())))
            return output

        return ask_twice

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(HALF)
        await asked.wait()
        await exchange.send(chunk(TWO) + END)

    api_options = [lambda stack: PLACES[place](stack, shadow)]
    async with serving(respond, shadowed) as server, client_for(server, api_options=api_options) as client:
        stream = await open_stream(client)
        asked.set()

        assert [b"one", b"two"] == await read(stream)
        assert 2 == len(server.requests)
        for output in shadows:
            assert b"one" == (await anext(output.result.body)).bytes
            await output.result.body.aclose()


READS = {
    "events": anext,
    "bytes": lambda stream: anext(stream.iter_bytes()),
    "text": lambda stream: anext(stream.iter_text()),
}


@pytest.mark.parametrize("way", READS)
async def test_a_second_task_that_reads_is_refused_and_the_first_reads_on(way):
    """Each would get some of the parts, and neither all: so it is an error at once, and nobody loses what is theirs."""
    refused = asyncio.Event()

    async def respond(exchange):
        await exchange.read_body()
        await exchange.send(HALF)
        await refused.wait()
        await exchange.send(chunk(TWO) + END)

    got = []
    async with serving(respond) as server, client_for(server) as client:
        stream = await open_stream(client)
        first = asyncio.create_task(read(stream, got))
        while not got:
            await asyncio.sleep(0)

        with pytest.raises(RuntimeError, match="two tasks read one stream"):
            await READS[way](stream)
        refused.set()

        assert [b"one", b"two"] == await first
        assert (1, 1) == (server.accepted, server.open)


async def test_a_reader_whose_stream_another_task_closes_learns_that_it_was_closed():
    """Not that the response broke off, which it did not: the one is a bug of the program's, the other of the network's."""
    async with serving(half) as server, client_for(server) as client:
        stream = await open_stream(client)
        await anext(stream)
        reader = asyncio.create_task(anext(stream))
        for _ in range(5):  # until it waits for more
            await asyncio.sleep(0)

        await stream.aclose()
        with pytest.raises(EventStreamError, match="closed before its end") as caught:
            await reader

        assert "abc-123" == caught.value.request_id
        await server.until_open(0)
