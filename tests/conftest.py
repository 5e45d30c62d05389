"""Fixtures of more than one folder."""

from __future__ import annotations

import asyncio
import gc
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import both_clients
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

# No generated test fails because of its duration: machines are shared, and the first examples in a fresh checkout build
# hypothesis's tables of characters, which takes seconds.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Programs that a shell runs in the background ignore Ctrl-C, and so would those that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that are marked as `twice` with `SyncClient` too."""
    twice, once = (metafunc.definition.get_closest_marker(name) for name in ("twice", "async_only"))
    if twice and not once:
        metafunc.parametrize("client_kind", ["async", "sync"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Do not measure the coverage of slow tests: they repeat what others do, and it would take minutes."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker("no_cover")


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the thousands of tests: many of them collect all garbage, to see what was left."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def client_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """Which client `both_clients.Client` is: "async" or "sync"."""
    kind = getattr(request, "param", "async")
    both_clients.SYNC = kind == "sync"
    yield kind
    both_clients.SYNC = False


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of moto's server, in its own process."""
    command = [sys.executable, "-m", "moto.server", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own words
        try:
            said: list[str] = []
            for line in process.stderr or ():
                said.append(line)
                found = re.search(r"Running on (http://127\.0\.0\.1:\d+)", line)
                if found is not None:
                    break
            else:
                pytest.fail(f"moto did not start: {''.join(said)}")
            # It writes a line for each request, and would block when the pipe is full.
            threading.Thread(target=process.stderr.read, name="what moto says", daemon=True).start()
            yield found[1]
        finally:
            process.terminate()


@pytest_asyncio.fixture
async def full_executor() -> AsyncIterator[None]:
    """The event loop's executor has one thread, which is busy for as long as the test runs."""
    loop, over = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    taken = loop.run_in_executor(None, over.wait)
    yield
    assert not taken.done()
    over.set()
    await taken
