"""
A server that responds to every POST with the same event stream of small parts, as fast as it is read.

Arguments: the parts in a stream, the bytes in a part, and the parts in one chunk of the body.
"""

from __future__ import annotations

import asyncio
import sys

from sagemaker_runtime.streams.frames import Message, encode

HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/vnd.amazon.eventstream\r\n"
    b"Transfer-Encoding: chunked\r\n"
    b"x-amzn-RequestId: 01234567-89ab-cdef-0123-456789abcdef\r\n"
    b"\r\n"
)
HEADERS = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}


async def main() -> None:
    """Serve on a free port, which is printed, until standard input ends."""
    parts, size, together = map(int, sys.argv[1:])
    frames = [encode(Message(HEADERS, (f"{number:08d} " + "x" * size)[:size].encode())) for number in range(parts)]
    pieces = [b"".join(frames[start : start + together]) for start in range(0, parts, together)]
    chunks = [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces]

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            writer.write(HEAD)
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
            writer.write(b"0\r\n\r\n")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await respond(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
