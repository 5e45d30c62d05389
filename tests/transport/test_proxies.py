"""Proxies: what they are sent, what a caller gets where they refuse, and which of them a request goes through."""

from __future__ import annotations

import asyncio
import base64
import socket
import traceback

import pytest
from transport.servers import client_for, other_tasks, params, request_to, serving, until_client_lets_go

from sagemaker_runtime import (
    CertificateError,
    ConfigError,
    ConnectError,
    ConnectTimeoutError,
    NopRetryer,
    ProxyRefusedError,
    Request,
    ServiceError,
    StandardRetryer,
    Timeout,
)
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient
from sagemaker_runtime.transport.proxies import CHOICES_KEPT, Proxies, Proxy

USER = "corp%5Cuser:s%3Acret%40"  # percent-encoded, as in any URL
BASIC = "Basic " + base64.b64encode(rb"corp\user:s:cret@").decode()
PAGE = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\n<h1>Bad</"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    """Whatever proxies the machine of the test has."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def tunnel_to(target):
    """What a proxy does for CONNECT: pass the bytes on, both ways, until either side ends."""

    async def pass_on(reader, writer):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def step(exchange):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        await exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(pass_on(reader, exchange.writer), pass_on(exchange.reader, writer))
        finally:
            writer.transport.abort()

    return step


def url_of(server, *, scheme="http", user=USER):
    return f"{scheme}://{user}@127.0.0.1:{server.port}"


def https(server):
    return server.url.replace("http://", "https://")


async def nothing_is_left(*servers):
    for server in servers:
        await until_client_lets_go(server)
        await server.until_open(0)
    everything = set.intersection(*(other_tasks(server) for server in servers))
    assert set() == everything


@pytest.mark.parametrize("proxy_scheme", ["http", "https"])
@pytest.mark.parametrize("size", [7, 300_000])
async def test_an_https_request_goes_through_a_tunnel(tls, self_signed, proxy_scheme, size):
    """The proxy sees the host and its own password, and nothing of the request; the target sees no password."""
    async with (
        serving(tls=tls) as target,
        serving(tunnel_to(target), tls=tls if proxy_scheme == "https" else None) as proxy,
    ):
        http_client = AioHTTPClient(ca_bundle=self_signed, proxies={"https": url_of(proxy, scheme=proxy_scheme)})
        async with client_for(target, base_endpoint=https(target), http_client=http_client) as client:
            outputs = [await client.invoke_endpoint(params(b"x" * size)) for _ in range(2)]
        await http_client.close()

        (connect,) = proxy.requests
        assert [b"ok", b"ok"] == [output.body for output in outputs]
        assert f"CONNECT 127.0.0.1:{target.port} HTTP/1.1".encode() == connect.line
        assert [BASIC] == [value for name, value in connect.headers if name == "proxy-authorization"]
        assert "authorization" not in dict(connect.headers)
        assert [b"x" * size] * 2 == [request.body for request in target.requests]
        assert not any(name.startswith("proxy-") for request in target.requests for name, _ in request.headers)
        await nothing_is_left(proxy, target)


async def test_an_http_request_is_sent_to_the_proxy_in_absolute_form():
    """As HTTP has it; the path byte for byte as signed, and the password with each request of a kept connection."""
    target = "/endpoints/a%2Fb/..%2f/invocations?query=a%2Bb+c&empty=&%7E~"
    async with serving() as proxy:
        http_client = AioHTTPClient(proxies={"http": url_of(proxy)})
        request = request_to(proxy, path=target.partition("?")[0], query=target.partition("?")[2])
        request.host = request.headers["host"] = "runtime.test"

        for _ in range(2):
            response = await http_client.send(request, timeout=Timeout())
            await response.body.read()
        await http_client.close()

        expected = sorted([*request.headers.items(), ("proxy-authorization", BASIC)])
        assert [f"POST http://runtime.test{target} HTTP/1.1".encode()] * 2 == [got.line for got in proxy.requests]
        assert [expected] * 2 == [sorted(got.headers) for got in proxy.requests]
        assert 1 == proxy.accepted
        assert "proxy-authorization" not in request.headers


async def test_a_proxys_page_is_an_error_of_the_service():
    """In absolute form, the proxy's response cannot be distinguished from the service's: it is one that may be retried."""
    async with serving(PAGE) as proxy:
        http_client = AioHTTPClient(proxies={"http": url_of(proxy)})
        async with client_for(proxy, base_endpoint="http://runtime.test", http_client=http_client) as client:
            with pytest.raises(ServiceError, match="<h1>Bad") as caught:
                await client.invoke_endpoint(params())

        assert (502, 3) == (caught.value.status, len(proxy.requests))
        await http_client.close()


