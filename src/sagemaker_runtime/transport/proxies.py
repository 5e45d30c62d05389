"""Which proxy a request goes through: one set in code, or one of the environment."""

from __future__ import annotations

import os
import re
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from sagemaker_runtime.checks import checked
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.url import DEFAULT_PORTS, BaseURL

if TYPE_CHECKING:
    from typing import Self

CHOICES_KEPT = 1024  # hosts; a client calls few
_SCHEMES = ("http", "https", "all")  # "all" is used for a scheme that is not listed
_SCHEME = r"([a-zA-Z][a-zA-Z0-9+.-]*)://"
_WITH_PORT = r"(?:\[([^\[\]]*)\]|([^\[\]:]*)):([^\[\]:]*)"  # an entry of NO_PROXY with a port


class Proxy(NamedTuple):
    """One proxy."""

    url: str
    """Without user name and password."""

    authorization: str | None
    """The value of Proxy-Authorization; None if the URL has no user name. Never shown."""

    def __repr__(self) -> str:
        return f"Proxy(url={self.url!r})"

    @property
    def headers(self) -> dict[str, str] | None:
        """The headers that are sent only to the proxy; None if there are none."""
        return None if self.authorization is None else {"Proxy-Authorization": self.authorization}

    @classmethod
    def parse(cls, text: str, source: str) -> Self:
        """
        Parse a proxy's URL, such as ``http://user:password@proxy:3128``. The default scheme is http.

        Args:
            text: The URL. User name and password are percent-encoded; no error shows them.

            source: Where it comes from, for errors.

        Raises:
            ConfigError: It is not the URL of a proxy, or the proxy is of another kind, such as SOCKS.
        """
        match = re.match(_SCHEME, text)
        scheme, rest = ("http", text) if match is None else (match[1], text[match.end() :])
        user, at, address = rest.rpartition("@")
        if scheme.lower() not in ("http", "https"):
            raise ConfigError(
                f"{source} is a {scheme}:// proxy, which is not supported; use an http:// or https:// proxy"
            )
        try:
            base = BaseURL.parse(f"{scheme}://{address}")
        except ConfigError as error:
            raise ConfigError(f"{source} is not a proxy: {error}; write it like http://host:port") from None
        if base.path or base.query:
            raise ConfigError(
                f"{source} is not a proxy: {base.host!r} is followed by a path; write it like http://host:port"
            )
        authorization = None
        if at:
            secret = user if ":" in user else f"{user}:"
            secret_bytes = unquote_to_bytes(
                secret.encode(errors="surrogateescape")
            )  # os.environ has surrogates for bytes that are not UTF-8
            authorization = f"Basic {b64encode(secret_bytes).decode()}"
        return cls(f"{base.scheme}://{base.host}", authorization)


