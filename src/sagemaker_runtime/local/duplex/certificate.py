"""`Certificate`: TLS with the local endpoint's own certificate authority, made when the endpoint is made."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol

from sagemaker_runtime.extras import require
from sagemaker_runtime.local.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ("localhost", "127.0.0.1", "::1")


class _Configures(Protocol):
    """trustme's certificate; its own annotation has an unknown type of pyOpenSSL."""

    def configure_cert(self, ctx: ssl.SSLContext) -> None: ...


class Certificate:
    """
    A certificate authority, and certificates for this machine's own names and one more.

    The authority is made once, with this object. Each `context` has a new certificate.

    Args:
        host: The name or address of the server.

    Raises:
        ConfigError: trustme is not installed.
    """

    def __init__(self, host: str) -> None:
        require("trustme", "local-duplex", "tls=True")
        import trustme

        self._authority = trustme.CA()
        self._names = tuple(dict.fromkeys((*NAMES, host)))
        self._file: Path | None = None
        self._remove: Callable[[], object] | None = None

    def context(self) -> ssl.SSLContext:
        """The server's TLS context, for HTTP/2 and HTTP/1.1."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _configure(context, self._authority.issue_cert(*self._names))
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def file(self) -> Path:
        """The authority's certificate in PEM, in a temporary file that exists until `remove`."""
        if self._file is None:
            folder, self._remove = temporary_folder(self)
            self._file = folder / "authority.pem"
            self._authority.cert_pem.write_to_path(str(self._file))
        return self._file

    def remove(self) -> None:
        """Remove the file, if it was written."""
        remove, self._remove, self._file = self._remove, None, None
        if remove is not None:
            remove()


def _configure(context: ssl.SSLContext, certificate: _Configures) -> None:
    certificate.configure_cert(context)
