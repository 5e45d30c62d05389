"""A server on loopback that responds byte for byte as a test's script says, and notes what came."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import support
from attrs import define, field

from sagemaker_runtime import Client, Headers, InvokeEndpointInput, Request

if TYPE_CHECKING:
    import ssl

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LIMIT = 20  # seconds; no test waits that long, unless something hangs
MAX_BODY = 6_291_456  # bytes; what the service takes at most

Step = bytes | Callable[["Exchange"], Awaitable[None]]


@define(eq=False)
class Connection:
    """The server's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """End the connection with a FIN."""
        self.writer.close()

    def reset(self) -> None:
        """End the connection with an RST."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_peer_closes(self) -> None:
        """Read all that still comes, and then the end."""
        with suppress(ConnectionError):
            while await self.reader.read(262_144):
                pass


@define(eq=False)
class Exchange(Connection):
    """One request whose head has come, and the connection to respond on."""

    line: bytes
    headers: list[tuple[str, str]]
    body: bytes = b""

    @classmethod
    async def read_head(cls, connection: Connection) -> Exchange | None:
        try:
            head = await connection.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        pairs = [field.decode().split(": ", 1) for field in fields]
        return cls(connection.reader, connection.writer, line, [(name.lower(), value) for name, value in pairs])

    async def read_body(self) -> None:
        self.body = await self.reader.readexactly(int(dict(self.headers)["content-length"]))

    @property
    def request(self) -> Request:
        """The request as a signer sees it."""
        method, target, _ = self.line.decode().split(" ")
        path, _, query = target.partition("?")
        headers = Headers(self.headers)
        return Request(method, "http", headers["host"], path, query, headers, self.body)


@define(eq=False)
class Server:
    """Follows its script, a step for each request; the last one serves for all that come after."""

    script: list[Step]
    connected: Callable[[Connection], Awaitable[None]] | None = None
    port: int = 0
    requests: list[Exchange] = field(factory=list)
    accepted: int = 0
    tasks: dict[asyncio.Task[None], Connection] = field(factory=dict)
    _changed: asyncio.Event = field(factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """Connections that neither side has closed."""
        return len(self.tasks)

    async def until_open(self, at_most: int) -> None:
        """Wait until no more than *at_most* connections are open."""
        while self.open > at_most:
            self._changed.clear()
            await self._changed.wait()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = Connection(reader, writer)
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self.tasks[task] = connection
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.pop(task).close()
        self._changed.set()
        if not task.cancelled():
            task.result()  # a fault of the test's own

    async def _serve(self, connection: Connection) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):  # the client may go at any moment
            if self.connected is not None:
                await self.connected(connection)
                return
            while not connection.writer.is_closing() and (exchange := await Exchange.read_head(connection)) is not None:
                self.requests.append(exchange)
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if isinstance(step, bytes):
                    await exchange.read_body()
                    await exchange.send(step)
                else:
                    await step(exchange)


@asynccontextmanager
async def serving(
    *script: Step,
    connected: Callable[[Connection], Awaitable[None]] | None = None,
    tls: ssl.SSLContext | None = None,
    receive_buffer: int | None = None,
    port: int = 0,
) -> AsyncIterator[Server]:
    """
    A server for the time of a test, which fails if it takes longer than `LIMIT`.

    Args:
        script: What to do for each request, once its head is there; bytes are sent when the whole request is there.

        connected: What to do with each connection, instead of reading requests from it.

        tls: For a server that speaks https.

        receive_buffer: Bytes that the kernel takes from the client while the server does not read.

        port: 0 for a free one.
    """
    listening = socket.create_server(("127.0.0.1", port), backlog=4096)
    if receive_buffer is not None:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)  # what accept() gives inherits it
    server = Server(list(script) or [OK], connected, listening.getsockname()[1])
    listener = await asyncio.start_server(server.accept, sock=listening, ssl=tls, backlog=4096)
    try:
        async with asyncio.timeout(LIMIT):
            yield server
    finally:
        listener.close()
        while server.tasks:
            for task, connection in list(server.tasks.items()):
                connection.writer.transport.abort()
                task.cancel()
            await asyncio.wait(list(server.tasks))
            await asyncio.sleep(0)  # for _ended
        await listener.wait_closed()


async def until_client_lets_go(server: Server) -> None:
    """Wait until the client's ends have given their sockets back: one that is closing may keep its own for ever."""
    async with asyncio.timeout(2):
        # Those of TLS stand on one of these; a closed one does not respond.
        while any(
            _is_open(item, server) for item in gc.get_objects() if type(item).__name__ == "_SelectorSocketTransport"
        ):
            await asyncio.sleep(0.01)


def _is_open(transport: asyncio.Transport, server: Server) -> bool:
    to_server = transport.get_extra_info("peername") == ("127.0.0.1", server.port)
    return to_server and transport.get_extra_info("socket").fileno() != -1


def client_for(server: Server, **changes: object) -> Client:
    """A client with a transport of its own that sends to *server*; waiting between attempts takes no time."""
    options = support.options(**{"base_endpoint": server.url, **changes})
    if "http_client" not in changes:
        options.http_client = None
    return Client(options)


def params(body: bytes = b"5.1,3.5", **changes: str) -> InvokeEndpointInput:
    """An input for an endpoint named iris."""
    return InvokeEndpointInput(endpoint_name="iris", body=body, **changes)


def request_to(server: Server, body: bytes = b"body", **changes: str) -> Request:
    """A request as the stack hands it to the transport."""
    request = Request(scheme="http", host=f"127.0.0.1:{server.port}", body=body, **changes)
    request.headers.update(
        {
            "host": request.host,
            "user-agent": "ours/1",
            "content-type": "text/csv",
            "content-length": str(len(body)),
            "accept-encoding": "identity",
        }
    )
    return request


def other_tasks(server: Server) -> set[asyncio.Task[object]]:
    """Tasks that are neither the test's own nor the server's."""
    return asyncio.all_tasks() - {asyncio.current_task()} - server.tasks.keys()
