"""``NO_PROXY``: which hosts are reached directly, entry by entry, as Go's ``http.ProxyFromEnvironment`` decides."""

from __future__ import annotations

import os
import socket
import sys
import urllib.request

import pytest
from transport.servers import client_for, params, serving

from sagemaker_runtime.transport.proxies import Proxies

PROXY = "http://proxy.test:3128"
DIRECT, PROXIED = True, False


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    """Whatever proxies the machine of the test has."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def is_direct(scheme, host):
    proxies = Proxies.of_environment()
    assert proxies is not None
    return proxies.proxy_for(scheme, host) is None


@pytest.mark.parametrize(
    ("no_proxy", "scheme", "host", "expected"),
    [
        # A name is for the host and for all below it.
        ("example.com", "https", "example.com", DIRECT),
        ("example.com", "https", "runtime.example.com", DIRECT),
        ("example.com", "https", "a.b.example.com:8443", DIRECT),
        ("example.com", "https", "myexample.com", PROXIED),
        ("example.com", "https", "example.com.evil.test", PROXIED),
        ("example.com", "https", "com", PROXIED),
        ("com", "https", "example.com", DIRECT),
        # A leading dot, with or without an asterisk, is for those below it alone.
        (".example.com", "https", "runtime.example.com", DIRECT),
        (".example.com", "https", "example.com", PROXIED),
        (".example.com", "https", "myexample.com", PROXIED),
        ("*.example.com", "https", "a.b.example.com", DIRECT),
        ("*.example.com", "https", "example.com", PROXIED),
        ("*example.com", "https", "runtime.example.com", PROXIED),
        # An asterisk of its own is for all, wherever it stands in the list.
        ("*", "https", "example.com", DIRECT),
        ("*", "https", "10.0.0.1:8443", DIRECT),
        ("other.test, * ,", "https", "example.com", DIRECT),
        ("*:443", "https", "example.com", PROXIED),
        # With a port, only that port; a URL without one has its scheme's.
        ("example.com:443", "https", "example.com", DIRECT),
        ("example.com:443", "https", "runtime.example.com", DIRECT),
        ("example.com:443", "http", "example.com", PROXIED),
        ("example.com:443", "http", "example.com:443", DIRECT),
        ("example.com:443", "https", "example.com:8443", PROXIED),
        ("example.com:80", "http", "example.com", DIRECT),
        ("example.com:80", "https", "example.com", PROXIED),
        (".example.com:8443", "https", "runtime.example.com:8443", DIRECT),
        (".example.com:8443", "https", "example.com:8443", PROXIED),
        ("*.example.com:443", "https", "runtime.example.com", DIRECT),
        ("example.com:", "https", "example.com:8443", DIRECT),
        # An address is itself, however it is written.
        ("10.0.0.1", "https", "10.0.0.1", DIRECT),
        ("10.0.0.1", "https", "10.0.0.1:8443", DIRECT),
        ("10.0.0.1", "https", "10.0.0.10", PROXIED),
        ("0.0.1", "https", "10.0.0.1", PROXIED),
        ("10.0.0.1:443", "https", "10.0.0.1", DIRECT),
        ("10.0.0.1:443", "https", "10.0.0.1:8443", PROXIED),
        ("10.0.0.1", "https", "[::ffff:10.0.0.1]", DIRECT),
        ("::ffff:10.0.0.1", "https", "10.0.0.1", DIRECT),
        ("fd00::1", "https", "[fd00::1]", DIRECT),
        ("FD00:0:0::1", "https", "[fd00::1]:8443", DIRECT),
        ("[fd00::1]:443", "https", "[fd00::1]", DIRECT),
        ("[fd00::1]:443", "https", "[fd00::1]:8443", PROXIED),
        ("[fd00::1]:443", "https", "[fd00::2]", PROXIED),
        ("[fd00::1]", "https", "[fd00::1]", PROXIED),
        ("10.0.0.1", "https", "ten.example.com", PROXIED),
        # A network has the addresses in it, at every port. Names are not looked up.
        ("10.0.0.0/8", "https", "10.200.3.4:8443", DIRECT),
        ("10.1.2.3/8", "https", "10.200.3.4", DIRECT),
        ("10.0.0.0/8", "https", "11.0.0.1", PROXIED),
        ("10.0.0.0/8", "https", "example.com", PROXIED),
        ("10.0.0.0/8:443", "https", "10.0.0.1", PROXIED),
        ("10.0.0.0/255.0.0.0", "https", "10.0.0.1", PROXIED),
        ("10.0.0.0/33", "https", "10.0.0.1", PROXIED),
        ("0.0.0.0/0", "https", "192.0.2.1", DIRECT),
        ("::/0", "https", "192.0.2.1", PROXIED),
        ("fd00::/8", "https", "[fdff::1]:8443", DIRECT),
        ("fd00::/8", "https", "[fe80::1]", PROXIED),
        ("10.0.0.0/8", "https", "[::ffff:10.0.0.1]", DIRECT),
        ("::ffff:10.0.0.0/104", "https", "10.9.9.9", DIRECT),
        # A zone neither hides an address nor turns it into a name.
        ("fe80::1", "https", "[fe80::1%eth0]", DIRECT),
        ("example.com", "https", "[fe80::1%25.example.com]", PROXIED),
        ("fe80::1%eth0", "https", "[fe80::1%eth0]", PROXIED),
        ("fe80::%eth0/64", "https", "[fe80::1]", PROXIED),
        # Case and blanks do not count; a dot at the end does.
        ("  Example.COM  ", "https", "runtime.example.com", DIRECT),
        ("a.test,\t.Example.com , b.test", "https", "runtime.example.com", DIRECT),
        ("a.test b.test", "https", "b.test", PROXIED),
        ("example.com.", "https", "example.com", PROXIED),
        ("example.com", "https", "example.com.", PROXIED),
        ("example.com.", "https", "runtime.example.com.", DIRECT),
        # As they stand in a URL.
        ("b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.test", "https", "a.xn--bcher-kva.test", DIRECT),
        (".B\N{LATIN CAPITAL LETTER U WITH DIAERESIS}CHER.test", "https", "a.xn--bcher-kva.test", DIRECT),
        ("..\N{LATIN SMALL LETTER U WITH DIAERESIS}", "https", "example.com", PROXIED),
        # What cannot be read excepts nothing, and hides nothing.
        ("", "https", "example.com", PROXIED),
        (",,", "https", "example.com.", PROXIED),
        (":443", "https", "example.com", PROXIED),
        ("[]:443", "https", "example.com", PROXIED),
        ("https://example.com", "https", "example.com", PROXIED),
        ("a:b:c,10.0.0.0/x,/8,[,example.com", "https", "example.com", DIRECT),
        # This machine, which no proxy can reach.
        ("", "https", "localhost", DIRECT),
        ("", "http", "localhost:8080", DIRECT),
        ("", "https", "127.0.0.1", DIRECT),
        ("", "https", "127.8.8.8:8443", DIRECT),
        ("", "https", "[::1]:8443", DIRECT),
        ("", "https", "[::1%lo]", DIRECT),
        ("", "https", "[::ffff:127.0.0.1]", DIRECT),
        ("", "https", "localhost.example.com", PROXIED),
        ("", "https", "128.0.0.1", PROXIED),
    ],
)
def test_no_proxy_is_read_as_go_reads_it(monkeypatch, no_proxy, scheme, host, expected):
    """One variable holds for the programs of a machine, and those in Go are the strictest readers of it."""
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", no_proxy)

    assert expected == is_direct(scheme, host)


@pytest.mark.parametrize(("lower", "expected"), [("b.test", PROXIED), ("a.test", DIRECT), ("", PROXIED)])
def test_the_variable_in_small_letters_comes_first(monkeypatch, lower, expected):
    """As with the proxies themselves. Go has it the other way round."""
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "a.test" if lower != "a.test" else "b.test")
    monkeypatch.setenv("no_proxy", lower)

    assert expected == is_direct("https", "a.test")


async def test_a_host_with_its_port_is_reached_directly_and_at_another_port_through_the_proxy(monkeypatch):
    """On real sockets: a VPC endpoint's name, which here leads to loopback."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **named: resolve("127.0.0.1" if host == "vpce.runtime.test" else host, *rest, **named),
    )
    async with serving() as target, serving() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        reached = []
        for port in (target.port, target.port + 1):
            monkeypatch.setenv("NO_PROXY", f".runtime.test:{port}")
            async with client_for(target, base_endpoint=f"http://vpce.runtime.test:{target.port}") as client:
                await client.invoke_endpoint(params())
            reached.append((len(target.requests), len(proxy.requests)))

    assert [(1, 0), (1, 1)] == reached


@pytest.mark.parametrize(("variables", "expected"), [({}, DIRECT), ({"NO_PROXY": "other.test"}, PROXIED)])
def test_the_systems_own_exceptions_count_where_no_variable_is_set(monkeypatch, variables, expected):
    """Those of macOS and Windows have a form of their own, which Python knows."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"https": PROXY})
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: int(host == "runtime.test:8443"))

    assert expected == is_direct("https", "runtime.test:8443")
    assert is_direct("https", "localhost:8443")
