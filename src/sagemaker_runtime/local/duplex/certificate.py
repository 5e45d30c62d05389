"""`Certificate`: TLS with an authority of the local endpoint's own, made when it starts."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol

from sagemaker_runtime.local.duplex.missing import needed
from sagemaker_runtime.local.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ("localhost", "127.0.0.1", "::1")


class _Configures(Protocol):
    """trustme's certificate; its own annotation leaves a type of pyOpenSSL's unknown."""

    def configure_cert(self, ctx: ssl.SSLContext) -> None: ...


class Certificate:
    """
    A certificate authority, and the certificate it has signed for this machine's own names and those given.

    It is made once, on first use, and stays the same until `remove`.

    Args:
        host: One name or address more; the server's.

    Raises:
        ConfigError: trustme is not installed.
    """

    def __init__(self, host: str) -> None:
        try:
            import trustme
        except ImportError as error:
            raise needed("trustme", "tls=True") from error
        self._authority = trustme.CA()
        self._names = tuple(dict.fromkeys((*NAMES, host)))
        self._file: Path | None = None
        self._remove: Callable[[], object] | None = None

    def context(self) -> ssl.SSLContext:
        """The server's side, for HTTP/2 and HTTP/1.1."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _configure(context, self._authority.issue_cert(*self._names))
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def file(self) -> Path:
        """The authority's certificate in PEM, in a temporary file that is readable until `remove`."""
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
