"""200,000 calls by one client: the memory and connections that they leave behind; and the memory of a waiting call."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

from clients import aiobotocore_calls, ours
from measure import Row, cpu_per_call
from serving import serving

CALLS = 200_000
WARM = 10_000
IN_FLIGHT = 32
MANY = 2048


def resident() -> float:
    """Megabytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def connections() -> int:
    """Sockets that this process has open."""
    return sum(entry.is_socket() for entry in Path("/proc/self/fd").iterdir())


async def endure(url: str) -> tuple[float, int, int]:
    """Megabytes by which the process grew, and its connections before and after."""
    async with ours(url) as call:
        await cpu_per_call(call, WARM, IN_FLIGHT)
        gc.collect()
        before, open_before = resident(), connections()
        await cpu_per_call(call, CALLS, IN_FLIGHT)
        gc.collect()
        return resident() - before, open_before, connections()


async def memory_in_flight(url: str, client: str) -> float:
    """Kilobytes that Python holds for each of very many calls, at most."""
    async with (ours if client == "ours" else aiobotocore_calls)(url) as call:
        for _ in range(3):  # until all connections are open
            await cpu_per_call(call, MANY, MANY)
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        await cpu_per_call(call, MANY, MANY)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return (most - before) / MANY / 1e3


def alone(what: str, url: str) -> list[float]:
    """The figures of a measurement in a process of its own."""
    output = subprocess.run([sys.executable, __file__, what, url], check=True, capture_output=True, text=True).stdout
    return [float(word) for word in output.split()]


def rows() -> list[Row]:
    """The lines of the table."""
    with serving("canned_server.py") as url:
        grown, open_before, open_after = alone("endure", url)
    with serving("canned_server.py", str(MANY)) as url:
        (own,), (peer,) = alone("ours", url), alone("aiobotocore", url)
    return [
        Row(
            f"memory of a call of {MANY} in flight / aiobotocore's",
            own / peer,
            "<= 0.5",
            f"ours {own:.1f} kB, aiobotocore {peer:.1f} kB",
        ),
        Row(
            f"{CALLS:,} calls: growth, MB",
            grown,
            "<= 5",
            f"connections {open_before:.0f} before, {open_after:.0f} after",
        ),
        Row("connections after / before", open_after / open_before, "<= 1", ""),
    ]


def main() -> None:
    """Measure what the arguments say, or print the lines."""
    match sys.argv[1:]:
        case ["endure", url]:
            print(*asyncio.run(endure(url)))
        case [client, url]:
            print(asyncio.run(memory_in_flight(url, client)))
        case _:
            print(*rows(), sep="\n")


if __name__ == "__main__":
    main()
