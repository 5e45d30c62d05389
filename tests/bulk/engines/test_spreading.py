"""Runs that an engine spreads: what is the same whichever engine it is."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bulk.doubling import LIST, doubling, numbers
from bulk.engines.in_threads import MADE, InThreads, Wire, WorkerDied

from sagemaker_runtime import ConfigError, ValidationError
from sagemaker_runtime.bulk import (
    BulkError,
    BulkReport,
    ClientRecipe,
    FileBody,
    Files,
    JSONLines,
    Parquet,
    Selected,
    Status,
    execution,
    run_bulk,
)
from sagemaker_runtime.bulk.engines import choosing, making, worker
from sagemaker_runtime.bulk.engines.base import Made
from sagemaker_runtime.bulk.engines.making import Making
from sagemaker_runtime.bulk.execution import Noted
from sagemaker_runtime.bulk.formats import files, parquet
from sagemaker_runtime.bulk.local_folder import LocalDestination
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.concurrency import KneeLimit

DOUBLED = doubling()


class Gate:
    """A model that holds all calls but the first twenty until it is opened."""

    __name__ = "gate"

    def close(self) -> None:
        self.calls = 0
        self.came, self.opened = asyncio.Event(), asyncio.Event()

    async def __call__(self, invocation: Invocation) -> bytes:
        self.calls += 1
        if self.calls > 20:
            self.came.set()
            await self.opened.wait()
        return DOUBLED(invocation)


GATE = Gate()


@pytest.fixture
async def local(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"m": DOUBLED, "g": GATE}) as endpoint:
        GATE.close()
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
        numbers(folder, 300, begin=begin, name=name)
    return folder


def written(out: Path) -> dict[str, object]:
    """All that stands in the output, but for the state and the report; of dead letters what is always the same."""
    found: dict[str, object] = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and ".bulk" != path.parent.name and path.stem != "report"
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


async def test_each_shard_is_a_task_and_only_those_that_others_need_are_counted(
    local: LocalEndpoint, rows: Path, tmp_path: Path
) -> None:
    """The last shard of a file, and a file of one shard, have nobody behind them that needs a number."""
    await spread(local, rows, tmp_path / "out")

    tasks = MADE[0].tasks
    assert [f"score part-0000{number}" for number in range(7)] == sorted(task for task in tasks if "score" in task)
    assert ["0", "1", "3", "4", "5"] == sorted(task[-1] for task in tasks if "count" in task)


@pytest.mark.parametrize("format", ["files", "parquet"])
async def test_formats_count_in_their_own_units(
    local: LocalEndpoint, tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task has only the files of its part, and places in the input are those of all of them."""
    folder = tmp_path / "in"
    folder.mkdir()
    if format == "files":
        monkeypatch.setattr(files, "_FILES", 3)
        for number in range(8):
            (folder / f"{number}.json").write_text(json.dumps({"instances": [number]}))
        arguments: dict[str, object] = {"format": Files(), "body": FileBody(), "inference_ids": True}
    else:
        monkeypatch.setattr(parquet, "SHARD_BYTES", 1)
        table = pa.table({"row": list(range(40))})
        pq.write_table(table, folder / "rows.parquet", row_group_size=16)
        arguments = {"format": Parquet(), "body": Selected("row", LIST), "join": True}
    monkeypatch.setattr("secrets.token_hex", lambda size: "ab" * size)

    await run(local, folder, tmp_path / "alone", **arguments)
    await spread(local, folder, tmp_path / "out", **arguments)

    assert written(tmp_path / "alone") == written(tmp_path / "out")
    assert "part-00002.jsonl" in written(tmp_path / "out")


