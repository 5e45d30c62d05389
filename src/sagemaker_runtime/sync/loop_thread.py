"""`LoopThread`: an event loop in a thread, for code that has none."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread, current_thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


class LoopThread:
    """
    Keeps an asynchronous context open in a thread with an event loop of its own.

    The thread is a daemon: one that nobody closes does not delay the end of the process.

    Args:
        context: What to enter, and to exit on `close`.

        name: Name of the thread, as a debugger shows it.
    """

    def __init__(self, context: AbstractAsyncContextManager[object], *, name: str) -> None:
        self._context = context
        self._entered: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._left: Future[None] = Future()
        self._process: int | None = None  # that of the thread
        self._name = name
        self._thread: Thread | None = None

    def open(self) -> None:
        """
        Start the thread and enter the context.

        Raises:
            BaseException: What entering the context raised; the thread has ended then.
        """
        if self._thread is not None:
            raise RuntimeError("a LoopThread is opened once")
        self._process = os.getpid()
        # Made here: since Python 3.13, one that was made before a fork cannot be started in the child.
        self._thread = thread = Thread(target=self._run, name=self._name, daemon=True)
        thread.start()
        error = self._entered.exception()
        if error is not None:
            thread.join()
            raise error

    @property
    def is_current(self) -> bool:
        """Whether the caller is in this thread."""
        return current_thread() is self._thread

    def close(self) -> None:
        """
        Exit the context and end the thread. Nothing runs in its loop afterwards.

        Does nothing in a process that was forked off in the meantime: the context is the parent's.

        Raises:
            BaseException: What exiting the context raised; the thread has ended all the same.
        """
        if self._thread is None or os.getpid() != self._process:  # a forked child has no such thread
            return
        loop, closing = self._entered.result()
        with suppress(RuntimeError):  # the loop has ended: `_left` knows why
            loop.call_soon_threadsafe(closing.set)
        self._thread.join()
        self._left.result()

    def _run(self) -> None:
        try:
            asyncio.run(self._stay())
        except BaseException as error:  # noqa: BLE001 - raised in `open` or in `close`
            (self._left if self._entered.done() else self._entered).set_exception(error)
        else:
            self._left.set_result(None)

    async def _stay(self) -> None:
        closing = asyncio.Event()
        async with self._context:
            self._entered.set_result((asyncio.get_running_loop(), closing))
            await closing.wait()
