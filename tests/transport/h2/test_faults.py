"""Each fault of a peer, with each thing that a caller may be doing: it ends with the error that says most, and soon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from duplex_server import DuplexServer, Script, ServerStream, duplex_client, duplex_server, part_frame

from sagemaker_runtime import (
    Client,
    ConnectError,
    ConnectionLostError,
    DuplexStream,
    EventStreamError,
    HTTP2Client,
    InputValidationError,
    InternalServerError,
    InternalStreamFailure,
    InvalidResponseError,
    InvokeEndpointWithBidirectionalStreamInput,
    ModelError,
    ModelStreamError,
    NopRetryer,
    ReadTimeoutError,
    RefusedStreamError,
    SageMakerRuntimeError,
    ServiceError,
    ServiceUnavailableError,
    StreamClosedError,
    Timeout,
    TruncatedResponseError,
    WriteTimeoutError,
    override,
)

INPUT = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="talker")
SOON = 5.0  # seconds; every limit below is a fraction of one
LIMITS = Timeout(connect=3.0, read=0.4, write=0.4)


async def refuses(stream: ServerStream, status: int, error: str, *, end: bool = True) -> None:
    stream.refuse(status, error, end=end, ErrorCode="Finer")


def refusal(status: int, error: str, *, after: int = 0, end: bool = True) -> Script:
    async def script(stream: ServerStream) -> None:
        events = stream.events()
        for _ in range(after):
            await anext(events)
        await refuses(stream, status, error, end=end)

    return script


async def resets_first(stream: ServerStream) -> None:
    stream.reset(2)


async def refuses_stream(stream: ServerStream) -> None:
    stream.reset(7)


async def goes_away(stream: ServerStream) -> None:
    stream.connection.go_away(0)


async def goes_away_later(stream: ServerStream) -> None:
    stream.respond()
    stream.connection.go_away(stream.id)
    await stream.part("still here")
    stream.end()
    await stream.drained()


async def drops_first(stream: ServerStream) -> None:
    stream.connection.transport.abort()


async def drops_later(stream: ServerStream) -> None:
    stream.respond()
    await stream.part("one")
    await asyncio.sleep(0.05)
    stream.connection.transport.abort()


async def vanishes(stream: ServerStream) -> None:
    stream.respond()
    await stream.part("one")
    stream.connection.transport.pause_reading()
    await stream.gone.wait()


async def never_responds(stream: ServerStream) -> None:
    await stream.gone.wait()


async def takes_nothing(stream: ServerStream) -> None:
    stream.respond()
    await stream.gone.wait()


async def ends_and_resets(stream: ServerStream) -> None:
    stream.respond()
    await stream.part("bye")
    stream.connection.h2.end_stream(stream.id)
    stream.reset(0)


async def ends_with_trailers(stream: ServerStream) -> None:
    stream.respond()
    await stream.part("bye")
    stream.end([("x-checksum", "1")])
    await stream.drained()


async def cuts_a_frame(stream: ServerStream) -> None:
    stream.respond()
    await stream.send(part_frame("whole") + part_frame("cut")[:-3])
    stream.end()
    await stream.drained()


async def cuts_and_resets(stream: ServerStream) -> None:
    stream.respond()
    await stream.send(part_frame("cut")[:-3])
    stream.reset(2)


async def fails_in_the_stream(stream: ServerStream) -> None:
    stream.respond()
    await stream.part("one")
    await stream.exception("ModelStreamError", Message="gone", ErrorCode="1011")
    stream.connection.h2.end_stream(stream.id)
    stream.reset(0)


async def service_fails_in_the_stream(stream: ServerStream) -> None:
    stream.respond()
    await stream.exception("InternalStreamFailure", Message="gone")
    stream.reset(2)


async def sends_garbage(stream: ServerStream) -> None:
    stream.respond()
    await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    stream.end()
    await stream.drained()


async def breaks_the_protocol(stream: ServerStream) -> None:
    stream.respond()
    await stream.part("one")
    await asyncio.sleep(0.02)  # h2 gives nothing of a read in which something is broken
    stream.connection.transport.write(b"\0\0\4\x08\0\0\0\0\0\0\0\0\0")  # WINDOW_UPDATE by 0


FAULTS: dict[
    str, tuple[Script, type[SageMakerRuntimeError] | tuple[type[SageMakerRuntimeError], ...], dict[str, object]]
] = {
    "400": (refusal(400, "InputValidationError"), InputValidationError, {}),
    "403": (refusal(403, "AccessDeniedException"), ServiceError, {}),
    "424": (refusal(424, "ModelError"), ModelError, {}),
    "429": (refusal(429, "ThrottlingException"), ServiceError, {}),
    "500": (refusal(500, "InternalServerError"), InternalServerError, {}),
    "503": (refusal(503, "ServiceUnavailableError"), ServiceUnavailableError, {}),
    "503 that waits for our end": (refusal(503, "ServiceUnavailableError", end=False), ServiceUnavailableError, {}),
    "reset before the head": (resets_first, ConnectionLostError, {}),
    "refused stream": (refuses_stream, RefusedStreamError, {}),
    "goaway before the stream": (goes_away, RefusedStreamError, {}),
    "goaway behind the stream": (goes_away_later, StreamClosedError, {}),
    "lost before the head": (drops_first, ConnectionLostError, {}),
    "lost after the head": (drops_later, TruncatedResponseError, {}),
    "vanished": (vanishes, (TruncatedResponseError, WriteTimeoutError), {}),
    "no head": (never_responds, ReadTimeoutError, {}),
    "no window": (takes_nothing, (WriteTimeoutError, StreamClosedError), {"reads": False}),
    "end and reset": (ends_and_resets, StreamClosedError, {}),
    "trailers": (ends_with_trailers, StreamClosedError, {}),
    "cut frame": (cuts_a_frame, EventStreamError, {}),
    "cut frame and reset": (cuts_and_resets, TruncatedResponseError, {}),
    "exception": (fails_in_the_stream, ModelStreamError, {}),
    "exception and reset": (service_fails_in_the_stream, InternalStreamFailure, {}),
    "no event stream": (sends_garbage, EventStreamError, {}),
    "broken protocol": (breaks_the_protocol, (TruncatedResponseError, InvalidResponseError), {}),
}
ENDS_WELL = {"goaway behind the stream", "end and reset", "trailers"}
"""For a reader, that is: the model had said all."""

NEVER_ENDS = {"no window"}
"""For a reader: the model only says nothing, and lives."""


async def send(stream: DuplexStream) -> None:
    for _ in range(200):
        await stream.send(bytes(3_200))


async def end(stream: DuplexStream) -> None:
    await stream.end()


async def read(stream: DuplexStream) -> None:
    async for _ in stream:
        pass


async def initial_response(stream: DuplexStream) -> None:
    await stream.initial_response()


async def close(stream: DuplexStream) -> None:
    await stream.aclose()


OPERATIONS: list[Callable[[DuplexStream], Awaitable[None]]] = [send, end, read, initial_response, close]


def client_of(server: DuplexServer) -> tuple[HTTP2Client, Client]:
    own = HTTP2Client(keep_alive=0.4, proxies={})
    return own, duplex_client(server, duplex_http_client=own, timeout=LIMITS, retryer=NopRetryer())


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_hangs_and_the_error_is_the_one_that_says_most(
    fault: str, operation: Callable[[DuplexStream], Awaitable[None]]
) -> None:
    """A caller that waits for ever is the worst of all errors, and a reset in place of the service's words the next."""
    script, expected, settings = FAULTS[fault]
    async with duplex_server(script, **settings) as server:
        own, client = client_of(server)
        raised: BaseException | None = None
        async with asyncio.timeout(SOON):
            try:
                stream = await client.invoke_endpoint_with_bidirectional_stream(INPUT)
                try:
                    if operation is read and fault in NEVER_ENDS:
                        return
                    await operation(stream)
                finally:
                    await stream.aclose()
            except SageMakerRuntimeError as error:
                raised = error
            finally:
                await client.close()
                await own.close()
    if operation is read and fault not in ENDS_WELL and fault not in NEVER_ENDS:
        assert isinstance(raised, expected), repr(raised)
    if raised is not None:
        assert isinstance(raised, expected), repr(raised)
        assert "InvokeEndpointWithBidirectionalStream" in str(raised)


