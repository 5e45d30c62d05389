"""A server that checks what comes, and a relay of TCP connections that does to them all that a network may do."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from random import Random

from attrs import define, field
from transport.streams import END, HEAD, chunk, part

_FILLER = bytes(range(256)) * 16_384  # 4 MB, of which bodies are slices


def sealed(number: int, words: str, size: int) -> bytes:
    """A body with its number, words for the server, filler and a checksum."""
    text = f"{number} {words}\n".encode() + _FILLER[number % 251 :][:size]
    return text + struct.pack(">I", zlib.crc32(text))


def opened(body: bytes) -> tuple[int, list[str], int]:
    """Number, words and size of the filler; ValueError for a body that is not as it was sent."""
    text, checksum = body[:-4], body[-4:]
    if len(checksum) != 4 or struct.unpack(">I", checksum)[0] != zlib.crc32(text):
        raise ValueError(f"{len(body)} bytes, beginning with {body[:60]!r}, are not what was sent")
    line, _, filler = text.partition(b"\n")
    number, *words = line.decode().split()
    return int(number), words, len(filler)


# The server.


@define
class Origin:
    """A server that does what a request's body says, and notes the bodies that came damaged."""

    damaged: list[str] = field(factory=list)
    tasks: set[asyncio.Task[None]] = field(factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._respond(reader, writer):
                    pass
        finally:
            writer.transport.abort()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; whether another may follow on the connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int((re.search(rb"(?i)content-length: (\d+)", head) or [b"", b"0"])[1])
        if b"refuse" in head:  # before the body has come, and without reading it
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
            return False
        try:
            number, words, _ = opened(await reader.readexactly(length))
        except ValueError as error:
            self.damaged.append(str(error))
            return False
        kind, size, framing = words[0], int(words[1]), words[2]
        body = sealed(number, kind, size)
        if kind == "stream":
            writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            step = max(len(body) // 7, 1)
            for start in range(0, len(body), step):
                writer.write(chunk(part(body[start : start + step])))
                await writer.drain()
                await asyncio.sleep(0)
            writer.write(END)
        elif framing == "chunked":
            step = max(len(body) // 5, 1)
            pieces = [chunk(body[start : start + step]) for start in range(0, len(body), step)]
            writer.write(b"".join([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *pieces, END]))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        return framing != "closing"


# The network.


@define
class Fault:
    """
    What is done to one direction of a connection.

    Attributes:
        slices: Bytes passed on at once, while they are few.

        delay: Seconds between two slices.

        after: Bytes after which it ends; None for never.

        end: How: ``fin`` for a half-closed connection, ``rst``, or ``silence``.
    """

    slices: int
    delay: float
    after: int | None
    end: str

    @classmethod
    def drawn(cls, draw: Random) -> Fault:
        after = None
        if draw.random() < 0.12:
            after = int(draw.choice([0, draw.uniform(0, 400), draw.uniform(0, 5_000), draw.uniform(0, 1_500_000)]))
        return cls(
            slices=draw.choice([1, 2, 7, 100, 4_000, 1_000_000, 1_000_000]),
            delay=draw.choice([0.0, 0.0, 0.0, 0.0002, 0.001]),
            after=after,
            end=draw.choice(["fin", "rst", "rst", "silence"] if draw.random() < 0.3 else ["fin", "rst"]),
        )


@define
class Relay:
    """
    Connections to a server, each with faults of its own.

    Attributes:
        on_passed: Called when all that had come was passed on, in either direction.
    """

    port: int
    draw: Random
    on_passed: Callable[[], None] = lambda: None
    tasks: set[asyncio.Task[None]] = field(factory=set)
    faults: Counter[str] = field(factory=Counter)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._relay(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_writer = None
        try:
            if self.draw.random() < 0.01:
                self.faults["rst at once"] += 1
                _reset(writer)
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
            there, back = Fault.drawn(self.draw), Fault.drawn(self.draw)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, far_writer, there, writer))
                both.create_task(self._pass_on(far_reader, writer, back, far_writer))
        except* (OSError, RuntimeError):  # the latter is uvloop's, for a connection that has been closed
            pass
        finally:
            writer.transport.abort()
            if far_writer is not None:
                far_writer.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault, other: asyncio.StreamWriter
    ) -> None:
        passed = 0
        left = 300  # slices of the size that was drawn; a large body would take minutes
        while data := await reader.read(65_536):
            while data:
                size = fault.slices if left > 0 else 65_536
                if fault.after is not None:
                    size = min(size, fault.after - passed)
                    if size <= 0:
                        self.faults[fault.end] += 1
                        await self._end(reader, writer, fault, other)
                        return
                writer.write(data[:size])
                await writer.drain()
                data = data[size:]
                passed, left = passed + size, left - 1
                if not data:
                    self.on_passed()
                await asyncio.sleep(fault.delay if left > 0 else 0)
        _half_close(writer)

    async def _end(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault, other: asyncio.StreamWriter
    ) -> None:
        """End this direction, or both, as *fault* says."""
        if fault.end == "rst":
            _reset(writer)
            _reset(other)
        elif fault.end == "fin":
            _half_close(writer)
            while await reader.read(65_536):
                pass
        else:
            while await reader.read(65_536):  # it takes all, and passes nothing on
                pass
            _half_close(writer)


def _half_close(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():  # uvloop refuses
        writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def listening(
    accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None], tasks: set[asyncio.Task[None]]
) -> AsyncIterator[int]:
    """Listen on a port, whose number this gives; what has been accepted ends with it."""
    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks))
