"""
The CPU time of a record, for one way of sending many records, 32 per request, in its own process.

::

    python bulk_client.py "run_bulk" URL CALLS IN_FLIGHT

``run_bulk`` reads records of 100 bytes from a file, and writes their results into another one. ``invoke_many`` sends bodies
that are made beforehand, and drops the responses.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
from pathlib import Path
from time import process_time

from clients import options

from sagemaker_runtime import Client, InvokeEndpointInput
from sagemaker_runtime.bulk import JSONBody, JSONLines, invoke_many, run_bulk

ROWS = 32  # per request, as many as the server always responds to
RECORD = json.dumps({"id": 1234567, "sepal": [5.1, 3.5], "petal": [1.4, 0.2], "note": "x" * 28}).encode()
BULK = ("run_bulk", "invoke_many")
# About as usual, and such that each request has 32 records, because the server always responds to 32.
SHARD = 10_000 * ROWS * (len(RECORD) + 1)


async def by_invoke_many(url: str, calls: int, in_flight: int) -> float:
    """CPU seconds of the calls alone."""
    body = b'{"instances":[%b]}' % b",".join([RECORD] * ROWS)
    params = InvokeEndpointInput(endpoint_name="m", body=body, content_type="application/json")
    async with Client(options(url)) as client:
        async for _ in invoke_many(client, [params] * 1_000, limit=in_flight):
            pass
        began = process_time()
        async for result in invoke_many(client, (params for _ in range(calls)), limit=in_flight):
            assert result.error is None
        return process_time() - began


async def by_run_bulk(url: str, calls: int, in_flight: int) -> float:
    """CPU seconds of a whole run."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "rows.jsonl")
        await asyncio.to_thread(write_rows, rows, calls)
        small = Path(folder, "small.jsonl")
        await asyncio.to_thread(write_rows, small, 1_000)
        body = JSONBody(key="instances", max_rows=ROWS)
        format = JSONLines(shard_bytes=SHARD)
        async with Client(options(url)) as client:
            await run_bulk(client, "m", small, Path(folder, "warm"), format=format, body=body, limit=in_flight)
            began = process_time()
            report = await run_bulk(client, "m", rows, Path(folder, "out"), format=format, body=body, limit=in_flight)
            took = process_time() - began
        assert report.succeeded == calls * ROWS
        return took


def write_rows(path: Path, calls: int) -> None:
    """Write a file with as many records as the calls need."""
    with path.open("wb") as file:
        for _ in range(calls):
            file.write((RECORD + b"\n") * ROWS)


def main() -> None:
    """Print what was measured, as JSON."""
    name, url, calls, in_flight = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    way = by_run_bulk if name == "run_bulk" else by_invoke_many
    took = asyncio.run(way(url, calls, in_flight))
    record = took / (calls * ROWS) * 1e6
    print(json.dumps({"record_us": record, "memory_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
