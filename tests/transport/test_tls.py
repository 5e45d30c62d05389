"""https: which certificates are trusted and shown, and what becomes of a peer that has another, or speaks no TLS."""

from __future__ import annotations

import asyncio
import ssl
from hashlib import sha1

import pytest
from cryptography.hazmat.primitives import serialization
from transport.servers import client_for, params, serving

from sagemaker_runtime import (
    CertificateError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    NopRetryer,
    Timeout,
)
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient


def https(server):
    return server.url.replace("http://", "https://")


async def test_a_refused_certificate_is_not_tried_again(tls):
    """Trying again would not make it valid; and nothing was sent to a peer that may be anybody."""
    handshakes = []
    tls.sni_callback = lambda *_: handshakes.append("hello")
    async with serving(tls=tls) as server, client_for(server, base_endpoint=https(server)) as client:
        with pytest.raises(CertificateError, match=r"the certificate of 127\.0\.0\.1:\d+ was refused") as caught:
            await client.invoke_endpoint(params())

        assert 1 == len(caught.value.attempts)
        assert (["hello"], []) == (handshakes, server.requests)


async def test_a_peer_that_responds_to_https_with_plain_http_is_a_connect_error():
    """A wrong port, most often. No connection stood, so nothing of the request was sent."""

    async def respond_in_plain_http(connection):
        await connection.reader.read(1)
        await connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with (
        serving(connected=respond_in_plain_http) as server,
        client_for(server, base_endpoint=https(server)) as client,
    ):
        with pytest.raises(ConnectError, match=r"no connection to 127\.0\.0\.1") as caught:
            await client.invoke_endpoint(params())

        assert ConnectError is type(caught.value)
        assert (3, 3) == (server.accepted, len(caught.value.attempts))


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_connection_lost_in_the_handshake_is_a_connect_error(end):
    """It is certain that nothing was sent, and that is more than ConnectionLostError says."""

    async def hang_up(connection):
        await connection.reader.read(1)
        getattr(connection, end)()

    async with serving(connected=hang_up) as server, client_for(server, base_endpoint=https(server)) as client:
        with pytest.raises(ConnectError, match=r"no connection to 127\.0\.0\.1") as caught:
            await client.invoke_endpoint(params())

        assert ConnectError is type(caught.value)
        assert (3, 3) == (server.accepted, len(caught.value.attempts))


async def test_a_handshake_that_is_never_answered_is_a_connect_timeout():
    """Timeout.connect holds until the connection can be used, TLS included."""

    async def stay_silent(connection):
        await connection.until_peer_closes()

    timeout = Timeout(connect=0.05)
    async with (
        serving(connected=stay_silent) as server,
        client_for(server, base_endpoint=https(server), timeout=timeout) as client,
    ):
        with pytest.raises(ConnectTimeoutError, match=r"in 0\.05 s"):
            await client.invoke_endpoint(params())

        assert 3 == server.accepted
        async with asyncio.timeout(60):
            await server.until_open(0)


