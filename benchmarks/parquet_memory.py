"""
The memory of a bulk run over 2 GB of Parquet, compared with one over 200 MB: ``make bench-parquet``.

Both files have row groups of the same size. Each run has a process of its own, which calls the canned server.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from bulk_client import ROWS
from clients import options
from processes import environment, measured, serving
from results import Row

from sagemaker_runtime import Client
from sagemaker_runtime.bulk import JSONBody, run_bulk

GROUP = 8_000  # rows per row group, of 1 kB each
FILES = {"200 MB": 25, "2 GB": 250}  # row groups
LIMIT = 20  # MB


def write(path: Path, groups: int) -> None:
    """Write a file whose row groups do not compress."""
    texts = [os.urandom(490).hex() for _ in range(GROUP)]
    table = pa.table({"id": range(GROUP), "text": texts})
    with pq.ParquetWriter(path, table.schema, compression="none", use_dictionary=False) as writer:
        for _ in range(groups):
            writer.write_table(table, row_group_size=GROUP)


async def run(url: str, path: Path, rows: int) -> None:
    """Print the memory of a run, as JSON."""
    body = JSONBody(key="instances", max_rows=ROWS)
    with tempfile.TemporaryDirectory() as folder:
        async with Client(options(url)) as client:
            report = await run_bulk(client, "m", path, Path(folder, "out"), body=body, limit=32, progress=False)
    assert report.succeeded == rows
    print(json.dumps({"memory_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def main() -> None:
    """Measure and print."""
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, serving("canned_server.py", "1", str(ROWS)) as url:
        for name, groups in FILES.items():
            path = Path(folder, "rows.parquet")
            write(path, groups)
            command: list[str | Path] = [sys.executable, __file__, url, path, str(groups * GROUP)]
            memory[name] = measured(command, environment())["memory_MB"]
            print(f"{name}: {path.stat().st_size / 1e6:,.0f} MB on disk, {memory[name]:.1f} MB of memory")
    small, large = memory.values()
    row = Row("memory added by ten times as many rows", f"{large:.1f} - {small:.1f} MB", large - small, f"<= {LIMIT}")
    print("{:<44} {:>22} {:>6} {:>7}  {}".format(*row.cells()))


if __name__ == "__main__":
    if sys.argv[1:]:
        asyncio.run(run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
    else:
        main()
