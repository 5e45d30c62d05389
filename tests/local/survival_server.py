"""A local endpoint in a process of its own, which prints what arrived when its standard input ends."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator

from sagemaker_runtime.local import (
    ClockSkew,
    CorruptFrame,
    CutKeepAlive,
    ErrorAnswer,
    Fault,
    Invocation,
    Journal,
    Latency,
    LocalEndpoint,
    RandomFaults,
    Reset,
    SlowBody,
    StreamError,
    Throttled,
    TruncatedBody,
    TruncatedFrame,
)

SHARES: dict[Fault, float] = {
    ErrorAnswer("ServiceUnavailable"): 0.01,
    ErrorAnswer("ModelNotReadyException"): 0.005,
    ErrorAnswer("ModelError"): 0.005,
    Throttled(): 0.01,
    Latency(0.01): 0.005,
    Latency(60.0): 0.005,
    SlowBody(0.001, size=16): 0.005,
    Reset(): 0.01,
    Reset(after_head=True): 0.005,
    TruncatedBody(kept=3): 0.01,
    TruncatedFrame(): 0.005,
    CorruptFrame(): 0.005,
    StreamError(): 0.005,
    CutKeepAlive(): 0.005,
    CutKeepAlive(at_next_request=True): 0.005,
    ClockSkew(3600.0): 0.005,
}


async def model(invocation: Invocation) -> AsyncIterator[bytes]:
    for piece in (invocation.body, b" second", b" third"):
        yield piece


async def main() -> None:
    journal = Journal(max_exchanges=100_000, max_bytes=2**30)
    faults = RandomFaults(SHARES, seed=20)
    async with LocalEndpoint({"it": model, "down": model}, faults=faults, journal=journal) as local:
        local.inject("down", ErrorAnswer("InternalFailure"), call=1, times=10_000)
        keys = local.credentials
        print(json.dumps([local.url, keys.access_key_id, keys.secret_access_key]), flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.read)
        exchanges = [
            (each.invocation_id, each.fault and repr(each.fault.fault), each.status, each.error_code)
            for each in journal
        ]
        print(json.dumps({"exchanges": exchanges, "dropped": journal.dropped, "faults": len(local.faults)}))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
