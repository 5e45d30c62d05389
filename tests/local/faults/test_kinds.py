"""What each fault does to a call, seen by a client and on the wire."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urlsplit

import pytest
from both_clients import Client
from support import NOON, ManualClock, ScriptedHTTPClient

from sagemaker_runtime import (
    ATTEMPTS,
    RAW_RESPONSE,
    ConfigError,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    ModelStreamError,
    NopRetryer,
    ServiceError,
    TruncatedResponseError,
    override,
)
from sagemaker_runtime.local import (
    ClockSkew,
    CorruptFrame,
    CutKeepAlive,
    ErrorAnswer,
    Fault,
    InjectedFault,
    Invocation,
    Latency,
    LocalEndpoint,
    RandomFaults,
    Reset,
    SlowBody,
    StreamError,
    Throttled,
    TruncatedBody,
    TruncatedFrame,
)
from sagemaker_runtime.local.front.streaming import spoil
from sagemaker_runtime.streams.frames import Decoder, Message, encode


def echo_input(body: bytes = b"") -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="echo", body=body)


@pytest.mark.twice
@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        ("InternalFailure", 500, "An internal failure occurred."),
        ("ServiceUnavailable", 503, "The service is currently unavailable."),
        ("ValidationError", 400, "The request is not valid."),
        ("InternalDependencyException", 530, "A dependency of the service failed."),
        ("ModelNotReadyException", 429, "The model is not ready yet."),
        ("ThrottlingException", 400, ""),
    ],
)
async def test_a_fault_has_the_status_and_message_of_its_error(
    local: LocalEndpoint, error: str, status: int, message: str
) -> None:
    """Who wants a 530 need not know that it is one. A throttled client gets null for a message, as the service has it."""
    local.fail("echo", call=1, error=error)

    async with Client(local.options(), override(retryer=NopRetryer())) as client:
        with pytest.raises(ServiceError) as raised:
            await client.invoke_endpoint(echo_input())

    assert (error, status, message) == (raised.value.code, raised.value.status, raised.value.message)


@pytest.mark.twice
async def test_a_fault_can_be_any_error_at_all(local: LocalEndpoint) -> None:
    """What the service has not thought of yet is what a client must survive."""
    local.fail("echo", call=1, error="TeapotException", status=418, message="short and stout")

    async with Client(local.options()) as client:
        with pytest.raises(ServiceError, match="TeapotException: short and stout") as raised:
            await client.invoke_endpoint(echo_input())

    assert 418 == raised.value.status


@pytest.mark.twice
async def test_a_model_error_as_a_fault_has_its_members(local: LocalEndpoint) -> None:
    """A handler of ModelError reads them, and the model that never ran cannot provide them."""
    local.fail("echo", call=1, error="ModelError", message="out of memory")

    async with Client(local.options()) as client:
        with pytest.raises(ModelError) as raised:
            await client.invoke_endpoint(echo_input())

    assert (424, 500, "out of memory") == (
        raised.value.status,
        raised.value.original_status_code,
        raised.value.original_message,
    )


def hurried(clock: ManualClock) -> Callable[..., None]:
    return override(retryer=NopRetryer(), clock=clock)


async def signed(local: LocalEndpoint, body: bytes = b"body") -> bytes:
    """A request of the client's to ``echo``, byte for byte."""
    scripted = ScriptedHTTPClient()
    async with Client(local.options(), override(http_client=scripted)) as client:
        await client.invoke_endpoint(echo_input(body))
    (request,) = scripted.requests
    lines = [
        f"POST {urlsplit(request.url).path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in request.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + request.body


class Wire:
    """A connection without a client, to see the bytes."""

    def __init__(self, local: LocalEndpoint) -> None:
        self.local = local
        self.socket = socket.socket()
        self.socket.setblocking(False)  # noqa: FBT003 - its own way to say so

    async def __aenter__(self) -> Self:
        address = urlsplit(self.local.url)
        await asyncio.get_running_loop().sock_connect(self.socket, (address.hostname, address.port))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.socket.close()

    async def send(self) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, await signed(self.local))

    async def read(self, until: bytes) -> bytes:
        """What comes, to the given end."""
        data = b""
        while not data.endswith(until):
            data += await asyncio.get_running_loop().sock_recv(self.socket, 65_536)
        return data

    async def rest(self) -> tuple[bytes, str]:
        """What comes, and how the connection ends."""
        data = b""
        while True:
            try:
                piece = await asyncio.get_running_loop().sock_recv(self.socket, 65_536)
            except ConnectionResetError:
                return data, "reset"
            if not piece:
                return data, "end"
            data += piece


