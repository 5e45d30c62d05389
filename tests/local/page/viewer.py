"""`Viewer`: what a browser would do with the page of a local endpoint, without one."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from sagemaker_runtime.local import LocalEndpoint


class Viewer:
    """Asks for what is below the URL of the page, as its scripts do."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    async def get(self, path: str) -> Any:
        async with self.session.get(self.url + path) as response:
            return await response.json()

    async def post(self, path: str, document: object) -> tuple[int, Any]:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        async with self.session.post(self.url + path, data=data, headers={"Origin": self.origin}) as response:
            return response.status, await response.json()

    async def invoke(self, body: bytes | io.BytesIO = b"", **query: str) -> list[Any]:
        """The results of the form, one after another."""
        async with self.session.post(self.url + "invoke", params=query, data=body) as response:
            return [json.loads(line) async for line in response.content]

    @asynccontextmanager
    async def events(self) -> AsyncIterator[Events]:
        async with self.session.get(self.url + "events") as response:
            yield Events(response)


class Events:
    """The server-sent events of one page."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.rows: dict[int, Any] = {}
        self.state: Any = None
        self.minute: Any = None

    async def next(self) -> tuple[str, Any]:
        """The next one; what it says is kept."""
        async with asyncio.timeout(10):
            kind = (await self.response.content.readuntil(b"\n")).decode().removeprefix("event: ").strip()
            data = json.loads((await self.response.content.readuntil(b"\n\n")).removeprefix(b"data: "))
        match kind:
            case "all":
                self.rows = {row["number"]: row for row in data}
            case "rows":
                self.rows |= {row["number"]: row for row in data}
            case "state":
                self.state = data
            case _:
                self.minute = data
        return kind, data

    async def until_ended(self, count: int) -> list[Any]:
        """The rows, once *count* exchanges have ended."""
        while sum(row["end"] is not None for row in self.rows.values()) < count:
            await self.next()
        return [self.rows[number] for number in sorted(self.rows)]


@asynccontextmanager
async def viewing(local: LocalEndpoint) -> AsyncIterator[Viewer]:
    # Responses of bounded lines would refuse a message about thousands of exchanges.
    async with aiohttp.ClientSession(read_bufsize=2**24) as session:
        yield Viewer(session, local.page_url)
