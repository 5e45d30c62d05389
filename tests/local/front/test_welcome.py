"""The URL of a local endpoint in a browser, which it is not for."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest
from local.duplex_client import Stream, connected
from local.storage.s3_requests import code_of, local_with, send, signed

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


async def test_a_browser_is_told_where_it_is_and_where_to_go(tmp_path: Path) -> None:
    """What S3 says to a stranger, in XML, looks as if something were broken."""
    async with (
        local_with(tmp_path) as local,
        aiohttp.ClientSession() as session,
        session.get(local.url, headers={"Accept": BROWSER}) as response,
    ):
        text = await response.text()

    assert (200, "text/plain") == (response.status, response.content_type)
    assert "This is a local endpoint of sagemaker_runtime" in text
    assert "'sagemaker-runtime local serve --page'" in text


@pytest.mark.parametrize(
    ("method", "target", "accept"),
    [("GET", "/", "*/*"), ("GET", "/", None), ("GET", "/inputs/k", BROWSER), ("HEAD", "/", BROWSER)],
)
async def test_all_else_that_is_not_signed_is_refused_as_by_s3(
    tmp_path: Path, method: str, target: str, accept: str | None
) -> None:
    """A program that has forgotten to sign reads S3's error, and no welcome."""
    headers = {} if accept is None else {"Accept": accept}
    async with (
        local_with(tmp_path) as local,
        aiohttp.ClientSession(skip_auto_headers=["Accept"]) as session,
        session.request(method, local.url + target, headers=headers) as response,
    ):
        document = await response.read()

    assert (403, "application/xml") == (response.status, response.content_type)
    assert method == "HEAD" or code_of(document) == "AccessDenied"


async def test_an_s3_client_that_lists_its_buckets_is_answered_as_by_s3(tmp_path: Path) -> None:
    """Even one that would take HTML."""
    async with local_with(tmp_path) as local:
        got, _, document = await send(local, signed(local, "GET", "/", headers={"accept": BROWSER}))

    assert (501, "NotImplemented") == (got, code_of(document))


async def test_a_browser_that_speaks_http_2_is_told_too(tmp_path: Path) -> None:
    """Which it does with an endpoint that has a certificate."""
    head = [(":method", "GET"), (":scheme", "http"), (":authority", "local"), (":path", "/"), ("accept", BROWSER)]
    async with local_with(tmp_path) as local, connected(local) as peer:
        number = peer.h2.get_next_available_stream_id()
        stream = peer.streams[number] = Stream(peer, number, "", "")
        peer.h2.send_headers(number, head, end_stream=True)
        peer.flush()
        await stream.done()

    assert 404 == stream.status
    assert "This is a local endpoint of sagemaker_runtime" in json.loads(stream.body)["Message"]
