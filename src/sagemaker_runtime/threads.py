"""
Threads for blocking work: files, DNS, credentials.

The event loop's executor is not used for this. A program may have filled it with work that itself waits for a call, and
the loop waits for its threads at the end.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from operator import methodcaller
from threading import Lock, Thread
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_thread"]

P = ParamSpec("P")
T = TypeVar("T")

LIMIT = 32  # threads; as many as an event loop's executor has at most


class Threads:
    """
    Runs functions in daemon threads, first in, first out. Neither an event loop nor the process waits for them at the end.

    One object serves any number of event loops and threads. A forked process starts its own threads; the parent's work
    continues only in the parent.

    Args:
        limit: The maximum number of threads; further functions wait.

        name: Name of the threads, as a debugger shows it. A thread ends when no function is waiting.
    """

    def __init__(self, limit: int = LIMIT, *, name: str) -> None:
        self._make = partial(_Crew, limit, name)
        self._crew = self._make()

    def start(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """
        Run *function* in a thread, with the caller's context variables, and return a future of its result.

        The future belongs to the running loop. If it is cancelled before *function* starts, *function* is not called; if
        later, the result is dropped.

        Raises:
            RuntimeError: No event loop is running, or the system refuses a new thread.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._crew.process != os.getpid():
            self._crew = self._make()
        self._crew.submit(partial(_run, loop, future, partial(copy_context().run, function, *args, **kwargs)))
        return future


class _Crew:
    """The threads and the queue of one process: after a fork, the parent's lock may never be released."""

    def __init__(self, limit: int, name: str) -> None:
        self.process = os.getpid()
        self._limit = limit
        self._name = name
        self._lock = Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._running = 0

    def submit(self, work: Callable[[], None]) -> None:
        with self._lock:
            self._waiting.append(work)
            if self._running >= self._limit:
                return
            self._running += 1
        try:
            Thread(target=self._work, name=self._name, daemon=True).start()
        except BaseException:
            with self._lock:
                self._running -= 1
                if not self._running:  # otherwise a running thread will take it
                    self._waiting.remove(work)
                    raise

    def _work(self) -> None:
        while (work := self._next()) is not None:
            work()

    def _next(self) -> Callable[[], None] | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._running -= 1
            return None


def _run(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], function: Callable[[], T]) -> None:
    if future.cancelled():
        return
    settle = _outcome(function)
    with suppress(RuntimeError):  # the loop is closed, so nobody waits
        loop.call_soon_threadsafe(_settle, future, settle)
    del future, settle  # an error's traceback refers to this frame, which must not refer back to the error


def _outcome(function: Callable[[], object]) -> methodcaller:
    """Call *function*, and return the call to make on the future."""
    try:
        return methodcaller("set_result", function())
    except StopIteration as error:  # a future refuses it, so the caller would wait forever
        return methodcaller("set_exception", RuntimeError(f"the function in a thread raised {error!r}"))
    except BaseException as error:  # noqa: BLE001 - raised again where the future is awaited
        return methodcaller("set_exception", error)


def _settle(future: asyncio.Future[T], settle: methodcaller) -> None:
    if not future.cancelled():
        settle(future)


_THREADS = Threads(name="sagemaker-runtime-files")


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Like ``asyncio.to_thread``, but in one of at most 32 threads of this package.

    Args:
        function: Does short work, such as reading a file; it occupies one of the threads that `load_config` uses.

        args: Its positional arguments.

        kwargs: Its keyword arguments.
    """
    return await _THREADS.start(function, *args, **kwargs)