FAILURES = {
    "502": (PAGE, "CONNECT with 502 Bad Gateway"),
    "503": (b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", "CONNECT with 503 Later"),
    "302": (b"HTTP/1.1 302 Log in\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "CONNECT with 302 Log in"),
    "garbage": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "response to CONNECT is not HTTP"),
    "half a response": (b"HTTP/1.1 2", "lost before it responded to CONNECT"),
    "nothing": (b"", "lost before it responded to CONNECT"),
    "a tunnel to nowhere": (b"HTTP/1.1 200 OK\r\n\r\n", "no connection to"),
}
REFUSALS = {
    "407": (b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", "407 Who are you"),
    "403": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope", "CONNECT with 403 Forbidden"),
    "400": (b"HTTP/1.1 400 Not you\r\n\r\n", "CONNECT with 400 Not you"),
    "499": (b"HTTP/1.1 499 Gone\r\n\r\n", "CONNECT with 499 Gone"),
    "a 407 that repeats the password": (
        f"HTTP/1.1 407 {BASIC} is wrong\r\nContent-Length: 0\r\n\r\n".encode(),
        "CONNECT with 407 .* is wrong",
    ),
}


@pytest.mark.parametrize(
    ("response", "text", "error", "attempts"),
    [(*given, ConnectError, 3) for given in FAILURES.values()]
    + [(*given, ProxyRefusedError, 1) for given in REFUSALS.values()],
    ids=[*FAILURES, *REFUSALS],
)
@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_proxy_that_makes_no_tunnel_is_a_connect_error(response, text, error, attempts, end):
    """
    Nothing reached the service, so it is tried again whatever the policy; but a 4xx would be the same again, and three
    wrong passwords lock an account. The text says who refused, and how.
    """

    async def refuse(exchange):
        await exchange.send(response)
        if end == "close" or response:
            exchange.close()
        else:
            exchange.reset()

    async with serving(refuse) as proxy:
        http_client = AioHTTPClient(proxies={"https": url_of(proxy)})
        retryer = StandardRetryer(retry_lost_connections=False)
        options = {"base_endpoint": "https://runtime.test", "http_client": http_client, "retryer": retryer}
        async with client_for(proxy, **options) as client:
            with pytest.raises(ConnectError, match=text) as caught:
                await client.invoke_endpoint(params())

        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__cause__)
        assert error is type(caught.value)
        assert attempts == len(caught.value.attempts) == len(proxy.requests)
        assert f"no connection to runtime.test through the proxy http://127.0.0.1:{proxy.port}: " in str(caught.value)
        assert not [secret for secret in ("cret", "corp", *BASIC.split()) if secret in shown]
        await http_client.close()
        await nothing_is_left(proxy)


async def test_a_proxy_that_does_not_respond_is_a_connect_timeout():
    """Of itself, aiohttp waits for the response to CONNECT for ever."""

    async def stay_silent(exchange):
        await exchange.until_peer_closes()

    async with serving(stay_silent) as proxy:
        http_client = AioHTTPClient(proxies={"all": url_of(proxy)})
        options = {"base_endpoint": "https://runtime.test", "http_client": http_client}
        async with client_for(proxy, timeout=Timeout(connect=0.05), **options) as client:
            with pytest.raises(ConnectTimeoutError, match=r"runtime\.test through the proxy http://127.* in 0\.05 s"):
                await client.invoke_endpoint(params())

        assert 3 == len(proxy.requests)
        await http_client.close()
        await nothing_is_left(proxy)


async def test_a_call_cancelled_in_a_tunnels_making_leaves_nothing():
    """The connection to the proxy stands, and belongs to no request yet."""
    asked = asyncio.Event()

    async def stay_silent(exchange):
        asked.set()
        await exchange.until_peer_closes()

    async with serving(stay_silent) as proxy:
        http_client = AioHTTPClient(proxies={"all": url_of(proxy)})
        request = request_to(proxy)
        request.scheme = "https"
        call = asyncio.create_task(http_client.send(request, timeout=Timeout()))
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        await nothing_is_left(proxy)
        await http_client.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there_is_a_connect_error(scheme):
    """It names the proxy, or somebody would look for the fault at the service."""
    with socket.socket() as bound:  # bound and not listening: refused for certain
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        async with serving() as server:
            http_client = AioHTTPClient(proxies={"all": f"http://{USER}@127.0.0.1:{port}"})
            options = {"base_endpoint": f"{scheme}://runtime.test", "http_client": http_client}
            async with client_for(server, **options) as client:
                with pytest.raises(ConnectError, match=rf"through the proxy http://127\.0\.0\.1:{port}: ") as caught:
                    await client.invoke_endpoint(params())

    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__cause__)
    assert ConnectError is type(caught.value)
    assert 3 == len(caught.value.attempts)
    assert "cret" not in shown
    await http_client.close()


