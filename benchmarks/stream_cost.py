"""
CPU time of one part of a response stream through the whole client, beside aiobotocore's.

Both read the same streams in turn, in this process, from a server in another one; each figure is the median of several
pairs. The bare line is aiohttp reading the same body and decoding nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Any

import aiobotocore.session
import aiohttp
from serving import serving

from sagemaker_runtime import Client, InvokeEndpointWithResponseStreamInput, Options, StaticCredentialsProvider

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Read = Callable[[], Awaitable[int]]

PART = 36  # bytes, as a token of a language model in its JSON


async def cpu_per_part(read: Read, parts: int) -> float:
    """Seconds of CPU, user and system, that one part of a stream took."""
    started = time.process_time()
    received = await read()
    assert received == parts * PART, f"{received} bytes came"
    return (time.process_time() - started) / parts


async def compare(url: str, *, parts: int, pairs: int) -> dict[str, list[float]]:
    """By client, the CPU seconds of a part in each round."""
    options = Options(
        region="us-east-1", credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret"), base_endpoint=url
    )
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=b"{}")
    peer: Any = aiobotocore.session.get_session().create_client(
        "sagemaker-runtime",
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",  # noqa: S106 - the documentation's own
        endpoint_url=url,
    )
    async with Client(options) as client, peer as aiobotocore_client, aiohttp.ClientSession() as session:

        async def bare() -> int:
            async with session.post(f"{url}/endpoints/iris/invocations-response-stream", data=b"{}") as response:
                async for _ in response.content.iter_any():
                    pass
            return parts * PART

        async def ours() -> int:
            output = await client.invoke_endpoint_with_response_stream(params)
            received = 0
            async with output.body as stream:
                async for event in stream:
                    received += len(event.bytes)  # type: ignore[union-attr] # this server sends parts only
            return received

        async def peers() -> int:
            answer = await aiobotocore_client.invoke_endpoint_with_response_stream(EndpointName="iris", Body=b"{}")
            received = 0
            async for event in answer["Body"]:
                received += len(event["PayloadPart"]["Bytes"])
            return received

        clients = {"bare aiohttp": bare, "ours": ours, "aiobotocore": peers}
        times: dict[str, list[float]] = {name: [] for name in clients}
        for round_number in range(pairs + 1):
            for name, read in clients.items():
                seconds = await cpu_per_part(read, parts)
                if round_number:  # the first one warms up
                    times[name].append(seconds)
    return times


def main() -> None:
    """Print a line for each way the parts come together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=5000)
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--together", type=int, nargs="+", default=[400, 10], help="parts in a piece of the body")
    arguments = parser.parse_args()
    print(f"\nCPU per part of {PART} bytes, median of {arguments.pairs} streams of {arguments.parts} parts")
    print(f"{'together':>10} {'bare aiohttp':>14} {'ours':>10} {'aiobotocore':>13} {'aiobotocore/ours':>18}")
    for together in arguments.together:
        with serving("stream_server.py", str(arguments.parts), str(PART), str(together)) as url:
            times = asyncio.run(compare(url, parts=arguments.parts, pairs=arguments.pairs))
        bare, ours, peer = (statistics.median(times[name]) * 1e6 for name in ("bare aiohttp", "ours", "aiobotocore"))
        ratio = statistics.median(b / a for a, b in zip(times["ours"], times["aiobotocore"], strict=True))
        print(f"{together:>10} {bare:>11.2f} us {ours:>7.2f} us {peer:>10.2f} us {ratio:>18.1f}")


if __name__ == "__main__":
    main()
