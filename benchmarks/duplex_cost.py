"""
The CPU time of a part of a duplex call over TLS, as a multiple of the same bytes on bare h2: ``make bench-duplex``.

The server has its own process, and reads or sends as fast as it can. Each figure is the client's CPU time for a part of 3,200
bytes (100 ms of speech), in its own process. The clients take turns, and the medians are compared. The bare client writes
h2's output once for each part or, like ours, once for each turn of the loop.

Then parts go to the server and back, one at a time, with our client and with AWS's own (``--peer``, a Python 3.12 that has
it). The last line is the time until a caller who is sending gets a refusal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, SettingsAcknowledged, StreamEnded, WindowUpdated

from sagemaker_runtime import (
    Client,
    HTTP2Client,
    InvokeEndpointWithBidirectionalStreamInput,
    ModelError,
    Options,
    StaticCredentialsProvider,
)
from sagemaker_runtime.streams.frames import Message, encode

PART = bytes(3_200)
HEADERS = {":message-type": "event", ":event-type": "PayloadPart", "DataType": "BINARY", "CompletionState": "COMPLETE"}
EVENT = encode(Message(HEADERS | {":content-type": "application/octet-stream"}, PART))
SIGNED = len(EVENT) + 86  # bytes of a signed event
SEND, READ, ECHO, REFUSE = "send", "read", "echo", "refuse"
WARM_UP, PINGS = 500, 10_000  # parts
CLIENTS = ("ours", "bare, by part", "bare, by turn")


class Server(asyncio.Protocol):
    """Reads everything; for an endpoint ``read-N``, sends N parts."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2 = H2Connection(H2Configuration(client_side=False))
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(2**30)
        self._left: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._arrived: dict[int, bytearray] = {}  # an event that has not arrived completely
        self._paused = False
        self._flush()

    def data_received(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            if isinstance(event, RequestReceived):
                assert event.stream_id is not None
                path = dict(event.headers or ())[b":path"].decode()
                name = self._names[event.stream_id] = path.split("/")[2]
                if name != REFUSE:
                    self._h2.send_headers(event.stream_id, [(":status", "200")])
                self._left[event.stream_id] = int(name.partition("-")[2]) * len(EVENT) if name.startswith(READ) else 0
            elif isinstance(event, DataReceived):
                assert event.stream_id is not None
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
                self._respond(event.stream_id, event.data or b"")
            elif isinstance(event, StreamEnded):
                assert event.stream_id is not None
                if not self._left[event.stream_id]:
                    self._h2.end_stream(event.stream_id)
        self._pump()

    def _respond(self, id: int, data: bytes) -> None:
        name = self._names[id]
        if name == ECHO:
            arrived = self._arrived.setdefault(id, bytearray())
            arrived += data
            while len(arrived) >= (size := int.from_bytes(arrived[:4]) or 1):  # an event begins with its length
                inner = bytes(arrived[12 + int.from_bytes(arrived[4:8]) : size - 4])
                del arrived[:size]
                if len(inner) > len(PART):  # not the end
                    self._h2.send_data(id, inner)
        elif name == REFUSE:
            self._names[id] = ""
            self._h2.send_headers(id, [(":status", "424"), ("x-amzn-errortype", "ModelError")])
            self._h2.send_data(id, b'{"Message": "no"}')

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _pump(self) -> None:
        for id in self._left:
            left = self._left[id]
            while left and not self._paused and (room := self._h2.local_flow_control_window(id)) > 0:
                begin = -left % len(EVENT)
                piece = EVENT[begin : begin + min(room, self._h2.max_outbound_frame_size, left)]
                left -= len(piece)
                self._h2.send_data(id, piece, end_stream=not left)
                self._flush()
            self._left[id] = left
        self._flush()

    def _flush(self) -> None:
        self._transport.write(self._h2.data_to_send())


class Bare(asyncio.Protocol):
    """A client of nothing but h2 and a transport."""

    def __init__(self, *, by_turn: bool) -> None:
        self._by_turn = by_turn
        self._due = False
        self._ready = asyncio.Event()
        self.settled = asyncio.Event()
        self.ended = asyncio.Event()
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.h2 = H2Connection(H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(2**30)
        self.write()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, DataReceived):
                assert event.stream_id is not None
                self.received += len(event.data or b"")
                self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            elif isinstance(event, WindowUpdated):
                self._ready.set()
            elif isinstance(event, SettingsAcknowledged):
                self.settled.set()
            elif isinstance(event, StreamEnded):
                self.ended.set()
        self.write()

    def write(self) -> None:
        """Write h2's output."""
        self._due = False
        self._transport.write(self.h2.data_to_send())

    async def send(self, data: bytes) -> None:
        """Send a part, as far as the windows allow."""
        while data:
            room = min(self.h2.local_flow_control_window(1), self.h2.max_outbound_frame_size)
            if room <= 0:
                self._ready.clear()
                await self._ready.wait()
                continue
            self.h2.send_data(1, data[:room])
            data = data[room:]
            if not self._by_turn:
                self.write()
            elif not self._due:
                self._due = True
                asyncio.get_running_loop().call_soon(self.write)


async def bare(url: str, context: ssl.SSLContext, kind: str, parts: int, *, by_turn: bool) -> float:
    """CPU seconds of a bare client."""
    host, _, port = url.removeprefix("https://").partition(":")
    context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(lambda: Bare(by_turn=by_turn), host, int(port), ssl=context)
    await client.settled.wait()
    path = f"/endpoints/{kind}-{parts}/invocations-bidirectional-stream"
    client.h2.send_headers(1, [(":method", "POST"), (":scheme", "https"), (":authority", host), (":path", path)])
    client.write()
    started = time.process_time()
    if kind == SEND:
        part = bytes(SIGNED)
        for number in range(parts):
            await client.send(part)
            if not number % 16:
                await asyncio.sleep(0)
        client.h2.end_stream(1)
        client.write()
    await client.ended.wait()
    took = time.process_time() - started
    assert kind == SEND or client.received == parts * len(EVENT)
    transport.abort()
    return took


async def ours(url: str, ca: str, kind: str, parts: int) -> float:
    """CPU seconds of our client."""
    params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name=f"{kind}-{parts}")
    async with our_client(url, ca) as client:
        stream = await client.invoke_endpoint_with_bidirectional_stream(params)
        await stream.initial_response()
        started = time.process_time()
        if kind == SEND:
            for _ in range(parts):
                await stream.send(PART)
        await stream.end()
        received = [len(part.bytes) async for part in stream]
        took = time.process_time() - started
        assert kind == SEND or received == [len(PART)] * parts
        await stream.aclose()
    return took


