"""`Connector`: several addresses of a host, what a peer sends too early, and what is imported for it."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
import subprocess
import sys
import weakref
from contextlib import asynccontextmanager

import pytest
from transport.servers import client_for, params, serving

from sagemaker_runtime import ConnectError, Headers, HTTP2Client, Request, Timeout
from sagemaker_runtime.transport.aiohttp import connecting
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient
from sagemaker_runtime.transport.aiohttp.connecting import Connector
from sagemaker_runtime.transport.aiohttp.failures import CertificateRefused, NotConnected
from sagemaker_runtime.transport.tls import system_tls

HERE, THERE = "127.0.0.1", "127.0.0.2"  # Linux has the whole network 127.0.0.0/8; where it does not exist, it refuses


@pytest.fixture
def addresses(monkeypatch):
    """The addresses of every name."""
    found = [THERE, HERE]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _, port, *__, **___: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found],
    )
    return found


class Waiting(asyncio.Protocol):
    """A protocol that notes what happens to it."""

    def __init__(self) -> None:
        self.received = b""
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data


@asynccontextmanager
async def listening(greeting: bytes, host: str = HERE, port: int = 0, tls: ssl.SSLContext | None = None):
    """A server that speaks first, and closes the connection if it has nothing to say; its port."""
    transports = []

    class Greeting(asyncio.Protocol):
        def connection_made(self, transport):
            transports.append(transport)
            if greeting:
                transport.write(greeting)
            else:
                transport.close()

    server = await asyncio.get_running_loop().create_server(Greeting, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for transport in transports:
            transport.abort()


async def test_an_address_that_refuses_does_not_matter_if_another_accepts(addresses):
    """A name of AWS's has several, and one may be down."""
    async with serving() as server, client_for(server, base_endpoint=f"http://runtime.test:{server.port}") as client:
        output = await client.invoke_endpoint(params())

    assert b"ok" == output.body
    assert 1 == server.accepted


async def test_an_address_that_is_silent_is_not_waited_for(addresses, full_backlog, pass_time):
    """A quarter of a second later the next one is tried beside it; the first may have a network that drops everything."""
    port = int(full_backlog.rpartition(":")[2])
    addresses[:] = [HERE, THERE]
    connector = Connector(None, peer_may_begin=True)
    async with listening(b"hello", THERE, port):
        opening = asyncio.create_task(connector.open(("http", f"runtime.test:{port}", None), 10.0, Waiting))
        passed = 0.0
        while not opening.done() and passed < 9.0:
            await pass_time(0.1)
            passed += 0.1
        protocol = await opening
        peer = protocol.transport.get_extra_info("peername")
        protocol.transport.abort()
        await connector.close()

    assert (THERE, port) == peer


async def test_an_address_without_tls_does_not_matter_if_another_has_it(addresses, tls, self_signed):
    """One of several machines behind a name may be misconfigured."""
    trusting = ssl.create_default_context(cafile=self_signed)
    trusting.check_hostname = False
    connector = Connector(trusting, peer_may_begin=True)
    async with listening(b"hello", HERE, tls=tls) as port, listening(b"", THERE, port):
        protocol = await connector.open(("https", f"runtime.test:{port}", None), 10.0, Waiting)
        peer = protocol.transport.get_extra_info("peername")
        protocol.transport.abort()
        await connector.close()

    assert (HERE, port) == peer


async def test_the_address_without_tls_is_not_tried_again(addresses):
    """Though another one, which refuses, comes before it in the list."""
    connector = Connector(ssl.create_default_context(), peer_may_begin=True)
    async with serving() as server:
        server.connected = lambda connection: connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(NotConnected):
            await connector.open(("https", f"runtime.test:{server.port}", None), 10.0, Waiting)

        assert 1 == server.accepted
    await connector.close()


async def test_a_refused_certificate_says_more_than_a_refused_connection(addresses, tls):
    """And is not retried, unlike the other."""
    addresses[:] = [HERE, THERE]
    connector = Connector(None)
    async with listening(b"hello", HERE, tls=tls) as port:
        with pytest.raises(CertificateRefused, match=rf"the certificate of runtime\.test:{port} was refused"):
            await connector.open(("https", f"runtime.test:{port}", None), 10.0, Waiting)
    await connector.close()


async def test_a_machine_without_descriptors_is_seen_among_other_errors(addresses, monkeypatch):
    """The pool must wait for one then, and not fail because another address refuses."""
    make = connecting._socket

    def scarce(address):
        if address[4][0] == THERE:
            raise OSError(errno.EMFILE, "Too many open files")
        return make(address)

    monkeypatch.setattr(connecting, "_socket", scarce)
    with socket.socket() as free:
        free.bind((HERE, 0))
        port = free.getsockname()[1]
        connector = Connector(None)
        with pytest.raises(NotConnected) as caught:
            await connector.open(("http", f"runtime.test:{port}", None), 10.0, Waiting)
    await connector.close()

    assert isinstance(caught.value.__cause__, OSError)
    assert errno.EMFILE == caught.value.__cause__.errno


