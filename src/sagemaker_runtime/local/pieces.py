"""`pieces_of`: a model's body piece by piece, whatever it gave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator

    from sagemaker_runtime.local.invocation import Body

logger = logging.getLogger("sagemaker_runtime.local")

_END: Final = object()


async def pieces_of(body: Body) -> AsyncGenerator[bytes]:
    """
    The pieces of a body, each when the one before it has been taken. To be closed, which closes the model's generator.

    Raises:
        TypeError: A piece is not bytes.
    """
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, AsyncIterator):
        try:
            async for piece in body:
                yield _checked(piece)
        finally:
            await _close(body)
    else:
        threaded = _Threaded(body)
        try:
            while (given := await asyncio.to_thread(threaded.next)) is not _END:
                yield _checked(given)
        finally:
            # Shielded: the caller's leaving may be told twice, by a failing write and by a cancellation.
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, threaded.close))


class _Threaded:
    """A plain iterator that runs in threads, in one at a time: the caller may leave while it is at work."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._turn = Lock()

    def next(self) -> object:
        with self._turn:
            return next(self._pieces, _END)

    def close(self) -> None:
        close: Callable[[], object] | None = getattr(self._pieces, "close", None)
        if close is not None:
            with self._turn, _logged():
                close()


async def _close(pieces: AsyncIterator[bytes]) -> None:
    close: Callable[[], Awaitable[object]] | None = getattr(pieces, "aclose", None)
    if close is not None:
        with _logged():
            await close()


@contextmanager
def _logged() -> Generator[None]:
    """The answer is out by now, or nobody waits for it: what goes wrong is for whoever wrote the model."""
    try:
        yield
    except Exception:
        logger.exception("a model's generator failed when it was closed")


def _checked(piece: object) -> bytes:
    if isinstance(piece, bytes):
        return piece
    raise TypeError(f"the model gave a piece of type {type(piece).__name__}; each must be bytes")
