"""`LoopThread`: an event loop for code that has none, whatever comes in between."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import pytest

from sagemaker_runtime.sync import LoopThread


async def give(value: int) -> int:
    return value


async def never() -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def failing() -> AsyncIterator[None]:
    raise ValueError("cannot be entered")
    yield


def test_what_entering_raises_is_raised_and_closing_does_not_wait_for_more() -> None:
    """There is no end to wait for of what never began."""
    thread = LoopThread(failing(), name="it")

    with pytest.raises(ValueError, match="cannot be entered"):
        thread.open()
    thread.close()


def test_an_interrupt_before_the_coroutine_begins_ends_the_wait() -> None:
    """The loop is busy, so that it comes to the start and to the cancellation at once: no code of the coroutine runs."""
    thread = LoopThread(nullcontext(), name="it")
    thread.open()
    go_on, blocked = threading.Event(), threading.Event()

    def block() -> None:
        blocked.set()
        go_on.wait()

    def interrupt(number: int, frame: object) -> None:
        threading.Timer(0.05, go_on.set).start()  # when the interrupted call has asked for its cancellation
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        thread.call_soon(block)
        blocked.wait()
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(KeyboardInterrupt):
            thread.run(never)
        assert thread.run(give, 5) == 5
    finally:
        signal.signal(signal.SIGALRM, before)
        thread.close()


def test_an_interrupt_while_it_opens_leaves_no_thread() -> None:
    """The context is entered and left again, though nobody waits any more."""
    entering, go_on = threading.Event(), threading.Event()
    left: list[str] = []

    @asynccontextmanager
    async def slow() -> AsyncIterator[None]:
        entering.set()
        await asyncio.to_thread(go_on.wait)
        yield
        left.append("left")

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    thread = LoopThread(slow(), name="opened half way")
    before = signal.signal(signal.SIGALRM, interrupt)
    raised = threading.Event()

    def insist() -> None:  # one that comes while a finalizer runs is lost in it
        entering.wait()
        os.kill(os.getpid(), signal.SIGALRM)
        while not raised.wait(1):
            os.kill(os.getpid(), signal.SIGALRM)

    insisting = threading.Thread(target=insist)
    insisting.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            thread.open()
    finally:
        raised.set()
        insisting.join()
        signal.signal(signal.SIGALRM, before)
    go_on.set()
    thread.close()

    assert left == ["left"]
    assert "opened half way" not in {each.name for each in threading.enumerate()}


def test_closing_in_the_thread_itself_does_not_wait_for_itself() -> None:
    """A middleware may close its client, and so may a finalizer, which runs wherever the garbage collector does."""
    thread = LoopThread(nullcontext(), name="it")
    thread.open()

    thread.call_soon(thread.close)
    thread.close()

    assert not thread.is_open


def test_a_loop_that_has_died_is_closed_and_refuses() -> None:
    """SystemExit in a task ends an event loop."""

    async def die() -> None:
        raise SystemExit(3)

    async def start_it() -> None:
        tasks.append(asyncio.ensure_future(die()))

    tasks: list[asyncio.Future[None]] = []
    thread = LoopThread(nullcontext(), name="it")
    thread.open()
    thread.run(start_it)
    with pytest.raises((RuntimeError, asyncio.CancelledError)):
        thread.run(never)

    with pytest.raises(RuntimeError, match="not open"):
        thread.run(give, 5)
    with pytest.raises(SystemExit):
        thread.close()


def test_threads_that_close_it_at_once_all_return() -> None:
    """Each of them when it has ended."""
    thread = LoopThread(nullcontext(), name="it")
    thread.open()
    together = threading.Barrier(8)

    def close() -> None:
        together.wait()
        thread.close()
        assert not thread.is_open

    threads = [threading.Thread(target=close) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)

    assert not any(each.is_alive() for each in threads)
