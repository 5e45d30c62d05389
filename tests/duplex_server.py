"""An HTTP/2 server on loopback that does what a test's script says: statuses, resets, GOAWAY, windows, cut frames."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset, WindowUpdated
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from sagemaker_runtime import Client, Credentials, Options, SigV4Signer, StaticCredentialsProvider, override
from sagemaker_runtime.event_signing import EventSigner
from sagemaker_runtime.streams.frames import Decoder, Message, encode
from sagemaker_runtime.streams.messages import encode_headers

LIMIT = 20  # seconds; no test waits that long, unless something hangs
KEYS = Credentials("AKID", "SECRET", "TOKEN")

Script = Callable[["ServerStream"], Awaitable[None]]


class ServerStream:
    """One stream, as the server sees it."""

    def __init__(self, connection: ServerConnection, id: int, headers: dict[str, str]) -> None:
        self.connection = connection
        self.id = id
        self.headers = headers
        self.received: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.reset_code: int | None = None
        self.gone = asyncio.Event()
        self.window = asyncio.Event()

    async def read(self) -> bytes | None:
        """What came, as it came; None for the end."""
        return await self.received.get()

    async def events(self) -> AsyncIterator[Message]:
        """The events of the request, each one's signature checked, up to the signed end."""
        seed = self.headers["authorization"].rpartition("Signature=")[2]
        of_day = SigV4Signer().signing_key
        chain = EventSigner(seed, lambda day: of_day(KEYS, day, "us-east-1", "sagemaker"))
        decoder = Decoder()
        while (data := await self.read()) is not None:
            decoder.feed(data)
            while (outer := decoder.take()) is not None:
                assert [":date", ":chunk-signature"] == list(outer.headers)
                date = outer.headers[":date"]
                assert isinstance(date, datetime)
                expected = chain.next_signature(encode_headers({":date": date}), outer.payload, int(date.timestamp()))
                assert expected == outer.headers[":chunk-signature"], "a wrong signature"
                if not outer.payload:
                    while (rest := await self.read()) is not None:
                        assert not rest, "something after the end"
                    return
                inner = Decoder()
                inner.feed(outer.payload)
                message = inner.take()
                assert message is not None
                yield message
        assert self.gone.is_set(), "the request ended without its signed end"

    async def drained(self) -> None:
        """Read all that still comes, whatever it is."""
        while await self.read() is not None:
            pass

    def respond(self, status: int = 200, *, end: bool = False, **headers: str) -> None:
        fields = {"x-amzn-requestid": "req-1"} | {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.h2.send_headers(self.id, [(":status", str(status)), *fields.items()], end_stream=end)
        self.connection.flush()

    def refuse(self, status: int, error: str, *, end: bool = True, **members: Any) -> None:
        """The service's error."""
        body = json.dumps({"Message": "no", **members}).encode()
        self.respond(status, x_amzn_errortype=error)
        self.connection.h2.send_data(self.id, body, end_stream=end)
        self.connection.flush()

    async def send(self, data: bytes) -> None:
        """Send as the client's windows allow."""
        h2 = self.connection.h2
        while data:
            room = min(h2.local_flow_control_window(self.id), h2.max_outbound_frame_size)
            if room <= 0:
                self.window.clear()
                await self.window.wait()
                continue
            h2.send_data(self.id, data[:room])
            data = data[room:]
            self.connection.flush()
            await self.connection.writable.wait()

    async def part(self, data: bytes | str, **headers: str) -> None:
        await self.send(part_frame(data, **headers))

    async def exception(self, kind: str = "ModelStreamError", **members: str) -> None:
        headers = {":message-type": "exception", ":exception-type": kind}
        await self.send(encode(Message(headers, json.dumps(members).encode())))

    def end(self, trailers: list[tuple[str, str]] | None = None) -> None:
        if trailers is None:
            self.connection.h2.end_stream(self.id)
        else:
            self.connection.h2.send_headers(self.id, trailers, end_stream=True)
        self.connection.flush()

    def reset(self, code: int = 0) -> None:
        self.connection.h2.reset_stream(self.id, code)
        self.connection.flush()


def part_frame(data: bytes | str, **headers: str) -> bytes:
    payload = data.encode() if isinstance(data, str) else data
    kinds = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}
    kind = "UTF8" if isinstance(data, str) else "BINARY"
    return encode(Message({**kinds, "DataType": kind, **headers}, payload))


