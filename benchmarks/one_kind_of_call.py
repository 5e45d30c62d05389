"""
The CPU time of one kind of call in this process, printed in microseconds for `beside_revision`.

Arguments: the URL of the server, the kind and the number of calls. The package is imported from ``PYTHONPATH``.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import time

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    NopRetryer,
    OptFn,
    Options,
    StaticCredentialsProvider,
    Timeout,
    override,
    with_api_options,
)

PARAMS = InvokeEndpointInput(
    endpoint_name="iris", body=b'{"instances": [' + b"0.5, " * 200 + b"0.5]}", content_type="application/json"
)
IN_FLIGHT = 32
WARM_UP = 2_000  # calls


class Fresh(NopRetryer):
    """Never equal to another one, so the client has not seen an override with it."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def opt_fns(kind: str, number: int, seen: OptFn) -> tuple[OptFn, ...]:
    """The options of one call."""
    match kind:
        case "plain":
            return ()
        case "seen" | "seen api_options":
            return (seen,)
        case "timeout":
            return (override(timeout=Timeout(connect=10.0 + number * 1e-3)),)
        case "retryer":
            return (override(retryer=Fresh()),)
        case "credentials":
            return (override(credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret")),)
    raise ValueError(kind)


async def main(url: str, kind: str, calls: int) -> float:
    """Seconds of CPU of a call."""
    options = Options(
        region="us-east-1", credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret"), base_endpoint=url
    )
    seen = with_api_options(lambda _: None) if kind == "seen api_options" else override(timeout=Timeout(read=69.0))
    numbers = itertools.count()

    async def run(count: int) -> None:
        left = iter(range(count))

        async def worker() -> None:
            for _ in left:
                await client.invoke_endpoint(PARAMS, *opt_fns(kind, next(numbers), seen))

        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(worker())

    async with Client(options) as client:
        await run(WARM_UP)
        gc.collect()
        started = time.process_time()
        await run(calls)
        return (time.process_time() - started) / calls


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))) * 1e6)