async def ping(url: str, ca: str) -> tuple[float, float]:
    """CPU seconds of parts that go to the server and back, one at a time, and the median duration of a part in seconds."""
    took: list[float] = []
    cpu = 0.0
    async with our_client(url, ca) as client:
        params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name=ECHO)
        async with await client.invoke_endpoint_with_bidirectional_stream(params) as stream:
            for number in range(WARM_UP + PINGS):
                if number == WARM_UP:
                    took.clear()
                    cpu = time.process_time()
                started = time.perf_counter()
                await stream.send(PART)
                await anext(stream)
                took.append(time.perf_counter() - started)
            return time.process_time() - cpu, statistics.median(took)


async def refusals(url: str, ca: str) -> float:
    """The median of the seconds until a caller who is sending gets a refusal."""
    refused: list[float] = []
    async with our_client(url, ca) as client:
        params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name=REFUSE)
        for _ in range(100):
            stream = await client.invoke_endpoint_with_bidirectional_stream(params)
            started = time.perf_counter()
            try:
                while True:
                    await stream.send(PART)
                    await asyncio.sleep(0)
            except ModelError:
                refused.append(time.perf_counter() - started)
            await stream.aclose()
    return statistics.median(refused)


@asynccontextmanager
async def our_client(url: str, ca: str) -> AsyncIterator[Client]:
    """Our client, for the server at *url*."""
    own = HTTP2Client(ca_bundle=ca, proxies={})
    keys = StaticCredentialsProvider("AKIDEXAMPLE", "secret")
    options = Options(region="us-east-1", credentials=keys, base_endpoint=url, duplex_http_client=own)
    async with Client(options) as client:
        yield client
    await own.close()


