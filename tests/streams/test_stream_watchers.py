"""`ResponseStream.watch`: what a guest is told of a stream, and when."""

from __future__ import annotations

import asyncio
import gc

import pytest
from attrs import define, field
from support import ScriptedBody
from transport.streams import ONE, TWO

from sagemaker_runtime import EventStreamError, Metadata, PayloadPart, TruncatedResponseError
from sagemaker_runtime.operations.invoke_endpoint_with_response_stream import INVOKE_ENDPOINT_WITH_RESPONSE_STREAM
from sagemaker_runtime.protocol import Marshaller
from sagemaker_runtime.streams.response_stream import ResponseStream

MARSHALLER = Marshaller(INVOKE_ENDPOINT_WITH_RESPONSE_STREAM)


@define
class Watcher:
    """Notes what it is told."""

    told: list[object] = field(factory=list)

    def first_event(self, stream, /):
        self.told.append("first event")

    def closed(self, stream, error, /):
        self.told.append((stream.ended, stream.bytes_received, error))


def a_stream(data=ONE + TWO, error=None):
    return ResponseStream(
        ScriptedBody(data, error=error), MARSHALLER.event, Metadata(), "InvokeEndpointWithResponseStream"
    )


async def test_a_watcher_is_told_of_the_first_event_and_of_the_end_once_each():
    """A span has one event for the first part, and can end once only."""
    stream, first, second = a_stream(), Watcher(), Watcher()
    stream.watch(first)
    stream.watch(second)

    assert [PayloadPart(b"one"), PayloadPart(b"two")] == [event async for event in stream]
    stream.close()

    assert ["first event", (True, len(ONE + TWO), None)] == first.told == second.told


async def test_watchers_are_told_in_the_order_they_came():
    """The inner middleware is the first to see the stream, and what it opened inside should close inside."""
    stream, order = a_stream(), []

    class Named(Watcher):
        def closed(self, stream, error, /):
            order.append(self.told)

    stream.watch(Named(["inner"]))
    stream.watch(Named(["outer"]))

    stream.close()

    assert [["inner"], ["outer"]] == order


async def test_a_watcher_gets_the_error_that_the_reader_gets():
    """The call had succeeded, so nobody else tells of it."""
    stream, watcher, lost = a_stream(error=TruncatedResponseError("cut")), Watcher(), Watcher()
    stream.watch(watcher)

    with pytest.raises(TruncatedResponseError) as caught:
        await anext(stream)
    stream.watch(lost)

    assert [(False, 0, caught.value)] == watcher.told == lost.told


async def test_a_watcher_is_told_of_a_cancelled_reader():
    """It closes the stream, and is neither an end nor a failure of the service."""
    stream, watcher = a_stream(error=asyncio.CancelledError()), Watcher()
    stream.watch(watcher)

    with pytest.raises(asyncio.CancelledError) as caught:
        await anext(stream)

    assert [(False, 0, caught.value)] == watcher.told


async def test_a_watcher_is_told_of_a_stream_that_is_closed_early_and_at_once_of_one_that_was():
    """Otherwise it would wait for ever for a stream that is over."""
    stream, before, after = a_stream(), Watcher(), Watcher()
    stream.watch(before)

    await stream.aclose()
    stream.watch(after)

    assert [(False, 0, None)] == before.told == after.told
    with pytest.raises(EventStreamError, match="closed before its end"):
        await anext(stream)


async def test_a_watcher_is_told_of_an_abandoned_stream_without_a_garbage_collection():
    """The stream knows its watchers, and must not be kept by them."""
    stream, watcher = a_stream(), Watcher()
    stream.watch(watcher)

    gc.disable()
    try:
        with pytest.warns(ResourceWarning):
            del stream
    finally:
        gc.enable()

    assert [(False, 0, None)] == watcher.told
