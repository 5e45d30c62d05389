"""
CPU time of a call through the whole stack, as a multiple of bare aiohttp's POST of the same body and headers.

All run in turn, in this process, against a canned server in another one; each figure is the median of several rounds.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import uvloop
from clients import aiobotocore_calls, asyncio_alone, bare_aiohttp, boto3_calls, options, ours, params
from measure import Row, in_turn, microseconds, ratio
from serving import serving

from sagemaker_runtime import Client, NopRetryer, build_middleware, override, with_api_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from measure import Call

    from sagemaker_runtime import BuildHandler, BuildInput, Context, Output, Stack

CALLS = 400  # in a round; few, so that all meet the same noise
ROUNDS = 21
MANY = 2048  # in flight
IDLE_MIDDLEWARE = 20


async def among_peers(url: str, in_flight: int) -> dict[str, list[float]]:
    """By client, the seconds of CPU of a call in each round."""
    async with AsyncExitStack() as open_clients:
        clients = {
            "aiohttp": await open_clients.enter_async_context(bare_aiohttp(url)),
            "ours": await open_clients.enter_async_context(ours(url)),
            "aiobotocore": await open_clients.enter_async_context(aiobotocore_calls(url)),
            "boto3": await open_clients.enter_async_context(boto3_calls(url, in_flight)),
        }
        return await in_turn(clients, calls=CALLS, in_flight=in_flight, rounds=ROUNDS)


async def beside_aiohttp(url: str, in_flight: int, calls: int = CALLS) -> dict[str, list[float]]:
    """The same without the peers."""
    async with bare_aiohttp(url) as bare, ours(url) as our_call:
        return await in_turn({"aiohttp": bare, "ours": our_call}, calls=calls, in_flight=in_flight, rounds=ROUNDS)


async def latencies(url: str) -> dict[str, list[float]]:
    """By client, the median of the seconds that a call took, alone, in each round."""

    async def median_of(call: Call) -> float:
        taken = []
        for _ in range(CALLS):
            started = time.perf_counter()
            await call()
            taken.append(time.perf_counter() - started)
        return statistics.median(taken)

    async with bare_aiohttp(url) as bare, ours(url) as our_call:
        for warm in (bare, our_call):
            await median_of(warm)
        rounds = [(await median_of(bare), await median_of(our_call)) for _ in range(ROUNDS)]
    return {"aiohttp": [bare for bare, _ in rounds], "ours": [own for _, own in rounds]}


class Fresh(NopRetryer):
    """Never equal to another one, so the client has not seen an override with it."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


async def overridden(url: str) -> dict[str, list[float]]:
    """Seconds of CPU of a call without an override, with one seen before, and with one never seen."""
    given, seen = params(), override(retryer=NopRetryer())
    async with Client(options(url)) as client:
        clients: dict[str, Call] = {
            "without": lambda: client.invoke_endpoint(given),
            "seen": lambda: client.invoke_endpoint(given, seen),
            "never seen": lambda: client.invoke_endpoint(given, override(retryer=Fresh())),
        }
        return await in_turn(clients, calls=CALLS, in_flight=32, rounds=ROUNDS)


def add_idle_middleware(stack: Stack) -> None:
    """Middleware that do nothing, each as short as possible."""
    for number in range(IDLE_MIDDLEWARE):

        @build_middleware(f"Idle{number}")
        def idle(ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
            return next(ctx, step)

        stack.build.add(idle)


async def with_idle_middleware(url: str) -> dict[str, list[float]]:
    """Seconds of CPU of a call without, and with middleware that do nothing."""
    async with ours(url) as plain, ours(url, with_api_options(add_idle_middleware)) as laden:
        return await in_turn({"without": plain, "with": laden}, calls=CALLS, in_flight=32, rounds=ROUNDS)


def rows() -> tuple[list[Row], dict[str, float]]:
    """The lines of the table, and the CPU of a call by client, 32 in flight."""
    found = []
    with serving("canned_server.py") as url:
        for in_flight in (32, 1):
            times = asyncio.run(among_peers(url, in_flight))
            if in_flight > 1:
                peers = {name: statistics.median(series) for name, series in times.items()}
            details = microseconds(times)
            found.append(
                Row(
                    f"CPU of a call, {in_flight} in flight / bare aiohttp",
                    ratio(times["ours"], times["aiohttp"]),
                    "<= 1.25",
                    details,
                )
            )
            if in_flight > 1:
                found.append(Row("aiobotocore / ours", ratio(times["aiobotocore"], times["ours"]), ">= 4.8", ""))
                found.append(Row("boto3 / ours", ratio(times["boto3"], times["ours"]), ">= 7", ""))
        times = asyncio.run(latencies(url))
        found.append(
            Row(
                "median latency, one at a time / bare aiohttp",
                ratio(times["ours"], times["aiohttp"]),
                "<= 1.25",
                microseconds(times),
            )
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            times = runner.run(beside_aiohttp(url, 32))
        found.append(
            Row(
                "CPU of a call on uvloop, 32 in flight / bare aiohttp",
                ratio(times["ours"], times["aiohttp"]),
                "<= 1.35",
                microseconds(times),
            )
        )
        times = asyncio.run(overridden(url))
        found.append(
            Row(
                "a call with an override seen before / without",
                ratio(times["seen"], times["without"]),
                "<= 1.05",
                microseconds(times),
            )
        )
        found.append(
            Row(
                "a call with an override never seen / without",
                ratio(times["never seen"], times["without"]),
                "<= 1.35",
                "",
            )
        )
        times = asyncio.run(with_idle_middleware(url))
        more = statistics.median(a - b for a, b in zip(times["with"], times["without"], strict=True))
        found.append(
            Row(
                "us for a further middleware that does nothing",
                more / IDLE_MIDDLEWARE * 1e6,
                "<= 0.5",
                f"{IDLE_MIDDLEWARE} of them: {microseconds(times)}",
            )
        )
        found.append(many_in_flight(url))
    return found, peers


def many_in_flight(url: str) -> Row:
    """CPU of one of very many calls compared with one of 32; and the same for asyncio alone, a lower bound for clients."""

    async def compare(client: Callable[[str], AbstractAsyncContextManager[Call]]) -> dict[str, list[float]]:
        async with client(url) as few, client(url) as many:
            times: dict[str, list[float]] = {"32": [], f"{MANY}": []}
            for round_number in range(6):
                for name, call, in_flight in (("32", few, 32), (f"{MANY}", many, MANY)):
                    taken = await in_turn({name: call}, calls=2 * MANY, in_flight=in_flight, rounds=1)
                    if round_number:
                        times[name] += taken[name]
            return times

    own, bare, least = (asyncio.run(compare(client)) for client in (ours, bare_aiohttp, asyncio_alone))
    others = ", ".join(
        f"{name} {ratio(times[f'{MANY}'], times['32']):.2f} ({microseconds(times)})"
        for name, times in (("aiohttp", bare), ("asyncio without HTTP", least))
    )
    return Row(
        f"CPU of a call, {MANY} in flight / 32 in flight",
        ratio(own[f"{MANY}"], own["32"]),
        "<= 1.3",
        f"{microseconds(own)}; {others}",
    )


if __name__ == "__main__":
    print(*rows()[0], sep="\n")
