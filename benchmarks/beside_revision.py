"""
The cost of a change: calls of this checkout compared with another revision's, ``make bench-beside REVISION=main``.

Each figure comes from a process of its own that makes 20,000 calls to the canned server. The two revisions take turns,
and the medians of nine rounds are compared.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

from measure import Row
from serving import serving

HERE = Path(__file__).parent
KINDS = ("plain", "seen", "seen api_options", "timeout", "retryer", "credentials")
START = (
    "import asyncio, sys\n"
    "from sagemaker_runtime import Client, InvokeEndpointInput, Options, StaticCredentialsProvider\n"
    "keys = StaticCredentialsProvider('AKIDEXAMPLE', 'secret')\n"
    "async def main():\n"
    "    async with Client(Options(region='us-east-1', credentials=keys, base_endpoint=sys.argv[1])) as client:\n"
    "        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name='iris', body=b'1'))\n"
    "asyncio.run(main())\n"
)


def run(source: Path, *arguments: str) -> str:
    """The output of a process that imports the package from *source*."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(source)
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True
    ).stdout


def cpu_of_start(source: Path, url: str) -> float:
    """Seconds of CPU from the start of a process to the end of its first call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(source, "-c", START, url)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main(revision: str, calls: str = "20000", rounds: str = "9") -> None:
    """Run and print."""
    command = ["git", "archive", revision, "src"]
    archive = subprocess.run(command, cwd=HERE.parent, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder, serving("canned_server.py") as url:
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        sources = {revision: Path(folder) / "src", "here": HERE.parent / "src"}
        times: dict[tuple[str, str], list[float]] = {}
        for _ in range(int(rounds)):
            for kind in KINDS:
                for name, source in sources.items():
                    taken = run(source, str(HERE / "one_kind_of_call.py"), url, kind, calls)
                    times.setdefault((kind, name), []).append(float(taken))
            for name, source in (*sources.items(), *sources.items()):  # twice, as one start is a noisy figure
                times.setdefault(("start", name), []).append(cpu_of_start(source, url) * 1e6)
    found = {key: statistics.median(series) for key, series in times.items()}

    def compare(what: str, above: tuple[str, str], below: tuple[str, str], limit: str) -> None:
        details = f"{found[above]:.1f} us beside {found[below]:.1f}"
        print(Row(what, found[above] / found[below], limit, details))

    print(f"{'what':<58} {'figure':>8} {'limit':>9}")
    compare(f"a call / {revision}'s", ("plain", "here"), ("plain", revision), "<= 1.03")
    compare("with an override seen before / without", ("seen", "here"), ("plain", "here"), "<= 1.05")
    compare("with api_options seen before / without", ("seen api_options", "here"), ("plain", "here"), "<= 1.05")
    compare("with a timeout never seen / without", ("timeout", "here"), ("plain", "here"), "<= 1.15")
    compare("with a retryer never seen / without", ("retryer", "here"), ("plain", "here"), "<= 1.15")
    compare(
        f"with credentials never seen / {revision}'s", ("credentials", "here"), ("credentials", revision), "<= 1.00"
    )
    compare(f"start to first response / {revision}'s", ("start", "here"), ("start", revision), "<= 1.00")
    for kind in (*KINDS, "start"):
        print(f"  {kind:<20} {found[kind, 'here']:>10.1f} us here, {found[kind, revision]:>10.1f} us there")


if __name__ == "__main__":
    main(*sys.argv[1:])