async def serve(certificate: str) -> None:
    """Print the URL, and serve until standard input ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0, ssl=context)
    print(f"https://localhost:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextmanager
def serving(certificate: str) -> Iterator[str]:
    """The URL of a server, which ends with the block."""
    command = [sys.executable, __file__, "--serve", certificate]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.communicate()


def certificate_in(folder: str) -> str:
    """A certificate for localhost, with its key, in a file in *folder*."""
    path = str(Path(folder) / "server.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", path + ".crt"]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    Path(path).write_text(Path(path).read_text() + Path(path + ".crt").read_text())
    return path


def run(client: str, url: str, certificate: str, kind: str, parts: int) -> float:
    """CPU seconds of one of `CLIENTS`, in this process."""
    if client == "ours":
        return asyncio.run(ours(url, certificate, kind, parts))
    context = ssl.create_default_context(cafile=certificate)
    return asyncio.run(bare(url, context, kind, parts, by_turn=client == "bare, by turn"))


def main() -> None:
    """Print a line for each client and direction."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", help="a Python 3.12 with AWS's client")
    parser.add_argument("--ping", nargs=2, help="send parts there and back; takes the URL and the certificate")
    parser.add_argument("--serve", help="be the server, with this certificate")
    parser.add_argument(
        "--client", nargs=4, help="be a client; takes its name, the URL, the certificate and the direction"
    )
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
        return
    if arguments.ping:
        print(json.dumps(asyncio.run(ping(*arguments.ping))))
        return
    if arguments.client:
        client, url, certificate, kind = arguments.client
        print(run(client, url, certificate, kind, arguments.parts))
        return
    with tempfile.TemporaryDirectory() as folder, serving(certificate := certificate_in(folder)) as url:
        for kind in (SEND, READ):
            rounds: list[list[float]] = []
            for _ in range(arguments.rounds):
                row: list[float] = []
                for client in CLIENTS:
                    command = [sys.executable, __file__, "--parts", str(arguments.parts)]
                    command += ["--client", client, url, certificate, kind]
                    done = subprocess.run(command, check=True, capture_output=True, text=True)
                    row.append(float(done.stdout) / arguments.parts)
                rounds.append(row)
            for column, client in enumerate(CLIENTS):
                cost = statistics.median(row[column] for row in rounds)
                ratio = statistics.median(row[0] / row[column] for row in rounds)
                print(
                    f"{kind} a part of {len(PART):,} bytes over TLS, {client:<16} {cost * 1e6:>6.1f} us, ours / it {ratio:>5.2f}"
                )
        show_pings(url, certificate, arguments.rounds, arguments.peer)
        refused = asyncio.run(refusals(url, certificate))
        print(f"a refusal to a caller who is sending {refused * 1e3:>6.1f} ms; the goal is 50")


def show_pings(url: str, certificate: str, rounds: int, peer: str | None) -> None:
    """Print a line for our client and, if there is a *peer*, for AWS's."""
    commands = {"ours": [sys.executable, __file__, "--ping", url, certificate]}
    if peer:
        commands["AWS's"] = [peer, str(Path(__file__).with_name("duplex_peer.py")), url, str(PINGS)]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    variables = os.environ | {"SSL_CERT_FILE": certificate}
    for _ in range(rounds):
        for name, command in commands.items():
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=variables)
            found[name].append(json.loads(done.stdout))
    for name, figures in found.items():
        cpu, took = (statistics.median(column) for column in zip(*figures, strict=True))
        ratio = statistics.median(own[0] / other[0] for own, other in zip(found["ours"], figures, strict=True))
        print(
            f"there and back, a part of {len(PART):,} bytes over TLS, {name:<6} {cpu / PINGS * 1e6:>6.1f} us of CPU, "
            f"{took * 1e6:>6.1f} us, ours / it {ratio:>5.2f}"
        )
    if not peer:
        print("AWS's client was not measured: it needs Python 3.12")


if __name__ == "__main__":
    main()
