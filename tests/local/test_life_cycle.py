"""Starts and stops of a local endpoint in any order, in any event loop, and in a process that was forked off."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from both_clients import Client

from sagemaker_runtime import ConfigError, InvokeEndpointAsyncInput, InvokeEndpointInput
from sagemaker_runtime.local import (
    Answer,
    InferenceComponents,
    Invocation,
    LocalEndpoint,
    Sessions,
    Variants,
)
from sagemaker_runtime.local.backends.backends import FunctionBackend
from sagemaker_runtime.local.storage import asynchronous


def echo(invocation: Invocation) -> bytes:
    return invocation.body


class Slow:
    """A backend that starts when it is let, and counts."""

    def __init__(self) -> None:
        self.starting, self.may_start = asyncio.Event(), asyncio.Event()
        self.running = 0

    async def start(self) -> None:
        self.starting.set()
        await self.may_start.wait()
        self.running += 1

    async def stop(self) -> None:
        self.running -= 1

    async def invoke(self, invocation: Invocation) -> Answer:
        return Answer(body=b"%d" % self.running)


def count_in(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def call(local: LocalEndpoint, body: bytes = b"1") -> bytes:
    async with Client(local.options()) as client:
        return (await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=body))).body


@pytest.mark.twice
async def test_of_starts_at_once_one_starts_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two fixtures may share it; a second listener, or a second temporary folder, would never be closed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    backend = Slow()
    backend.may_start.set()
    local = LocalEndpoint({"it": backend})

    await asyncio.gather(local.start(), local.start(), local.start())
    result, folders = await call(local), count_in(tmp_path)
    await local.stop()

    assert (b"1", 1) == (result, folders)
    assert (0, 0) == (backend.running, count_in(tmp_path))


async def test_a_stop_waits_for_the_start_that_it_ends() -> None:
    """It comes from another task; what is stopped must not come up behind it."""
    backend = Slow()
    local = LocalEndpoint({"it": backend})
    starting = asyncio.create_task(local.start())
    await backend.starting.wait()
    stopping = asyncio.create_task(local.stop())
    await asyncio.sleep(0)

    backend.may_start.set()
    await asyncio.gather(starting, stopping)

    assert "<LocalEndpoint not running, with it>" == repr(local)
    assert 0 == backend.running


async def test_a_stop_that_is_cancelled_goes_on() -> None:
    """A time limit round a fixture must leave no open port; whoever asks again waits until nothing is left."""
    asked, may_stop, stopping = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class SlowToStop(Slow):
        async def stop(self) -> None:
            stopping.set()
            await may_stop.wait()
            asked.set()

    backend = SlowToStop()
    backend.may_start.set()
    local = LocalEndpoint({"it": backend})
    await local.start()
    first = asyncio.create_task(local.stop())
    await stopping.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(local.stop())
    await asyncio.sleep(0)

    assert not second.done()

    may_stop.set()
    await second

    assert asked.is_set()
    assert [] == [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@pytest.mark.twice
async def test_a_queued_inference_that_does_not_end_does_not_hold_up_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some code catches every cancellation."""
    monkeypatch.setattr(asynchronous, "SHUTDOWN_TIMEOUT", 0.01)
    inside, leave = asyncio.Event(), asyncio.Event()

    async def stubborn(invocation: Invocation) -> bytes:
        inside.set()
        while not leave.is_set():
            try:
                await leave.wait()
            except asyncio.CancelledError:
                continue
        return b""

    async with asyncio.timeout(10):
        async with LocalEndpoint({"it": stubborn}) as local, Client(local.options()) as client:
            await client.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="it", body=b"1"))
            await inside.wait()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        leave.set()
        await asyncio.gather(*others)

    assert 1 == len(others)


