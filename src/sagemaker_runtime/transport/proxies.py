"""Which proxy a request goes through: one that was given, or the one that the environment names."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes
from urllib.request import getproxies, proxy_bypass

from sagemaker_runtime.checks import checked
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.url import BaseURL

if TYPE_CHECKING:
    from typing import Self

CHOICES_KEPT = 1024  # hosts; a client calls few
_SCHEMES = ("http", "https", "all")  # "all" for those of the other two that is not named
_SCHEME = r"([a-zA-Z][a-zA-Z0-9+.-]*)://"


class Proxy(NamedTuple):
    """One proxy."""

    url: str
    """Without user name and password."""

    authorization: str | None
    """The value of Proxy-Authorization; None where the URL names no user. Shown nowhere."""

    def __repr__(self) -> str:
        return f"Proxy(url={self.url!r})"

    @property
    def headers(self) -> dict[str, str] | None:
        """The headers that go to the proxy alone."""
        return None if self.authorization is None else {"Proxy-Authorization": self.authorization}

    @classmethod
    def parse(cls, text: str, source: str) -> Self:
        """
        Read a proxy's URL, such as ``http://user:password@proxy:3128``; without a scheme it is http.

        Args:
            text: The URL. User name and password are percent-encoded, and shown in no error.

            source: Where it comes from, for errors.

        Raises:
            ConfigError: It is none, or is one of another kind, such as SOCKS.
        """
        match = re.match(_SCHEME, text)
        scheme, rest = ("http", text) if match is None else (match[1], text[match.end() :])
        user, at, address = rest.rpartition("@")
        if scheme.lower() not in ("http", "https"):
            raise ConfigError(
                f"{source} is a proxy of the kind {scheme}://, which is not supported; name one of http:// or https://"
            )
        try:
            base = BaseURL.parse(f"{scheme}://{address}")
        except ConfigError as error:
            raise ConfigError(f"{source} is no proxy: {error}; write it like http://host:port") from None
        if base.path or base.query:
            raise ConfigError(
                f"{source} is no proxy: {base.host!r} is followed by a path; write it like http://host:port"
            )
        authorization = None
        if at:
            secret = user if ":" in user else f"{user}:"
            secret_bytes = unquote_to_bytes(
                secret.encode(errors="surrogateescape")
            )  # what os.environ makes of any byte
            authorization = f"Basic {b64encode(secret_bytes).decode()}"
        return cls(f"{base.scheme}://{base.host}", authorization)


class Proxies:
    """
    Proxies by the scheme of the request, and the choices made.

    Args:
        urls: Proxy URLs by ``"http"``, ``"https"`` and ``"all"``.

        source: Where they come from, for errors, with ``{}`` for the key.

        bypass: Whether to respect what the environment excepts, and to go to this machine itself directly.
    """

    __slots__ = ("_bypass", "_choices", "_source", "_urls")

    def __init__(self, urls: Mapping[str, str], *, source: str, bypass: bool) -> None:
        self._urls = urls
        self._source = source
        self._bypass = bypass
        self._choices: dict[tuple[str, str], Proxy | None] = {}

    @classmethod
    def given(cls, urls: Mapping[str, str]) -> Self | None:
        """
        Those that a caller names, for all hosts; None if there are none.

        Raises:
            ConfigError: A key or a URL makes no sense.
        """
        _check_mapping(urls)
        proxies = cls(dict(urls), source="proxies[{!r}]", bypass=False)
        for scheme, url in urls.items():
            if scheme not in _SCHEMES:
                raise ConfigError(f"proxies has the key {scheme!r}; it takes 'http', 'https' and 'all'")
            checked(url, str, f"proxies[{scheme!r}]", "a URL")
            proxies._parse(scheme)
        return proxies if urls else None

    @classmethod
    def of_environment(cls) -> Self | None:
        """Those of ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY``, or of the system's settings; None without."""
        urls = {scheme: url for scheme, url in getproxies().items() if scheme in _SCHEMES}
        return cls(urls, source="the environment's {}_proxy", bypass=True) if urls else None

    def proxy_for(self, scheme: str, host: str) -> Proxy | None:
        """
        The proxy for a request, None to go there directly.

        Args:
            scheme: ``"http"`` or ``"https"``.

            host: The host, with the port unless it is the scheme's own.

        Raises:
            ConfigError: What the environment names is no proxy.
        """
        try:
            return self._choices[scheme, host]
        except KeyError:
            pass
        proxy = self._choose(scheme, host)
        if len(self._choices) >= CHOICES_KEPT:
            self._choices.clear()
        self._choices[scheme, host] = proxy
        return proxy

    def _choose(self, scheme: str, host: str) -> Proxy | None:
        scheme = scheme if scheme in self._urls else "all"
        if scheme not in self._urls or (self._bypass and (_is_this_machine(host) or proxy_bypass(host))):
            return None
        return self._parse(scheme)

    def _parse(self, scheme: str) -> Proxy:
        return Proxy.parse(self._urls[scheme], self._source.format(scheme))


def _check_mapping(urls: object) -> None:
    if not isinstance(urls, Mapping):
        raise ConfigError(f"proxies is of type {type(urls).__name__}; it takes {{'https': 'http://host:port'}}")


def _is_this_machine(host: str) -> bool:
    """Whether a host is localhost or a loopback address, which no proxy can reach. The Go SDK has the same rule."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:  # a name
        return False
