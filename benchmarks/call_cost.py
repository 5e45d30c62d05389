"""
CPU time of a call through the whole stack, as a multiple of bare aiohttp's POST of the same body and headers.

Both run in turn, in this process, against a canned server in another one; each figure is the median of several pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import TYPE_CHECKING

import aiohttp
from serving import serving
from yarl import URL

from sagemaker_runtime import Client, InvokeEndpointInput, Options, StaticCredentialsProvider, deserialize_middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime import Context, DeserializeHandler, DeserializeInput, Output

    Call = Callable[[], Awaitable[object]]

BODY = b'{"instances": [' + b"0.5, " * 200 + b"0.5]}"  # 1 KB


async def signed_headers(client: Client, params: InvokeEndpointInput) -> dict[str, str]:
    """The headers that our client sends, so that bare aiohttp sends the same."""
    sent: dict[str, str] = {}

    @deserialize_middleware("Spy")
    def spy(ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Awaitable[Output]:
        sent.update(step.request.headers)
        return next(ctx, step)

    options = client.options
    options.api_options.append(lambda stack: stack.deserialize.add(spy))
    async with Client(options) as spied:
        await spied.invoke_endpoint(params)
    return sent


async def cpu_per_call(call: Call, calls: int, in_flight: int) -> float:
    """Seconds of CPU, user and system, that one of *calls* took."""
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    started = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(worker())
    return (time.process_time() - started) / calls


async def compare(url: str, *, in_flight: int, calls: int, pairs: int) -> tuple[float, float, float]:
    """Median CPU seconds of a bare call and of one of ours, and the median of their ratios."""
    options = Options(
        region="us-east-1", credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret"), base_endpoint=url
    )
    params = InvokeEndpointInput(endpoint_name="iris", body=BODY, content_type="application/json")
    target = URL(f"{url}/endpoints/iris/invocations", encoded=True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=70)
    connector = aiohttp.TCPConnector(limit=2048)
    async with Client(options) as client, aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        headers = await signed_headers(client, params)

        async def bare() -> bytes:
            async with session.post(
                target, data=BODY, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return await response.read()

        async def ours() -> bytes:
            return (await client.invoke_endpoint(params)).body

        for warm in (bare, ours):
            await cpu_per_call(warm, calls, in_flight)
        times = [
            (await cpu_per_call(bare, calls, in_flight), await cpu_per_call(ours, calls, in_flight))
            for _ in range(pairs)
        ]
    return (
        statistics.median(bare for bare, _ in times),
        statistics.median(ours for _, ours in times),
        statistics.median(ours / bare for bare, ours in times),
    )


def main() -> None:
    """Print a line for each number of calls in flight."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--calls",
        type=int,
        default=500,
        help="calls in each half of a pair; few, so that both halves meet the same noise",
    )
    parser.add_argument("--pairs", type=int, default=41)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[32, 1])
    arguments = parser.parse_args()
    print(f"CPU per call, body of {len(BODY)} bytes, median of {arguments.pairs} pairs of {arguments.calls} calls")
    print(f"{'in flight':>10} {'bare aiohttp':>14} {'ours':>10} {'ratio':>7}")
    with serving("canned_server.py") as url:
        for in_flight in arguments.in_flight:
            bare, ours, ratio = asyncio.run(
                compare(url, in_flight=in_flight, calls=arguments.calls, pairs=arguments.pairs)
            )
            print(f"{in_flight:>10} {bare * 1e6:>11.0f} us {ours * 1e6:>7.0f} us {ratio:>7.2f}")


if __name__ == "__main__":
    main()
