"""`LoopThread`: an event loop in a thread, for code without an event loop."""

from __future__ import annotations

import asyncio
import os
from _thread import allocate_lock, get_ident
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")

_process = object()
"""Identifies this process. Each fork replaces it. (A process id may be reused after an ancestor has ended.)"""


def this_process() -> object:
    """An object that identifies this process; a forked child has another one."""
    return _process


def _note_fork() -> None:
    global _process  # noqa: PLW0603 - replaced at each fork
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


class NotRunError(RuntimeError):
    """A coroutine was not run: the thread is not open, or it is the caller's thread."""


class LoopThread:
    """
    Keeps an asynchronous context open in a thread with its own event loop, and runs coroutines there.

    The thread is a daemon, so it does not keep the process from ending.

    Args:
        context: Entered by `open`, and exited by `close`.

        name: The name of the thread.
    """

    def __init__(self, context: AbstractAsyncContextManager[object], *, name: str) -> None:
        self._context = context
        self._entered: Future[None] = Future()
        self._left: Future[None] = Future()
        self._process: object = None  # the thread's process; None before it is started
        self._name = name
        self._thread: Thread | None = None
        self._ident: int | None = None  # the thread's identifier while it runs
        self._loop: asyncio.AbstractEventLoop | None = None  # set while it accepts coroutines
        self._end: Callable[[], object] | None = None  # ends the loop, from any thread; None before there is one
        self._has_begun = self._is_closing = False
        self._running: set[_Run[object]] = set()

    def open(self) -> None:
        """
        Start the thread and enter the context.

        Raises:
            RuntimeError: It was opened before.
            BaseException: The exception from entering the context, or from an interruption of the wait; the thread then ends.
        """
        if self._thread is not None:
            raise RuntimeError("a LoopThread can be opened only once")
        self._process = _process
        # Created here: since Python 3.13, a thread created before a fork cannot be started in the child.
        self._thread = thread = Thread(target=self._work, name=self._name, daemon=True)
        try:
            thread.start()
            error = self._entered.exception()
        except BaseException:
            self.close_soon()
            raise
        if error is not None:
            thread.join()
            raise error

    @property
    def is_current(self) -> bool:
        """Whether the caller is in this thread."""
        return get_ident() == self._ident and self._process is _process

    @property
    def is_inherited(self) -> bool:
        """Whether a parent process opened it."""
        return self._process is not None and self._process is not _process

    @property
    def is_open(self) -> bool:
        """Whether it accepts coroutines: it was opened in this process, and is not being closed."""
        return self._loop is not None and self._process is _process

    def run(self, function: Callable[P, Coroutine[object, None, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Call a coroutine function in the loop, with the caller's context variables, and wait for its result.

        An interruption of the wait, such as a KeyboardInterrupt, cancels the coroutine, and is raised when that has ended.

        Any number of threads may call it at the same time.

        Raises:
            RuntimeError: The thread is not open in this process, or was closed before the coroutine began, or it is the
                caller's thread, which would wait for itself.
            BaseException: The coroutine's exception; `asyncio.CancelledError` if `close` has cancelled it.
        """
        loop = self._loop
        if loop is None or self._process is not _process:
            raise NotRunError(f"the thread {self._name!r} is not open in this process")
        if get_ident() == self._ident:
            raise NotRunError(f"the thread {self._name!r} cannot wait for itself")
        # The coroutine is created in the loop: one created here would never be awaited if an interrupt came first.
        run = _Run(lambda: function(*args, **kwargs))
        self._running.add(run)
        try:
            try:
                loop.call_soon_threadsafe(self._start, run)
            except RuntimeError:  # the loop is closed
                raise NotRunError(f"the thread {self._name!r} was closed") from None
            run.ended.acquire()
        except BaseException:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(run.cancel)
                if not run.is_over:  # otherwise the interrupt came after the end
                    run.ended.acquire()
            raise
        finally:
            self._running.discard(run)
        return run.result()

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a plain function in the loop, without waiting. Does nothing if `run` would raise NotRunError."""
        loop = self._loop
        if loop is not None and self._process is _process:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(function)

    def close(self, *, timeout: float | None = None) -> None:
        """
        Exit the context and end the thread. Running coroutines are cancelled; nothing runs in the loop afterwards.

        In the thread itself, it begins to close and does not wait. In a forked child it does nothing, because the context
        belongs to the parent.

        Args:
            timeout: Seconds to wait for the end of the thread; None for no limit.

        Raises:
            BaseException: The exception from exiting the context; the thread has ended nevertheless.
        """
        if self._thread is None or self._process is not _process:  # a forked child has no such thread
            return
        self.close_soon()
        if not self._has_begun or self.is_current:  # the start was interrupted, or it would wait for itself
            return
        self._thread.join(timeout)
        if not self._thread.is_alive() and self._left.done():
            self._left.result()

    def close_at_exit(self, timeout: float) -> None:
        """
        Close at the end of the process. Threads that still wait in `run` end with the process, without printing exceptions.

        Args:
            timeout: Seconds to wait for the end of the thread.
        """
        for run in list(self._running):
            run.is_abandoned = True
        self.close(timeout=timeout)

    def close_soon(self) -> None:
        """Begin to close, without waiting."""
        if self._process is not _process:
            return
        self._is_closing = True  # first, because a thread that is entering the context checks it afterwards
        self._loop = None
        if self._end is not None:
            with suppress(RuntimeError):  # the loop has ended; `_left` has the reason
                self._end()

    def _start(self, run: _Run[object]) -> None:
        if self._loop is None:
            run.refuse()
        else:
            run.start(self._loop)

    def _work(self) -> None:
        self._ident, self._has_begun = get_ident(), True
        try:
            asyncio.run(self._stay())
        except BaseException as error:  # noqa: BLE001 - raised in `open` or in `close`
            (self._left if self._entered.done() else self._entered).set_exception(error)
        else:
            self._left.set_result(None)
        finally:
            self._loop = self._ident = None
            for run in list(self._running):
                run.refuse()  # the loop ended before it started this coroutine

    async def _stay(self) -> None:
        closing, loop = asyncio.Event(), asyncio.get_running_loop()
        async with self._context:
            self._end = lambda: loop.call_soon_threadsafe(closing.set)
            self._loop = loop
            if self._is_closing:
                self._loop = None
            self._entered.set_result(None)
            if not self._is_closing:
                await closing.wait()


class _Run(Generic[T_co]):
    """A coroutine that a thread waits for."""

    __slots__ = (
        "_context",
        "_error",
        "_function",
        "_has_begun",
        "_result",
        "_task",
        "ended",
        "is_abandoned",
        "is_over",
    )

    def __init__(self, function: Callable[[], Coroutine[object, None, T_co]]) -> None:
        self._function = function
        self._context = copy_context()
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._result: list[T_co] = []
        self.is_over = self.is_abandoned = self._has_begun = False
        self.ended = allocate_lock()  # held until the end; takes a fifth of the time of an Event
        self.ended.acquire()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._task = loop.create_task(self._run(), context=self._context)

    def refuse(self) -> None:
        """End a coroutine that has not begun, or that cannot continue."""
        if not self.is_over:
            self._error = self._error or NotRunError("the thread of the event loop was closed")
            self._release()

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if not self._has_begun:  # it never will: a task that is cancelled before its first step runs none of its code
            self.refuse()

    def result(self) -> T_co:
        if self._error is None:
            return self._result[0]
        try:
            raise self._error
        finally:
            self._error = None  # its traceback refers to this frame

    async def _run(self) -> None:
        self._has_begun = True
        try:
            self._result.append(await self._function())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            self._error = error
        finally:
            self._release()

    def _release(self) -> None:
        if not self.is_over:
            self.is_over = True
            if not self.is_abandoned:
                self.ended.release()
