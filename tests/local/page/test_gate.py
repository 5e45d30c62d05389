"""Who is shown the page: whoever has its URL, at this machine's own names, and no other page."""

from __future__ import annotations

import pytest
from local.page.viewer import Viewer, viewing

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local import LocalEndpoint

PATHS = ["", "page.js", "page.css", "facts", "events", "exchanges/1", "gone"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("prefix", ["/", "/guessed/", "//", "/%2e/"])
async def test_nothing_is_shown_without_the_token(viewer: Viewer, path: str, prefix: str) -> None:
    """Any program of any user on this machine can reach the port; only who started the endpoint knows the URL."""
    async with viewer.session.get(viewer.origin + prefix + path) as response:
        said = await response.text()

    assert 403 == response.status
    assert "Open the whole URL" in said
    assert "echo" not in said


@pytest.mark.parametrize("path", ["inject", "withdraw", "invoke?endpoint_name=echo"])
async def test_nothing_can_be_done_without_the_token(local: LocalEndpoint, viewer: Viewer, path: str) -> None:
    """Least of all this: a form of any web page may be sent here, whether its author sees the response or not."""
    async with viewer.session.post(f"{viewer.origin}/wrong/{path}", data=b"{}") as response:
        assert 403 == response.status

    assert 0 == len(local.journal)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:80", "localhost.:{port}", ""]
)
async def test_another_name_is_refused(viewer: Viewer, host: str) -> None:
    """A page of another site may let its own name lead to this machine, and then counts as the same origin."""
    port = viewer.origin.rpartition(":")[2]

    async with viewer.session.get(viewer.url, headers={"Host": host.format(port=port)}) as response:
        assert 421 == response.status


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
async def test_this_machines_own_names_are_let_in(viewer: Viewer, host: str) -> None:
    """No other site can have them; a forwarded port may be opened under any of these."""
    port = viewer.origin.rpartition(":")[2]

    async with viewer.session.get(viewer.url, headers={"Host": host.format(port=port)}) as response:
        assert 200 == response.status


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "https://{host}"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_origin_is_refused(viewer: Viewer, origin: str, method: str) -> None:
    """A browser says which page a request is from; other servers of this machine are other origins too."""
    origin = origin.format(host=viewer.origin.partition("//")[2])

    async with viewer.session.request(method, viewer.url + "facts", headers={"Origin": origin}) as response:
        assert 403 == response.status
        assert "Another page" in await response.text()


@pytest.mark.parametrize("path", [*PATHS, "../"])
async def test_every_response_says_how_it_may_be_used(viewer: Viewer, path: str) -> None:
    """No script from elsewhere, no frame around it, no URL passed on, nothing kept; a refusal too."""
    async with viewer.session.get(viewer.url + path) as response:
        headers = response.headers

    assert headers["Content-Security-Policy"].startswith("default-src 'self'; frame-ancestors 'none'")
    assert "no-referrer" == headers["Referrer-Policy"]
    assert "no-store" == headers["Cache-Control"]
    assert "nosniff" == headers["X-Content-Type-Options"]
    assert "same-origin" == headers["Cross-Origin-Resource-Policy"]
    assert "Set-Cookie" not in headers
    assert "Access-Control-Allow-Origin" not in headers


async def test_the_token_without_its_slash_leads_to_the_page(viewer: Viewer) -> None:
    """Some terminals leave it out of the link; the page's own links are relative to it."""
    async with viewer.session.get(viewer.url.rstrip("/")) as response:
        assert 200 == response.status
        assert viewer.url == str(response.url)


async def test_the_token_is_long_and_another_one_each_time(local: LocalEndpoint) -> None:
    """It is all that stands between the endpoints and the other programs of this machine."""
    async with LocalEndpoint({}, page=True) as other:
        tokens = {each.page_url.split("/")[3] for each in (local, other)}

    assert 2 == len(tokens)
    assert all(len(token) >= 43 for token in tokens)
    assert not any(token in f"{local!r} {local._page!r} {local._page._gate!r}" for token in tokens)


@pytest.mark.parametrize("host", ["::", "10.0.0.7", "192.168.1.7", "models.example", "1"])
def test_a_page_beyond_this_machine_is_refused(host: str) -> None:
    """Whoever sees it may call the models and put faults on, and it speaks plain text."""
    with pytest.raises(ConfigError, match="loopback host"):
        LocalEndpoint({}, host=host, page=True)


@pytest.mark.parametrize(
    ("host", "address"), [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")]
)
async def test_the_page_listens_on_loopback(host: str, address: str) -> None:
    """At a port of its own, beside the one that it shows."""
    async with LocalEndpoint({}, host=host, page=True) as local, viewing(local) as viewer:
        assert viewer.url.startswith(f"http://{address}:")
        assert viewer.origin != local.url
        async with viewer.session.get(viewer.url) as response:
            assert 200 == response.status
