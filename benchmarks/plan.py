"""The processes of `make bench`, in the order in which they run, and the targets for their figures."""

from __future__ import annotations

from typing import NamedTuple

MANY = 2048  # in flight
SIX_MB = "6291456"  # the service's limit for a body
TOKENS, BLOCKS = 5_000, 300  # parts in a stream


class Process(NamedTuple):
    """A client in its own process, with a server in another one."""

    name: str
    client: str
    """The argument for one_client.py, threaded_client.py or bulk_client.py, or a program of `run.py`."""

    calls: int
    in_flight: int = 32
    """Concurrent calls, by tasks or by threads."""

    arguments: tuple[str, ...] = ()
    """Further arguments for one_client.py."""

    server: tuple[str, ...] = ("canned_server.py",)
    once: bool = False
    """Whether it runs only in the first round."""


def stream(parts: int, size: int, together: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The arguments for client and server of a stream: its parts, their bytes, and how many parts are in one chunk."""
    return ("--parts", str(parts)), ("stream_server.py", str(parts), str(size), str(together))


ONE_KB = "1 KB, 32 in flight"
UVLOOP = ("--uvloop",)
TIMED = ("--measure", "latency")
IN_ONE = ("canned_server.py", str(MANY))
"""A server that responds only when all calls are waiting."""

RECORDS = "32 records a request"
OF_RECORDS = ("canned_server.py", "1", "32")
"""A server that responds to 32 records."""

# Processes whose figures are compared run one after the other, so that the machine is equally fast for both.
PLAN = [
    Process(f"aiohttp, {ONE_KB}", "aiohttp", 20_000),
    Process(f"ours, {ONE_KB}", "ours", 20_000),
    Process(f"Go SDK, {ONE_KB}", "Go SDK", 20_000),
    Process(f"ours on uvloop, {ONE_KB}", "ours", 20_000, arguments=UVLOOP),
    Process(f"aiohttp on uvloop, {ONE_KB}", "aiohttp", 20_000, arguments=UVLOOP),
    Process(f"asyncio without HTTP, {ONE_KB}", "asyncio", 20_000),
    Process(f"aiobotocore, {ONE_KB}", "aiobotocore", 10_000),
    Process(f"boto3, {ONE_KB}", "boto3", 10_000),
    Process(f"smithy-python, {ONE_KB}", "smithy-python", 10_000),
    Process("aiohttp, 1 KB, one at a time", "aiohttp", 10_000, 1, TIMED),
    Process("ours, 1 KB, one at a time", "ours", 10_000, 1, TIMED),
    Process(f"aiohttp, 1 KB, {MANY} in flight", "aiohttp", 10 * MANY, MANY),
    Process(f"ours, 1 KB, {MANY} in flight", "ours", 10 * MANY, MANY),
    Process(f"asyncio without HTTP, 1 KB, {MANY} in flight", "asyncio", 10 * MANY, MANY),
    Process("ours, a waiting call", "ours", MANY, MANY, ("--measure", "memory"), IN_ONE),
    Process("aiobotocore, a waiting call", "aiobotocore", MANY, MANY, ("--measure", "memory"), IN_ONE),
    Process("aiohttp + SHA-256, 6 MB", "aiohttp+sha256", 300, 4, ("--body", SIX_MB)),
    Process("ours, 6 MB", "ours", 300, 4, ("--body", SIX_MB)),
    Process("ours, 6 MB, worst stall", "ours", 100, 4, ("--body", SIX_MB, "--measure", "stall")),
    Process("ours, 36 bytes, 400 in a chunk", "ours-stream", 200, 1, *stream(TOKENS, 36, 400)),
    Process("aiobotocore, 36 bytes, 400 in a chunk", "aiobotocore-stream", 20, 1, *stream(TOKENS, 36, 400)),
    Process("ours, 36 bytes, 10 in a chunk", "ours-stream", 200, 1, *stream(TOKENS, 36, 10)),
    Process("aiobotocore, 36 bytes, 10 in a chunk", "aiobotocore-stream", 20, 1, *stream(TOKENS, 36, 10)),
    Process("aiohttp + CRC, 36 bytes, 10 in a chunk", "aiohttp+crc-stream", 200, 1, *stream(TOKENS, 36, 10)),
    Process("ours, 64 KB", "ours-stream", 100, 1, *stream(BLOCKS, 65_536, 1)),
    Process("aiohttp + CRC, 64 KB", "aiohttp+crc-stream", 100, 1, *stream(BLOCKS, 65_536, 1)),
    Process("aiobotocore, 64 KB", "aiobotocore-stream", 50, 1, *stream(BLOCKS, 65_536, 1)),
    Process("ours, 1 KB, without async, one thread", "SyncClient", 10_000, 1),
    Process("boto3, 1 KB, one thread", "boto3 in threads", 10_000, 1),
    Process("ours, 1 KB, without async, 8 threads", "SyncClient", 10_000, 8),
    Process("boto3, 1 KB, 8 threads", "boto3 in threads", 10_000, 8),
    Process(f"invoke_many, {RECORDS}", "invoke_many", 10_000, server=OF_RECORDS),
    Process(f"run_bulk, {RECORDS}", "run_bulk", 10_000, server=OF_RECORDS),
    Process("run_bulk, 100,000 records", "run_bulk", 3_125, server=OF_RECORDS, once=True),
    Process("run_bulk, 10,000,000 records", "run_bulk", 312_500, server=OF_RECORDS, once=True),
    Process("ours, very many calls", "ours", 200_000, 32, ("--measure", "growth"), once=True),
]
STARTS = "start"
"""The prefix for the name of a program of starts.py."""

MIDDLEWARE = "ours, without a network"
"""The name of the process of middleware_cost.py."""


class Target(NamedTuple):
    """A limit for a figure, or for the ratio or difference of two."""

    what: str
    limit: str
    """The limit, such as ``<= 0.85``."""

    process: str
    beside: str | None = None
    """The process that it is compared with; None for the figure itself."""

    figure: str = "cpu_us"
    added: bool = False
    """Whether the difference counts instead of the ratio."""

    best: bool = False
    """Whether the best round counts instead of the median, for a figure that is not a ratio and depends on the machine."""


def targets() -> list[Target]:
    """All targets, in the order of the table."""
    ours, uvloop = f"ours, {ONE_KB}", f"ours on uvloop, {ONE_KB}"
    go, alone, many = f"Go SDK, {ONE_KB}", "1 KB, one at a time", f"1 KB, {MANY} in flight"
    sync = "1 KB, without async"
    short, long = "run_bulk, 100,000 records", "run_bulk, 10,000,000 records"
    starts = ("base_endpoint", "default resolver", "keys from the environment", "all from the environment")
    return [
        Target("CPU, 32 in flight / bare aiohttp", "<= 0.85", ours, f"aiohttp, {ONE_KB}"),
        Target("the same, both on uvloop", "<= 0.80", uvloop, f"aiohttp on uvloop, {ONE_KB}"),
        Target("CPU, 32 in flight / Go SDK", "<= 1.15", ours, go),
        Target("the same on uvloop / Go SDK", "<= 0.85", uvloop, go),
        Target("aiobotocore / ours", ">= 7", f"aiobotocore, {ONE_KB}", ours),
        Target("boto3 / ours", ">= 12", f"boto3, {ONE_KB}", ours),
        Target("CPU, one at a time / bare aiohttp", "<= 0.75", f"ours, {alone}", f"aiohttp, {alone}"),
        Target("median latency, one at a time", "<= 0.75", f"ours, {alone}", f"aiohttp, {alone}", "latency_us"),
        Target(f"CPU, {MANY:,} in flight / bare aiohttp", "<= 0.60", f"ours, {many}", f"aiohttp, {many}"),
        Target(
            "memory of a waiting call / aiobotocore",
            "<= 0.40",
            "ours, a waiting call",
            "aiobotocore, a waiting call",
            "memory_kB",
        ),
        Target("CPU, 6 MB / (bare aiohttp + SHA-256)", "<= 1.0", "ours, 6 MB", "aiohttp + SHA-256, 6 MB"),
        Target("worst stall of the loop, 6 MB, 4 in flight", "<= 2", "ours, 6 MB, worst stall", figure="stall_ms"),
        Target("without async, CPU / boto3", "<= 0.28", f"ours, {sync}, one thread", "boto3, 1 KB, one thread"),
        Target(
            "the same, median latency", "<= 1", f"ours, {sync}, one thread", "boto3, 1 KB, one thread", "latency_us"
        ),
        Target(
            "8 threads: time of a call, boto3 / ours",
            ">= 4",
            "boto3, 1 KB, 8 threads",
            f"ours, {sync}, 8 threads",
            "elapsed_us",
        ),
        Target("CPU added to the call with async", "<= 80", f"ours, {sync}, one thread", f"ours, {alone}", added=True),
        Target(
            "latency added to that call",
            "<= 60",
            f"ours, {sync}, one thread",
            f"ours, {alone}",
            "latency_us",
            added=True,
        ),
        Target(
            "CPU of a record, run_bulk / invoke_many",
            "<= 1.6",
            f"run_bulk, {RECORDS}",
            f"invoke_many, {RECORDS}",
            "record_us",
        ),
        Target("a record of 10,000,000 / of 100,000", "<= 1.1", long, short, "record_us"),
        Target("memory added by 10,000,000 records", "<= 30", long, short, "memory_MB", added=True),
        *(
            target
            for many_parts in ("36 bytes, 400 in a chunk", "36 bytes, 10 in a chunk")
            for target in (
                Target(f"part of {many_parts}, best round", "<= 0.9", f"ours, {many_parts}", best=True),
                Target("the same / aiobotocore", "<= 0.12", f"ours, {many_parts}", f"aiobotocore, {many_parts}"),
            )
        ),
        Target("part of 64 KB / (bare aiohttp + CRC)", "<= 1.10", "ours, 64 KB", "aiohttp + CRC, 64 KB"),
        *(
            Target(f"start, {way} / aiohttp", "<= 1.12", f"{STARTS}, ours, {way}", f"{STARTS}, aiohttp", "start_ms")
            for way in starts
        ),
        Target(
            "sagemaker-runtime --help, CPU added to the import",
            "<= 10",
            f"{STARTS}, sagemaker-runtime --help",
            f"{STARTS}, import sagemaker_runtime",
            "start_ms",
            added=True,
        ),
        Target(
            "sagemaker-runtime invoke, CPU added to the same call",
            "<= 15",
            f"{STARTS}, sagemaker-runtime invoke",
            f"{STARTS}, ours, all from the environment",
            "start_ms",
            added=True,
        ),
        Target("growth in 200,000 calls", "< 5", "ours, very many calls", figure="growth_MB"),
        Target("connections beyond those before", "<= 0", "ours, very many calls", figure="connections_more"),
        Target("added by a middleware of five lines", "<= 0.5", MIDDLEWARE, figure="function_us"),
        Target("added by a coroutine around the call", "<= 0.5", MIDDLEWARE, figure="coroutine_us"),
        Target("added by Tracing without a tracer", "<= 5", MIDDLEWARE, figure="tracing_us"),
    ]
