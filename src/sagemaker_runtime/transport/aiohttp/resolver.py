"""`Resolver`: looks up names for aiohttp, in its own threads."""

from __future__ import annotations

import socket
import sys

from aiohttp.abc import AbstractResolver, ResolveResult

from sagemaker_runtime.threads import Threads

# Separate from the threads for files, because a lookup takes half a minute if the name server does not respond.
_THREADS = Threads(name="sagemaker-runtime-names")
_ADDRCONFIG = socket.AI_ADDRCONFIG & getattr(socket, "AI_MASK", -1)  # macOS defines flags that it does not accept
_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class Resolver(AbstractResolver):
    """
    aiohttp's ``ThreadedResolver`` without the event loop's executor.

    A program may have filled the executor with work that waits for a call, which would be a deadlock.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """
        The addresses of a name, in the order that the system prefers.

        Raises:
            OSError: There are none.
        """
        return await _THREADS.start(_look_up, host, port, family)

    async def close(self) -> None:
        """There is nothing to close."""


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=_ADDRCONFIG)
    except socket.gaierror:
        # While Windows is offline, it does not find localhost with AI_ADDRCONFIG.
        if sys.platform != "win32" or host.rstrip(".").casefold() != "localhost":
            raise
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    results: list[ResolveResult] = []
    for kind, _, proto, _, address in found:
        name, number = address[:2]
        if not isinstance(name, str):  # not an address, because this Python was built without IPv6
            continue
        if address[3:] not in ((), (0,)):  # in a zone, like link-local addresses
            name, service = socket.getnameinfo(address, _NUMERIC)
            number = int(service)
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        results.append(ResolveResult(hostname=host, host=name, port=int(number), family=kind, proto=proto, flags=flags))
    if not results:
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} has no address that can be used")
    return results
