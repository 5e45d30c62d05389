"""`Gate`: checks that requests to the page have its token, name this machine, and come from the page itself."""

from __future__ import annotations

import hmac
import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from attrs import frozen

from sagemaker_runtime import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

LOCALHOST = "localhost"
SECURITY: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",  # the URL has the token
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""The headers of every response."""


@frozen
class Refusal:
    """Why a request is not served."""

    status: int
    message: str


class Gate:
    """
    Checks each request to the page before anything else does.

    The token is the first segment of the path, not a cookie: cookies ignore ports, so a browser would send it to every
    other server on this machine. All links in the page are relative, so the page never contains the token.

    Args:
        host: The host that the local endpoint listens on.

    Attributes:
        address: The address that the page listens on.

    Raises:
        ConfigError: The host is not loopback. Whoever sees the page may call the endpoints and inject faults.
    """

    def __init__(self, host: str) -> None:
        self.address = loopback(host)
        self._token = secrets.token_urlsafe(32)
        self._hosts: frozenset[str] = frozenset()

    def open(self, port: int) -> None:
        """Accept requests for the page at *port*."""
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "[::1]", LOCALHOST, _in_url(self.address)))

    @property
    def prefix(self) -> str:
        """The beginning of the path of all the page's URLs."""
        return f"/{self._token}/"

    def refusal(self, request: web.BaseRequest) -> Refusal | None:
        """Why a request is not served; None if it is."""
        host = request.headers.get("Host", "").lower()
        if host not in self._hosts:  # somebody else's name, which resolves to this machine: DNS rebinding
            return Refusal(421, "This page is served only under this machine's own names, such as 127.0.0.1.")
        origins = request.headers.getall("Origin", [])
        if any(origin.lower() != f"http://{host}" for origin in origins):
            return Refusal(403, "Another page may not make requests to this one.")
        token = request.raw_path.removeprefix("/").partition("/")[0]
        if not hmac.compare_digest(token.encode(errors="replace"), self._token.encode()):
            return Refusal(403, "Open the whole URL that the local endpoint printed; its path is a password.")
        return None

    def __repr__(self) -> str:
        return f"<Gate of a page at {self.address}>"


def loopback(host: str) -> str:
    """
    The loopback address that *host* stands for.

    Raises:
        ConfigError: It is another host, or a name that may resolve to any address.
    """
    if host.lower() == LOCALHOST:
        return "127.0.0.1"
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ConfigError(
            f"the page is served at a loopback host only, such as '127.0.0.1', not {host!r}: whoever sees it may call "
            "the endpoints and inject faults"
        )
    return str(address)


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