class Proxies:
    """
    Proxies by the scheme of the request, with a cache of the choices.

    Args:
        urls: Proxy URLs by ``"http"``, ``"https"`` and ``"all"``.

        source: Where they come from, for errors, with ``{}`` as the placeholder of the key.

        is_direct: Whether a host, given its scheme, is reached without a proxy. None if all hosts use one.
    """

    __slots__ = ("_choices", "_is_direct", "_source", "_urls")

    def __init__(
        self, urls: Mapping[str, str], *, source: str, is_direct: Callable[[str, str], bool] | None = None
    ) -> None:
        self._urls = urls
        self._source = source
        self._is_direct = is_direct
        self._choices: dict[tuple[str, str], Proxy | None] = {}

    @classmethod
    def given(cls, urls: Mapping[str, str]) -> Self | None:
        """
        Proxies set in code, for all hosts; None if *urls* is empty.

        Raises:
            ConfigError: A key or a URL is invalid.
        """
        _check_mapping(urls)
        proxies = cls(dict(urls), source="proxies[{!r}]")
        for scheme, url in urls.items():
            if scheme not in _SCHEMES:
                raise ConfigError(f"proxies has the key {scheme!r}; it takes 'http', 'https' and 'all'")
            checked(url, str, f"proxies[{scheme!r}]", "a URL")
            proxies._parse(scheme)
        return proxies if urls else None

    @classmethod
    def of_environment(cls) -> Self | None:
        """The proxies in ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY``, or in the system's settings; None without any."""
        has_settings = sys.platform in ("darwin", "win32")
        if not has_settings and not any(name.lower().endswith("_proxy") for name in os.environ):
            return None
        from urllib.request import getproxies, getproxies_environment  # takes 9 ms, and few have a proxy

        variables = getproxies_environment()
        urls = {scheme: url for scheme, url in getproxies().items() if scheme in _SCHEMES}
        is_direct = partial(_is_direct, variables.get("no", "") if variables else None)
        return cls(urls, source="the environment's {}_proxy", is_direct=is_direct) if urls else None

    def proxy_for(self, scheme: str, host: str) -> Proxy | None:
        """
        The proxy for a request; None to connect directly.

        Args:
            scheme: ``"http"`` or ``"https"``.

            host: The host, with the port unless it is the default port of the scheme.

        Raises:
            ConfigError: The URL in the environment is not that of a proxy.
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
        key = scheme if scheme in self._urls else "all"
        if key not in self._urls or (self._is_direct is not None and self._is_direct(scheme, host)):
            return None
        return self._parse(key)

    def _parse(self, scheme: str) -> Proxy:
        return Proxy.parse(self._urls[scheme], self._source.format(scheme))


def _check_mapping(urls: object) -> None:
    if not isinstance(urls, Mapping):
        raise ConfigError(f"proxies is of type {type(urls).__name__}; it takes {{'https': 'http://host:port'}}")


def _is_direct(no_proxy: str | None, scheme: str, host: str) -> bool:
    """
    Whether a host is reached directly: *no_proxy* lists it, or it is this machine, which no proxy can reach.

    Source: golang.org/x/net/http/httpproxy, which Go's ``http.ProxyFromEnvironment`` uses.

    Args:
        no_proxy: The value of ``NO_PROXY``. None for the exceptions in the settings of macOS or Windows.

        scheme: Determines the port of a *host* without one.

        host: The host, with the port unless it is the default port of the scheme.
    """
    name, _, port = host[1:].partition("]") if host.startswith("[") else host.partition(":")
    address = _address(name.partition("%")[0])
    if name == "localhost" or (address is not None and address.is_loopback):
        return True
    if no_proxy is None:
        from urllib.request import proxy_bypass

        return bool(proxy_bypass(host))
    port = port.removeprefix(":") or str(DEFAULT_PORTS.get(scheme))
    return any(_excepts(entry.strip(), name, address, port) for entry in no_proxy.lower().split(","))


def _excepts(entry: str, name: str, address: IPv4Address | IPv6Address | None, port: str) -> bool:
    """Whether an entry of ``NO_PROXY`` matches a host, a name or an address. A malformed entry matches nothing."""
    if entry == "*":
        return True
    if (network := _network(entry)) is not None:
        return address in network if address is not None else False
    match = re.fullmatch(_WITH_PORT, entry)
    host, only = (entry, "") if match is None else (match[1] or match[2], match[3])
    if not host or only not in ("", port):
        return False
    if address is not None:
        return address == _address(host)
    below_only = host.startswith((".", "*."))
    domain = host.partition(".")[2] if below_only else host
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        return False
    return name.endswith(f".{domain}") or (name == domain and not below_only)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The IP address; IPv4 for an IPv4-mapped IPv6 address. None for a name, and for an address with a zone."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or (address if address.scope_id is None else None)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    """The network, such as 10.0.0.0/8; None for anything else."""
    address, _, length = text.partition("/")
    if not length.isdecimal() or "%" in address:
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    first, spare = network.network_address, 96  # bits before the IPv4 address in an IPv4-mapped IPv6 address
    if isinstance(first, IPv6Address) and first.ipv4_mapped is not None and network.prefixlen >= spare:
        return IPv4Network((first.ipv4_mapped, network.prefixlen - spare))
    return network
