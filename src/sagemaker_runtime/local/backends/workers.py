"""`Workers`: calls of plain functions in threads, many for one trip to a thread and back."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = min(32, (os.cpu_count() or 1) + 4)  # as many as an event loop's executor has, unless it was given another
PATIENCE = 0.001  # seconds that a call waits for threads at work before it gets another one
CALLS_PER_TURN = 16  # in a thread, before whatever else waits for one has its turn


@define(eq=False)
class _Call:
    """What is called in a thread, and what came of it."""

    function: Callable[[], object]
    future: asyncio.Future[object]
    begun: bool = False
    result: object = None
    error: BaseException | None = None

    def run(self) -> None:
        self.begun = True
        try:
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self.error = error

    def tell(self) -> None:
        error, self.error = self.error, None  # its traceback leads back here
        if self.future.cancelled():
            return
        if error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(error)


class Workers:
    """
    Calls functions in threads of the event loop's executor, the oldest call first.

    The threads fight for one interpreter: with many calls in flight, `asyncio.to_thread` costs 120 µs of CPU each, which
    is more than all else about them. Here one thread works off what has come, and results that are there together wake
    the event loop once; that costs 20 µs. More threads join it when a call had to wait, so that calls that take their
    time run at once.

    All but `_work` runs in the event loop.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Call] = deque()
        self._finished: deque[_Call] = deque()
        self._running: set[_Call] = set()
        self._hired = 0
        self._watched = False
        self._woken = False  # whether `_tell` is about to look at what is finished

    def run(self, function: Callable[[], object]) -> asyncio.Future[object]:
        """What *function* gives, or raises. It is not called any more if that is cancelled before its turn."""
        loop = asyncio.get_running_loop()
        call = _Call(partial(copy_context().run, function), loop.create_future())
        self._waiting.append(call)
        if self._hired:
            self._watch(loop)
        else:
            self._hire(loop)
        return call.future

    def _hire(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_in_executor(None, self._work, loop).add_done_callback(self._leave)
        self._hired += 1

    def _leave(self, worker: asyncio.Future[None]) -> None:
        self._hired -= 1
        if self._waiting:  # its turn was over, or this came when it had just found nothing
            self._hire(worker.get_loop())
            self._watch(worker.get_loop())

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that what waits does not wait long for the calls before it."""
        if self._watched or self._hired >= THREADS:
            return
        with suppress(IndexError):  # a thread has just taken the last one
            loop.call_later(PATIENCE, self._look, self._waiting[-1], loop)
            self._watched = True

    def _look(self, call: _Call, loop: asyncio.AbstractEventLoop) -> None:
        self._watched = False
        # A worker outside of a call is about to take one: it is the event loop itself that does not let it.
        if not call.begun and not call.future.cancelled() and len(self._running) >= self._hired:
            for _ in range(min(len(self._waiting), THREADS - self._hired)):
                self._hire(loop)
        self._watch(loop)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        left = CALLS_PER_TURN
        while left:
            try:
                call = self._waiting.popleft()
            except IndexError:
                return
            if call.future.cancelled():
                continue
            left -= 1
            self._running.add(call)
            call.run()
            self._running.discard(call)
            self._finished.append(call)
            if not self._woken:
                self._woken = True
                loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._woken = False  # before the look: what is finished after it wakes the loop again
        while self._finished:
            self._finished.popleft().tell()
