"""
One client in its own process. Its costs are printed as JSON.

The name of a figure ends with its unit. CPU time is that of this process, user and system.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import time
import tracemalloc
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clients import BODY, aiobotocore_calls, asyncio_alone, bare_aiohttp, boto3_calls, ours
from stream_clients import aiobotocore_stream, bare_stream, our_stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from clients import Call, Factory

    Figures = dict[str, float]
    Measure = Callable[[Call, int, int], Awaitable[Figures]]

OVERRIDES = ("override seen", "api_options seen", "new timeout", "new retryer", "new credentials")
CLIENTS: dict[str, Factory] = {
    "ours": ours,
    "aiohttp": bare_aiohttp,
    "aiohttp+sha256": partial(bare_aiohttp, hashed=True),
    "asyncio": asyncio_alone,
    "aiobotocore": aiobotocore_calls,
    "boto3": boto3_calls,
    "ours-stream": our_stream,
    "aiohttp+crc-stream": bare_stream,
    "aiobotocore-stream": aiobotocore_stream,
    **{kind: partial(ours, kind=kind) for kind in OVERRIDES},
}
WARM_UP = 1_000  # calls, or three times the calls in flight, to open connections and fill caches


async def make(call: Call, calls: int, in_flight: int) -> None:
    """Make the calls, *in_flight* of them at a time."""
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(worker())


async def cost(call: Call, calls: int, in_flight: int) -> Figures:
    """The CPU time of a call."""
    started = time.process_time()
    await make(call, calls, in_flight)
    return {"cpu_us": (time.process_time() - started) / calls * 1e6}


async def latency(call: Call, calls: int, in_flight: int) -> Figures:
    """The CPU time of a call, and the median duration."""
    taken = []

    async def timed() -> None:
        started = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - started)

    return {**await cost(timed, calls, in_flight), "latency_us": statistics.median(taken) * 1e6}


async def stall(call: Call, calls: int, in_flight: int) -> Figures:
    """
    The longest time between two turns of a task that is always ready.

    Measured as CPU time of the thread, because another process on the same core is not the client's fault.
    """
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            worst, before = max(worst, now - before), now

    watching = asyncio.create_task(watch())
    await make(call, calls, in_flight)
    watching.cancel()
    return {"stall_ms": worst * 1e3}


async def memory(call: Call, calls: int, in_flight: int) -> Figures:
    """The peak of Python's memory for each of the calls that wait at the same time."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    await make(call, calls, in_flight)
    _, most = tracemalloc.get_traced_memory()
    return {"memory_kB": (most - before) / in_flight / 1e3}


def resident() -> float:
    """Megabytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def sockets() -> int:
    """The open sockets of this process."""
    return sum(entry.is_socket() for entry in Path("/proc/self/fd").iterdir())


async def growth(call: Call, calls: int, in_flight: int) -> Figures:
    """The memory and the connections that remain after very many calls."""
    await make(call, 10 * WARM_UP, in_flight)
    gc.collect()
    before, open_before = resident(), sockets()
    await make(call, calls, in_flight)
    gc.collect()
    return {"growth_MB": resident() - before, "connections_more": sockets() - open_before}


MEASURES: dict[str, Measure] = {function.__name__: function for function in (cost, latency, stall, memory, growth)}


async def main(arguments: argparse.Namespace) -> Figures:
    """Open the client, warm it up, and measure."""
    body = BODY if arguments.body is None else bytes(arguments.body)
    calls, in_flight = arguments.calls, arguments.in_flight
    async with CLIENTS[arguments.client](arguments.url, body, headers=json.loads(arguments.headers)) as call:
        await make(call, max(min(WARM_UP, calls // 5), 3 * in_flight), in_flight)
        gc.collect()
        figures = await MEASURES[arguments.measure](call, calls, in_flight)
    return {name: figure / arguments.parts for name, figure in figures.items()}


def parsed() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("url")
    parser.add_argument("calls", type=int)
    parser.add_argument("in_flight", type=int)
    parser.add_argument("--measure", choices=MEASURES, default="cost")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--body", type=int, help="bytes of the body; 1 KB of JSON by default")
    parser.add_argument("--parts", type=int, default=1, help="parts that a call reads; the figures are per part")
    parser.add_argument("--headers", default="{}", help="our client's headers, as JSON, for bare aiohttp and asyncio")
    return parser.parse_args()


if __name__ == "__main__":
    given = parsed()
    if given.uvloop:
        import uvloop

        factory = uvloop.new_event_loop
    else:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(main(given))))
