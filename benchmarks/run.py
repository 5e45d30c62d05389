"""
Measure each client in its own process, print one table, and write it into docs/performance: ``make bench``.

The processes take turns: each runs once in a round, and every other round backwards. A figure is the median of the
rounds, and a ratio the median of their ratios, so a busy machine makes them less exact but not wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import page
from bulk_client import BULK
from clients import signed_headers
from plan import MIDDLEWARE, PLAN, STARTS, Process
from processes import HERE, cpu_of, environment, measured, serving
from results import Results
from starts import PROGRAMS, VARIABLES
from threaded_client import THREADED

if TYPE_CHECKING:
    from pathlib import Path

GO_SDK, SMITHY = os.environ.get("GO_SDK", ""), os.environ.get("SMITHY_PYTHON", "")
MISSING = {
    "Go SDK": "not measured; Debian's golang-go and golang-github-aws-aws-sdk-go-v2-dev are not installed",
    "smithy-python": "not measured; Python 3.12 was not found",
}
ROUNDS = 5
STARTS_A_ROUND = 5
FILES = 8192  # descriptors; ample for a client or a server with 2,048 connections


def command(process: Process, headers: str) -> list[str | Path]:
    """The command of a client, without the URL and the numbers of calls and of those in flight. Empty if not installed."""
    match process.client:
        case "Go SDK":
            return [GO_SDK] if GO_SDK else []
        case "smithy-python":
            return [SMITHY, HERE / "smithy.py"] if SMITHY else []
    if process.client in THREADED:
        return [sys.executable, HERE / "threaded_client.py", process.client]
    if process.client in BULK:
        return [sys.executable, HERE / "bulk_client.py", process.client]
    return [sys.executable, HERE / "one_client.py", *process.arguments, "--headers", headers, process.client]


def measure_clients(results: Results, plan: list[Process], share: float, headers: str) -> None:
    """Run each process once."""
    for process in plan:
        if process.name in results.about:
            continue
        start = command(process, headers)
        if not start:
            results.drop(process.name, MISSING[process.client])
            continue
        calls = max(round(process.calls * share), process.in_flight, 5)
        with serving(*process.server) as url:
            try:
                figures = measured([*start, url, str(calls), str(process.in_flight)], environment(GOMAXPROCS="1"))
            except subprocess.SubprocessError as error:
                print(error, file=sys.stderr)
                results.drop(process.name, f"not measured; {type(error).__name__}")
            else:
                results.add(process.name, calls, figures)


def measure_starts(results: Results, count: int) -> None:
    """Run the programs of starts.py in turn."""
    took: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with serving("canned_server.py") as url:
        for _ in range(count):
            for name, program in PROGRAMS.items():
                took[name].append(cpu_of([sys.executable, "-c", program, url], environment(**VARIABLES)) * 1e3)
    for name, series in took.items():
        results.add(f"{STARTS}, {name}", count, {"start_ms": statistics.median(series)})


def about(rounds: int, share: float) -> dict[str, str]:
    """When, on what, and with which versions this runs."""
    libraries = ("aiohttp", "uvloop", "aiobotocore", "boto3")
    trial = "" if share == 1 else f", a trial with {share:.0%} of the calls"
    found = {
        "when": datetime.now(UTC).date().isoformat(),
        "on": f"Python {platform.python_version()}, {os.cpu_count()} cores, {rounds} rounds{trial}",
        "with": ", ".join(f"{name} {version(name)}" for name in libraries),
    }
    if GO_SDK:
        found["Go SDK v2"] = subprocess.run([GO_SDK], capture_output=True, text=True, check=True).stdout.strip()
    if SMITHY:
        script = (
            "import platform, importlib.metadata as metadata\n"
            "print(metadata.version('aws-sdk-bedrock-runtime'), 'on Python', platform.python_version())"
        )
        ran = subprocess.run([SMITHY, "-c", script], capture_output=True, text=True, check=True)
        found["smithy-python"] = f"Bedrock Runtime's InvokeModel, {ran.stdout.strip()}"
    return found


def show(results: Results) -> None:
    """Print the table."""
    for name, text in results.about.items():
        print(f"{name}: {text}")
    for head, rows, widths in (
        (["what", "measured", "figure", "target", ""], [row.cells() for row in results.rows()], (47, 23, 8, 8, 0)),
        (["process", "median", "from, to", "calls"], results.processes(), (47, 15, 16, 0)),
    ):
        print()
        for row in [head, *rows]:
            print(" ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def parsed() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--share", type=float, default=1.0, help="share of the calls to make, for a trial")
    parser.add_argument("--only", default="", help="only processes with this text in their names, for a trial")
    return parser.parse_args()


def main(rounds: int, share: float, only: str) -> None:
    """Measure, print and write."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if most == resource.RLIM_INFINITY else min(FILES, most), most))
    results = Results(about(rounds, share))
    with serving("canned_server.py") as url:
        headers = json.dumps(asyncio.run(signed_headers(url)))
    if not only:
        measure_starts(Results(), 1)  # so that everything is compiled
    for number in range(rounds):
        started = time.monotonic()
        plan = [process for process in PLAN if only in process.name and not (process.once and number)]
        measure_clients(results, plan[:: -1 if number % 2 else 1], share, headers)
        if not only:
            measure_starts(results, max(round(STARTS_A_ROUND * share), 1))
            figures = measured([sys.executable, HERE / "middleware_cost.py"], environment())
            results.add(MIDDLEWARE, 250, figures)
        print(f"round {number + 1} of {rounds}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    show(results)
    if only:
        return
    trial = rounds < ROUNDS or share < 1
    folder = HERE.parent / "build" / "performance" if trial else page.PAGE
    page.write(results, folder)
    print(f"\nwritten: {folder.relative_to(HERE.parent)}/calls.svg and results.json")
    if not trial:
        page.fill(results)
        print(f"written: the figures in docs/{' and docs/'.join(page.PAGES)}")


if __name__ == "__main__":
    main(**vars(parsed()))
