"""What is to be done before an event loop ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable


async def before_loop_ends(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    """
    Await *close* when the running loop ends, or when the generator is closed. It is in force from its first step on.

    A generator, because asyncio closes all generators of a loop before it closes the loop: the only public hook.
    """
    try:
        yield
    finally:
        await close()