class ServerConnection(asyncio.Protocol):
    """One connection, as the server sees it."""

    def __init__(self, server: DuplexServer) -> None:
        self.server = server
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.streams: dict[int, ServerStream] = {}
        self.writable = asyncio.Event()
        self.writable.set()
        self.transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.server.connections.append(self)
        values = {
            SettingCodes.MAX_CONCURRENT_STREAMS: 2**20,
            SettingCodes.INITIAL_WINDOW_SIZE: self.server.window,
        }
        self.h2.local_settings = Settings(client=False, initial_values=values)
        self.h2.initiate_connection()
        if self.server.max_streams is not None:
            self.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: self.server.max_streams})
        if self.server.window > 65_535:
            self.h2.increment_flow_control_window(2**30)
        if self.server.speaks:
            self.flush()

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        if not self.server.speaks:
            return
        for event in self.h2.receive_data(data):
            match event:
                case RequestReceived(stream_id=id):
                    stream = self.streams[id] = ServerStream(self, id, dict(event.headers))
                    self.server.begin(stream)
                case DataReceived(stream_id=id):
                    self.streams[id].received.put_nowait(event.data)
                    if self.server.reads:
                        self.h2.acknowledge_received_data(event.flow_controlled_length, id)
                case StreamEnded(stream_id=id):
                    self.streams[id].received.put_nowait(None)
                case StreamReset(stream_id=id):
                    self.streams[id].reset_code = event.error_code
                    self.streams[id].gone.set()
                    self.streams[id].received.put_nowait(None)
                    self.streams[id].window.set()
                case WindowUpdated():
                    for stream in self.streams.values():
                        stream.window.set()
                case _:
                    pass
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.writable.set()
        for stream in self.streams.values():
            stream.gone.set()
            stream.received.put_nowait(None)

    def go_away(self, last_stream_id: int, code: int = 0) -> None:
        """Written with hyperframe: h2's own would end its state machine, and the streams that may go on."""
        self.flush()
        self.transport.write(GoAwayFrame(0, last_stream_id=last_stream_id, error_code=code).serialize())


class DuplexServer:
    """
    Args:
        script: What to do with each stream.

        max_streams: Streams at once on a connection; None for no limit.

        window: Bytes that a client may send ahead on a stream.

        reads: Whether what came is acknowledged, so that the client may send on.

        speaks: Whether it says anything at all.
    """

    def __init__(
        self,
        script: Script,
        *,
        max_streams: int | None = None,
        window: int = 65_535,
        reads: bool = True,
        speaks: bool = True,
    ) -> None:
        self.script = script
        self.max_streams = max_streams
        self.window = window
        self.reads = reads
        self.speaks = speaks
        self.connections: list[ServerConnection] = []
        self.streams: list[ServerStream] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []
        self.url = ""

    def begin(self, stream: ServerStream) -> None:
        self.streams.append(stream)
        task = asyncio.get_running_loop().create_task(self._run(stream))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run(self, stream: ServerStream) -> None:
        try:
            with suppress(
                H2Error, KeyError
            ):  # the client has ended it, and older versions of h2 know nothing of it then
                await self.script(stream)
        except Exception as error:  # noqa: BLE001 - for the test to find
            self.failures.append(error)


@asynccontextmanager
async def duplex_server(
    script: Script, *, tls: ssl.SSLContext | None = None, limit: float = LIMIT, **settings: Any
) -> AsyncIterator[DuplexServer]:
    server = DuplexServer(script, **settings)
    if tls is not None:
        tls.set_alpn_protocols(["h2"])
    listening = await asyncio.get_running_loop().create_server(
        lambda: ServerConnection(server), "127.0.0.1", 0, ssl=tls
    )
    port = listening.sockets[0].getsockname()[1]
    server.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(limit):
            yield server
    finally:
        listening.close()
        for connection in server.connections:
            connection.transport.abort()
        for task in list(server.tasks):
            task.cancel()
        await asyncio.sleep(0)
    assert [] == server.failures, server.failures


def duplex_client(server: DuplexServer, **changes: Any) -> Client:
    options = Options(
        region="us-east-1",
        credentials=StaticCredentialsProvider(KEYS.access_key_id, KEYS.secret_access_key, KEYS.session_token),
        base_endpoint=server.url,
    )
    override(**changes)(options)
    return Client(options)


async def echo(stream: ServerStream) -> None:
    """Every part back, as it came; the end at the end."""
    stream.respond(x_amzn_invoked_production_variant="blue")
    async for message in stream.events():
        headers = {name: str(value) for name, value in message.headers.items() if not name.startswith(":")}
        await stream.part(message.payload, **headers)
    stream.end()