@pytest.mark.twice
def test_one_whose_event_loop_was_closed_can_be_started_again() -> None:
    """As in a test that fails before it stops it: the next one must find the port free, and an endpoint that works."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    local = LocalEndpoint({"it": echo}, port=port)

    async def start_and_leave() -> None:
        await local.start()
        assert b"1" == await call(local)

    async def use() -> bytes:
        async with local:
            return await call(local, b"2")

    asyncio.run(start_and_leave())

    assert "<LocalEndpoint not running, with it>" == repr(local)
    assert b"2" == asyncio.run(use())
    asyncio.run(start_and_leave())
    with local:
        assert b"3" == asyncio.run(call(local, b"3"))
    asyncio.run(start_and_leave())
    asyncio.run(local.stop())
    with pytest.raises(ConfigError, match="not running"):
        local.options()


@pytest.mark.twice
@pytest.mark.parametrize("what", ["start", "stop"])
def test_one_that_runs_in_another_event_loop_is_left_alone(what: str) -> None:
    """Its connections belong to that loop; to stop it from here would break them in the middle."""
    local = LocalEndpoint({"it": echo})
    with asyncio.Runner() as first:
        first.run(local.start())
        with asyncio.Runner() as second, pytest.raises(ConfigError, match="stop it there, or make one for each loop"):
            second.run(getattr(local, what)())

        assert b"1" == first.run(call(local))
        first.run(local.stop())
    with asyncio.Runner() as third:
        third.run(local.start())
        third.run(local.stop())


@pytest.mark.twice
@pytest.mark.parametrize(
    "around",
    [
        Sessions,
        lambda backend: Variants({"a": (backend, 1.0)}),
        lambda backend: InferenceComponents({"a": backend}),
        lambda backend: backend,
    ],
)
async def test_a_backend_is_in_one_place_at_a_time(around: object) -> None:
    """Stopped in one place it would be gone in the other. What is refused leaves the one that runs alone."""
    assert callable(around)
    backend = Slow()
    backend.may_start.set()

    async with LocalEndpoint({"it": backend}) as local:
        with pytest.raises(ConfigError, match="is in use in another place; give each place its own object"):
            await LocalEndpoint({"it": around(backend)}).start()
        with pytest.raises(ConfigError, match="is in use in another place"):
            await LocalEndpoint({"other": FunctionBackend(echo), "it": around(backend)}).start()
        result = await call(local)
    async with LocalEndpoint({"it": around(backend)}):
        running = backend.running

    assert (b"1", 1, 0) == (result, running, backend.running)


@pytest.mark.twice
async def test_a_backend_that_could_not_start_may_be_tried_again() -> None:
    """It is at work nowhere."""

    class Fails(Slow):
        async def start(self) -> None:
            if not self.may_start.is_set():
                raise LookupError("no weights")

    backend = Fails()
    local = LocalEndpoint({"it": backend})
    with pytest.raises(LookupError, match="no weights"):
        await local.start()

    backend.may_start.set()
    async with local:
        assert b"0" == await call(local)


def test_a_function_serves_two_event_loops_at_once() -> None:
    """A result must wake the loop that waits for it."""
    backend = FunctionBackend(echo)
    both = threading.Barrier(2)
    given: list[bytes] = []

    async def ask(body: bytes) -> None:
        both.wait(timeout=10)
        async with asyncio.timeout(10):
            for _ in range(200):
                answer = await backend.invoke(Invocation(endpoint_name="it", body=body))
                given.append(answer.body if isinstance(answer.body, bytes) else b"")

    threads = [threading.Thread(target=lambda body=body: asyncio.run(ask(body))) for body in (b"1", b"2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [b"1"] * 200 + [b"2"] * 200 == sorted(given)


FORKS = """
import os, signal, sys
from sagemaker_runtime.local import LocalEndpoint

with LocalEndpoint({"it": lambda invocation: b"ok"}) as local:
    child = os.fork()
    if child:
        signal.alarm(60)  # ends this process, should the child never end
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, os.listdir(os.environ["TMPDIR"]) != [], flush=True)
sys.exit(7 if not child else 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_a_child_that_was_forked_off_leaves_the_endpoint_alone(tmp_path: Path) -> None:
    """The thread is its parent's, and so is the folder: it must neither wait for the one nor remove the other."""
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )

    assert ("7 True\n", "", 0) == (done.stdout, done.stderr, done.returncode)
    assert [] == list(tmp_path.iterdir())
    assert done.returncode != -signal.SIGALRM


@pytest.mark.twice
async def test_an_event_loop_that_ended_says_why_when_its_with_ends() -> None:
    """What ended it is the reason; that it is closed is not."""
    local = LocalEndpoint({"it": echo})

    async def exit_now() -> None:
        raise SystemExit(3)

    async def model(invocation: Invocation) -> bytes:
        tasks.append(asyncio.get_running_loop().create_task(exit_now()))
        return b""

    tasks: list[asyncio.Task[None]] = []
    local = LocalEndpoint({"it": model})

    def use() -> None:
        with local:
            thread = next(each for each in threading.enumerate() if each.name.startswith("<LocalEndpoint"))
            asyncio.run(swallow())
            thread.join(timeout=10)

    async def swallow() -> None:
        async with Client(local.options()) as client:
            await asyncio.gather(
                client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"")), return_exceptions=True
            )

    with pytest.raises(SystemExit) as raised:
        await asyncio.to_thread(use)

    assert 3 == raised.value.code
    assert tasks[0].exception() is raised.value


@pytest.mark.parametrize("host", ["", None, "0", "0x0", "0.0"])
def test_all_addresses_must_be_asked_for_in_so_many_words(host: str) -> None:
    """An empty variable of the environment must not put a user's model onto the network."""
    with pytest.raises(ConfigError, match=r"would be every address of this machine: write '0\.0\.0\.0' for that"):
        LocalEndpoint({"it": echo}, host=host)


@pytest.mark.parametrize("region", ["", "US-EAST-1", "us east", "../../up", "x" * 41])
def test_a_name_that_no_region_has_is_refused(region: str) -> None:
    """It is in a folder's name, and in what is signed."""
    with pytest.raises(ConfigError, match="it takes up to 40 lowercase letters, digits and hyphens"):
        LocalEndpoint({"it": echo}, region=region)


@pytest.mark.twice
async def test_the_longest_region_has_a_bucket() -> None:
    """S3 takes 63 characters."""
    async with LocalEndpoint({"it": echo}, region="x" * 40) as local:
        assert b"1" == await call(local)


async def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """As what it is: nothing is the matter with the port."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"the folder '.*file' cannot be used: "):
        await LocalEndpoint({"it": echo}, folder=tmp_path / "file").start()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Slow, r"Slow is a class; give an instance of it, such as Slow\(\)"),
        (7, "an object of type int is neither a callable nor a backend"),
    ],
)
def test_what_could_never_answer_is_refused(model: object, words: str) -> None:
    """At once, and not as the failure of each call."""
    with pytest.raises(ConfigError, match=words):
        LocalEndpoint({"it": model})
