"""
The cost of a body of 6 MB: CPU time of a call, and how long it blocks the event loop.

The server reads all of it. Bare aiohttp sends the same body; the hash that every signed request needs is added to its time.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from clients import aiobotocore_calls, bare_aiohttp, ours
from measure import Row, cpu_per_call, microseconds, ratio
from serving import serving

if TYPE_CHECKING:
    from measure import Call

SIZE = 6_291_456  # bytes; the service's limit
BODY = bytes(range(256)) * (SIZE // 256)
IN_FLIGHT = 4
CALLS = 24  # in a round
ROUNDS = 9


def hashing() -> float:
    """Seconds of CPU of one hash of the body."""
    started = time.process_time()
    sha256(BODY)
    return time.process_time() - started


async def cost(url: str) -> dict[str, list[float]]:
    """Seconds of CPU of a call, and of a hash, in each round."""
    times: dict[str, list[float]] = {"aiohttp": [], "hash": [], "ours": []}
    async with bare_aiohttp(url, BODY) as bare, ours(url, body=BODY) as our_call:
        for round_number in range(ROUNDS + 1):
            taken = {
                "aiohttp": await cpu_per_call(bare, CALLS, IN_FLIGHT),
                "hash": statistics.fmean(hashing() for _ in range(CALLS)),
                "ours": await cpu_per_call(our_call, CALLS, IN_FLIGHT),
            }
            if round_number:
                for name, seconds in taken.items():
                    times[name].append(seconds)
    return times


async def worst_stall(call: Call) -> float:
    """
    The longest time between two turns of a task that is always ready, in seconds.

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
    await cpu_per_call(call, 2 * IN_FLIGHT, IN_FLIGHT)
    watching.cancel()
    return worst


async def stalls(url: str) -> dict[str, list[float]]:
    """The worst stall of each client in each round."""
    found: dict[str, list[float]] = {"ours": [], "aiobotocore": []}
    async with ours(url, body=BODY) as our_call, aiobotocore_calls(url, BODY) as peer:
        for round_number in range(ROUNDS + 1):
            for name, call in (("ours", our_call), ("aiobotocore", peer)):
                seconds = await worst_stall(call)
                if round_number:
                    found[name].append(seconds)
    return found


def rows() -> list[Row]:
    """The lines of the table."""
    with serving("canned_server.py") as url:
        times = asyncio.run(cost(url))
        both = [a + b for a, b in zip(times["aiohttp"], times["hash"], strict=True)]
        held = asyncio.run(stalls(url))
    return [
        Row(
            "6 MB body: CPU of a call / (bare aiohttp + SHA-256)",
            ratio(times["ours"], both),
            "<= 1.05",
            microseconds(times),
        ),
        Row(
            "6 MB bodies, 4 in flight: worst stall of the loop, ms",
            statistics.median(held["ours"]) * 1e3,
            "<= 3",
            microseconds(held),
        ),
        Row("worst stall, aiobotocore / ours", ratio(held["aiobotocore"], held["ours"]), ">= 10", ""),
    ]


if __name__ == "__main__":
    print(*rows(), sep="\n")
