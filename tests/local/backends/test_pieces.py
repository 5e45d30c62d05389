"""A model that iterates: its pieces, for a call that streams and for one that does not, and its end."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from both_clients import Client
from local.streams import ask, parts, until

from sagemaker_runtime import (
    InvokeEndpointInput,
    ModelError,
    ModelStreamError,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, Model

pytestmark = pytest.mark.twice

PIECES = [b"a", b"", b"\xe2\x82", b"\xac"]


async def generator(invocation: Invocation) -> AsyncIterator[bytes]:
    for piece in PIECES:
        yield piece


def plain_generator(invocation: Invocation) -> Iterator[bytes]:
    yield from PIECES


def plain_iterator(invocation: Invocation) -> Iterator[bytes]:
    return iter(PIECES)


async def coroutine(invocation: Invocation) -> AsyncIterator[bytes]:
    return generator(invocation)


def answer_with_pieces(invocation: Invocation) -> Answer:
    return Answer(body=plain_generator(invocation))


class BareAsyncIterator:
    """No generator: it has no aclose."""

    def __init__(self) -> None:
        self.pieces = iter(PIECES)

    def __aiter__(self) -> BareAsyncIterator:
        return self

    async def __anext__(self) -> bytes:
        for piece in self.pieces:
            return piece
        raise StopAsyncIteration


ITERATING = [
    generator,
    plain_generator,
    plain_iterator,
    coroutine,
    answer_with_pieces,
    lambda _: BareAsyncIterator(),
]


@pytest.mark.parametrize("model", ITERATING)
async def test_each_piece_of_a_model_is_one_part(model: Model) -> None:
    """Who tests a parser decides where the parts end: in a character too, and an empty one is one."""
    assert PIECES == await parts(model)


@pytest.mark.parametrize("model", ITERATING)
async def test_a_call_that_does_not_stream_gets_the_pieces_joined(model: Model) -> None:
    """A container that streams is asked by both operations, and does not know by which."""
    async with LocalEndpoint({"it": model}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))

    assert b"a\xe2\x82\xac" == output.body


async def test_plain_generators_do_not_hold_up_the_event_loop() -> None:
    """Client and server may share a loop: both must be inside ``next`` at once, or neither would get out."""
    both_inside = threading.Barrier(2)

    def wait_for_the_other(invocation: Invocation) -> Iterator[bytes]:
        both_inside.wait(timeout=10)
        yield invocation.body
        both_inside.wait(timeout=10)

    async def read(client: Client) -> list[bytes]:
        output = await client.invoke_endpoint_with_response_stream(ask())
        async with output.body as stream:
            return [piece async for piece in stream.iter_bytes()]

    async with LocalEndpoint({"it": wait_for_the_other}) as local, Client(local.options()) as client:
        assert [[b"body"], [b"body"]] == await asyncio.gather(read(client), read(client))


def plain_failing(before: list[bytes | str], error: Exception | None) -> Model:
    def model(invocation: Invocation) -> Iterator[bytes]:
        yield from before
        if error is not None:
            raise error

    return model


def failing(before: list[bytes | str], error: Exception | None) -> Model:
    async def model(invocation: Invocation) -> AsyncIterator[bytes]:
        for piece in before:
            yield piece
        if error is not None:
            raise error

    return model


# A ConnectionError also means that the caller has left; the model's own must not be taken for that.
FAILURES = [
    (ValueError("no such word"), "no such word"),
    (ConnectionResetError("the database is gone"), "the database is gone"),
    (None, "a piece of type str; each must be bytes"),
]


@pytest.mark.parametrize("make", [failing, plain_failing])
@pytest.mark.parametrize(("error", "words"), FAILURES)
async def test_a_model_that_fails_before_its_first_piece_is_a_model_error(
    make: Callable[..., Model], error: Exception | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of the stream is out by then, so the status can still say it."""
    with caplog.at_level(logging.ERROR, "sagemaker_runtime.local"), pytest.raises(ModelError, match=words) as raised:
        await parts(make([] if error else ["text"], error))

    assert (424, 500) == (raised.value.status, raised.value.original_status_code)
    assert words in caplog.text


@pytest.mark.parametrize("make", [failing, plain_failing])
@pytest.mark.parametrize(("error", "words"), FAILURES)
async def test_a_model_that_fails_later_breaks_the_stream(
    make: Callable[..., Model], error: Exception | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The status is out by then: the stream itself says so, after the parts that are good."""
    got: list[bytes] = []

    with caplog.at_level(logging.ERROR, "sagemaker_runtime.local"), pytest.raises(ModelStreamError) as raised:
        await parts(make([b"1", b"2"] if error else [b"1", b"2", "text"], error), got)

    assert [b"1", b"2"] == got
    assert "StreamBroken" == raised.value.error_code
    assert words in raised.value.message
    assert words in caplog.text


async def test_a_model_that_fails_is_a_model_error_however_many_pieces_it_gave() -> None:
    """A call that does not stream has nothing of the response until it is whole."""
    model = failing([b"1"], ValueError("no such word"))

    async with LocalEndpoint({"it": model}) as local, Client(local.options()) as client:
        with pytest.raises(ModelError, match="no such word"):
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))


async def test_a_caller_that_leaves_closes_a_model_that_waits(caplog: pytest.LogCaptureFixture) -> None:
    """It waits for the next word, writes nothing, and would never hear of it; what it holds must be let go."""
    closed: list[str] = []

    async def endless(invocation: Invocation) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            closed.append("model")

    before = asyncio.all_tasks()
    async with LocalEndpoint({"it": endless}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint_with_response_stream(ask())
        async with output.body as stream:
            await anext(stream)
        await until(lambda: bool(closed))

    assert ["model"] == closed
    await until(lambda: asyncio.all_tasks() <= before)
    assert [] == caplog.records


async def test_a_caller_that_leaves_closes_a_plain_generator_when_its_thread_is_out_of_it() -> None:
    """A generator cannot be closed while it runs, nor may it be forgotten for that."""
    inside, leave, closed = threading.Event(), threading.Event(), threading.Event()

    def slow(invocation: Invocation) -> Iterator[bytes]:
        try:
            yield b"first"
            inside.set()
            assert leave.wait(timeout=10)
            yield b"second"
            pytest.fail("nobody wants a third")
        finally:
            closed.set()

    async with LocalEndpoint({"it": slow}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint_with_response_stream(ask())
        async with output.body as stream:
            await anext(stream)
            await until(inside.is_set)
        closed_too_early = closed.is_set()
        leave.set()
        await until(closed.is_set)

    assert not closed_too_early


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_generator_that_fails_when_it_is_closed_is_logged(
    caplog: pytest.LogCaptureFixture, *, threaded: bool
) -> None:
    """Nobody is there to respond to, and an exception in the server would say less."""

    async def stubborn(invocation: Invocation) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            raise ValueError("it will not close")

    def plainly_stubborn(invocation: Invocation) -> Iterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            raise ValueError("it will not close")

    model = plainly_stubborn if threaded else stubborn
    async with LocalEndpoint({"it": model}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint_with_response_stream(ask())
        async with output.body as stream:
            await anext(stream)
        await until(lambda: bool(caplog.records))

    (record,) = caplog.records
    assert ("sagemaker_runtime.local", logging.ERROR) == (record.name, record.levelno)
    assert "a model's generator failed when it was closed" in record.message
    assert "it will not close" in caplog.text
