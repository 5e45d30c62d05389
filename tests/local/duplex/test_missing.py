"""A local endpoint without the packages of its extra: each says what to install."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from local.backends.containers import echo as answers, served
from local.duplex_client import connected

from sagemaker_runtime import Client, ConfigError, InvokeEndpointInput
from sagemaker_runtime.local import Container, Conversation, Duplex, Invocation, LocalEndpoint, Part

INSTALL = r"pip install 'sagemaker-runtime\[local-duplex\]'"


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    for name in [name for name in sys.modules if name.startswith("sagemaker_runtime.local.duplex.")]:
        if name.endswith((".websocket", ".connection", ".stream")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)


async def repeats(conversation: Conversation) -> AsyncIterator[Part]:
    async for part in conversation:
        yield part


def echo(invocation: Invocation) -> bytes:
    return invocation.body


def test_a_model_that_talks_needs_h2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said where it is made, and not by a connection that is closed."""
    without(monkeypatch, "h2")

    with pytest.raises(ConfigError, match=f"Duplex needs h2: {INSTALL}"):
        Duplex(repeats)


def test_tls_needs_trustme(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is started."""
    without(monkeypatch, "trustme")

    with pytest.raises(ConfigError, match=f"tls=True needs trustme: {INSTALL}"):
        LocalEndpoint({"it": echo}, tls=True)


async def test_a_connection_over_http_2_is_closed_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Everything else goes on without h2."""
    async with LocalEndpoint({"it": echo}) as local, Client(local.options()) as client:
        without(monkeypatch, "h2")
        monkeypatch.setitem(sys.modules, "h2.config", None)
        async with connected(local) as peer:
            await peer.until(lambda: peer.lost)
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"one"))

    assert b"one" == output.body
    assert "needs h2: pip install 'sagemaker-runtime[local-duplex]'" in caplog.text


async def test_a_container_that_talks_needs_wsproto(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers other calls without."""
    without(monkeypatch, "wsproto")
    async with served(answers) as url, LocalEndpoint({"it": Container(url)}) as local, connected(local) as peer:
        async with asyncio.timeout(10):
            stream = peer.call()
            await stream.done()

    assert 424 == stream.status
    assert "needs wsproto: pip install" in stream.error[1]["OriginalMessage"]