@pytest.mark.parametrize(
    ("first", "then"), [("dask", "dask"), ("dask", None), (None, "dask")], ids=["twice", "alone", "local"]
)
async def test_what_was_stopped_goes_on_with_or_without_an_engine(
    local: LocalEndpoint, rows: Path, tmp_path: Path, first: str | None, then: str | None
) -> None:
    """Calls that were in flight are waited for. With an engine nothing is sent twice; alone, what was begun is begun anew."""
    out = tmp_path / "out"
    await run(local, rows, tmp_path / "alone")
    calls = local.calls("m")

    async def go(engine: str | None) -> BulkReport:
        recipe = ClientRecipe(endpoint_url=local.url)
        settings = {"format": JSONLines(shard_bytes=400), "body": LIST, "progress": False, "limit": 2}
        return await run_bulk(recipe, "g", rows, out, engine=engine, **settings)  # type: ignore[arg-type]

    running = asyncio.create_task(go(first))
    await GATE.came.wait()
    running.cancel()
    await asyncio.sleep(0.05)
    GATE.opened.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await running
    report = await go(then)

    assert any("The same call continues it" in note for note in caught.value.__notes__)
    assert (594, 6) == (report.succeeded, report.failed)
    assert written(tmp_path / "alone") == written(out)
    assert GATE.calls == calls if then else GATE.calls >= calls


async def test_dead_letters_are_taken_up_by_tasks_too(local: LocalEndpoint, rows: Path, tmp_path: Path) -> None:
    """Parts of a retry are tasks as others are. What fails again stays a dead letter, and what it replaces goes."""
    out = tmp_path / "out"
    await spread(local, rows, out)
    shutil.copytree(out, tmp_path / "alone")
    broken = local.calls("m")

    alone = await run(local, rows, tmp_path / "alone", retry_dead=True)
    report = await spread(local, rows, out, retry_dead=True)

    assert (594, 6) == (report.succeeded, report.failed) == (alone.succeeded, alone.failed)
    assert written(tmp_path / "alone") == written(out)
    assert broken < local.calls("m")
    assert "dead-letters/part-00000-retry-1.jsonl" in written(out)


async def test_an_error_about_the_run_is_raised_as_it_is(local: LocalEndpoint, rows: Path, tmp_path: Path) -> None:
    """All tasks would meet it. It says where."""
    recipe = ClientRecipe(endpoint_url=local.url)
    with pytest.raises(ValidationError, match="not found") as caught:
        await run_bulk(recipe, "gone", rows, tmp_path / "out", engine="dask", progress=False)

    assert any("in a worker on" in note for note in caught.value.__notes__)


