"""Requests to the small S3: by botocore's client, and by a caller without manners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes
from xml.etree import ElementTree as ET

import aiohttp
from botocore.config import Config
from botocore.session import Session
from support import NOON, ManualClock
from yarl import URL

from sagemaker_runtime import Credentials, Request, SigV4Signer
from sagemaker_runtime.local import Invocation, LocalEndpoint

KEYS = Credentials("AKIDLOCAL", "secret/with+signs", "a/session+token==")
SIGNER = SigV4Signer(double_encode_path=False, normalize_path=False, content_sha256_header=True)


def echo(invocation: Invocation) -> bytes:
    return invocation.body


def local_with(folder: Path, **arguments: Any) -> LocalEndpoint:
    (folder / "inputs").mkdir(parents=True)
    return LocalEndpoint({"echo": echo}, **{"folder": folder, "credentials": KEYS, "clock": ManualClock(), **arguments})


async def with_botocore(local: LocalEndpoint, use: Callable[[Any], Any]) -> Any:
    """Make an S3 client, use it and close it, all outside the event loop that serves it."""

    def run() -> Any:
        client = Session().create_client(
            "s3",
            region_name=local.region,
            endpoint_url=local.url,
            aws_access_key_id=local.credentials.access_key_id,
            aws_secret_access_key=local.credentials.secret_access_key,
            aws_session_token=local.credentials.session_token,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )
        try:
            return use(client)
        finally:
            client.close()

    return await asyncio.to_thread(run)


def signed(local: LocalEndpoint, method: str, target: str, body: bytes = b"", **changes: Any) -> Request:
    """A request of somebody without manners, signed at noon: it says what it likes in its target."""
    path, _, query = target.partition("?")
    canonical = quote(unquote_to_bytes(path), safe="/~")  # what S3 reckons with, however it was encoded
    request = Request(method, "http", URL(local.url).authority, canonical, query)
    request.body = body
    request.headers.update(changes.pop("headers", {}))
    arguments: dict[str, Any] = {
        "credentials": local.credentials,
        "payload_hash": sha256(body).hexdigest(),
        "service": "s3",
        "region": local.region,
        "signing_time": datetime.fromtimestamp(NOON, UTC),
    }
    SIGNER.sign_http(request, **{**arguments, **changes})
    request.path = path
    return request


async def send(local: LocalEndpoint, request: Request) -> tuple[int, dict[str, str], bytes]:
    target = f"{request.path}?{request.query}" if request.query else request.path
    async with (
        aiohttp.ClientSession(skip_auto_headers=["content-type", "user-agent"]) as session,
        session.request(
            request.method,
            URL(local.url + target, encoded=True),
            headers=dict(request.headers),
            data=request.body or None,
        ) as response,
    ):
        return response.status, dict(response.headers), await response.read()


def code_of(document: bytes) -> str | None:
    return ET.fromstring(document).findtext("Code")  # noqa: S314 - our own
