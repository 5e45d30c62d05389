"""Machines without trusted certificates: what is trusted there, and what the error says; and what others do not pay."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import sys
import textwrap

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from transport.servers import client_for, params, serving

from sagemaker_runtime import CertificateError
from sagemaker_runtime.endpoints import botocore_file
from sagemaker_runtime.transport.tls import tls_context

CALL = """
    import asyncio, os, sys
    from sagemaker_runtime import Client, InvokeEndpointInput, Options, StaticCredentialsProvider

    async def main():
        credentials = StaticCredentialsProvider("AKIDEXAMPLE", "secret")
        async with Client(Options(region="us-east-1", base_endpoint=sys.argv[1], credentials=credentials)) as client:
            output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"1"))
        print(output.body)

    asyncio.run(main())
"""


@pytest.fixture
def no_certificates(monkeypatch, tmp_path):
    """A machine with none: OpenSSL's variables come before its paths."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))


def roots(context):
    """How many authorities a context trusts."""
    return 0 if context is None else context.cert_store_stats()["x509_ca"]


def botocores():
    """How many botocore ships."""
    return roots(ssl.create_default_context(cafile=botocore_file("cacert.pem")))


@pytest.mark.usefixtures("no_certificates")
def test_botocores_certificates_are_trusted_where_there_are_none():
    """Otherwise no call could succeed in a slim image, where boto3 works."""
    context = tls_context(None, None)

    assert 0 == roots(ssl.create_default_context())
    assert 100 < botocores() == roots(context)
    assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)


@pytest.mark.usefixtures("no_certificates")
def test_a_client_certificate_does_not_change_whom_that_machine_trusts(self_signed):
    """It says who we are, and nothing about whom we trust."""
    assert botocores() == roots(tls_context(None, self_signed))


@pytest.mark.usefixtures("no_certificates")
def test_a_bundle_that_is_named_is_trusted_alone(self_signed):
    """Whoever names one excludes all others."""
    assert 1 == tls_context(self_signed, None).cert_store_stats()["x509"]


@pytest.mark.usefixtures("no_certificates")
async def test_the_error_says_whose_certificates_are_trusted_and_how_to_name_others(tls):
    """The peer may be good: a company's own authority is in no public bundle."""
    async with serving(tls=tls) as server:
        url = server.url.replace("http", "https")
        async with client_for(server, base_endpoint=url) as client:
            with pytest.raises(CertificateError) as caught:
                await client.invoke_endpoint(params())

    expected = (
        "no certificates are installed on this machine, so those of botocore "
        f"({botocore_file('cacert.pem')}) are trusted; set others with ca_bundle= or AWS_CA_BUNDLE"
    )
    assert expected in str(caught.value)
    assert re.search(r"the certificate of 127\.0\.0\.1:\d+ was refused: .*self.signed", str(caught.value))


def lookup(tmp_path, certificate, *, in_directory):
    """OpenSSL's variables for a certificate in a file, or in the second of two directories."""
    if not in_directory:
        return str(certificate), str(tmp_path / "missing")
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "0a1b2c3d.0").write_bytes(certificate.read_bytes())
    return str(tmp_path / "missing.pem"), os.pathsep.join([str(tmp_path / "missing"), str(folder)])


@pytest.mark.parametrize("in_directory", [False, True])
def test_a_machine_with_certificates_of_its_own_trusts_them_alone(monkeypatch, tmp_path, self_signed, in_directory):
    """OpenSSL reads a directory only when a peer is checked, so that its count of certificates is 0 for a good one."""
    file, directory = lookup(tmp_path, self_signed, in_directory=in_directory)
    monkeypatch.setenv("SSL_CERT_FILE", file)
    monkeypatch.setenv("SSL_CERT_DIR", directory)

    assert tls_context(None, None) is None
    assert roots(ssl.create_default_context()) == roots(tls_context(None, self_signed))


@pytest.mark.parametrize("content", ["an empty file", "a directory of other files", "a name too long for one"])
def test_what_holds_no_certificate_is_none(monkeypatch, tmp_path, content):
    """An image may have the paths and nothing in them."""
    (tmp_path / "empty.pem").touch()
    (tmp_path / "README").write_text("no certificates here")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / ("empty.pem" if content == "an empty file" else "missing")))
    monkeypatch.setenv("SSL_CERT_DIR", "a" * 5_000 if content == "a name too long for one" else str(tmp_path))

    assert botocores() == roots(tls_context(None, None))


async def call_with(botocore, url):
    """A call in a process of a machine without certificates, with that botocore: what it printed, and its error."""
    path = os.pathsep.join([str(botocore), *filter(None, sys.path)])
    missing = {"SSL_CERT_FILE": "/nonexistent", "SSL_CERT_DIR": "/nonexistent", "PYTHONPATH": path}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(CALL), url),
        env={**os.environ, **missing},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return out.decode(), err.decode()


async def test_a_peer_that_botocores_bundle_vouches_for_is_trusted(tls, self_signed, tmp_path):
    """With a botocore whose bundle holds the server's certificate, which is found and never imported."""
    (tmp_path / "botocore").mkdir()
    (tmp_path / "botocore" / "__init__.py").write_text("raise ImportError('it was imported')")
    certificate = x509.load_pem_x509_certificate(self_signed.read_bytes())
    (tmp_path / "botocore" / "cacert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    async with serving(tls=tls) as server:
        out, err = await call_with(tmp_path, server.url.replace("http", "https"))

    assert ("b'ok'\n", "") == (out, err)


async def test_a_botocore_without_its_bundle_is_said_too(tls, tmp_path):
    """Some distributions remove it. Then nothing is trusted, and the error says what to do."""
    (tmp_path / "botocore").mkdir()
    (tmp_path / "botocore" / "__init__.py").touch()
    async with serving(tls=tls) as server:
        _, err = await call_with(tmp_path, server.url.replace("http", "https"))

    text = (
        "no certificates are installed on this machine, so none are trusted; set some with ca_bundle= or AWS_CA_BUNDLE"
    )
    assert text in err.splitlines()[-1]


def test_a_machine_with_certificates_reads_and_imports_nothing_more(monkeypatch, self_signed):
    """A start is paid for by the first caller."""
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed))
    events = []
    watching = True
    sys.addaudithook(lambda event, _: events.append(event) if watching else None)

    assert tls_context(None, None) is None

    watching = False
    assert [] == [event for event in events if event in {"open", "import", "os.listdir", "os.scandir"}]
