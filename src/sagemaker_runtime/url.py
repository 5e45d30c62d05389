"""`BaseURL`: an absolute URL in parts, checked so that it can be sent as it stands, and shown without a password."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from sagemaker_runtime.errors import ConfigError

_IN_LABELS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")  # of a host's name
_IPV6 = r"[0-9a-f:.]*:[0-9a-f:.]*(%[a-z0-9_.-]+)?"
# What a text may show: with a user name, or a port that is not a number, there may be a password.
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
        Split *url*, after checking that it can be sent as it stands.

        Raises:
            ConfigError: It is not an absolute http or https URL in ASCII; or it has a blank, a user name, a
                fragment or a port out of range.
        """
        if "@" in url.partition("?")[0].partition("#")[0]:  # first, as the texts below show the URL; %40 is for paths
            raise ConfigError(
                "the URL holds a user name, which would clash with the signature; remove everything before the '@'"
            )
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ConfigError(
                f"the URL {_shown(url)} has a blank, a control character or one beyond ASCII; percent-encode it"
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
    """Whether it is the name of a host, or an IPv6 address."""
    if ":" in text:
        return re.fullmatch(_IPV6, text) is not None
    return all(label and _IN_LABELS.issuperset(label) for label in text.removesuffix(".").split("."))


def _shown(url: str) -> str:
    """A URL as a text may show it."""
    return repr(url) if re.fullmatch(_SHOWABLE, url) else "(not shown: it may hold a password)"


def _why(url: str, error: ValueError) -> str:
    return f": {error}" if re.fullmatch(_SHOWABLE, url) else ""
