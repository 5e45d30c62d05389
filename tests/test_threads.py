"""Threads of our own: what runs in them, in which order, how many at once, and after a fork."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
import weakref
from contextlib import suppress
from contextvars import ContextVar
from typing import NoReturn

import pytest

from sagemaker_runtime.threads import LIMIT, Threads, in_thread

KEY: ContextVar[str] = ContextVar("KEY")


def run(program: str) -> tuple[str, str, int]:
    """A program in a process of its own, which ends by itself or is killed."""
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout, done.stderr, done.returncode


async def test_it_runs_in_another_thread_with_the_callers_context_variables() -> None:
    """As ``asyncio.to_thread`` does: tracing and logging keep the current span in one."""
    KEY.set("the caller's")

    ident, value = await in_thread(lambda: (threading.get_ident(), KEY.get()))

    assert threading.get_ident() != ident
    assert "the caller's" == value


async def test_it_passes_arguments_on() -> None:
    """By place and by name."""
    assert 255 == await in_thread(int, "ff", base=16)


@pytest.mark.usefixtures("full_executor")
async def test_it_does_not_need_the_loops_executor() -> None:
    """What fills that may wait for us."""
    async with asyncio.timeout(60):
        assert 1 == await in_thread(int, "1")


class Odd(BaseException):
    """Neither an Exception nor one that Python knows."""


@pytest.mark.parametrize("error", [ValueError("no"), Odd("no"), SystemExit(3), KeyboardInterrupt()])
async def test_an_error_is_raised_where_it_is_waited_for(error: BaseException) -> None:
    """Of whatever kind, or the caller would wait for ever."""

    def fail() -> NoReturn:
        raise error

    waiting = asyncio.ensure_future(Threads(name="test").start(fail))
    await asyncio.wait([waiting])

    assert error is waiting.exception()


async def test_a_stop_iteration_is_an_error_too() -> None:
    """No future takes one."""
    with pytest.raises(RuntimeError, match=r"raised StopIteration\(\)"):
        await in_thread(next, iter(()))


async def test_an_error_keeps_nothing_alive_when_it_has_been_handled() -> None:
    """Its traceback leads to what it was raised in, and credentials may be among that."""

    class Secret:
        def fail(self) -> NoReturn:
            raise ValueError

    secret = Secret()
    gone = weakref.ref(secret)
    gc.disable()
    try:
        with suppress(ValueError):  # pytest.raises would keep it
            await in_thread(secret.fail)
        del secret
        await asyncio.sleep(0)  # until then, what woke this task up holds the error
        while "sagemaker-runtime-files" in {thread.name for thread in threading.enumerate()}:
            await asyncio.sleep(0)

        assert gone() is None
    finally:
        gc.enable()


async def test_no_more_run_at_once_than_the_limit_and_the_others_follow_in_their_order() -> None:
    """A process has a limit of threads too."""
    threads = Threads(2, name="test")
    let_go, begun = threading.Event(), list[int]()

    def work(number: int) -> int:
        begun.append(number)
        let_go.wait(20)
        return number

    futures = [threads.start(work, number) for number in range(6)]
    while len(begun) < 2:
        await asyncio.sleep(0)
    before = sorted(begun)
    let_go.set()
    results = await asyncio.gather(*futures)

    assert [0, 1] == before
    assert [0, 1, 2, 3, 4, 5] == results
    assert 6 == len(begun)


async def test_many_are_done_by_few_threads_that_end_when_nothing_waits() -> None:
    """A burst leaves nothing behind."""
    threads = Threads(name="test-burst")
    idents = await asyncio.gather(*(threads.start(threading.get_ident) for _ in range(500)))
    while "test-burst" in {thread.name for thread in threading.enumerate()}:
        await asyncio.sleep(0)

    assert len(idents) == 500
    assert 2 == await threads.start(lambda: 2)
    assert LIMIT == 32


async def test_what_is_cancelled_before_its_turn_is_not_done_and_later_harms_nobody() -> None:
    """A caller that has left wants no result; those behind it do."""
    threads = Threads(1, name="test")
    let_go, done = threading.Event(), list[int]()

    def work(number: int) -> int:
        let_go.wait(20)
        done.append(number)
        return number

    first, second, third = (asyncio.ensure_future(threads.start(work, number)) for number in range(3))
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    let_go.set()

    assert 2 == await third
    assert [0, 2] == done
    assert first.cancelled()
    assert second.cancelled()


def test_the_end_of_a_loop_and_of_the_process_wait_for_no_thread() -> None:
    """A lookup, or a credential process, may hang for minutes."""
    program = """
        import asyncio, threading
        from sagemaker_runtime.threads import in_thread

        async def main():
            begun = threading.Event()
            waiting = asyncio.create_task(in_thread(lambda: (begun.set(), threading.Event().wait())))
            while not begun.is_set():
                await asyncio.sleep(0)
            print("left", flush=True)

        asyncio.run(main())
        print("ended", flush=True)
    """

    assert ("left\nended\n", "", 0) == run(program)


def test_a_result_that_comes_after_the_end_of_its_loop_is_dropped() -> None:
    """It would be a traceback in the middle of somebody's output."""
    program = """
        import asyncio, threading
        from sagemaker_runtime.threads import Threads

        threads, release = Threads(1, name="test"), threading.Event()

        async def leave():
            threads.start(release.wait)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(leave())
        loop.close()
        release.set()

        async def go_on():
            print(await threads.start(int, "1"))

        asyncio.run(go_on())
    """

    assert ("1\n", "", 0) == run(program)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_that_was_forked_while_all_threads_are_taken_has_its_own() -> None:
    """A preloaded web server forks whenever it likes: the parent's threads, and who holds the lock, are not in the child."""
    program = """
        import asyncio, os, sys, threading
        from sagemaker_runtime.threads import Threads

        threads = Threads(2, name="test")
        release = threading.Event()

        async def parent():
            begun = []
            waiting = [threads.start(lambda: (begun.append(1), release.wait())) for _ in range(2)]
            waiting += [threads.start(os.getpid) for _ in range(3)]
            while len(begun) < 2:
                await asyncio.sleep(0)
            threads._crew._lock.acquire()  # as a thread may hold it at that moment
            child = os.fork()
            if child == 0:
                asyncio.run(go_on())
                os._exit(0)
            threads._crew._lock.release()
            release.set()
            assert [os.getpid()] * 3 == (await asyncio.gather(*waiting))[2:]
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

        async def go_on():
            assert [os.getpid()] * 5 == await asyncio.gather(*(threads.start(os.getpid) for _ in range(5)))
            print("in the child", flush=True)

        print("in the parent", asyncio.run(parent()), flush=True)
    """

    assert ("in the child\nin the parent 0\n", "", 0) == run(program)


def test_without_an_event_loop_nothing_is_begun() -> None:
    """There would be nobody to get the result."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        Threads(name="test").start(pytest.fail, "it was called")


async def test_a_system_without_threads_says_so_and_later_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be begun must neither be waited for nor count."""
    threads = Threads(1, name="test")

    def refuse(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            threads.start(pytest.fail, "it was called")

    assert 1 == await threads.start(int, "1")
