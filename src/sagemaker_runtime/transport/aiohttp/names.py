"""`Names`: the addresses of host names, looked up in threads of their own and kept for some seconds."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import deque
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeAlias, cast

from sagemaker_runtime.threads import Threads

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
"""As ``socket.getaddrinfo`` describes an address: family, type, protocol, canonical name, and the address itself."""

KEPT = 10.0  # seconds; aiohttp's, and less than the 60 for which AWS's names are valid
_NAMES_KEPT = 256  # then those whose time is over are removed
# Separate from the threads for files, because a lookup takes half a minute if the name server does not respond.
_THREADS = Threads(name="sagemaker-runtime-names")
_ADDRCONFIG = socket.AI_ADDRCONFIG & getattr(socket, "AI_MASK", -1)  # macOS defines flags that it does not accept


class _Known(NamedTuple):
    """What a lookup has found."""

    until: float
    """By the loop's clock."""

    addresses: deque[AddressInfo]


class Names:
    """
    The addresses of host names, for one event loop.

    The loop's executor is not used: a program may have filled it with work that waits for a call, which would be a deadlock.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], _Known] = {}
        self._lookups: dict[tuple[str, int], asyncio.Future[list[AddressInfo]]] = {}

    async def look_up(self, host: str, port: int) -> list[AddressInfo]:
        """
        The addresses of *host*, in the order in which to try them. The next call begins with the next one.

        Raises:
            OSError: There are none.
            UnicodeError: The name cannot be looked up.
        """
        address = _address(host, port)
        if address is not None:
            return [address]
        key, now = (host, port), asyncio.get_running_loop().time()
        known = self._known.get(key)
        if known is None or known.until <= now:
            lookup = self._lookups.get(key)
            if lookup is None:
                lookup = self._lookups[key] = start_lookup(host, port)
                lookup.add_done_callback(partial(self._looked_up, key))
            found = await asyncio.shield(lookup)  # other calls may wait for it too
            known = self._known.get(key)
            if known is None or known.until <= now:  # the lookup was over before this waited, and its callback is due
                known = self._keep(key, found)
        addresses = list(known.addresses)
        known.addresses.rotate(-1)
        return addresses

    def _looked_up(self, key: tuple[str, int], lookup: asyncio.Future[list[AddressInfo]]) -> None:
        del self._lookups[key]
        if not lookup.cancelled() and lookup.exception() is None:
            self._keep(key, lookup.result())

    def _keep(self, key: tuple[str, int], found: list[AddressInfo]) -> _Known:
        now = asyncio.get_running_loop().time()
        if len(self._known) >= _NAMES_KEPT:
            self._known = {name: known for name, known in self._known.items() if known.until > now}
        known = self._known[key] = _Known(now + KEPT, deque(found))
        return known


def start_lookup(host: str, port: int, family: int = socket.AF_UNSPEC) -> asyncio.Future[list[AddressInfo]]:
    """
    Look up a name in a thread.

    Returns:
        A future of its addresses, in the order that the system prefers, or of an OSError if there are none.
    """
    return _THREADS.start(_look_up, host, port, family)


def _address(host: str, port: int) -> AddressInfo | None:
    """That of a host given by its address; None for a name, and for an address with a zone, which only the system knows."""
    for family, address in ((socket.AF_INET, (host, port)), (socket.AF_INET6, (host, port, 0, 0))):
        with suppress(OSError):
            socket.inet_pton(family, host)
            return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address
    return None


def _look_up(host: str, port: int, family: int) -> list[AddressInfo]:
    try:
        return _get_addresses(host, port, family, flags=_ADDRCONFIG)
    except socket.gaierror:
        # While Windows is offline, it does not find localhost with AI_ADDRCONFIG.
        if sys.platform != "win32" or host.rstrip(".").casefold() != "localhost":
            raise
        return _get_addresses(host, port, family)


def _get_addresses(host: str, port: int, family: int = 0, *, flags: int = 0) -> list[AddressInfo]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
    # Python that was built without IPv6 describes such addresses by numbers, and cannot use them.
    usable = [info for info in found if isinstance(info[4][0], str)]
    if not usable:
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} has no address that can be used")
    return cast("list[AddressInfo]", usable)
