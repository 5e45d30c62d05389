"""Runs that an engine spreads: what is the same whichever engine it is."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bulk.engines.in_threads import MADE, InThreads

from sagemaker_runtime import Client, ConfigError
from sagemaker_runtime.bulk import (
    BulkError,
    BulkReport,
    ClientRecipe,
    Files,
    JSONBody,
    JSONLines,
    Status,
    run_bulk,
)
from sagemaker_runtime.bulk.engines import choosing, worker
from sagemaker_runtime.local import Invocation, LocalEndpoint

LIST = JSONBody(key="instances", max_rows=8)


def doubled(invocation: Invocation) -> bytes:
    rows = json.loads(invocation.body)["instances"]
    if any(row % 100 == 13 for row in rows):
        raise ValueError("unlucky")
    return json.dumps({"predictions": [2 * row for row in rows]}).encode()


@pytest.fixture
async def local(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"m": doubled}) as endpoint:
        for name, value in endpoint.environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(choosing, "OnDask", InThreads)
        MADE.clear()
        yield endpoint


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Two files of several shards each."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, begin in (("a", 0), ("b", 1_000)):
        (folder / f"{name}.jsonl").write_text("".join(f"{begin + index}\n" for index in range(300)))
    return folder


def written(out: Path) -> dict[str, object]:
    """All that stands in the output, but for the state and the report; of dead letters what is always the same."""
    found: dict[str, object] = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and ".bulk" != path.parent.name and path.name != "report.json"
    }
    for name in [name for name in found if name.startswith("dead-letters/")]:
        letters = [json.loads(line) for line in (out / name).read_bytes().splitlines()]
        found[name] = [[letter[key] for key in ("file", "record", "code", "at", "input")] for letter in letters]
    return found


async def run(local: LocalEndpoint, rows: Path, out: Path, **arguments: object) -> BulkReport:
    settings = {"format": JSONLines(shard_bytes=400), "body": LIST, "progress": False} | arguments
    recipe = ClientRecipe(endpoint_url=local.url)
    return await run_bulk(recipe, "m", rows, out, **settings)  # type: ignore[arg-type]


async def spread(local: LocalEndpoint, rows: Path, out: Path, **arguments: object) -> BulkReport:
    return await run(local, rows, out, engine="dask", **arguments)


@pytest.mark.parametrize("arguments", [{}, {"inference_ids": True, "join": True, "output_format": "csv"}])
async def test_its_output_is_that_of_a_local_run(
    local: LocalEndpoint, rows: Path, tmp_path: Path, arguments: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, numbers of records included, though no worker reads what is before its part. Nothing else is left."""
    monkeypatch.setattr("secrets.token_hex", lambda size: "ab" * size)  # the id of the run, which inference ids have

    alone = await run(local, rows, tmp_path / "alone", **arguments)
    report = await spread(local, rows, tmp_path / "out", **arguments)

    assert written(tmp_path / "alone") == written(tmp_path / "out")
    assert len(written(tmp_path / "out")) > 6
    assert (alone.succeeded, alone.failed, alone.failures) == (report.succeeded, report.failed, report.failures)
    assert 594 == report.succeeded
    assert len(report.slowest) == 10
    assert len(report.first_failures) == 6
    assert [] == list((tmp_path / "out" / ".bulk").glob("part-*"))
