"""A container's start and stop: what is waited for, and what is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiohttp import web
from both_clients import Client
from local.backends.containers import ONCE, echo, served
from support import ManualClock

from sagemaker_runtime import (
    ConfigError,
    InvokeEndpointInput,
    Timeout,
)
from sagemaker_runtime.local import Container, LocalEndpoint
from sagemaker_runtime.local.backends import container


async def test_the_start_waits_until_the_container_is_healthy() -> None:
    """Both are often started together, and a model takes its time to load."""
    responses = [web.Response(status=503), web.Response(status=500), web.Response()]

    async def load(request: web.Request) -> web.Response:
        return responses.pop(0)

    clock = ManualClock()
    async with served(echo, load) as url, LocalEndpoint({"it": Container(url, clock=clock)}):
        assert [0.25, 0.25] == clock.slept


async def test_a_container_that_never_gets_healthy_is_reported_with_url_and_response() -> None:
    """The wrong port, and the wrong server on the right one, are the usual slips."""

    async def load(request: web.Request) -> web.Response:
        return web.Response(status=503, text="still loading")

    clock = ManualClock()
    async with served(echo, load) as url:
        local = LocalEndpoint({"it": Container(url, start_timeout=2, clock=clock)})
        with pytest.raises(ConfigError) as refused:
            await local.start()
    gone = LocalEndpoint({"it": Container(url, start_timeout=2, clock=ManualClock())})
    with pytest.raises(ConfigError, match=r"within 2 s: GET /ping failed: no connection to 127\.0\.0\.1:\d+"):
        await gone.start()

    assert f"<Container at {url}> was not healthy within 2 s: GET /ping returned 503 'still loading'" == str(
        refused.value
    )
    assert [0.25] * 8 == clock.slept


async def dribble(request: web.Request, status: int = 503) -> web.StreamResponse:
    response = web.StreamResponse(status=status)
    await response.prepare(request)
    while True:
        await response.write(b"x")
        await asyncio.sleep(0)


async def test_a_health_that_dribbles_in_does_not_hold_up_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the last one never."""
    monkeypatch.setattr(container, "PING_TIMEOUT", Timeout(connect=2.0, write=2.0, read=0.05))
    monkeypatch.setattr(container, "MAX_MESSAGE", 1_000_000)

    async with served(echo, dribble) as url:
        local = LocalEndpoint({"it": Container(url, start_timeout=0, clock=ManualClock())})
        async with asyncio.timeout(10):
            with pytest.raises(ConfigError, match=r"GET /ping returned 503 'x+'"):
                await local.start()


async def test_a_healthy_status_is_all_that_the_start_waits_for() -> None:
    """Whatever the body is: the platform does not read it either."""
    async with (
        served(echo, partial(dribble, status=200)) as url,
        asyncio.timeout(10),
        LocalEndpoint({"it": Container(url)}) as local,
    ):
        assert 0 == local.calls("it")


@pytest.mark.parametrize("status", [200, 503])
async def test_no_connection_to_a_container_is_left_behind(status: int) -> None:
    """Neither by an endpoint that was stopped, nor by one whose start failed and which is not stopped therefore."""
    transports: list[asyncio.Transport] = []

    async def ping(request: web.Request) -> web.Response:
        assert isinstance(request.transport, asyncio.Transport)
        transports.append(request.transport)
        return web.Response(status=status)

    async with served(echo, ping) as url:
        with contextlib.suppress(ConfigError):
            async with LocalEndpoint({"it": Container(url, start_timeout=1, clock=ManualClock())}):
                assert not transports[0].is_closing()
        async with asyncio.timeout(10):
            while not all(transport.is_closing() for transport in transports):
                await asyncio.sleep(0)


class OldServer(BaseHTTPRequestHandler):
    """HTTP/1.0, in threads, as in a container of 2018; it stands under a path."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/model/ping" else 404)
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.path == "/model/invocations" else 404)
        self.end_headers()
        self.wfile.write(body.upper())

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def old_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OldServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/model/"
        server.shutdown()
        thread.join()


@pytest.mark.twice
def test_one_container_serves_one_event_loop_after_another() -> None:
    """A test suite gives each test a loop of its own, and makes its endpoint once."""
    with old_server() as url:
        local = LocalEndpoint({"it": Container(url)})

        async def once(body: bytes) -> bytes:
            async with local, Client(local.options(), ONCE) as client:
                output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=body))
                return output.body

        bodies = [asyncio.run(once(b"first")), asyncio.run(once(b"second"))]

    assert [b"FIRST", b"SECOND"] == bodies


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:8080", "is not absolute"),
        ("http://127.0.0.1:8080/?a=b", "has a query; remove everything from the '\\?' on"),
    ],
)
def test_a_url_that_is_none_is_refused_at_once(url: str, words: str) -> None:
    """Found out at the first call, it would look like a model that failed."""
    with pytest.raises(ConfigError, match=words):
        Container(url)
