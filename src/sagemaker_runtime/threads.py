"""
Threads for what blocks: files, names, credentials.

The event loop's executor is not used for them. A program may have filled it with work that itself waits for a call, and
its threads are waited for when the loop ends.
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
    Runs functions in daemon threads, the oldest first. Neither an event loop nor the process waits for them at its end.

    One serves any number of event loops and threads. A process that is forked off has threads of its own: what its
    parent has under way goes on in the parent alone.

    Args:
        limit: Threads at once; more functions wait.

        name: Name of the threads, as a debugger shows it. Each ends as soon as nothing waits.
    """

    def __init__(self, limit: int = LIMIT, *, name: str) -> None:
        self._make = partial(_Crew, limit, name)
        self._crew = self._make()

    def start(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """
        A future, in the running loop, of what *function* returns in a thread, with the caller's context variables.

        If it is cancelled before its turn, *function* is not called; later, the result is dropped.

        Raises:
            RuntimeError: No event loop is running, or the system gives out no thread.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._crew.process != os.getpid():
            self._crew = self._make()
        self._crew.submit(partial(_run, loop, future, partial(copy_context().run, function, *args, **kwargs)))
        return future


class _Crew:
    """The threads of one process, and what waits for them. The lock of another process may be held for ever."""

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
                if not self._running:  # or one of them comes to it
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
    with suppress(RuntimeError):  # the loop is closed, and nobody waits
        loop.call_soon_threadsafe(_settle, future, settle)
    del future, settle  # the traceback of an error leads to this frame, and would keep itself alive


def _outcome(function: Callable[[], object]) -> methodcaller:
    """What to do with the future."""
    try:
        return methodcaller("set_result", function())
    except StopIteration as error:  # no future takes one, so that its caller would wait for ever
        return methodcaller("set_exception", RuntimeError(f"the function in a thread raised {error!r}"))
    except BaseException as error:  # noqa: BLE001 - it belongs to who waits
        return methodcaller("set_exception", error)


def _settle(future: asyncio.Future[T], settle: methodcaller) -> None:
    if not future.cancelled():
        settle(future)


_THREADS = Threads(name="sagemaker-runtime-files")


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Like ``asyncio.to_thread``, in threads of this package, of which there are at most 32.

    Args:
        function: Short work, such as reading a file: it takes one of the threads that `load_config` uses.

        args: Its arguments.

        kwargs: Its arguments by name.
    """
    return await _THREADS.start(function, *args, **kwargs)
