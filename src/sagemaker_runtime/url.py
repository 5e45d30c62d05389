"""`BaseURL`: an absolute URL in parts, checked so that it can be sent unchanged, and shown without a password."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from sagemaker_runtime.errors import ConfigError

_IN_LABELS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")  # characters of a host name, except dots
_IPV6 = r"[0-9a-f:.]*:[0-9a-f:.]*(%[a-z0-9_.-]+)?"
# URLs that an error may show. If there is a user name, or a port that is not a number, there may be a password.
_SHOWABLE = (
    r"(?is)([a-z0-9+.-]+:)?//(\[[0-9a-f:.%]*\]?|[^/?#@:\\]*)(:\d*)?([/?#][^@]*)?|[^/?#@:]+:\d+([/?#][^@]*)?|[^@:]*"
)
DEFAULT_PORTS = {"http": 80, "https": 443}


class BaseURL(NamedTuple):
    """An absolute http(s) URL in the parts a request needs."""

    scheme: str
    host: str
    path: str
    """Empty, or starting with a slash and not ending with one."""

    query: str

    @classmethod
    @lru_cache(maxsize=256)
    def parse(cls, url: str) -> BaseURL:
        """
        Split *url*, after checking that it can be sent unchanged.

        Raises:
            ConfigError: It is not an absolute http or https URL in ASCII, or it has a blank, a user name, a fragment or a
                port out of range.
        """
        if "@" in url.partition("?")[0].partition("#")[0]:  # first, because the texts below show the URL
            raise ConfigError(
                "the URL has a user name, which would clash with the signature; remove everything up to the '@', or write "
                "%40 for an '@' in the path"
            )
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ConfigError(
                f"the URL {_shown(url)} has a blank, a control character or a non-ASCII character; percent-encode it"
            )
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"the URL {_shown(url)} cannot be read{_why(url, error)}") from None
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise ConfigError(f"the URL {_shown(url)} is not absolute; write it like https://host:port/path")
        if "#" in url:
            raise ConfigError(
                f"the URL {_shown(url)} has a fragment, which is never sent; remove everything from the '#' on"
            )
        if not _is_host(parts.hostname):
            raise ConfigError(f"the URL {_shown(url)} has the host {parts.hostname!r}, which is not a host name")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        if port is not None and port != DEFAULT_PORTS[parts.scheme]:
            host = f"{host}:{port}"
        return cls(parts.scheme, host, parts.path.rstrip("/"), parts.query)


def _is_host(text: str) -> bool:
    """Whether *text* is a host name, or an IPv6 address."""
    if ":" in text:
        return re.fullmatch(_IPV6, text) is not None
    return all(label and _IN_LABELS.issuperset(label) for label in text.removesuffix(".").split("."))


def _shown(url: str) -> str:
    """The URL as an error may show it."""
    return repr(url) if re.fullmatch(_SHOWABLE, url) else "(not shown: it may contain a password)"


def _why(url: str, error: ValueError) -> str:
    return f": {error}" if re.fullmatch(_SHOWABLE, url) else ""
