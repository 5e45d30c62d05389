"""`Workers`: calls plain functions in threads, many for each switch to a thread and back."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING

from attrs import define

from sagemaker_runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

THREADS = min(32, (os.cpu_count() or 1) + 4)  # as many as an event loop's default executor has
PATIENCE = 0.001  # seconds that a call waits for busy threads before another one is started
CALLS_PER_TURN = 16  # calls that a thread makes in a row, before other work gets its turn


_executors: dict[asyncio.AbstractEventLoop, tuple[Executor, AsyncGenerator[Executor]]] = {}


async def model_executor(executor: Executor | None = None) -> Executor:
    """
    The threads in which this event loop's models run. Not the loop's own, which may be full; its end waits for both.

    Args:
        executor: Runs this event loop's models from now on. None for the current one, which is created if necessary.
    """
    loop = asyncio.get_running_loop()
    if executor is not None or loop not in _executors:
        for other in [other for other in _executors if other.is_closed()]:
            del _executors[other]
        # A generator, because asyncio closes all generators of a loop before it closes the loop: the only public hook.
        owner = _own(loop, executor or ThreadPoolExecutor(THREADS, "local-model"))
        _executors[loop] = await anext(owner), owner
    return _executors[loop][0]


async def _own(loop: asyncio.AbstractEventLoop, executor: Executor) -> AsyncGenerator[Executor]:
    try:
        yield executor
    finally:
        known = _executors.get(loop)
        if known is not None and known[0] is executor:
            del _executors[loop]
        await in_thread(executor.shutdown)


@define(eq=False)
class _Call:
    """A call in a thread, and its outcome."""

    function: Callable[[], object]
    future: asyncio.Future[object]
    begun: bool = False
    result: object = None
    error: BaseException | None = None

    def run(self) -> None:
        self.begun = True
        try:
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 - raised where the future is awaited
            self.error = error

    def settle(self) -> None:
        error, self.error = self.error, None  # its traceback leads back here
        if self.future.cancelled():
            return
        if error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(error)


class Workers:
    """
    Calls functions in the threads of an executor, the oldest call first.

    The threads compete for one interpreter: with many calls in flight, `asyncio.to_thread` costs 120 µs of CPU for each,
    more than the rest of a call. Here one thread works through the queue, and results that are ready together wake the
    event loop once, which costs 20 µs. More threads join when a call has to wait, so that slow calls run in parallel.

    Everything but `_work` runs in the event loop.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._waiting: deque[_Call] = deque()
        self._finished: deque[_Call] = deque()
        self._running: set[_Call] = set()
        self._hired = 0
        self._watched = False
        self._woken = False  # whether `_settle` is scheduled

    def run(self, function: Callable[[], object]) -> asyncio.Future[object]:
        """A future for the result of *function*. If it is cancelled before its turn, *function* is not called."""
        loop = asyncio.get_running_loop()
        call = _Call(partial(copy_context().run, function), loop.create_future())
        self._waiting.append(call)
        if self._hired:
            self._watch(loop)
        else:
            self._hire(loop)
        return call.future

    def _hire(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_in_executor(self._executor, self._work, loop).add_done_callback(self._leave)
        self._hired += 1

    def _leave(self, worker: asyncio.Future[None]) -> None:
        self._hired -= 1
        if self._waiting:  # its turn was over, or a call arrived just after it had found none
            self._hire(worker.get_loop())
            self._watch(worker.get_loop())

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Schedule a check of the queue, so that no call waits long for those before it."""
        if self._watched or self._hired >= THREADS:
            return
        with suppress(IndexError):  # a thread has just taken the last one
            loop.call_later(PATIENCE, self._look, self._waiting[-1], loop)
            self._watched = True

    def _look(self, call: _Call, loop: asyncio.AbstractEventLoop) -> None:
        self._watched = False
        # A worker that is not in a call is about to take one; only the event loop itself holds it up.
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
                loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        self._woken = False  # first: a call that finishes after this wakes the loop again
        while self._finished:
            self._finished.popleft().settle()
