"""
A server that responds to every POST with the same bytes, on a plain asyncio protocol, so that it is never the bottleneck.

It never sleeps either: waking a process on an idle core of a virtual machine costs 20 us and more, which the kernel
charges to the sender. A client that takes a little longer for a call would pay that for each call, a fast one never.

Arguments: how many requests it collects before it responds to them, 1 by default; and for how many records a response has
predictions, under ``predictions``, instead of the single label of the default response.
"""

from __future__ import annotations

import asyncio
import sys
from typing import ClassVar

ONE = b'{"label":"iris"}'
HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: %d\r\n"
    b"x-amzn-RequestId: 01234567-89ab-cdef-0123-456789abcdef\r\n"
    b"x-Amzn-Invoked-Production-Variant: AllTraffic\r\n"
    b"Date: Sun, 22 Nov 2026 17:30:00 GMT\r\n"
    b"\r\n"
)


class Canned(asyncio.Protocol):
    """Counts the bytes of a request's body, and responds."""

    together = 1
    response = HEAD % len(ONE) + ONE
    waiting: ClassVar[list[asyncio.Transport]] = []

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._missing = 0  # bytes of the body still to come; 0 before a head
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        while data:
            if not self._missing:
                self._head += data
                head, found, data = self._head.partition(b"\r\n\r\n")
                if not found:
                    return
                self._head = b""
                lower = head.lower()
                start = lower.index(b"content-length:") + len(b"content-length:")
                self._missing = int(lower[start:].partition(b"\r\n")[0])
            taken = min(self._missing, len(data))
            self._missing -= taken
            data = data[taken:]
            if not self._missing and self._transport is not None:
                self.waiting.append(self._transport)
                if len(self.waiting) >= self.together:
                    for transport in self.waiting:
                        transport.write(self.response)
                    self.waiting.clear()


async def main() -> None:
    """Serve on a free port, which is printed, until standard input ends."""
    loop = asyncio.get_running_loop()
    Canned.together = int(sys.argv[1]) if sys.argv[1:] else 1
    if sys.argv[2:]:
        body = b'{"predictions":[%b]}' % b",".join([ONE] * int(sys.argv[2]))
        Canned.response = HEAD % len(body) + body
    server = await loop.create_server(Canned, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)

    def stay_awake() -> None:
        loop.call_soon(stay_awake)

    stay_awake()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
