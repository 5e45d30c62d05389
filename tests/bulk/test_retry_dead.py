"""Dead letters that are taken up: stopped at any moment, and files that somebody has taken away."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sagemaker_runtime import Client
from sagemaker_runtime.bulk import BulkError, BulkReport, JSONLines, JSONLinesBody, run_bulk
from sagemaker_runtime.bulk.journal import Journal
from sagemaker_runtime.bulk.local_folder import LocalDestination
from sagemaker_runtime.local import Invocation, LocalEndpoint


class Model:
    """Doubles a number, but not one that is bad."""

    def __init__(self) -> None:
        self.bad = {3, 7, 13}
        self.calls = 0

    def __call__(self, invocation: Invocation) -> bytes:
        self.calls += 1
        numbers = [int(line) for line in invocation.body.splitlines()]
        if self.bad.intersection(numbers):
            raise ValueError("bad")
        return b"\n".join(b"%d" % (2 * number) for number in numbers)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test cuts the power, so nothing has to be on the disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def client(model: Model) -> AsyncIterator[Client]:
    async with LocalEndpoint({"m": model, "lines": model}) as local, Client(local.options()) as made:
        yield made


async def run(
    client: Client,
    folder: Path,
    *,
    retry_dead: bool = False,
    max_errors: int | None = None,
    limit: int | None = None,
) -> BulkReport:
    """A run of 20 records in two parts."""
    path = folder / "rows.jsonl"
    if not path.exists():
        path.write_text("".join(f"{number}\n" for number in range(20)))
    format = JSONLines(shard_bytes=25)
    return await run_bulk(
        client,
        "m",
        path,
        folder / "out",
        format=format,
        retry_dead=retry_dead,
        max_errors=max_errors,
        limit=limit,
    )


def records(folder: Path, pattern: str) -> list[int]:
    """The numbers of all records that the files have, in order."""
    paths = (folder / "out").glob(pattern)
    return sorted(json.loads(line)["record"] for path in paths for line in path.read_bytes().splitlines())


def stopping(monkeypatch: pytest.MonkeyPatch, before: int) -> list[str]:
    """Let the disk fail before the so many-th change of it, and from then on."""
    done: list[str] = []

    def limited(function: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object) -> object:
            if len(done) >= before:
                raise OSError(errno.ENOSPC, "No space left on device")
            done.append(function.__name__)
            return function(*args)

        return step

    for home, name in ((LocalDestination, "put"), (LocalDestination, "remove"), (Journal, "add")):
        monkeypatch.setattr(home, name, limited(getattr(home, name)))
    return done


async def test_a_retry_may_be_stopped_before_any_of_its_changes(
    client: Client, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead letters that have been taken up are gone before the journal says that what replaces them is published."""
    ended = False
    number = 0
    while not ended:
        folder = tmp_path / str(number)
        folder.mkdir()
        model.bad = {3, 7, 13}
        await run(client, folder)
        model.bad = {7}

        with monkeypatch.context() as patch:
            done = stopping(patch, number)
            try:
                await run(client, folder, retry_dead=True)
            except BulkError:
                ended = False
            else:
                ended = True
        if number:
            report = await run(client, folder)
            assert (19, 1) == (report.succeeded, report.failed), done
            assert [7] == records(folder, "dead-letters/*")
            assert [each for each in range(20) if each != 7] == records(folder, "part-*")
        number += 1

    assert number > 10


async def test_dead_letters_that_somebody_has_taken_away_are_named(
    client: Client, model: Model, tmp_path: Path
) -> None:
    """Without them, nobody knows which records they were."""
    await run(client, tmp_path)
    letters = tmp_path / "out" / "dead-letters" / "part-00000.jsonl"
    kept = letters.rename(tmp_path / "kept")
    with pytest.raises(BulkError, match=f"{letters}"):
        await run(client, tmp_path, retry_dead=True)

    kept.rename(letters)
    model.bad = set()

    assert (await run(client, tmp_path, retry_dead=True)).succeeded == 20
    assert list(range(20)) == records(tmp_path, "part-*")


async def test_dead_letters_behind_blank_lines_are_found_again(client: Client, model: Model, tmp_path: Path) -> None:
    """They could never be taken up where requests were as large as they may be, and the run said that they were not its own."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text("0\n1\n2\n\n3\n4\n5\n\n\n7\n8\n")
    body = JSONLinesBody(max_rows=8, max_bytes=3)
    await run_bulk(client, "lines", rows, tmp_path / "out", body=body)
    model.bad = set()

    report = await run_bulk(client, "lines", rows, tmp_path / "out", body=body, retry_dead=True)

    assert (8, 0) == (report.succeeded, report.failed)
    assert list(range(8)) == records(tmp_path, "part-*")


async def test_a_part_that_somebody_has_taken_away_is_not_made_again(client: Client, tmp_path: Path) -> None:
    """What is published is the user's: parts may be moved on while the run is at work."""
    first = await run(client, tmp_path)
    (tmp_path / "out" / "part-00000.jsonl").unlink()

    again = await run(client, tmp_path)

    assert (first.succeeded, first.requests) == (again.succeeded, again.requests)
    assert not (tmp_path / "out" / "part-00000.jsonl").exists()


@pytest.mark.parametrize("line", range(4))
async def test_a_journal_that_has_lost_a_retry_is_refused(
    client: Client, model: Model, tmp_path: Path, line: int
) -> None:
    """Made again, a part would have dead letters for records that the retry has saved."""
    await run(client, tmp_path)
    model.bad = set()
    await run(client, tmp_path, retry_dead=True)
    await run(client, tmp_path)
    journal = tmp_path / "out" / ".bulk" / "journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    number = next(index for index, each in enumerate(lines) if b"round-1" in each)
    lines[min(line, number)] = b"damaged\n"
    journal.write_bytes(b"".join(lines))

    for _ in range(2):  # the journal is rewritten when it is opened, and has no damage any more
        with pytest.raises(
            BulkError, match=r"is damaged: it does not mention part-00000-retry-1.jsonl in .*another output"
        ):
            await run(client, tmp_path)

    assert list(range(20)) == records(tmp_path, "part-*")


async def test_with_too_many_dead_letters_already_it_stops_before_it_sends(
    client: Client, model: Model, tmp_path: Path
) -> None:
    """Each call with the same *max_errors* sent what was under way, until one of those had failed too."""
    model.bad = {0, 1}
    for _ in range(2):
        with pytest.raises(BulkError, match="failed records: 1, and max_errors is 0; the dead letters say why"):
            await run(client, tmp_path, max_errors=0, limit=1)

    assert 1 == model.calls


async def test_a_dead_letter_that_fails_again_counts_once(client: Client, tmp_path: Path) -> None:
    """Three of three that are taken up are no more than three."""
    await run(client, tmp_path, max_errors=3)

    report = await run(client, tmp_path, retry_dead=True, max_errors=3)

    assert 3 == report.failed


async def test_max_errors_stops_a_retry_too(client: Client, tmp_path: Path) -> None:
    """It counts those that failed again, and not those that wait to be taken up."""
    await run(client, tmp_path)

    with pytest.raises(BulkError, match="failed records: 3, and max_errors is 2"):
        await run(client, tmp_path, retry_dead=True, max_errors=2)