async def talk(client: Client) -> None:
    """Send without end, and read nothing."""
    async with await client.invoke_endpoint_with_bidirectional_stream(INPUT) as stream:
        for _ in range(10_000):
            await stream.send(bytes(3_200))
            await asyncio.sleep(0)


@pytest.mark.parametrize("fault", ["400", "403", "424", "429", "503", "exception", "exception and reset"])
async def test_a_sender_who_goes_on_gets_the_services_error(fault: str) -> None:
    """It meets the reset first, and is to be told what the service said."""
    script, expected, _ = FAULTS[fault]
    async with duplex_server(script) as server:
        own, client = client_of(server)
        with pytest.raises(expected) as caught:
            await talk(client)
        assert isinstance(caught.value, ServiceError)
        await client.close()
        await own.close()


@pytest.mark.parametrize("after", [1, 5])
@pytest.mark.parametrize("status", [400, 403, 424, 429, 503])
async def test_a_refusal_in_the_middle_of_sending_reaches_the_sender(status: int, after: int) -> None:
    """A refusal that comes late is the usual one: the container was asked first."""
    async with duplex_server(refusal(status, "Refused", after=after, end=False)) as server:
        own, client = client_of(server)
        with pytest.raises(ServiceError) as caught:
            await talk(client)
        assert (status, "Refused", "req-1") == (caught.value.status, caught.value.code, caught.value.request_id)
        await client.close()
        await own.close()


async def test_a_server_that_says_nothing_is_no_connection() -> None:
    """It takes the connection and never sends its settings: a port of something else."""
    async with duplex_server(never_responds, speaks=False) as server:
        own, client = client_of(server)
        soon = override(timeout=Timeout(connect=0.2))
        with pytest.raises(ConnectError, match=r"no connection to .* in 0.2 s"):
            await client.invoke_endpoint_with_bidirectional_stream(INPUT, soon)
        await client.close()
        await own.close()


async def test_a_server_that_speaks_http_1_is_no_connection() -> None:
    """The usual mistake: the endpoint of the other operations."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server = DuplexServer(never_responds)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    own, client = client_of(server)
    with pytest.raises(ConnectError, match="it speaks HTTP/1, not HTTP/2"):
        await client.invoke_endpoint_with_bidirectional_stream(INPUT)
    await client.close()
    await own.close()
    listening.close()
