"""
CPU time of a part of a response stream, through the whole client.

All clients read the same streams in turn, in this process, from a server in another one; each figure is the median of
several rounds. The cost of small parts is that of each part, so it is compared with aiobotocore's. The cost of large
parts is that of their bytes, so it is compared with bare aiohttp and a CRC, which every event stream must be checked with.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING
from zlib import crc32

import aiohttp
from clients import aiobotocore_client, options
from measure import Row, ratio
from serving import serving

from sagemaker_runtime import Client, InvokeEndpointWithResponseStreamInput, PayloadPart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Read = Callable[[], Awaitable[int]]

SMALL = 36  # bytes, as a token of a language model in its JSON
LARGE = 65_536
ROUNDS = 11


async def cpu_per_part(read: Read, parts: int, size: int) -> float:
    """Seconds of CPU, user and system, that one part of a stream took."""
    started = time.process_time()
    received = await read()
    assert received == parts * size, f"{received} bytes came"
    return (time.process_time() - started) / parts


async def compare(url: str, *, parts: int, size: int) -> dict[str, list[float]]:
    """By client, the CPU seconds of a part in each round."""
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=b"{}")
    async with (
        Client(options(url)) as client,
        aiobotocore_client(url) as peer,
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):

        async def bare() -> int:
            check = 0
            async with session.post(f"{url}/endpoints/iris/invocations-response-stream", data=b"{}") as response:
                async for piece in response.content.iter_any():
                    check = crc32(piece, check)
            return parts * size

        async def ours() -> int:
            output = await client.invoke_endpoint_with_response_stream(params)
            received = 0
            async with output.body as stream:
                async for event in stream:
                    assert isinstance(event, PayloadPart)
                    received += len(event.bytes)
            return received

        async def peers() -> int:
            response = await peer.invoke_endpoint_with_response_stream(EndpointName="iris", Body=b"{}")
            received = 0
            async for event in response["Body"]:
                received += len(event["PayloadPart"]["Bytes"])
            return received

        clients = {"aiohttp and a CRC": bare, "ours": ours, "aiobotocore": peers}
        times: dict[str, list[float]] = {name: [] for name in clients}
        for round_number in range(ROUNDS + 1):
            for name, read in clients.items():
                seconds = await cpu_per_part(read, parts, size)
                if round_number:  # the first one warms up
                    times[name].append(seconds)
    return times


def measured(parts: int, size: int, together: int) -> tuple[dict[str, list[float]], str]:
    """The seconds of each client for streams of *parts*, *together* in one piece of the body; and the same as text."""
    with serving("stream_server.py", str(parts), str(size), str(together)) as url:
        times = asyncio.run(compare(url, parts=parts, size=size))
    return times, ", ".join(f"{name} {statistics.median(series) * 1e6:.2f} us" for name, series in times.items())


def rows() -> list[Row]:
    """The lines of the table."""
    found = []
    for together in (400, 10):
        times, details = measured(5000, SMALL, together)
        ours = statistics.median(times["ours"]) * 1e6
        found += [
            Row(f"us for a streamed part of {SMALL} bytes, {together} in a piece", ours, "<= 1.5", details),
            Row(
                f"the same / aiobotocore, {together} in a piece",
                ratio(times["ours"], times["aiobotocore"]),
                "<= 0.15",
                "",
            ),
        ]
    times, details = measured(300, LARGE, 1)
    found.append(
        Row(
            "a streamed part of 64 KB / bare aiohttp and a CRC",
            ratio(times["ours"], times["aiohttp and a CRC"]),
            "<= 1.15",
            details,
        )
    )
    return found


if __name__ == "__main__":
    print(*rows(), sep="\n")
