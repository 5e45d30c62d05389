"""A local endpoint with a page, and who looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from local.page.viewer import Viewer, viewing

from sagemaker_runtime.local import Invocation, LocalEndpoint


def echo(invocation: Invocation) -> bytes:
    return invocation.body


class Story:
    """A model that says the next word when it is told to."""

    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(0)

    async def __call__(self, invocation: Invocation) -> AsyncIterator[bytes]:
        for word in (b"once ", b"upon ", b"a time"):
            await self.turn.acquire()
            yield word


@pytest.fixture
async def story() -> Story:
    return Story()


@pytest.fixture
async def local(story: Story) -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"echo": echo, "story": story}, page=True) as endpoint:
        yield endpoint


@pytest.fixture
async def viewer(local: LocalEndpoint) -> AsyncIterator[Viewer]:
    async with viewing(local) as viewer:
        yield viewer
