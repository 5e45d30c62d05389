"""
Bulk runs that are killed at random moments, again and again until one process comes to its end, and what has become of them.

::

    python endurance.py [RUNS [RECORDS [SEED]]]

A run is a process of its own, killed by SIGKILL. Its endpoint, in this process, fails one call in ten: throttled, reset,
unavailable, broken off. A few records fail for good. Every output must equal that of a run which nothing disturbed, byte for
byte, with each record once in the output or among the dead letters.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from attrs import define, field

from sagemaker_runtime import Client, StandardRetryer, load_config, override
from sagemaker_runtime.bulk import JSONBody, JSONLines, PatientRetryer, run_bulk
from sagemaker_runtime.local import (
    ErrorAnswer,
    Fault,
    Invocation,
    LocalEndpoint,
    ModelFailure,
    RandomFaults,
    Reset,
    Throttled,
    TruncatedBody,
)

RUNS, RECORDS = 40, 60_000
FAULTS: dict[Fault, float] = {
    Throttled(): 0.04,
    ErrorAnswer("ServiceUnavailable"): 0.02,
    Reset(): 0.02,
    Reset(after_head=True): 0.01,
    TruncatedBody(kept=20): 0.01,
}
PARTS = 8  # of each output
ROWS = 32  # of a request
STARTS = 0.5  # seconds from the start of a process to its first call, about
POISON = 997  # one record in so many fails for good
OURS = {
    "plan.json",
    "journal",
    "history",
    "lock",
    "report.json",
    "report.html",
}  # what a finished run leaves beside its parts


@define
class Outcome:
    """
    What has become of a run.

    Attributes:
        kills: How often it was killed.

        wrong: What is not as it should be.
    """

    kills: int = 0
    seconds: float = 0.0
    faults: int = 0
    wrong: list[str] = field(factory=list)


def doubled(invocation: Invocation) -> bytes:
    """Twice each number; a request with a poisonous one fails."""
    numbers = [row["n"] for row in json.loads(invocation.body)["instances"]]
    if any(number % POISON == 1 for number in numbers):
        raise ModelFailure("poison")
    return json.dumps({"predictions": [{"twice": 2 * number} for number in numbers]}).encode()


async def process(url: str, folder: Path, shard_bytes: int) -> None:
    """What is killed: one run, until it ends."""
    # What broke off may be asked for again, and no wait is long: its time is better spent on other moments.
    policy = StandardRetryer(max_attempts=1_000, retry_read_timeouts=True)
    at_once = override(base_endpoint=url, retryer=PatientRetryer(policy, draw=lambda: 0.0))
    async with Client.from_config(await load_config()) as client:
        await run_bulk(
            client,
            "m",
            folder.parent / "in.jsonl",
            folder,
            at_once,
            format=JSONLines(shard_bytes=shard_bytes),
            body=JSONBody(key="instances", max_rows=ROWS),
            progress=False,
        )


@define
class Runs:
    """Runs over the same input, one after the other."""

    folder: Path
    records: int
    draw: Random
    expected: dict[str, object] = field(factory=dict)
    usual: float = 0.0  # seconds that a process works, from its first call to its end

    async def undisturbed(self) -> None:
        """Write the input, and do one run that nothing disturbs."""
        lines = [f'{{"n":{number}}}\n' for number in range(self.records)]
        (self.folder / "in.jsonl").write_text("".join(lines))
        out = self.folder / "undisturbed"
        async with LocalEndpoint({"m": doubled}) as local:
            began = time.monotonic()
            code, said = await self._run(local, out, None)
            self.usual = time.monotonic() - began - STARTS
        assert code == 0, said
        self.expected = found(out)
        assert not self._problems(out)

    async def killed(self, number: int) -> Outcome:
        """
        Do one that is killed until it ends.

        The first process dies after so many calls, fewer than it needs, however quick the machine is; the others at any moment.
        """
        out = self.folder / f"run-{number}"
        outcome = Outcome()
        began = time.monotonic()
        async with LocalEndpoint({"m": doubled}, faults=RandomFaults(FAULTS, seed=self.draw.getrandbits(32))) as local:
            code, said = await self._run(local, out, 0.0, calls=self.draw.randint(1, max(1, self.records // ROWS // 2)))
            while code < 0:
                outcome.kills += 1
                code, said = await self._run(local, out, self.draw.uniform(-STARTS, max(0.5, 1.5 * self.usual)))
            outcome.faults = len(local.faults)
        if code:
            outcome.wrong.append(f"it ended with {code}: {said}")
        outcome.wrong += self._problems(out)
        outcome.seconds = time.monotonic() - began
        return outcome

    async def _run(self, local: LocalEndpoint, out: Path, seconds: float | None, *, calls: int = 1) -> tuple[int, str]:
        """Run a process, and kill it: so long after it has made so many calls, or that long before it usually makes one."""
        shard_bytes = (self.folder / "in.jsonl").stat().st_size // PARTS + 1
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, "process", local.url, str(out), str(shard_bytes)),
            env={**os.environ, **local.environ()},
            stderr=asyncio.subprocess.PIPE,
        )
        said = asyncio.create_task(child.communicate())
        calls += local.calls("m")
        if seconds is not None and seconds < 0:
            seconds += STARTS
        else:
            while not said.done() and local.calls("m") < calls:
                await asyncio.sleep(0.002)
        done, _ = await asyncio.wait([said], timeout=seconds)
        if not done:
            # Not `child.kill`: if the process has just ended, that would take its exit code from the event loop.
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        _, stderr = await said
        assert child.returncode is not None
        return child.returncode, stderr.decode()[-1_000:]

    def _problems(self, out: Path) -> list[str]:
        results = found(out)
        wrong = [f"{name} is not equal" for name, content in self.expected.items() if results.get(name) != content]
        wrong += [f"{name} is left over" for name in results.keys() - self.expected.keys()]
        seen = sorted(json.loads(line)["record"] for path in written(out) for line in path.read_bytes().splitlines())
        if seen != list(range(self.records)):
            wrong.append(f"{len(seen)} records, {len(set(seen))} of them different, of {self.records}")
        return wrong


def written(out: Path) -> list[Path]:
    """Published parts and dead letters."""
    return [*out.glob("part-*"), *(out / "dead-letters").glob("*")]


def found(out: Path) -> dict[str, object]:
    """All files of a run: parts as they are, and of dead letters what does not depend on when they were made."""
    results: dict[str, object] = {}
    for path in out.rglob("*"):
        name = path.relative_to(out).as_posix()
        if path.is_file() and path.name not in OURS:
            results[name] = path.read_bytes()
    for path in (out / "dead-letters").glob("*"):
        letters = [json.loads(line) for line in path.read_bytes().splitlines()]
        results[f"dead-letters/{path.name}"] = [[letter["record"], letter["input"]] for letter in letters]
    return results


@asynccontextmanager
async def runs(records: int, seed: int) -> AsyncIterator[Runs]:
    """Runs of so many records, with the undisturbed one done."""
    with TemporaryDirectory() as folder:
        made = Runs(Path(folder), records, Random(seed))
        await made.undisturbed()
        yield made


async def endure(number: int, records: int, seed: int) -> bool:
    """Do so many runs, and print a line about each; whether all was right."""
    right = True
    say(f"{number} runs of {records:,} records, seed {seed}")
    async with runs(records, seed) as made:
        say(f"undisturbed: {len(made.expected)} files")
        for each in range(1, number + 1):
            outcome = await made.killed(each)
            right = right and not outcome.wrong
            verdict = "WRONG: " + "; ".join(outcome.wrong) if outcome.wrong else "equal, each record once"
            facts = f"killed {outcome.kills:>2} times, {outcome.faults:>5} faults, {outcome.seconds:5.1f} s"
            say(f"run {each:>3}: {facts}: {verdict}")
    return right


def say(line: str) -> None:
    """Print a line at once: the whole takes minutes."""
    print(line, flush=True)  # noqa: T201 - a program's


def main() -> None:
    """Endure what was asked for; fail if anything is wrong."""
    if sys.argv[1:2] == ["process"]:
        _, _, url, folder, shard_bytes = sys.argv
        asyncio.run(process(url, Path(folder), int(shard_bytes)))
        return
    given = list(map(int, sys.argv[1:]))
    seed = given[2] if given[2:] else int.from_bytes(os.urandom(4))
    sys.exit(not asyncio.run(endure(given[0] if given else RUNS, given[1] if given[1:] else RECORDS, seed)))


if __name__ == "__main__":
    main()
