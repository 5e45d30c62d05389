"""
Bulk runs on a cluster whose workers are killed at random moments, and what has become of them.

::

    python killed.py ENGINE [RUNS [RECORDS [SEED]]]

Every run is of records of which a few fail for good, through an endpoint that fails one call in ten. Its output must equal
that of a run in one process which nothing disturbed, byte for byte, with each record once in the output or among the dead
letters.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import define
from bulk.endurance import FAULTS, OURS, PARTS, doubled, found, say
from engines.clusters import beside, workers_of

from sagemaker_runtime.bulk import BulkReport, ClientRecipe, JSONBody, JSONLines, run_bulk
from sagemaker_runtime.local import Invocation, LocalEndpoint, RandomFaults

CALLS = 8  # at once
EVERY = (1.0, 3.0)  # seconds between two kills


async def slowly(invocation: Invocation) -> bytes:
    """As long as it takes to be killed in it."""
    await asyncio.sleep(0.04)
    return doubled(invocation)


@define
class Scene:
    """An endpoint, an input, and what has come of it undisturbed."""

    local: LocalEndpoint
    folder: Path
    records: int
    expected: dict[str, object]

    async def run(self, name: str, engine: str | None, **arguments: object) -> BulkReport:
        """A run into a folder of that name."""
        rows = self.folder / "in.jsonl"
        return await run_bulk(
            ClientRecipe(client_factory="engines.scoring:client"),
            "m",
            rows,
            self.folder / name,
            format=JSONLines(shard_bytes=rows.stat().st_size // PARTS + 1),
            body=JSONBody(key="instances", max_rows=32),
            limit=CALLS,
            progress=False,
            engine=engine,  # type: ignore[arg-type]
            **arguments,  # type: ignore[arg-type]
        )

    def problems(self, name: str, report: BulkReport) -> list[str]:
        """What is not as it should be."""
        results = found(self.folder / name)
        wrong = [f"{each} is not equal" for each, content in self.expected.items() if results.get(each) != content]
        wrong += [f"{each} is left over" for each in results.keys() - self.expected.keys() - OURS]
        if report.records != self.records:
            wrong.append(f"{report.records} records of {self.records}")
        return wrong


@asynccontextmanager
async def scene(records: int, seed: int) -> AsyncIterator[Scene]:
    """All that runs need."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.jsonl").write_text("".join(f'{{"n":{number}}}\n' for number in range(records)))
        async with LocalEndpoint({"m": doubled}) as local:
            os.environ |= local.environ() | {"ENGINES_URL": local.url}
            made = Scene(local, folder, records, {})
            await made.run("undisturbed", None)
            made.expected = found(folder / "undisturbed")
        async with LocalEndpoint({"m": slowly}, faults=RandomFaults(FAULTS, seed=seed)) as local:
            os.environ |= local.environ() | {"ENGINES_URL": local.url}
            made.local = local
            yield made


async def kill_some(engine: str, made: Scene, draw: random.Random, most: int) -> int:
    """Kill workers, one at a time, while there are calls; how many were."""
    killed = 0
    while killed < most:
        calls = made.local.calls("m")
        while made.local.calls("m") < calls + 30:
            await asyncio.sleep(0.05)
        await asyncio.sleep(draw.uniform(0, EVERY[1] - EVERY[0]))
        if workers := await asyncio.to_thread(workers_of, engine):
            draw.choice(workers).kill()
            killed += 1
    return killed


async def disturbed(engine: str, made: Scene, name: str, draw: random.Random, most: int) -> tuple[int, list[str]]:
    """A run whose workers are killed; how many were, and what is wrong."""
    killing = asyncio.create_task(kill_some(engine, made, draw, most))
    try:
        report = await made.run(name, engine)
    finally:
        killing.cancel()
        done = (await asyncio.gather(killing, return_exceptions=True))[0]
    return done if isinstance(done, int) else -1, made.problems(name, report)


async def endure(engine: str, number: int, records: int, seed: int) -> bool:
    """Do so many runs, and print a line about each; whether all was right."""
    right = True
    draw = random.Random(seed)
    say(f"{number} runs of {records:,} records on {engine}, seed {seed}")
    async with scene(records, seed) as made, beside(engine):
        for each in range(1, number + 1):
            began = time.monotonic()
            killed, wrong = await disturbed(engine, made, f"run-{each}", draw, most=draw.randrange(3, 9))
            right = right and not wrong
            many = f"{killed} workers killed" if killed >= 0 else "workers killed until the end"
            verdict = f"WRONG: {'; '.join(wrong)}" if wrong else "equal, each record once"
            say(f"run {each:>3}: {many}, {len(made.local.faults)} faults, {time.monotonic() - began:.1f} s: {verdict}")
    return right


def main() -> None:
    """Endure what was asked for; fail if anything is wrong."""
    engine, *rest = sys.argv[1:]
    numbers = [*map(int, rest), *(10, 60_000, int.from_bytes(os.urandom(4)))[len(rest) :]]
    sys.exit(not asyncio.run(endure(engine, *numbers)))


if __name__ == "__main__":
    main()
