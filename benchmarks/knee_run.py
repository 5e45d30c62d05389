"""
Runs `KneeLimit` with an endpoint of known capacity: a local one that queues, and throttles when its queue is full.

::

    python knee_run.py [SECONDS]

The tests simulate such endpoints with a manual clock. This is the same over sockets and in real time. The endpoint works on
32 calls at a time, which take 0.1 s on average, so no client gets more than 320 responses per second. The first tenth of the
time, in which the limit seeks the capacity, is not counted.
"""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import aclosing
from itertools import repeat
from time import monotonic
from typing import TYPE_CHECKING

from attrs import define, frozen

from sagemaker_runtime import Client, InvokeEndpointInput
from sagemaker_runtime.bulk import invoke_many
from sagemaker_runtime.local import LocalEndpoint, RandomFaults, Throttled
from sagemaker_runtime.plugins.concurrency import KneeLimit

if TYPE_CHECKING:
    from sagemaker_runtime.local import Fault, Invocation

PLACES, MEAN, SPREAD = 32, 0.1, 0.3  # concurrent calls, their mean duration in seconds, and its relative deviation
QUEUES = {"a queue of 64": 64, "no queue": 0, "a queue of 3,200": 3_200}
PARAMS = InvokeEndpointInput(endpoint_name="it", body=b"{}")


@define
class Load:
    """The calls that have reached the endpoint."""

    queue: int
    inside: int = 0
    attempts: int = 0
    throttled: int = 0


@frozen
class WhenFull(RandomFaults):
    """Throttles, not at random, but the calls that find the queue full."""

    load: Load

    def fault(self, endpoint_name: str, call: int) -> Fault | None:  # noqa: ARG002 - the parameters of all faults
        """The fault of a call; None if it is admitted."""
        self.load.attempts += 1
        if self.load.inside >= PLACES + self.load.queue:
            self.load.throttled += 1
            return Throttled()
        self.load.inside += 1
        return None


async def run(name: str, seconds: float) -> None:
    """Print the share of the capacity that a run reaches, and the share of attempts that are throttled."""
    load = Load(QUEUES[name])
    places = asyncio.Semaphore(PLACES)
    draw = random.Random(1)

    async def model(_: Invocation) -> bytes:
        try:
            async with places:
                await asyncio.sleep(max(0.0, draw.gauss(MEAN, MEAN * SPREAD)))
            return b"1"
        finally:
            load.inside -= 1

    faults = WhenFull({Throttled(): 1.0}, load, seed=0)
    done = 0
    async with LocalEndpoint({"it": model}, faults=faults) as endpoint, Client(endpoint.options()) as client:
        began, counted_from = monotonic(), 0.0
        async with aclosing(invoke_many(client, repeat(PARAMS), limit=KneeLimit(), ordered=False)) as results:
            async for result in results:
                assert result.error is None
                now = monotonic()
                if not counted_from and now - began >= seconds / 10:
                    counted_from = now
                done += bool(counted_from)
                if now - began >= seconds:
                    break
        share = done / (monotonic() - counted_from) / (PLACES / MEAN)
    print(
        f"{name}: {share:.3f} of the capacity, {load.throttled / load.attempts:.2%} throttled, {load.attempts:,} calls"
    )


async def main() -> None:
    """Run with each queue."""
    for name in QUEUES:
        await run(name, float(sys.argv[1]) if sys.argv[1:] else 60.0)


if __name__ == "__main__":
    asyncio.run(main())