@pytest.mark.parametrize("whose", ["proxy", "target"])
async def test_a_certificate_that_is_refused_is_named_by_its_host(tls, whose):
    """With a proxy there may be two, and a company's proxy is most often the one."""
    async with serving(tls=tls) as target, serving(tunnel_to(target), tls=tls if whose == "proxy" else None) as proxy:
        scheme = "https" if whose == "proxy" else "http"
        http_client = AioHTTPClient(proxies={"https": url_of(proxy, scheme=scheme)})
        async with client_for(target, base_endpoint=https(target), http_client=http_client) as client:
            port = (proxy if whose == "proxy" else target).port
            with pytest.raises(
                CertificateError, match=rf"the certificate of 127\.0\.0\.1:{port} was refused"
            ) as caught:
                await client.invoke_endpoint(params())

        assert 1 == len(caught.value.attempts)
        assert [] == target.requests
        await http_client.close()


async def test_the_environments_proxy_is_used_until_the_loop_ends_and_this_machine_is_reached_directly(monkeypatch):
    """A proxy of a company cannot reach what runs on the caller's machine, such as a local endpoint."""
    async with serving() as target, serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", url_of(proxy))
        async with client_for(target) as client:
            await client.invoke_endpoint(params())
        async with client_for(target, base_endpoint="http://runtime.test") as client:
            await client.invoke_endpoint(params())
            monkeypatch.delenv("HTTP_PROXY")
            await client.invoke_endpoint(params())

        assert (1, 2) == (len(target.requests), len(proxy.requests))


def test_a_client_says_which_proxy_a_url_would_go_through(monkeypatch):
    """Whoever looks for what is in the way asks the rules that a call goes by, and sees no password."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hush@proxy:3128")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    client = AioHTTPClient()

    assert "http://proxy:3128" == client.proxy_for("https://example.com/path")
    assert client.proxy_for("https://internal.example") is None
    assert AioHTTPClient(proxies={}).proxy_for("https://example.com") is None
    assert "http://other:8080" == AioHTTPClient(proxies={"all": "other:8080"}).proxy_for("http://example.com")


async def test_no_proxies_means_none(monkeypatch):
    """``{}`` says that the environment does not count."""
    async with serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", url_of(proxy))
        http_client = AioHTTPClient(proxies={})
        options = {"base_endpoint": "http://nosuchhost.invalid", "http_client": http_client, "retryer": NopRetryer()}
        async with client_for(proxy, **options) as client:
            with pytest.raises(ConnectError):
                await client.invoke_endpoint(params())

        assert [] == proxy.requests
        await http_client.close()


async def test_a_proxy_of_the_environment_that_cannot_be_used_is_a_config_error(monkeypatch):
    """To go there directly instead would be what somebody has forbidden; it is said at the first call that needs it."""
    monkeypatch.setenv("ALL_PROXY", "socks5://user:secret@proxy.test:1080")
    async with serving() as server, client_for(server, base_endpoint="http://runtime.test") as client:
        with pytest.raises(ConfigError, match="the environment's all_proxy is a socks5:// proxy") as caught:
            await client.invoke_endpoint(params())

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "scheme", "host", "expected"),
    [
        ({"HTTPS_PROXY": "http://one:1"}, "https", "runtime.test", "http://one:1"),
        ({"HTTPS_PROXY": "http://one:1"}, "http", "runtime.test", None),
        ({"HTTP_PROXY": "one:1"}, "http", "runtime.test", "http://one:1"),
        ({"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:1"}, "https", "runtime.test", "http://lower:1"),
        ({"ALL_PROXY": "http://all:1"}, "https", "runtime.test", "http://all:1"),
        ({"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://one:1"}, "https", "runtime.test", "http://one:1"),
        ({"HTTP_PROXY": "http://one:1", "REQUEST_METHOD": "GET"}, "http", "runtime.test", None),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "*"}, "https", "runtime.test", None),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "a, .test"}, "https", "runtime.test", None),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "runtime.test:8443"}, "https", "runtime.test:8443", None),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "time.test"}, "https", "runtime.test", "http://one:1"),
        ({"HTTPS_PROXY": "http://one:1"}, "https", "localhost:8443", None),
        ({"HTTPS_PROXY": "http://one:1"}, "https", "127.0.0.1", None),
        ({"HTTPS_PROXY": "http://one:1"}, "https", "[::1]:8443", None),
        ({"HTTPS_PROXY": "http://one:1"}, "https", "10.0.0.1", "http://one:1"),
        ({"HTTPS_PROXY": ""}, "https", "runtime.test", None),
        ({"NO_PROXY": "runtime.test"}, "https", "runtime.test", None),
    ],
)
def test_the_environment_names_proxies_as_pythons_own_clients_read_it(monkeypatch, environment, scheme, host, expected):
    """One set of variables holds for all programs of a machine; REQUEST_METHOD marks a CGI script's, which lie."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    proxies = Proxies.of_environment()
    chosen = None if proxies is None else proxies.proxy_for(scheme, host)

    assert expected == (None if chosen is None else chosen.url)


