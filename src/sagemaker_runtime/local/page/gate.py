"""`Gate`: who may see the page of a local endpoint: whoever has its URL, at this machine's own names, from itself alone."""

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
    Looks at each request to the page before anything else does.

    The token is the first segment of the path, and not a cookie: cookies do not know ports, so that every other server on
    this machine would be sent it. The page links to everything by relative URLs, and so never has to spell it.

    Args:
        host: Where the local endpoint listens.

    Attributes:
        address: Where the page listens.

    Raises:
        ConfigError: The host is not loopback. Whoever sees the page may call and break the endpoints.
    """

    def __init__(self, host: str) -> None:
        self.address = loopback(host)
        self._token = secrets.token_urlsafe(32)
        self._hosts: frozenset[str] = frozenset()

    def open(self, port: int) -> None:
        """Let in what asks for the page at *port*."""
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "[::1]", LOCALHOST, _in_url(self.address)))

    @property
    def prefix(self) -> str:
        """What the path of each URL of the page begins with."""
        return f"/{self._token}/"

    def refusal(self, request: web.BaseRequest) -> Refusal | None:
        """Why a request is not served; None if it is."""
        host = request.headers.get("Host", "").lower()
        if host not in self._hosts:  # a name of somebody else's, which leads here: DNS rebinding
            return Refusal(421, "This page is served at this machine's own names only, such as 127.0.0.1.")
        origins = request.headers.getall("Origin", [])
        if any(origin.lower() != f"http://{host}" for origin in origins):
            return Refusal(403, "Another page may not make requests to this one.")
        token = request.raw_path.removeprefix("/").partition("/")[0]
        if not hmac.compare_digest(token.encode(errors="replace"), self._token.encode()):
            return Refusal(403, "Open the whole URL that the local endpoint has printed; its path is a password.")
        return None

    def __repr__(self) -> str:
        return f"<Gate of a page at {self.address}>"


def loopback(host: str) -> str:
    """
    The loopback address that *host* stands for.

    Raises:
        ConfigError: It is another host, or a name that may lead anywhere.
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
            "the endpoints and break them"
        )
    return str(address)


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