@pytest.fixture(autouse=True)
async def impatience() -> AsyncGenerator[None]:
    """A connection that should have been closed, and was not, must not hold up the run."""
    async with asyncio.timeout(20):
        yield


async def test_a_reset_before_the_head_sends_nothing(local: LocalEndpoint) -> None:
    """It must be a real RST: a mere end of the stream is another failure to most clients."""
    local.inject("echo", Reset(), call=1)

    async with Wire(local) as wire:
        await wire.send()
        seen = await wire.rest()

    assert (b"", "reset") == seen


async def test_a_reset_after_the_head_sends_the_head_alone(local: LocalEndpoint) -> None:
    """A client that has seen a status must not take the response for one."""
    local.inject("echo", Reset(after_head=True), call=1)

    async with Wire(local) as wire:
        await wire.send()
        data, end = await wire.rest()

    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert data.endswith(b"\r\n\r\n")
    assert "reset" == end


@pytest.mark.parametrize(
    ("kept", "promised", "sent"), [(0, b"4", b""), (3, b"4", b"bod"), (4, b"5", b"body"), (9, b"5", b"body")]
)
async def test_a_truncated_body_is_shorter_than_its_head_has_promised(
    local: LocalEndpoint, kept: int, promised: bytes, sent: bytes
) -> None:
    """However much is kept, something is missing, or the fault would be none."""
    local.inject("echo", TruncatedBody(kept), call=1)

    async with Wire(local) as wire:
        await wire.send()
        data, end = await wire.rest()

    head, _, body = data.partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: %b\r\n" % promised in head + b"\r\n"
    assert (sent, "end") == (body, end)


async def test_a_cut_connection_is_closed_after_a_good_response_that_does_not_say_so(local: LocalEndpoint) -> None:
    """With ``Connection: close`` a client would know, and nothing would be tried."""
    local.inject("echo", CutKeepAlive(), call=1)

    async with Wire(local) as wire:
        await wire.send()
        data, end = await wire.rest()

    assert data.endswith(b"\r\n\r\nbody")
    assert b"connection:" not in data.lower()
    assert "end" == end


async def test_a_connection_can_be_cut_under_the_next_request(local: LocalEndpoint) -> None:
    """So an idle connection is closed by a server just when it is used again; that request reaches no model."""
    local.inject("echo", CutKeepAlive(at_next_request=True), call=1)

    async with Wire(local) as wire:
        await wire.send()
        await wire.read(until=b"body")
        await wire.send()
        seen = await wire.rest()

    assert (b"", "reset") == seen
    assert 1 == local.calls("echo")
    assert local.journal[0].fault is local.journal[1].fault is not None


@pytest.mark.twice
@pytest.mark.parametrize(
    ("fault", "slept"),
    [
        (Latency(1.5), [1.5]),
        (SlowBody(0.2, size=2), [0.2, 0.2]),
        (SlowBody(0.2), [0.2] * 4),
        (SlowBody(1.0, size=5), []),
    ],
)
async def test_a_fault_that_takes_time_takes_it_from_the_clock(fault: Fault, slept: list[float]) -> None:
    """A test of patience need not have any."""
    clock = ManualClock()

    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}, clock=clock) as local,
        Client(local.options(), hurried(clock)) as client,
    ):
        local.inject("echo", fault, call=1)
        output = await client.invoke_endpoint(echo_input(b"12345"))

    assert b"12345" == output.body
    assert slept == clock.slept


