"""
Bulk runs on a Ray and a Dask cluster of this machine, with processes that are killed.

`make engines` sets up the environment and runs these tests; elsewhere they are skipped. They do wait: only real processes can be
killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="make engines has it")
pytest.importorskip("distributed", reason="make engines has it")

from bulk.endurance import found
from engines.clusters import ENGINES, beside, cluster
from engines.killed import disturbed, scene

from sagemaker_runtime.bulk import ClientRecipe, JSONBody, Scorer
from sagemaker_runtime.local import Invocation, LocalEndpoint

engines = pytest.mark.parametrize("engine", ENGINES)


@engines
async def test_workers_may_be_killed_at_any_moment(engine: str) -> None:
    """60,000 records, one call in ten of which fails. The output is that of one process which nothing disturbs."""
    async with scene(60_000, seed=1) as made, beside(engine):
        killed, wrong = await disturbed(engine, made, "out", random.Random(1), most=4)

    assert [] == wrong
    assert 4 == killed


CALLS: list[Invocation] = []


async def doubled(invocation: Invocation) -> bytes:
    CALLS.append(invocation)
    await asyncio.sleep(0.02)
    return json.dumps({"predictions": [2 * row for row in json.loads(invocation.body)["instances"]]}).encode()


def began(line: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our own words


@engines
async def test_the_driver_may_be_interrupted_and_killed(engine: str, tmp_path: Path) -> None:
    """Ctrl-C waits for what is in flight and has tasks save what they have; after a kill, some seconds are repeated."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in range(4):
        (folder / f"{name}.jsonl").write_text("".join(f"{name * 10_000 + row}\n" for row in range(3_000)))
    async with LocalEndpoint({"m": doubled}) as local:
        line = [sys.executable, "-m", "sagemaker_runtime", "bulk", "--endpoint-name", "m", f"{folder}/*.jsonl"]
        line += ["--body-key", "instances", "--max-rows", "16", "--no-progress", "--limit", "8"]
        environment = {**os.environ, **local.environ()}
        alone = await asyncio.to_thread(
            subprocess.run, [*line, "-o", str(tmp_path / "alone")], env=environment, check=True
        )
        needed = len(CALLS)
        line += ["--engine", engine, "--workers", "2", "--resume", "-o", str(tmp_path / "out")]
        said = []
        for stop in (signal.SIGINT, signal.SIGKILL, None):
            CALLS.clear()
            with began(line, environment) as process:
                while stop is not None and len(CALLS) < 150 and process.poll() is None:
                    await asyncio.sleep(0.02)
                if stop is signal.SIGINT:
                    os.killpg(process.pid, stop)  # as a terminal does: to workers of this machine too
                elif stop is not None:
                    process.send_signal(stop)
                said.append((await asyncio.to_thread(process.communicate))[1].decode())
            if stop is signal.SIGKILL:
                await gone(local)

    assert 0 == alone.returncode == process.returncode, said
    assert "stopping: requests in flight have 10 s to end" in said[0]
    assert "interrupted; what is done is kept" in said[0]
    assert "12,000 records, 0 failed" in said[2]
    assert found(tmp_path / "alone") == found(tmp_path / "out")
    assert len(CALLS) <= needed - 150  # of the first process, nothing is sent again


async def gone(local: LocalEndpoint) -> None:
    """Workers end with their driver."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        calls = len(CALLS)
        await asyncio.sleep(1.0)
        if calls == len(CALLS):
            return
    pytest.fail("calls go on without a driver")


@pytest.fixture
async def scorer() -> AsyncIterator[Scorer]:
    async with LocalEndpoint({"m": row}) as local:
        os.environ.update(local.environ())
        made = Scorer(ClientRecipe(endpoint_url=local.url), "m", body=JSONBody(key="instances", max_rows=8), workers=2)
        yield made
        await asyncio.to_thread(made.close)


def row(invocation: Invocation) -> bytes:
    rows = json.loads(invocation.body)["instances"]
    if any(each["x"] % 100 == 13 for each in rows):
        raise ValueError("unlucky")
    return json.dumps({"predictions": [2 * each["x"] for each in rows]}).encode()


def check(frame) -> None:
    """Each row has a result or an error."""
    frame = frame.sort_values("x").reset_index(drop=True)
    assert list(range(1_000)) == list(frame["x"])
    expected = [None if number % 100 == 13 else 2 * number for number in range(1_000)]
    assert expected == [
        None if missing else int(value) for value, missing in zip(frame["output"], frame["output"].isna(), strict=True)
    ]
    assert 10 == sum(isinstance(error, str) and error.startswith("ModelError") for error in frame["error"])


def frame():
    import pandas as pd

    return pd.DataFrame({"x": range(1_000)}, index=range(5_000, 6_000))


async def test_a_scorer_serves_pandas(scorer: Scorer) -> None:
    """The index stays."""
    scored = await asyncio.to_thread(scorer, frame())

    assert [5_000, 5_999] == [scored.index[0], scored.index[-1]]
    check(scored)


async def test_a_scorer_serves_dask(scorer: Scorer) -> None:
    """Given its columns, Dask makes no rows up, and sends none."""

    def work():
        import dask.dataframe as dd

        with cluster("dask"):
            parts = dd.from_pandas(frame(), npartitions=5)
            return parts.map_partitions(scorer, meta=scorer.meta(parts)).compute()

    check(await asyncio.to_thread(work))


async def test_a_scorer_serves_ray_data(scorer: Scorer) -> None:
    """Whatever the form of its batches: no block is lost, though rows fail."""

    def work(format: str):
        import ray

        ray.data.DataContext.get_current().enable_progress_bars = False
        data = ray.data.from_pandas(frame()).repartition(5)
        return data.map_batches(scorer, batch_format=format, batch_size=100).to_pandas()

    async with beside("ray"):
        for format in ("pandas", "numpy", "pyarrow"):
            check(await asyncio.to_thread(work, format))
