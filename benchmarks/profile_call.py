"""Show where the time of a call goes: pyinstrument profiles 20,000 of them, 32 in flight. ``make profile``."""

from __future__ import annotations

import asyncio

from clients import BODY, ours
from one_client import make
from processes import serving
from pyinstrument import Profiler

CALLS = 20_000
IN_FLIGHT = 32


async def main(url: str) -> Profiler:
    """Make the calls under the profiler."""
    async with ours(url, BODY, headers={}) as call:
        await make(call, CALLS // 10, IN_FLIGHT)
        profiler = Profiler(interval=0.0005, async_mode="disabled")
        with profiler:
            await make(call, CALLS, IN_FLIGHT)
    return profiler


if __name__ == "__main__":
    with serving("canned_server.py") as server_url:
        found = asyncio.run(main(server_url))
    print(found.output_text(color=False, show_all=True))
