"""`Names`: which addresses a host has, how long they are kept, and in which threads they are looked up."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from aiohttp.resolver import ThreadedResolver

from sagemaker_runtime.transport.aiohttp.names import KEPT, Names

ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


class Service:
    """In place of ``socket.getaddrinfo``."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.threads: set[int] = set()
        self.error: OSError | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def look_up(self, host, port, *_, **__):
        self.asked.append(host)
        self.threads.add(threading.get_ident())
        self.go_on.wait(20)
        if self.error is not None:
            raise self.error
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ADDRESSES]

    async def until_asked(self, times: int) -> None:
        while len(self.asked) < times:
            await asyncio.sleep(0)


@pytest.fixture
def service(monkeypatch):
    made = Service()
    monkeypatch.setattr(socket, "getaddrinfo", made.look_up)
    yield made
    made.go_on.set()


def hosts(found):
    return [address[0] for _, _, _, _, address in found]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "no.such.host.invalid", "a" * 64 + ".test"])
async def test_the_addresses_are_those_that_aiohttp_would_connect_to(host):
    """The system's, in its order; or its error."""

    async def outcome(found):
        try:
            return hosts(await found)
        except (OSError, UnicodeError) as error:
            return type(error), str(error)

    async def aiohttps():
        found = await ThreadedResolver().resolve(host, 443, socket.AF_UNSPEC)
        return [(0, 0, 0, "", (each["host"], each["port"])) for each in found]

    assert await outcome(aiohttps()) == await outcome(Names().look_up(host, 443))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", (socket.AF_INET, ("127.0.0.1", 80))),
        ("2001:db8::1", (socket.AF_INET6, ("2001:db8::1", 80, 0, 0))),
    ],
)
async def test_an_address_is_not_looked_up(service, host, expected):
    """A thread would cost more than the connection."""
    ((family, kind, proto, _, address),) = await Names().look_up(host, 80)

    assert expected == (family, address)
    assert (socket.SOCK_STREAM, socket.IPPROTO_TCP) == (kind, proto)
    assert [] == service.asked


@pytest.mark.parametrize("host", ["fe80::1%lo", "127.1", "1.2.3.4.5", "12345"])
async def test_what_only_the_system_understands_is_looked_up(service, host):
    """A zone is the number of an interface; and short forms of addresses differ between systems."""
    await Names().look_up(host, 80)

    assert [host] == service.asked


async def test_calls_at_once_share_one_lookup_and_begin_with_different_addresses(service):
    """A thousand calls that begin together would otherwise ask a thousand times, and all go to the first address."""
    names = Names()

    found = await asyncio.gather(*(names.look_up("runtime.test", 443) for _ in range(4)))

    assert ["runtime.test"] == service.asked
    assert [each[0] for each in map(hosts, found)] == [*ADDRESSES, ADDRESSES[0]]
    assert all(sorted(each) == ADDRESSES for each in map(hosts, found))


async def test_ports_and_names_are_told_apart(service):
    """The address has the port in it."""
    names = Names()

    found = [await names.look_up(host, port) for host, port in (("a.test", 80), ("a.test", 81), ("b.test", 80))]

    assert [80, 81, 80] == [each[0][4][1] for each in found]
    assert ["a.test", "a.test", "b.test"] == service.asked


async def test_addresses_are_kept_for_some_seconds(service, pass_time):
    """AWS changes them while a service runs, within a minute."""
    names = Names()
    await names.look_up("runtime.test", 443)
    await pass_time(KEPT - 0.5)
    await names.look_up("runtime.test", 443)
    before = len(service.asked)
    await pass_time(1.0)
    await names.look_up("runtime.test", 443)

    assert [1, 2] == [before, len(service.asked)]


async def test_a_call_may_come_just_as_a_lookup_is_over(service):
    """The lookup has its result then, and what keeps it runs only in the next iteration of the loop."""
    names = Names()
    first = asyncio.create_task(names.look_up("runtime.test", 443))
    while not names._lookups:
        await asyncio.sleep(0)
    (lookup,) = names._lookups.values()
    while not lookup.done():
        await asyncio.sleep(0)
    assert names._lookups, "or this is too late"

    second = await names.look_up("runtime.test", 443)

    assert sorted(hosts(second)) == sorted(hosts(await first)) == ADDRESSES
    assert 1 == len(service.asked)


async def test_a_failure_is_not_kept(service):
    """The name server may be back at the next attempt. All who wait learn of it."""
    names = Names()
    service.error = socket.gaierror(socket.EAI_AGAIN, "try again")
    outcomes = await asyncio.gather(*(names.look_up("runtime.test", 443) for _ in range(3)), return_exceptions=True)
    service.error = None

    assert [service_error.errno for service_error in outcomes] == [socket.EAI_AGAIN] * 3
    assert sorted(hosts(await names.look_up("runtime.test", 443))) == ADDRESSES
    assert 2 == len(service.asked)


async def test_a_call_that_is_cancelled_leaves_the_lookup_to_the_others(service):
    """Which it may have begun."""
    names = Names()
    service.go_on.clear()
    first = asyncio.create_task(names.look_up("runtime.test", 443))
    second = asyncio.create_task(names.look_up("runtime.test", 443))
    await service.until_asked(1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    service.go_on.set()

    assert sorted(hosts(await second)) == ADDRESSES
    assert 1 == len(service.asked)


async def test_a_failure_that_nobody_waits_for_is_not_logged(service, caplog):
    """The call has been cancelled; what became of its name is nobody's concern."""
    names = Names()
    service.go_on.clear()
    service.error = socket.gaierror(socket.EAI_AGAIN, "try again")
    waiting = asyncio.create_task(names.look_up("runtime.test", 443))
    await service.until_asked(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    service.go_on.set()
    while names._lookups:
        await asyncio.sleep(0)

    assert [] == caplog.records


async def test_names_that_nobody_asks_for_are_forgotten(service, pass_time):
    """A program may call a host for each tenant, and run for years."""
    names = Names()
    for number in range(256):
        await names.look_up(f"host-{number}.test", 443)
    await pass_time(KEPT)
    await names.look_up("runtime.test", 443)

    assert [("runtime.test", 443)] == list(names._known)


@pytest.mark.usefixtures("full_executor")
async def test_a_name_is_looked_up_while_all_threads_of_the_loop_are_taken(service):
    """By a program's own work, which may wait for a call that needs the name."""
    async with asyncio.timeout(20):
        await Names().look_up("runtime.test", 80)

    assert threading.get_ident() not in service.threads