async def test_failed_records_of_all_tasks_are_counted_together(
    local: LocalEndpoint, rows: Path, tmp_path: Path
) -> None:
    """With a larger number the same call goes on."""
    with pytest.raises(BulkError, match="max_errors is 2"):
        await spread(local, rows, tmp_path / "out", max_errors=2)

    report = await spread(local, rows, tmp_path / "out", max_errors=10)

    assert (594, 6) == (report.succeeded, report.failed)


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def test_no_credentials_are_sent_or_written(
    local: LocalEndpoint, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers have their own. A scheduler keeps what it is sent, shows it on a dashboard, and writes it to disks of machines that are not ours."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    secrets = [os.environ[name].encode() for name in names]
    left: list[bytes] = []
    clear = LocalDestination.clear

    def look(self: LocalDestination, folder: str) -> None:
        left.extend(contents(tmp_path / "out" / folder))
        clear(self, folder)

    monkeypatch.setattr(LocalDestination, "clear", look)

    await spread(local, rows, tmp_path / "out")

    sent = [*MADE[0].sent, *left, *contents(tmp_path)]
    assert len(sent) > 20
    assert [] == [each for each in sent if any(secret in each for secret in secrets)]


async def test_a_folder_that_a_worker_does_not_see_is_refused(
    local: LocalEndpoint, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts would stand on disks of workers, one here and one there. The machine is named."""
    monkeypatch.setattr(worker, "_destination", lambda *_: LocalDestination(tmp_path / "elsewhere"))

    with pytest.raises(
        ConfigError,
        match=r"the worker on \S+ does not see what the driver has written to .*/elsewhere: the output must",
    ):
        await spread(local, rows, tmp_path / "out")

    assert [] == [task for task in MADE[0].tasks if "score" in task]
    assert not (tmp_path / "out" / ".bulk" / "probe").exists()


@pytest.mark.parametrize("engine", ["dask", None])
async def test_what_a_driver_was_killed_over_is_taken_away_by_the_next_one(
    local: LocalEndpoint, rows: Path, tmp_path: Path, engine: str | None
) -> None:
    """A kill leaves the file that it was about to show to the workers, whether the run then goes on with them or without."""
    await spread(local, rows, tmp_path / "out")
    state = tmp_path / "out" / ".bulk"
    left = state / "probe", state / ".probe.new"
    for path in left:
        path.write_bytes(b"0123456789abcdef")

    await run(local, rows, tmp_path / "out", engine=engine)

    assert [] == [path.name for path in left if path.exists()]


async def test_the_error_that_ends_a_run_is_raised_and_not_one_behind_it(
    local: LocalEndpoint, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What S3 says of a part that is published while the run ends hid it, and a cancellation too."""
    copies: list[str] = []

    def fail(_: LocalDestination, name: str, to: str) -> None:
        copies.append(f"copy {len(copies)} of {name} to {to}")
        raise ConfigError(copies[-1])

    monkeypatch.setattr(LocalDestination, "copy", fail)

    with pytest.raises(ConfigError, match=r"^copy 0 of"):
        await spread(local, rows, tmp_path / "out", workers=2)


async def test_its_progress_is_that_of_all_tasks_together(local: LocalEndpoint, rows: Path, tmp_path: Path) -> None:
    """Absolute counts, from which it follows that the last one is right whatever was lost."""
    seen: list[Status] = []

    await spread(local, rows, tmp_path / "out", progress=seen.append)

    assert (600, 6, 1.0) == (seen[-1].done, seen[-1].failed, seen[-1].share)


async def test_each_task_has_its_share_of_the_limit(local: LocalEndpoint, rows: Path, tmp_path: Path) -> None:
    """Sixteen workers with a limit of 1,024 each would be 16,384 calls."""
    await spread(local, rows, tmp_path / "number", limit=9, workers=4)
    await spread(local, rows, tmp_path / "knee", limit=KneeLimit(8, maximum=100), workers=4)
    assignments = [pickle.loads(engine.sent[0])[0] for engine in MADE]  # noqa: S301 - it was made here

    assert 2 == assignments[0].limit
    assert pickle.dumps(KneeLimit(8, maximum=25)) == pickle.dumps(assignments[1].limit)


async def test_another_attempt_goes_on_at_the_checkpoint(
    local: LocalEndpoint, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies, here at the very end of its part, has its calls made again only as far as they were not saved."""
    monkeypatch.setattr(execution, "WRITE_EVERY", 0.0)  # or a part is over before anything of it is written
    monkeypatch.setattr(making, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(making, "SAVE_SHARE", 0)
    await run(local, rows, tmp_path / "alone")
    needed = local.calls("m")
    died: set[str] = set()
    made = Making.made

    def die_once(self: Making, noted: Noted) -> Made:
        if self.checkpoint not in died:
            died.add(self.checkpoint)
            raise WorkerDied
        return made(self, noted)

    monkeypatch.setattr(Making, "made", die_once)
    await spread(local, rows, tmp_path / "out", limit=2, workers=1)

    assert written(tmp_path / "alone") == written(tmp_path / "out")
    assert len(died) == MADE[0].deaths == 7
    assert local.calls("m") < 3 * needed


async def test_a_task_whose_driver_is_gone_comes_to_an_end(
    local: LocalEndpoint, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster lives on when a driver is killed, and nobody would take what the task makes. Here it is only not heard."""
    monkeypatch.setattr(worker, "SILENT_FOR", 0.0)
    monkeypatch.setattr(worker, "TICK", 0.01)
    heard, loop, deaf = Wire.exchange, asyncio.get_running_loop(), iter(range(3))
    GATE.calls = 20  # none is free

    def exchange(self: Wire, name: str, status: Status | None) -> bool:
        if next(deaf, None) is not None:
            raise TimeoutError
        monkeypatch.setattr(worker, "SILENT_FOR", 60.0)
        loop.call_soon_threadsafe(GATE.opened.set)
        return heard(self, name, status)

    monkeypatch.setattr(Wire, "exchange", exchange)
    recipe = ClientRecipe(endpoint_url=local.url)

    report = await run_bulk(
        recipe,
        "g",
        rows / "a.jsonl",
        tmp_path / "out",
        body=LIST,
        progress=False,
        limit=1,
        drain=0.0,
        engine="dask",
        workers=1,
    )

    assert (297, 3) == (report.succeeded, report.failed)
    assert 4 == len([task for task in MADE[0].tasks if "score" in task])  # those that had ended were begun again
