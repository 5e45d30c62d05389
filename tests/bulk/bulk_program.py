"""
A bulk run as a program of its own, to be killed.

::

    python bulk_program.py run URL FOLDER [ARGUMENTS]      one run, as it is
    python bulk_program.py crashes URL FOLDER              one for each of its operations on the disk, killed there

Credentials and region come from the environment. The second forks its runs, so that each costs some milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import pkgutil
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from sagemaker_runtime import Client, Config, Options, StaticCredentialsProvider
from sagemaker_runtime.bulk import BulkReport, JSONBody, JSONLines, journal, local_folder, run_bulk

OPERATIONS = ("fsync", "replace", "link", "unlink")


async def run(url: str, folder: Path, **settings: object) -> BulkReport:
    """FOLDER/in.jsonl through the endpoint "m", into FOLDER/out."""
    shard_bytes = settings.pop("shard_bytes", 400)
    credentials = StaticCredentialsProvider(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    config = Config(region=os.environ["AWS_REGION"], credentials=credentials)
    async with Client.from_config(config, lambda options: set_url(options, url)) as client:
        return await run_bulk(
            client,
            "m",
            folder / "in.jsonl",
            folder / "out",
            format=JSONLines(shard_bytes=shard_bytes),  # type: ignore[arg-type]
            body=JSONBody(key="instances", max_rows=8),
            **settings,  # type: ignore[arg-type]
        )


def set_url(options: Options, url: str) -> None:
    options.base_endpoint = url


def results(folder: Path) -> dict[str, str | list[list[object]]]:
    """What a run has left: parts as they are, and of dead letters what does not depend on when they were made."""
    out = folder / "out"
    found: dict[str, str | list[list[object]]] = {path.name: path.read_text() for path in out.glob("part-*")}
    for path in (out / "dead-letters").glob("*"):
        letters = [json.loads(line) for line in path.read_text().splitlines()]
        found[f"dead-letters/{path.name}"] = [[each["file"], each["record"], each["code"]] for each in letters]
    return found


def die_at(number: int) -> None:
    """Let this process be killed at its *number*-th operation on the disk, of those counted from here: just before it."""
    left = iter(range(number))

    def deadly(function: Callable[..., object]) -> Callable[..., object]:
        def operation(*args: object, **kwargs: object) -> object:
            count(left)
            return function(*args, **kwargs)

        return operation

    for name in OPERATIONS:
        setattr(os, name, deadly(getattr(os, name)))
    write = local_folder.write_all

    def torn(file: object, data: bytes) -> None:
        try:
            next(left)
        except StopIteration:
            write(file, data[: len(data) // 2])  # type: ignore[arg-type]
            os.kill(os.getpid(), signal.SIGKILL)
        write(file, data)  # type: ignore[arg-type]

    for module in ("local_folder", "journal", "parts"):
        sys.modules[f"sagemaker_runtime.bulk.{module}"].write_all = torn  # type: ignore[attr-defined]


def count(left: Iterator[int]) -> None:
    try:
        next(left)
    except StopIteration:
        os.kill(os.getpid(), signal.SIGKILL)


def forked(number: int | None, url: str, folder: Path, **settings: object) -> int:
    """Run in a child; the signal that ended it, or 0."""
    child = os.fork()
    if child == 0:
        try:
            if number is not None:
                die_at(number)
            asyncio.run(run(url, folder, **settings))
        except BaseException as error:
            print(f"{number}: {error!r}", file=sys.stderr)
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def crashes(url: str, folder: Path) -> None:
    """Kill a run at each operation; print what was found, as JSON."""
    pkgutil.resolve_name("sagemaker_runtime.transport.aiohttp.client")  # once, and not in each child
    pkgutil.resolve_name("sagemaker_runtime.transport.aiohttp.pool")
    journal.GROWN = 0  # it is rewritten as soon as it has grown to twice its length
    undisturbed = folder / "undisturbed"
    fresh(folder, undisturbed)
    assert forked(None, url, undisturbed) == 0
    expected = results(undisturbed)
    killed, wrong = 0, []
    for number in range(10_000):
        crashed = folder / "crashed"
        fresh(folder, crashed)
        ended = forked(number, url, crashed)
        if ended == 0:
            break
        killed += ended == signal.SIGKILL
        if number % 3 == 0:  # the next one is killed too, before the third comes to an end
            forked(number // 2, url, crashed)
        if forked(None, url, crashed) != 0 or results(crashed) != expected or left(crashed):
            wrong.append(number)
    print(json.dumps({"killed": killed, "wrong": wrong, "expected": expected}))


def fresh(folder: Path, made: Path) -> None:
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    shutil.copy(folder / "in.jsonl", made)


def left(folder: Path) -> list[str]:
    """Files that no finished run leaves."""
    known = {"in.jsonl", "plan.json", "journal", "history", "lock", "report.json", "report.html"}
    return [path.name for path in folder.rglob("*") if path.is_file() and path.name not in known | set(parts(folder))]


def parts(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("part-*.jsonl")]


if __name__ == "__main__":
    command, url, folder, *more = sys.argv[1:]
    if command == "crashes":
        crashes(url, Path(folder))
    else:
        report = asyncio.run(run(url, Path(folder), **(json.loads(more[0]) if more else {})))
        print(report.to_json().decode())