@pytest.mark.twice
async def test_a_wrong_clock_refuses_the_signature_and_shows_its_time() -> None:
    """The ``Date`` of the refusal is what a client can correct its own clock by."""
    clock = ManualClock()

    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}, clock=clock) as local,
        Client(local.options(), override(clock=clock)) as client,
    ):
        local.inject("echo", ClockSkew(3600.0), call=1, times=2)
        output = await client.invoke_endpoint(echo_input())

    assert [403, None] == [attempt.status for attempt in output.result_metadata[ATTEMPTS]]
    date = parsedate_to_datetime(output.result_metadata[RAW_RESPONSE].headers["date"])
    assert NOON + 3600 == date.timestamp()
    assert [1, 2] == [injected.call for injected in local.faults]


@pytest.mark.twice
async def test_the_date_is_the_clocks_where_nothing_is_wrong() -> None:
    """Or a client would be put right by a time that its signature is not checked by."""
    clock = ManualClock()

    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}, clock=clock) as local,
        Client(local.options(), hurried(clock)) as client,
    ):
        output = await client.invoke_endpoint(echo_input())

    date = output.result_metadata[RAW_RESPONSE].headers["date"]
    assert NOON == parsedate_to_datetime(date).timestamp()


FRAMES = [encode(Message({":message-type": "event"}, payload)) for payload in (b"1", b"2", b"3")]


async def spoilt(frames: list[bytes], fault: TruncatedFrame | CorruptFrame | StreamError) -> list[bytes]:
    async def given() -> AsyncGenerator[bytes]:
        for frame in frames:
            yield frame

    return [frame async for frame in spoil(given(), fault)]


async def test_a_stream_goes_on_after_a_corrupt_frame() -> None:
    """A decoder must stop at it, though good frames follow."""
    wrong = bytes([*FRAMES[1][:-1], FRAMES[1][-1] ^ 0xFF])

    assert [FRAMES[0], wrong, FRAMES[2]] == await spoilt(FRAMES, CorruptFrame())


async def test_which_byte_is_wrong_can_be_said() -> None:
    """What is wrong in the prelude is found before the rest has come."""
    wrong = bytes([FRAMES[0][0] ^ 0xFF, *FRAMES[0][1:]])

    assert [wrong, *FRAMES[1:]] == await spoilt(FRAMES, CorruptFrame(after=0, at=0))


