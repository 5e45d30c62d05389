"""Names of proxies: what a lookup gives, beside aiohttp's own resolver, and in which threads."""

from __future__ import annotations

import asyncio
import socket
import threading

import aiohttp
import pytest
from aiohttp.resolver import ThreadedResolver

from sagemaker_runtime.transport.aiohttp.proxied import Resolver

FAMILIES = [socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6]


async def outcome(resolver, *arguments):
    """What a lookup gives, or what it raises."""
    try:
        return await resolver.resolve(*arguments)
    except (OSError, UnicodeError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "::1", "no.such.host.invalid", "", "a" * 64 + ".test", socket.gethostname()]
)
async def test_it_gives_what_aiohttps_own_gives(host, family):
    """Whoever replaces it must not be surprised: by the same addresses in the same order, or the same error."""
    assert await outcome(ThreadedResolver(), host, 443, family) == await outcome(Resolver(), host, 443, family)


@pytest.mark.parametrize(
    ("found", "host"),
    [
        ((socket.AF_INET, ("192.0.2.1", 443)), "192.0.2.1"),
        ((socket.AF_INET6, ("2001:db8::1", 443, 0, 0)), "2001:db8::1"),
        ((socket.AF_INET6, ("fe80::1", 443, 0, socket.if_nametoindex("lo"))), "fe80::1%lo"),
    ],
)
async def test_an_address_keeps_its_zone(monkeypatch, found, host):
    """A link-local address is good for nothing without the interface it is on."""
    family, address = found
    asked = []

    def look_up(host, port, wanted=0, kind=0, proto=0, flags=0, **named):
        asked.append((host, port, named.get("family", wanted), named.get("type", kind), proto, flags))
        return [(family, socket.SOCK_STREAM, 6, "", address)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    (result,) = await Resolver().resolve("runtime.test", 443, socket.AF_UNSPEC)
    expected = await ThreadedResolver().resolve("runtime.test", 443, socket.AF_UNSPEC)

    assert host == result["host"]
    assert [result] == expected
    assert asked[0] == asked[1]
    assert socket.AI_ADDRCONFIG == asked[0][-1]


@pytest.mark.parametrize("found", [[], [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (10, b"raw"))]])
async def test_a_name_without_an_address_that_can_be_used_is_an_error(monkeypatch, found):
    """An empty list would be a puzzle to who connects."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    with pytest.raises(OSError, match=r"'runtime\.test' has no address that can be used"):
        await Resolver().resolve("runtime.test")


@pytest.mark.usefixtures("full_executor")
async def test_a_name_is_looked_up_while_all_threads_of_the_loop_are_taken(monkeypatch):
    """By a program's own work, which may wait for a call that needs the name."""
    threads = []
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *given, **named: threads.append(threading.get_ident()) or look_up(*given, **named)
    )

    async with asyncio.timeout(20):
        found = await Resolver().resolve("localhost", 80)

    assert found
    assert 1 == len(threads)
    assert threading.get_ident() not in threads


async def test_a_lookup_that_is_cancelled_leaves_the_next_one_alone(monkeypatch):
    """A call that is given up while the name server is silent."""
    asked, let_go = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def hang(*given, **named):
        asked.set()
        let_go.wait(20)
        return look_up(*given, **named)

    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    waiting = asyncio.create_task(resolver.resolve("localhost"))
    while not asked.is_set():
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    monkeypatch.undo()
    found = await resolver.resolve("localhost")
    let_go.set()
    await resolver.close()

    assert "127.0.0.1" in [each["host"] for each in found]


@pytest.mark.usefixtures("full_executor")
async def test_aiohttps_connector_works_with_it():
    """Whose interface this is; the connection is a real one."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(20), server:
        connector = aiohttp.TCPConnector(resolver=Resolver())
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await session.get(f"http://localhost:{port}/")
