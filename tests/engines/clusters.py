"""A cluster on this machine, and the processes of its workers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import psutil

ENGINES = ("dask", "ray")


@contextmanager
def cluster(engine: str, workers: int = 2) -> Iterator[Any]:
    """A cluster that the program is connected to."""
    if engine == "dask":
        import dask
        import distributed

        with dask.config.set({"distributed.scheduler.allowed-failures": 100}):  # nobody else kills workers all the time
            client = distributed.Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)
        try:
            yield client
        finally:
            client.close()
        return
    import ray

    ray.init(address="local", num_cpus=workers, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    try:
        yield ray
    finally:
        ray.shutdown()


@asynccontextmanager
async def beside(engine: str) -> AsyncIterator[None]:
    """The same from within an event loop. Its workers have the environment as it is now."""
    with ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, cluster(engine))
        yield
        await asyncio.to_thread(stack.close)


def workers_of(engine: str, root: int | None = None) -> list[psutil.Process]:
    """The processes that run tasks, below this one or another."""
    found = []
    for process in psutil.Process(root or os.getpid()).children(recursive=True):
        with suppress(psutil.Error):
            command = " ".join(process.cmdline())
            is_worker = (
                command.startswith("ray::part-")
                if engine == "ray"
                else "spawn_main" in command and process.parent() is not None and not process.children()
            )
            if is_worker and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