async def test_a_stream_ends_in_a_truncated_frame() -> None:
    """Half of it is there, and nothing after it."""
    assert [FRAMES[0], FRAMES[1][: len(FRAMES[1]) // 2]] == await spoilt(FRAMES, TruncatedFrame())


@pytest.mark.parametrize("frames", [FRAMES[:1], FRAMES[:0]])
@pytest.mark.parametrize("fault", [TruncatedFrame(after=5), CorruptFrame(after=5), StreamError(after=5)])
async def test_a_shorter_stream_meets_the_fault_at_its_end(
    frames: list[bytes], fault: TruncatedFrame | CorruptFrame | StreamError
) -> None:
    """A test whose fault never fires passes for the wrong reason."""
    *good, last = await spoilt(frames, fault)

    assert frames == good
    assert last


async def test_an_error_in_a_stream_is_the_last_message_with_its_members() -> None:
    """Another of the two that the API model has takes no code."""
    decoder = Decoder()
    for fault in (StreamError(error_code="ModelInvocationTimeExceeded"), StreamError("InternalStreamFailure", "Oops.")):
        decoder.feed((await spoilt(FRAMES, fault))[-1])

    messages = [decoder.take(), decoder.take()]

    assert [
        ("ModelStreamError", b'{"Message": "The stream failed.", "ErrorCode": "ModelInvocationTimeExceeded"}'),
        ("InternalStreamFailure", b'{"Message": "Oops."}'),
    ] == [(message.headers[":exception-type"], message.payload) for message in messages if message is not None]


def empty(invocation: Invocation) -> Iterator[bytes]:
    return iter(())


async def whole(client: Client) -> None:
    await client.invoke_endpoint(echo_input())


async def streamed(client: Client) -> None:
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="echo", body=b"")
    output = await client.invoke_endpoint_with_response_stream(params)
    async with output.body as stream:
        await anext(stream)


@pytest.mark.twice
@pytest.mark.parametrize("fault", [TruncatedBody(kept=9), Reset(after_head=True)])
@pytest.mark.parametrize("call", [whole, streamed])
async def test_an_empty_response_can_be_cut_too(fault: Fault, call: Callable[[Client], Awaitable[None]]) -> None:
    """What ended with its head would be whole."""
    async with LocalEndpoint({"echo": empty}) as local, Client(local.options()) as client:
        local.inject("echo", fault, call=1)
        with pytest.raises(TruncatedResponseError):
            await call(client)

    assert 200 == local.journal[0].status
    assert not local.journal[0].written


def failing(invocation: Invocation) -> Iterator[bytes]:
    raise ValueError("no such word")
    yield b""


@pytest.mark.twice
@pytest.mark.parametrize("fault", [SlowBody(0.0), CorruptFrame(after=0), CutKeepAlive()])
async def test_a_model_that_fails_under_a_fault_is_still_a_model_error(fault: Fault) -> None:
    """A fault of the response's body does not hide what the response would have been."""
    async with LocalEndpoint({"echo": failing}) as local, Client(local.options()) as client:
        local.inject("echo", fault, call=1)
        with pytest.raises(ModelError, match="no such word"):
            await streamed(client)

    assert (424, "ModelError") == (local.journal[0].status, local.journal[0].error_code)


@pytest.mark.twice
async def test_a_fault_of_frames_leaves_a_call_alone_that_does_not_stream(local: LocalEndpoint) -> None:
    """A fault that was not met is not in the log, and is there for the call that streams."""
    local.inject("echo", StreamError(after=0), call=1, times=2)

    async with Client(local.options()) as client:
        output = await client.invoke_endpoint(echo_input(b"whole"))
        met = local.faults
        with pytest.raises(ModelStreamError):
            await streamed(client)

    assert (b"whole", []) == (output.body, met)
    assert [InjectedFault(StreamError(after=0), "echo", 2)] == local.faults


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Latency(-0.1), "Latency(seconds=-0.1): it takes 0 or more"),
        (lambda: SlowBody(1.0, size=0), "SlowBody(size=0): it takes 1 or more"),
        (lambda: ClockSkew(1e18), "ClockSkew(seconds=1e+18): it takes ten years at most"),
        (lambda: ClockSkew(float("-inf")), "ClockSkew(seconds=-inf): it takes ten years at most"),
        (lambda: ClockSkew(float("nan")), "ClockSkew(seconds=nan): it takes ten years at most"),
        (lambda: SlowBody(float("nan")), "SlowBody(seconds=nan): it takes 0 or more"),
        (lambda: ErrorAnswer("TeapotException"), "no status is known for the error 'TeapotException'"),
        (lambda: RandomFaults({Throttled(): 0.9, Reset(): 0.2}, seed=1), "with a sum of 1 or less, not 1.1"),
        (lambda: RandomFaults({Throttled(): -0.5}, seed=1), "must each be 0 or more"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_when_it_is_made(make: Callable[[], object], words: str) -> None:
    """Where it is made it can be seen; in a server it would be a riddle."""
    with pytest.raises(ConfigError, match=re.escape(words)):
        make()
