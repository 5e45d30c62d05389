"""Work that a cancellation must not leave half done: it waits until the work has ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from sagemaker_runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Closed(Protocol):
    """An object that must be closed."""

    def close(self) -> None: ...


P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound=Closed)


async def whole(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `in_thread`, but a cancellation waits until the function has returned, because a thread cannot be cancelled."""
    return await uninterrupted(in_thread(function, *args, **kwargs))


async def opened(function: Callable[P, C], /, *args: P.args, **kwargs: P.kwargs) -> C:
    """Like `whole`, for an object that must be closed: after a cancellation, it is closed here, because nobody else has it."""
    made: list[C] = []

    def make() -> C:
        made.append(function(*args, **kwargs))
        return made[0]

    try:
        return await whole(make)
    except asyncio.CancelledError:
        for each in made:
            each.close()
        raise


async def uninterrupted(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end. A cancellation waits for that, and an error becomes a note on it."""
    task = asyncio.ensure_future(work)
    cancelled = await joined(task)
    if cancelled is None:
        return task.result()
    if not task.cancelled() and (error := task.exception()) is not None:
        cancelled.add_note(f"meanwhile: {error}")
    raise cancelled


async def joined(task: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait for a task, however often this is cancelled; return the last cancellation."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
