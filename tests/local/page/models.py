"""Models behind a page: one that repeats, and one that says a word when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_runtime.local import Invocation


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
