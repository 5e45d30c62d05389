"""TLS contexts: that of most clients, and those of clients that trust other authorities or have their own certificate."""

from __future__ import annotations

import os
import re
import ssl
import sys
from functools import lru_cache
from pathlib import Path
from typing import NoReturn, TypeAlias

from sagemaker_runtime.endpoints import botocore_file
from sagemaker_runtime.errors import ConfigError

StrPath: TypeAlias = str | os.PathLike[str]

_HASHED_NAME = r"[0-9a-f]{8}\.[0-9]+"  # file names by which OpenSSL finds certificates in a directory


@lru_cache(maxsize=2)
def system_tls(protocol: str) -> ssl.SSLContext:
    """
    A context that trusts the system's certificates, for all clients: loading them takes 20 ms.

    Args:
        protocol: What to offer in the handshake (ALPN).
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols([protocol])
    return context


def tls_context(
    ca_bundle: StrPath | None, client_certificate: StrPath | tuple[StrPath, StrPath] | None
) -> ssl.SSLContext | None:
    """
    A context for both. None if neither is given and the machine has certificates; see `system_tls`.

    On a machine without certificates, those that botocore ships are trusted.

    Certificates and host names are always checked. TLS 1.2 is the minimum, which is Python's default.

    Args:
        ca_bundle: A PEM file of certificates, or a directory of such files prepared by ``openssl rehash``, trusted instead of
            the system's. None for the system's.

        client_certificate: A PEM file with a certificate and its unencrypted key, or two files. None for none.

    Raises:
        ConfigError: A file cannot be read, or has other contents.
    """
    if ca_bundle is not None:
        context = _trusting(os.fspath(ca_bundle))
    elif not _system_has_certificates():
        context = _trusting_botocore()
    elif client_certificate is not None:
        context = ssl.create_default_context()
    else:
        return None
    context.set_alpn_protocols(["http/1.1"])
    if client_certificate is not None:
        _identify(context, client_certificate)
    return context


def _trusting(ca_bundle: str) -> ssl.SSLContext:
    if not ca_bundle:  # OpenSSL would use the system's certificates
        raise ConfigError("the CA bundle is an empty string; pass None for the system's certificates")
    try:
        folder = Path(os.fsdecode(ca_bundle))
        if folder.is_dir():
            if not _has_certificates(folder):
                raise ConfigError(
                    f"the CA bundle {ca_bundle!r} is a directory without certificates under the names that OpenSSL looks for; "
                    "run openssl rehash on it, or pass a file"
                )
            return ssl.create_default_context(capath=ca_bundle)
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise ConfigError(f"the CA bundle {ca_bundle!r} cannot be read as PEM certificates: {error}") from error


def _has_certificates(folder: Path) -> bool:
    return any(re.fullmatch(_HASHED_NAME, file.name) for file in folder.iterdir())


def _system_has_certificates() -> bool:
    """Whether OpenSSL finds certificates. Its own count does not tell, because it reads a directory only on demand."""
    if sys.platform == "win32":
        return True  # in the system's store
    paths = ssl.get_default_verify_paths()
    folders = map(Path, os.environ.get(paths.openssl_capath_env, paths.openssl_capath).split(os.pathsep))
    try:
        if paths.cafile and Path(paths.cafile).stat().st_size:
            return True
        return any(folder.is_dir() and _has_certificates(folder) for folder in folders)
    except OSError as error:
        return isinstance(error, PermissionError)  # OpenSSL may open a file in a directory that we must not list


def _trusting_botocore() -> ssl.SSLContext:
    """A context for a machine without certificates. If it refuses a peer, the error mentions this likely reason."""
    bundle = botocore_file("cacert.pem")
    advice = "no certificates are installed on this machine, "
    if bundle is not None and bundle.is_file():  # some distributions remove it
        context = ssl.create_default_context(cafile=bundle)
        advice += f"so those of botocore ({bundle}) are trusted; set others with ca_bundle= or AWS_CA_BUNDLE"
    else:
        context = ssl.create_default_context()
        advice += "so none are trusted; set some with ca_bundle= or AWS_CA_BUNDLE"

    class Handshake(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except ssl.SSLCertVerificationError as error:
                error.strerror = f"{error.strerror}; {advice}"
                raise

    context.sslobject_class = Handshake
    return context


def _identify(context: ssl.SSLContext, client_certificate: StrPath | tuple[StrPath, StrPath]) -> None:
    if isinstance(client_certificate, tuple):
        certificate, key = os.fspath(client_certificate[0]), os.fspath(client_certificate[1])
        files = f"{certificate!r} with the key {key!r}"
    else:
        certificate, key = os.fspath(client_certificate), None
        files = f"{certificate!r}"

    def refuse() -> NoReturn:  # without this, OpenSSL would ask for the password on the terminal
        raise ConfigError(f"the client certificate {files} has an encrypted key; pass an unencrypted one")

    try:
        context.load_cert_chain(certificate, key, password=refuse)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the client certificate {files} cannot be read as PEM: {error}") from error
