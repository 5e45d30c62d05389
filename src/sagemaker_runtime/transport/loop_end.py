"""Clean-up before an event loop ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable


async def before_loop_ends(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    """
    Await *close* when the running loop ends, or when the generator is closed. The caller must start it with ``anext``.

    This is a generator because asyncio closes all asynchronous generators before it closes a loop, which is the only public
    hook.
    """
    try:
        yield
    finally:
        await close()