def test_no_more_choices_are_kept_than_are_of_use():
    """Who asks for a bucket of S3 in each call has another host in each."""
    proxies = Proxies.given({"all": "http://proxy.test"})
    assert proxies is not None
    for number in range(CHOICES_KEPT + 1):
        assert "http://proxy.test" == proxies.proxy_for("https", f"host-{number}").url

    assert 1 == len(proxies._choices)


@pytest.mark.parametrize(
    ("text", "url", "authorization"),
    [
        ("proxy.test", "http://proxy.test", None),
        ("http://proxy.test:80/", "http://proxy.test", None),
        ("HTTPS://Proxy.Test:3128", "https://proxy.test:3128", None),
        ("http://[::1]:3128", "http://[::1]:3128", None),
        ("http://user@proxy.test", "http://proxy.test", b"user:"),
        ("user:a/b#c?d@e@proxy.test:1", "http://proxy.test:1", b"user:a/b#c?d@e"),
        ("http://%C3%A9:\udcff%25@proxy.test", "http://proxy.test", b"\xc3\xa9:\xff%"),
        ("http://:@proxy.test", "http://proxy.test", b":"),
        ("us:er://x@proxy.test", "http://proxy.test", b"us:er://x"),
    ],
)
def test_a_proxys_url_is_read_with_its_user(text, url, authorization):
    """Passwords hold any character, encoded or not; the proxy gets the bytes that were meant."""
    proxy = Proxy.parse(text, "https_proxy")

    expected = None if authorization is None else f"Basic {base64.b64encode(authorization).decode()}"
    assert (url, expected) == (proxy.url, proxy.authorization)


@pytest.mark.parametrize(
    "url",
    [
        "socks5://user:cret@proxy.test",
        "http://user:cret@",
        "http://user:cret@proxy.test:99999",
        "http://user:cret@proxy.test/proxy.pac",
        "http://user:cret@proxy.test?a",
        "user:cret@pro xy",
        "",
    ],
)
def test_what_is_no_proxy_is_a_config_error_that_shows_no_password(url):
    """It ends up in the log of a service that does not start."""
    with pytest.raises(ConfigError, match=r"^proxies\['https'\] is ") as caught:
        AioHTTPClient(proxies={"https": url})

    assert "cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("proxies", "text"),
    [
        ({"ftp": "http://proxy.test"}, "has the key 'ftp'; it takes 'http', 'https' and 'all'"),
        ({"https": None}, r"proxies\['https'\] is of type NoneType"),
        ("http://proxy.test", "proxies is of type str"),
    ],
)
def test_proxies_of_another_shape_are_a_config_error(proxies, text):
    """A misspelt key would send requests where they must not go, in silence."""
    with pytest.raises(ConfigError, match=text):
        AioHTTPClient(proxies=proxies)


def test_no_repr_shows_a_password():
    """A repr is what a debugger and a log show first."""
    proxies = Proxies.given({"all": f"http://{USER}@proxy.test"})
    assert proxies is not None
    shown = [
        repr(proxies),
        repr(proxies.proxy_for("http", "a.test")),
        repr(AioHTTPClient(proxies={"all": f"http://{USER}@p"})),
    ]

    assert not [text for text in shown if "cret" in text or BASIC in text]


async def test_a_password_that_a_proxy_quotes_in_plain_text_is_not_shown():
    """It knows the password as well as its coded form, and may say which one was wrong."""

    async def quote(exchange):
        await exchange.send(b"HTTP/1.1 407 wrong password hunter2 for alice\r\nContent-Length: 0\r\n\r\n")

    async with serving(quote) as proxy:
        http_client = AioHTTPClient(proxies={"https": f"http://alice:hunter2@127.0.0.1:{proxy.port}"})
        request = Request(host="runtime.test")
        request.headers["content-length"] = "0"

        with pytest.raises(ProxyRefusedError, match="wrong password <redacted> for <redacted>"):
            await http_client.send(request, timeout=Timeout())

        await http_client.close()
