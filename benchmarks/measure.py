"""What the benchmarks share: the CPU time of calls made in turn, and a line of the table."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Call = Callable[[], Awaitable[object]]


class Row(NamedTuple):
    """A figure of ours, and how it compares."""

    what: str
    figure: float
    """The ratio or figure that the limit applies to."""

    limit: str
    """Such as ``<= 1.25``."""

    details: str
    """The measurements behind the figure."""

    @property
    def met(self) -> bool:
        """Whether the figure is within its limit."""
        sign, limit = self.limit.split()
        return self.figure <= float(limit) if sign == "<=" else self.figure >= float(limit)

    def __str__(self) -> str:
        return f"{self.what:<58} {self.figure:>8.2f} {self.limit:>9} {'met' if self.met else 'NOT MET':>8}   {self.details}"


async def cpu_per_call(call: Call, calls: int, in_flight: int) -> float:
    """Seconds of CPU, user and system, of this process that one of *calls* took."""
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    started = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(worker())
    return (time.process_time() - started) / calls


async def in_turn(clients: Mapping[str, Call], *, calls: int, in_flight: int, rounds: int) -> dict[str, list[float]]:
    """For each client the seconds of CPU of a call, in each round; one more round warms up."""
    times: dict[str, list[float]] = {name: [] for name in clients}
    for round_number in range(rounds + 1):
        for name, call in clients.items():
            seconds = await cpu_per_call(call, calls, in_flight)
            if round_number:
                times[name].append(seconds)
    return times


def ratio(above: list[float], below: list[float]) -> float:
    """The median of the ratios of two series that were measured in turn."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def microseconds(times: Mapping[str, list[float]]) -> str:
    """The median of each series."""
    return ", ".join(f"{name} {statistics.median(series) * 1e6:.0f} us" for name, series in times.items())
