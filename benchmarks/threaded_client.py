"""
One blocking client in its own process, called by one thread or by several. Its costs are printed as JSON.

The CPU time is that of the process, user and system. With several threads, the time of a call is the time of all calls,
divided by their number.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from clients import BODY, boto3_invoke, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = Callable[[], bytes]

WARM_UP = 1_000  # calls


@contextmanager
def sync_client(url: str) -> Iterator[Call]:
    """Our client without ``async``."""
    from sagemaker_runtime import InvokeEndpointInput, SyncClient

    params = InvokeEndpointInput(endpoint_name="iris", body=BODY, content_type="application/json")
    with SyncClient(options(url)) as client:
        yield lambda: client.invoke_endpoint(params).body


@contextmanager
def boto3_client(url: str) -> Iterator[Call]:
    """boto3's client, which makes the same call."""
    yield boto3_invoke(url, BODY)


THREADED = {"SyncClient": sync_client, "boto3 in threads": boto3_client}


def measure(call: Call, calls: int, threads: int) -> dict[str, float]:
    """The costs and the duration of a call."""
    taken: list[float] = []

    def make(number: int) -> None:
        for _ in range(number):
            started = time.perf_counter()
            call()
            taken.append(time.perf_counter() - started)

    with ThreadPoolExecutor(threads) as pool:
        started, cpu = time.perf_counter(), time.process_time()
        for done in [pool.submit(make, calls // threads) for _ in range(threads)]:
            done.result()
        elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    made = len(taken)
    return {
        "cpu_us": cpu / made * 1e6,
        "latency_us": statistics.median(taken) * 1e6,
        "elapsed_us": elapsed / made * 1e6,
    }


def main() -> None:
    """Open the client, warm it up, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=THREADED)
    parser.add_argument("url")
    parser.add_argument("calls", type=int)
    parser.add_argument("threads", type=int)
    given = parser.parse_args()
    with THREADED[given.client](given.url) as call:
        measure(call, max(min(WARM_UP, given.calls), given.threads), given.threads)
        gc.collect()
        print(json.dumps(measure(call, given.calls, given.threads)))


if __name__ == "__main__":
    main()
