"""Where the local endpoint listens."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from both_clients import Client

from sagemaker_runtime import InvokeEndpointInput
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.local.front.listener import Listener


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.twice
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104
        pytest.param("::1", "::1", marks=pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")),
        pytest.param("::", "::1", marks=pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")),
    ],
)
async def test_the_url_leads_to_the_host_that_was_given(host: str, expected: str) -> None:
    """An address of IPv6 stands in brackets, and nobody can connect to "all addresses"."""
    async with LocalEndpoint({"echo": lambda it: it.body}, host=host) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"1"))

        assert b"1" == output.body
        assert expected == urlsplit(local.url).hostname


async def test_it_listens_on_loopback_by_default() -> None:
    """A model is a function on somebody's laptop, which is no business of the network around it."""
    async with LocalEndpoint({"echo": lambda it: it.body}) as local:
        assert ipaddress.ip_address(urlsplit(local.url).hostname).is_loopback
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", urlsplit(local.url).port))


async def test_a_name_is_looked_up() -> None:
    """The URL has the address in its place: what the name stands for may be more than one."""
    async with LocalEndpoint({"echo": lambda it: it.body}, host="localhost") as local:
        assert ipaddress.ip_address(urlsplit(local.url).hostname).is_loopback


async def test_a_port_that_is_given_is_kept_and_one_that_is_taken_is_an_error() -> None:
    """A program in another process is configured once; a second server there must not go unnoticed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        local = LocalEndpoint({"echo": lambda it: it.body}, port=port)
        with pytest.raises(OSError, match=f"{port}"):
            await local.start()

        assert "<LocalEndpoint not running, with echo>" == repr(local)

    async with local:
        assert f"http://127.0.0.1:{port}" == local.url
    async with local:
        assert f"http://127.0.0.1:{port}" == local.url


async def test_stopping_it_twice_is_no_mistake() -> None:
    """Whoever cleans up does not know what was cleaned up before."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response()

    listener = Listener(handle, host="127.0.0.1", port=0)
    await listener.start()
    await listener.stop()
    await listener.stop()

    assert not listener.is_running


async def test_a_mistake_of_the_servers_own_is_logged_and_not_sent_to_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever wrote the backend, or this package, needs the traceback; the network does not."""

    async def broken(request: web.Request) -> web.StreamResponse:
        raise LookupError("the secret path /home")

    listener = Listener(broken, host="127.0.0.1", port=0)
    await listener.start()
    try:
        async with aiohttp.ClientSession() as session, session.get(listener.url) as response:
            body = await response.text()
    finally:
        await listener.stop()

    assert 500 == response.status
    assert "secret" not in body
    assert ["the local endpoint failed; this is a bug in it"] == [
        record.message for record in caplog.records if record.levelno >= logging.WARNING
    ]
    assert "the secret path /home" in caplog.text


@pytest.mark.parametrize(
    ("version", "expectation", "status"),
    [
        (b"1.1", b"100-Continue", 100),
        (b"1.1", b"the-unexpected", 417),
        (b"1.1", b"\xff", 417),
        (b"1.1", b"", 200),
        (b"1.0", b"100-continue", 200),
        (b"1.0", b"the-unexpected", 200),
    ],
)
async def test_who_expects_to_be_asked_for_the_body_is_asked(version: bytes, expectation: bytes, status: int) -> None:
    """Such a client may wait for ever. HTTP/1.0 knows no expectations: who speaks it would take the 100 for the response."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response()

    listener = Listener(handle, host="127.0.0.1", port=0)
    await listener.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(listener.url).port)
        writer.write(b"POST / HTTP/%b\r\nHost: h\r\nContent-Length: 0\r\nExpect: %b\r\n\r\n" % (version, expectation))
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
    finally:
        await listener.stop()

    assert status == int(line.split()[1])
