"""Show where the time of a call goes: pyinstrument profiles 20,000 of them, 32 in flight. ``make profile``."""

from __future__ import annotations

import asyncio

from clients import ours
from measure import cpu_per_call
from pyinstrument import Profiler
from serving import serving

CALLS = 20_000
IN_FLIGHT = 32


async def main(url: str) -> Profiler:
    """Make the calls under the profiler."""
    async with ours(url) as call:
        await cpu_per_call(call, CALLS // 10, IN_FLIGHT)
        profiler = Profiler(interval=0.0005, async_mode="disabled")
        with profiler:
            await cpu_per_call(call, CALLS, IN_FLIGHT)
    return profiler


if __name__ == "__main__":
    with serving("canned_server.py") as server_url:
        found = asyncio.run(main(server_url))
    print(found.output_text(color=False, show_all=True))
