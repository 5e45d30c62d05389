"""What each fault does to a duplex call, on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from local.duplex_client import Peer, connected
from support import NOON, ManualClock

from sagemaker_runtime import Client, EventStreamError, InvokeEndpointInput
from sagemaker_runtime.local import (
    ClockSkew,
    Conversation,
    CorruptFrame,
    CutKeepAlive,
    Duplex,
    ErrorAnswer,
    Fault,
    GoAway,
    Invocation,
    Latency,
    LocalEndpoint,
    Reset,
    Silence,
    SlowBody,
    StalledWindow,
    StreamError,
    StreamReset,
    Throttled,
    TruncatedBody,
    TruncatedFrame,
)

REFUSED_STREAM, CANCEL, CALM = 7, 8, 11


async def echo(conversation: Conversation) -> AsyncIterator[str]:
    async for part in conversation:
        yield part.text


@asynccontextmanager
async def meeting(fault: Fault) -> AsyncIterator[Peer]:
    async with LocalEndpoint({"it": Duplex(echo)}) as local, connected(local) as peer:
        local.inject("it", fault, call=1)
        yield peer
        assert [fault] == [met.fault for met in local.faults]


async def whole_call(peer: Peer) -> list[str]:
    """A call without a fault."""
    stream = peer.call()
    stream.send("one", "two", end=True)
    await stream.done()
    return stream.said


@pytest.mark.parametrize(
    ("fault", "status", "name"),
    [
        (ErrorAnswer(), 503, "ServiceUnavailableError"),
        (ErrorAnswer("InternalFailure"), 500, "InternalServerError"),
        (ErrorAnswer("InputValidationError"), 400, "InputValidationError"),
        (ErrorAnswer("ModelError"), 424, "ModelError"),
        (ErrorAnswer("ModelNotReadyException"), 429, "ModelNotReadyException"),
        (ErrorAnswer("AccessDeniedException", 403, "no"), 403, "AccessDeniedException"),
        (Throttled(), 400, "ThrottlingException"),
    ],
)
async def test_a_status_comes_before_anything_is_sent(fault: Fault, status: int, name: str) -> None:
    """Under the names of the duplex operation; and the connection goes on."""
    async with meeting(fault) as peer:
        stream = peer.call()
        await stream.done()

        assert (status, name, True) == (stream.status, stream.error[0], stream.ended)
        assert ["one", "two"] == await whole_call(peer)


async def test_a_status_comes_while_its_caller_sends() -> None:
    """The head must not be out by then, so that the model is not asked."""
    async with meeting(ErrorAnswer("ModelError", after=2)) as peer:
        stream = peer.call()
        stream.send("one")
        assert ["one", "two"] == await whole_call(peer)
        assert stream.status is None

        stream.send("two")
        await stream.done()

        assert (424, "ModelError", True) == (stream.status, stream.error[0], stream.ended)
        await peer.until(lambda: stream.reset == 0)
        assert ["PayloadPart", "PayloadPart", "head", "end"] == [event.name for event in peer.local.journal[0].events]


async def test_an_exception_ends_the_stream() -> None:
    """After the parts that are good."""
    async with meeting(StreamError("InternalStreamFailure", "gone", after=1)) as peer:
        assert ["one", "InternalStreamFailure: None: gone"] == await whole_call(peer)


async def test_a_stream_is_cut_in_a_frame() -> None:
    """HTTP says that it is whole."""
    async with meeting(TruncatedFrame(after=1)) as peer:
        stream = peer.call()
        stream.send("one", "two")
        await stream.done()

        assert (["one"], True) == (stream.said, stream.ended)
        with pytest.raises(EventStreamError, match="stopped inside"):
            stream.check()


async def test_a_chunk_is_wrong() -> None:
    """One byte of it."""
    async with meeting(CorruptFrame(after=1)) as peer:
        stream = peer.call()
        stream.send("one", "two", "three", end=True)
        await stream.done()

        assert ["one"] == stream.said
        with pytest.raises(EventStreamError, match="checksum"):
            stream.check()


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (StreamReset(), None, 2),
        (StreamReset(REFUSED_STREAM), None, 7),
        (StreamReset(CANCEL, after=1), None, 8),
        (StreamReset(CANCEL, after=1, after_head=True), 200, 8),
    ],
)
async def test_a_stream_is_reset_and_its_connection_stands(fault: Fault, status: int | None, code: int) -> None:
    """Before the head, or after it."""
    async with meeting(fault) as peer:
        stream = peer.call()
        stream.send("one")
        await stream.done()
        if status is not None:
            await peer.until(lambda: stream.status == status)

        assert (status, code, False) == (stream.status, stream.reset, stream.ended)
        assert ["one", "two"] == await whole_call(peer)


async def test_a_connection_goes_away_and_its_streams_end_well() -> None:
    """What a server does that is about to be replaced."""
    async with LocalEndpoint({"it": Duplex(echo)}) as local, connected(local) as peer:
        local.inject("it", GoAway(after=1), call=2)
        peer.graceful = True
        first, second = peer.call(), peer.call()
        await peer.until(lambda: first.status == 200)

        second.send("one")
        await peer.until(lambda: peer.last_stream == second.number)
        assert not peer.lost
        for stream in (first, second):
            stream.send("two", end=True)
            await stream.done()

        assert [["two"], ["one", "two"]] == [first.said, second.said]
        await peer.until(lambda: peer.lost)


async def test_a_connection_goes_away_without_a_stream() -> None:
    """The stream is beyond the last one that is served, so that it may be tried again."""
    async with LocalEndpoint({"it": Duplex(echo)}) as local, connected(local) as peer:
        local.inject("it", GoAway(CALM, refused=True), call=1)
        peer.graceful = True
        stream = peer.call()
        await peer.until(lambda: peer.lost)

        assert (0, None, False) == (peer.last_stream, stream.status, stream.ended)
        assert ["GOAWAY"] == [event.name for event in local.journal[0].events]


async def test_a_window_stalls() -> None:
    """Whoever sends has to wait, though the connection is well."""
    async with meeting(StalledWindow(after=1)) as peer:
        stream = peer.call()
        stream.send("one")
        await peer.until(lambda: stream.status == 200)
        while (room := min(peer.h2.local_flow_control_window(stream.number), 16_384)) > 0:
            stream.write(bytes(room))
        peer.h2.ping(b"12345678")
        peer.flush()
        await peer.until(lambda: peer.pongs == 1)

        assert ["one", "two"] == await whole_call(peer)
        assert 0 == peer.h2.local_flow_control_window(stream.number)
        assert ([], False) == (stream.said, stream.ended)


async def test_a_connection_falls_silent() -> None:
    """Not even a PING is answered: only a client with a limit of its own gets away."""
    async with meeting(Silence(after=1)) as peer:
        stream = peer.call()
        stream.send("one")
        await peer.until(lambda: stream.status == 200)
        peer.h2.ping(b"12345678")
        other = peer.call()
        other.send("two", end=True)
        for _ in range(200):
            await asyncio.sleep(0)

        assert (0, None, []) == (peer.pongs, other.status, stream.said)


@pytest.mark.parametrize("fault", [Reset(), Reset(after_head=True)])
async def test_a_connection_is_reset(fault: Reset) -> None:
    """With all its streams."""
    async with meeting(fault) as peer:
        stream = peer.call()
        stream.send("one")
        await stream.done()

        assert (True, False) == (peer.lost, stream.ended)
        assert [] == stream.said


async def test_a_connection_is_closed_within_a_part() -> None:
    """The body is cut where nobody could expect it."""
    async with meeting(TruncatedBody(kept=20)) as peer:
        stream = peer.call()
        stream.send("one")
        await stream.done()

        assert (200, 20, True) == (stream.status, len(stream.body), peer.lost)


async def test_a_connection_is_closed_after_a_good_call() -> None:
    """Nothing announced it."""
    async with meeting(CutKeepAlive()) as peer:
        assert ["one", "two"] == await whole_call(peer)
        await peer.until(lambda: peer.lost)


async def test_a_connection_is_reset_as_the_next_call_comes() -> None:
    """What a client meets that uses an idle connection which the server is just closing."""
    async with meeting(CutKeepAlive(at_next_request=True)) as peer:
        assert ["one", "two"] == await whole_call(peer)
        peer.call()
        await peer.until(lambda: peer.lost)


@pytest.mark.parametrize(("fault", "waits"), [(Latency(5.0), 1), (SlowBody(1.0, size=1000), 1)])
async def test_what_takes_time_waits_by_the_clock_of_the_endpoint(fault: Fault, waits: int) -> None:
    """So that a test need not."""
    clock = ManualClock()
    async with LocalEndpoint({"it": Duplex(echo)}, clock=clock) as local, connected(local) as peer:
        peer.now = lambda: datetime.fromtimestamp(NOON, UTC)
        local.inject("it", fault, call=1)

        assert ["one", "two"] == await whole_call(peer)
        assert waits <= len(clock.slept)


async def test_the_clock_of_the_service_is_wrong() -> None:
    """In the check of the signature, and in the Date of the response."""
    async with meeting(ClockSkew(3600.0)) as peer:
        stream = peer.call()
        await stream.done()

        assert (403, "InvalidSignatureException") == (stream.status, stream.error[0])
        assert "Signature expired" in stream.error[1]["Message"]


async def test_other_calls_do_not_meet_a_fault_of_duplex_calls() -> None:
    """As with the faults of streams: it stays out of the list."""

    def plain(invocation: Invocation) -> bytes:
        return b"one"

    async with LocalEndpoint({"it": plain}) as local, Client(local.options()) as client:
        local.inject("it", GoAway(), call=1)
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))

        assert b"one" == output.body
        assert [] == local.faults