@pytest.fixture
def in_parts(self_signed, tmp_path):
    """The certificate and its key in files of their own, and the key once more with a password."""
    pem = self_signed.read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    files = {
        "certificate": pem[pem.index(b"-----BEGIN CERTIFICATE") :],
        "key": key.private_bytes(*private, serialization.NoEncryption()),
        "locked": key.private_bytes(*private, serialization.BestAvailableEncryption(b"password")),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def hashed_name(common_name: str) -> str:
    """What ``openssl rehash`` calls a certificate of that subject and nothing else; X509_NAME_hash(3)."""
    value = b"\x0c%c%b" % (len(common_name), common_name.encode())
    pair = b"\x06\x03\x55\x04\x03" + value
    sequence = b"\x30%c%b" % (len(pair), pair)
    digest = sha1(b"\x31%c%b" % (len(sequence), sequence)).digest()  # noqa: S324 - so OpenSSL has it
    return f"{int.from_bytes(digest[:4], 'little'):08x}.0"


@pytest.mark.parametrize("kind", ["file", "str", "directory"])
async def test_a_ca_bundle_is_trusted(tls, self_signed, in_parts, tmp_path, kind):
    """A company's proxy, or a test's server, has a certificate that the system does not know."""
    directory = tmp_path / "authorities"
    directory.mkdir()
    (directory / hashed_name("127.0.0.1")).write_bytes((in_parts / "certificate").read_bytes())
    ca_bundle = {"file": self_signed, "str": str(self_signed), "directory": directory}[kind]
    http_client = AioHTTPClient(ca_bundle=ca_bundle, proxies={})
    async with (
        serving(tls=tls) as server,
        client_for(server, base_endpoint=https(server), http_client=http_client) as client,
    ):
        outputs = [await client.invoke_endpoint(params()) for _ in range(2)]

        assert [b"ok", b"ok"] == [output.body for output in outputs]
        assert 1 == server.accepted
        await http_client.close()


async def test_a_ca_bundle_does_not_make_up_for_another_host_name(tls, self_signed):
    """A certificate that is trusted says who its owner is, and that must be the one we asked for."""
    http_client = AioHTTPClient(ca_bundle=self_signed, proxies={})
    async with serving(tls=tls) as server:
        base_endpoint = f"https://localhost:{server.port}"
        async with client_for(server, base_endpoint=base_endpoint, http_client=http_client) as client:
            with pytest.raises(CertificateError, match=r"the certificate of localhost:\d+ was refused.*not valid for"):
                await client.invoke_endpoint(params())

        assert [] == server.requests
        await http_client.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(("newest", "served"), [("TLSv1_1", 0), ("TLSv1_2", 1)])
async def test_tls_older_than_1_2_is_refused(tls, self_signed, newest, served):
    """What came before it is broken, and AWS has turned it off."""
    tls.set_ciphers("DEFAULT:@SECLEVEL=0")
    tls.minimum_version = ssl.TLSVersion.TLSv1
    tls.maximum_version = ssl.TLSVersion[newest]
    http_client = AioHTTPClient(ca_bundle=self_signed, proxies={})
    async with (
        serving(tls=tls) as server,
        client_for(server, base_endpoint=https(server), http_client=http_client) as client,
    ):
        (result,) = await asyncio.gather(client.invoke_endpoint(params()), return_exceptions=True)

        assert served == len(server.requests)
        assert served or (ConnectError is type(result) and "[None]" not in str(result))
        await http_client.close()


@pytest.mark.parametrize("parts", [1, 2])
async def test_a_client_certificate_is_shown_to_a_server_that_asks(tls, self_signed, in_parts, parts):
    """In one file or in two; without one, such a server hangs up."""
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(self_signed)
    certificate = self_signed if parts == 1 else (in_parts / "certificate", str(in_parts / "key"))
    with_one = AioHTTPClient(ca_bundle=self_signed, client_certificate=certificate, proxies={})
    without = AioHTTPClient(ca_bundle=self_signed, proxies={})
    async with serving(tls=tls) as server:
        options = {"base_endpoint": https(server), "retryer": NopRetryer()}
        output = await client_for(server, http_client=with_one, **options).invoke_endpoint(params())
        with pytest.raises((ConnectError, ConnectionLostError)):  # TLS 1.3 says so only after the handshake
            await client_for(server, http_client=without, **options).invoke_endpoint(params())

        assert b"ok" == output.body
        assert 1 == len(server.requests)
        await with_one.close()
        await without.close()


async def test_a_client_certificate_alone_leaves_the_systems_authorities(tls, self_signed):
    """It says who we are, and nothing about whom we trust: least of all its own issuer."""
    http_client = AioHTTPClient(client_certificate=self_signed, proxies={})
    async with (
        serving(tls=tls) as server,
        client_for(server, base_endpoint=https(server), http_client=http_client) as client,
    ):
        with pytest.raises(CertificateError):
            await client.invoke_endpoint(params())

        await http_client.close()


BUNDLES = {
    "missing": (None, "No such file"),
    "empty": (b"", "X509"),
    "no PEM": (
        b"-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n",
        "X509",
    ),
    "text": (b"hello", "X509"),
}


@pytest.mark.parametrize(("content", "text"), BUNDLES.values(), ids=BUNDLES)
def test_a_ca_bundle_that_is_none_is_a_config_error(tmp_path, content, text):
    """Found when the client is made, and not at the first call; it names the file."""
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(
        ConfigError, match=rf"the CA bundle '.*bundle\.pem' cannot be read as PEM certificates: .*{text}"
    ):
        AioHTTPClient(ca_bundle=path)


def test_a_directory_that_openssl_finds_nothing_in_is_a_config_error(self_signed):
    """OpenSSL would say nothing, and refuse every certificate."""
    with pytest.raises(ConfigError, match=r"is a directory without certificates.*run openssl rehash"):
        AioHTTPClient(ca_bundle=self_signed.parent)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("missing", "'.*missing' cannot be read as PEM: .*No such file"),
        ("certificate", "'.*certificate' cannot be read as PEM"),
        ("key", "'.*key' cannot be read as PEM"),
        (("certificate", "missing"), "'.*certificate' with the key '.*missing' cannot be read as PEM: .*No such file"),
        (("certificate", "other"), "'.*certificate' with the key '.*other' cannot be read as PEM"),
    ],
    ids=str,
)
def test_a_client_certificate_that_is_none_is_a_config_error(in_parts, names, text):
    """It names the files, and comes when the client is made."""
    (in_parts / "other").write_bytes(b"hello")
    certificate = in_parts / names if isinstance(names, str) else tuple(in_parts / name for name in names)

    with pytest.raises(ConfigError, match=text):
        AioHTTPClient(client_certificate=certificate)


def test_an_encrypted_key_is_a_config_error_and_asks_nobody_for_a_password(in_parts):
    """OpenSSL would ask on the terminal, and a service would hang before it has begun."""
    with pytest.raises(ConfigError, match="has an encrypted key; pass an unencrypted one"):
        AioHTTPClient(client_certificate=(in_parts / "certificate", in_parts / "locked"))


@pytest.mark.parametrize("number", [0, -1, 1.5, "many"])
def test_a_limit_of_connections_that_is_none_is_a_config_error(number):
    """To some libraries 0 means no limit at all."""
    with pytest.raises(ConfigError, match=r"max_connections is .*; it takes a whole number above 0"):
        AioHTTPClient(max_connections=number)
