"""`pieces_of`: the pieces of a model's body, whatever its type."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextvars import copy_context
from threading import Lock
from typing import TYPE_CHECKING, Final

from sagemaker_runtime.local.backends.exceptions import is_ours
from sagemaker_runtime.local.backends.workers import model_executor

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from sagemaker_runtime.local.backends.invocation import Body

logger = logging.getLogger("sagemaker_runtime.local")

_END: Final = object()
_EXITED = "the model raised GeneratorExit"  # which would end our own generators, too
# By then the response has been sent, or nobody waits for it. The log is for the model's author.
_CLOSING = "a model's generator failed when it was closed"


async def pieces_of(body: Body) -> AsyncGenerator[bytes]:
    """
    The pieces of a body, each requested only when the one before it has been used. Close it to close the model's generator.

    Raises:
        TypeError: A piece is not bytes.
    """
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, AsyncIterator):
        try:
            while True:
                try:
                    piece = await anext(body)
                except StopAsyncIteration:
                    break
                except GeneratorExit as error:
                    if is_ours(error):
                        raise
                    raise RuntimeError(_EXITED) from error
                yield _checked(piece)
        finally:
            await close(body)
    else:
        threaded, loop, executor = _Threaded(body), asyncio.get_running_loop(), await model_executor()
        try:
            while (given := await loop.run_in_executor(executor, copy_context().run, threaded.next)) is not _END:
                yield _checked(given)
        finally:
            at_work = threaded.at_work
            closing = loop.run_in_executor(executor, threaded.close)
            if not at_work:  # otherwise this would wait for a model that may never end
                # Shielded: a caller who leaves may cause two errors, a failing write and a cancellation.
                await asyncio.shield(closing)


async def discard(body: Body) -> None:
    """Close a body without reading it."""
    if isinstance(body, AsyncIterator):
        await close(body)
    elif not isinstance(body, bytes):
        await asyncio.get_running_loop().run_in_executor(await model_executor(), _Threaded(body).close)


class _Threaded:
    """A plain iterator that runs in threads, one at a time: the caller may leave while it runs."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._turn = Lock()

    @property
    def at_work(self) -> bool:
        """Whether it is busy with a piece that nobody waits for any more."""
        return self._turn.locked()

    def next(self) -> object:
        with self._turn:
            try:
                return next(self._pieces, _END)
            except GeneratorExit as error:
                raise RuntimeError(_EXITED) from error

    def close(self) -> None:
        close: Callable[[], object] | None = getattr(self._pieces, "close", None)
        if close is None:
            return
        with self._turn:
            try:
                close()
            except BaseException:
                logger.exception(_CLOSING)


async def close(pieces: AsyncIterator[object]) -> None:
    """Close a model's iterator. Its exceptions are logged."""
    aclose: Callable[[], Awaitable[object]] | None = getattr(pieces, "aclose", None)
    if aclose is not None:
        try:
            await aclose()
        except BaseException as error:
            if is_ours(error):
                raise
            logger.exception(_CLOSING)


def _checked(piece: object) -> bytes:
    if isinstance(piece, bytes):
        return piece
    raise TypeError(f"the model yielded a piece of type {type(piece).__name__}; each must be bytes")
