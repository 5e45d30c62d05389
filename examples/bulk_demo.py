"""
Score 20,000 rows with a real classifier on this machine, kill the run halfway, and resume it: ``make bulk-demo``.

Only the cloud is mocked. The endpoint starts cold, throttles calls above its capacity, and refuses one row. The run has its own
process, which is killed by SIGKILL; the same call, in another process, continues where it stopped.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

from iris_classifier import Iris, IrisClassifier, load

from sagemaker_runtime import Client, load_config
from sagemaker_runtime.bulk import JSONBody, JSONLines, run_bulk
from sagemaker_runtime.local import Invocation, LocalEndpoint, ModelFailure, failure

ROWS = 20_000
BROKEN = 13_000  # the row without a petal
LOADING = 1.0  # seconds after the first call until the model is ready
PLACES = 8  # concurrent calls that it accepts
BUSY = 0.02  # seconds that a call takes


async def score(rows: Path, scores: Path) -> None:
    """All that a program needs. If it is called again, it continues where it stopped."""
    async with Client.from_config(await load_config()) as client:
        await run_bulk(
            client,
            "iris",
            rows,
            scores,
            format=JSONLines(shard_bytes=50_000),  # 32 MiB by default; less here, to have several parts
            body=JSONBody(key="instances", max_rows=32),
            progress=False,
        )


class BusyModel:
    """The classifier behind ``{"instances": [...]}``, on a small machine that must start first."""

    def __init__(self, classifier: IrisClassifier, half: int) -> None:
        self._classifier = classifier
        self._half = half
        self._called_first: float | None = None
        self._at_work = 0
        self.rows = 0
        """Rows that it has classified."""

        self.is_half_done = asyncio.Event()
        self.not_ready = 0
        """Calls that arrived before the model was ready."""

    async def __call__(self, invocation: Invocation) -> bytes:
        now = time.monotonic()
        if self._called_first is None:
            self._called_first = now
        if now < self._called_first + LOADING:
            self.not_ready += 1
            raise failure("ModelNotReadyException")
        if self._at_work >= PLACES:
            raise failure("ThrottlingException")
        self._at_work += 1
        try:
            await asyncio.sleep(BUSY)
            return self._predictions(json.loads(invocation.body)["instances"])
        finally:
            self._at_work -= 1

    def _predictions(self, rows: list[list[float | None]]) -> bytes:
        measurements = [[number for number in row if number is not None] for row in rows]
        if {len(row) for row in measurements} != {4}:
            raise ModelFailure("a measurement is missing", status=400)
        species = [self._classifier.classify(row) for row in measurements]
        self.rows += len(rows)
        if self.rows >= self._half:
            self.is_half_done.set()
        return json.dumps({"predictions": species}).encode()


class Result(TypedDict):
    """A line of the output; or a dead letter, which has a code and a message instead of an output."""

    file: str
    record: int
    output: str
    code: str


class Report(NamedTuple):
    """What happened."""

    rows: int
    """Rows in the input."""

    at_kill: int
    """Rows that the model had classified when the first process was killed."""

    afterwards: int
    """Rows that it classified for the second process."""

    not_ready: int
    """Calls that failed because of the cold start."""

    results: list[Result]
    dead: list[Result]
    parts: int
    irises: Sequence[Iris]
    run: dict[str, float]
    """The numbers in ``report.json``."""

    seconds: float

    @property
    def kept(self) -> int:
        """Rows that were already done when the second process started."""
        return self.rows - len(self.dead) - self.afterwards

    @property
    def is_whole(self) -> bool:
        """Whether each row is in the output or among the dead letters, exactly once."""
        return Counter(each["record"] for each in self.results + self.dead) == Counter(range(self.rows))

    @property
    def accuracy(self) -> float:
        """The share of results that are correct, from 0 to 1."""
        right = (self.irises[each["record"] % len(self.irises)].species == each["output"] for each in self.results)
        return sum(right) / len(self.results)


async def main(rows: int = ROWS) -> Report:
    """Write *rows* rows, and have them scored."""
    irises = load()
    model = BusyModel(IrisClassifier(irises[::2]), half=rows // 2)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "rows.jsonl", irises, rows)
        async with LocalEndpoint({"iris": model}) as local:
            first = await start(local, folder)
            ended = asyncio.create_task(first.wait())
            half = asyncio.create_task(model.is_half_done.wait())
            await asyncio.wait({half, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise SystemExit("the first process has failed")
            first.kill()
            await ended
            at_kill = model.rows
            second = await start(local, folder)
            if await second.wait():
                raise SystemExit("the second process has failed")
        scores = folder / "scores"
        parts = sorted(scores.glob("part-*.jsonl"))
        return Report(
            rows=rows,
            at_kill=at_kill,
            afterwards=model.rows - at_kill,
            not_ready=model.not_ready,
            results=[json.loads(line) for part in parts for line in part.read_text().splitlines()],
            dead=[json.loads(path.read_bytes()) for path in (scores / "dead-letters").glob("*")],
            parts=len(parts),
            irises=irises,
            run=json.loads((scores / "report.json").read_bytes()),
            seconds=time.perf_counter() - began,
        )


def write_rows(path: Path, irises: Sequence[Iris], rows: int) -> None:
    """Write the flowers again and again, each as a line with a list of measurements. One lacks its petal."""
    with path.open("w") as file:
        for number in range(rows):
            measurements: list[float | None] = [*irises[number % len(irises)].measurements]
            if number == BROKEN % rows:
                measurements[2:] = [None, None]
            file.write(json.dumps(measurements) + "\n")


async def start(local: LocalEndpoint, folder: Path) -> asyncio.subprocess.Process:
    """Start a process that scores the rows."""
    program = (sys.executable, __file__, "score", folder / "rows.jsonl", folder / "scores")
    return await asyncio.create_subprocess_exec(*program, env={**os.environ, **local.environ()})


def show(report: Report) -> None:
    """Print the report for a first-time reader."""
    run, letter = report.run, report.dead[0]
    again = report.at_kill - report.kept
    print(
        f"rows       {report.rows:,}, up to 32 per request, for an endpoint that starts cold and runs {PLACES} calls at a time"
    )
    print(f"killed     the first process, by SIGKILL, when the model had classified {report.at_kill:,} rows;")
    print(f"           the results of {report.kept:,} of them were on disk")
    print(f"resumed    in a second process, by the same call; {again:,} rows were sent again")
    print(f"output     {len(report.results):,} results in {report.parts} parts, and {len(report.dead)} dead letter:")
    print(f"           row {letter['record']:,}, which has no petal: {letter['code']}")
    print(f"complete   {'each row is there exactly once' if report.is_whole else 'NO: rows are missing or duplicated'}")
    print(
        f"calls      {run['requests']:,.0f} requests in {run['attempts']:,.0f} attempts: {run['throttled']:,.0f} were throttled;"
    )
    print(f"           {report.not_ready} failed during the cold start; no row was lost")
    print(f"accuracy   {report.accuracy:.1%}")
    print(f"time       {report.seconds:.0f} s, including the start of both processes")


if __name__ == "__main__":
    if sys.argv[1:2] == ["score"]:
        asyncio.run(score(Path(sys.argv[2]), Path(sys.argv[3])))
    else:
        show(asyncio.run(main()))
