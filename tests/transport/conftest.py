"""Peers that several test files need."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import select
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@pytest_asyncio.fixture
async def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Awaitable[None]]:
    """Advances the loop's clock, by seconds: a limit of seconds can be tested in no time, and no busy machine reaches it."""
    loop = asyncio.get_running_loop()
    passed, real_time = 0.0, loop.time

    async def pass_time(seconds: float) -> None:
        nonlocal passed
        for _ in range(5):  # until the peer has what was sent before
            await asyncio.sleep(0)
        passed += seconds
        await asyncio.sleep(0)  # for the timers that are due

    monkeypatch.setattr(loop, "time", lambda: real_time() + passed)
    return pass_time


@pytest.fixture
def full_backlog():
    """The URL of a port whose queue is full, so that the kernel drops new connections."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        queued = []
        for _ in range(3):
            waiting = socket.socket()
            waiting.settimeout(0)
            waiting.connect_ex(listening.getsockname())
            queued.append(waiting)
        connected = [bool(select.select([], [waiting], [], 0)[1]) for waiting in queued]
        if all(connected):
            pytest.skip("this kernel's queues cannot be filled")
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        for waiting in queued:
            waiting.close()


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory):
    """The path of a self-signed certificate for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    unencrypted = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(self_signed):
    """A server's TLS context with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed)
    return context