async def test_a_context_that_cannot_be_made_is_no_connection(monkeypatch, tmp_path):
    """For example if Python is to write its keys where there is no directory; no connection was lost."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "missing" / "keys"))
    system_tls.cache_clear()
    connector = Connector(None)
    with pytest.raises(NotConnected, match="No such file"):
        await connector.open(("https", f"{HERE}:1", None), 10.0, Waiting)
    await connector.close()


@pytest.mark.parametrize("transport", ["HTTP/1.1", "HTTP/2"])
async def test_a_failed_connection_leaves_no_cycle_that_holds_the_request(transport):
    """A body may have 25 MB, and the garbage collector comes late."""
    with socket.socket() as free:
        free.bind((HERE, 0))
        headers = Headers({} if transport == "HTTP/2" else {"content-length": "0"})
        request = Request("POST", "http", f"{HERE}:{free.getsockname()[1]}", "/", "", headers, b"")
        gone = weakref.ref(request)
        gc.disable()
        try:
            if transport == "HTTP/2":
                http_client = HTTP2Client(proxies={})
                with pytest.raises(ConnectError):
                    await http_client.open(request, timeout=Timeout())
            else:
                http_client = AioHTTPClient(proxies={})
                with pytest.raises(ConnectError):
                    await http_client.send(request, timeout=Timeout())
            del request
            await asyncio.sleep(0)
            assert gone() is None
        finally:
            gc.enable()
    await http_client.close()


async def test_if_every_address_refuses_all_reasons_are_told(addresses):
    """Each may have another."""
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
        connector = Connector(None)
        with pytest.raises(NotConnected) as caught:
            await connector.open(("http", f"runtime.test:{port}", None), 10.0, Waiting)
        await connector.close()

    assert all(f"('{address}', {port})" in str(caught.value) for address in addresses)


async def test_port_0_is_not_the_schemes_own(addresses):
    """Nothing can listen there, and another port must not be tried in its place."""
    connector = Connector(None)
    with pytest.raises(NotConnected, match=r", 0\)"):
        await connector.open(("http", "runtime.test:0", None), 10.0, Waiting)
    await connector.close()


@pytest.fixture
def finishes_last(tls):
    """A server of TLS 1.2 ends the handshake, so what it says first comes in the same packet."""
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    return tls


async def test_what_a_server_says_before_the_request_is_no_response(finishes_last, self_signed):
    """It would be that of another request, for which the caller would take it."""
    stale = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale"
    http_client = AioHTTPClient(ca_bundle=self_signed, proxies={})
    async with listening(stale, tls=finishes_last) as port, serving() as server:
        url = f"https://{HERE}:{port}"
        async with client_for(server, base_endpoint=url, http_client=http_client) as client:
            with pytest.raises(ConnectError, match="something came before the request was sent") as caught:
                await client.invoke_endpoint(params())
        await http_client.close()

    assert 3 == len(caught.value.attempts), "nothing of the request was sent, so it may be tried again"


async def test_a_peer_that_may_begin_loses_nothing(finishes_last, self_signed):
    """In HTTP/2, it sends its settings."""
    connector = Connector(ssl.create_default_context(cafile=self_signed), peer_may_begin=True)
    async with listening(b"settings", tls=finishes_last) as port:
        protocol = await connector.open(("https", f"{HERE}:{port}", None), 10.0, Waiting)
        async with asyncio.timeout(10):
            while len(protocol.received) < len(b"settings"):
                await asyncio.sleep(0)
        protocol.transport.abort()
        await connector.close()

    assert b"settings" == protocol.received


async def test_a_connection_is_kept_alive_by_the_system():
    """Firewalls forget connections on which nothing has been sent for minutes, such as a model that thinks."""
    connector = Connector(None)
    async with serving() as server:
        protocol = await connector.open(("http", f"{HERE}:{server.port}", None), 10.0, Waiting)
        kept = protocol.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        protocol.transport.abort()
        await connector.close()

    assert kept != 0


PROGRAM = """
import asyncio, sys
from sagemaker_runtime import Client, InvokeEndpointInput, Options, StaticCredentialsProvider

async def main():
    options = Options(region="us-east-1", base_endpoint=sys.argv[1], credentials=StaticCredentialsProvider("AKID", "secret"))
    async with Client(options) as client:
        assert (await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))).body == b"ok"

asyncio.run(main())
print(sorted({"aiohttp", "yarl", "botocore", "urllib.request", "email"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("variables", "imported"), [({}, []), ({"http_proxy": True}, ["aiohttp", "email", "urllib.request", "yarl"])]
)
async def test_a_call_imports_what_connects_to_proxies_only_if_there_is_one(monkeypatch, variables, imported):
    """It would take more time than the rest of a program's first call. A proxy takes requests as the service does."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with serving() as server:
        for name in variables:
            monkeypatch.setenv(name, server.url)
        url = "http://runtime.test" if variables else server.url
        ran = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", PROGRAM, url], capture_output=True, text=True, check=False
        )

    assert (0, "") == (ran.returncode, ran.stderr)
    assert repr(imported) == ran.stdout.strip()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_every_form_of_a_host_is_understood(host):
    """An address of IPv6 is in brackets in a URL, and not in what is connected to."""
    connector = Connector(None, peer_may_begin=True)
    try:
        async with listening(b"hello", host.strip("[]")) as port:
            protocol = await connector.open(("http", f"{host}:{port}", None), 10.0, Waiting)
            peer = protocol.transport.get_extra_info("peername")
            protocol.transport.abort()
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            pytest.skip("this machine has no IPv6")
        raise
    await connector.close()

    assert port == peer[1]
