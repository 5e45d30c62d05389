"""`Feed`: dead letters are found again, without reading the input once for each."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from sagemaker_runtime import Client
from sagemaker_runtime.bulk import CSV, CSVBody, Format, InputFile, JSONBody, JSONLines, feeding, run_bulk
from sagemaker_runtime.bulk.feeding import Feed, Work
from sagemaker_runtime.bulk.local_folder import LocalSource
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint

BAD = {1, 2, 5, 6, 7, 20, 21, 39}


class Model:
    """Refuses some numbers, until it is mended."""

    is_broken = True

    def __call__(self, invocation: Invocation) -> Answer:
        rows = invocation.body.decode().strip("[]").replace(",", "\n").split()
        if self.is_broken and BAD & set(map(int, rows)):
            return Answer(body=b"null", content_type="application/json")
        return Answer(body=f"[{','.join(rows)}]".encode(), content_type="application/json")


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def client(model: Model) -> AsyncIterator[Client]:
    async with LocalEndpoint({"m": model}) as local, Client(local.options()) as made:
        yield made


@pytest.mark.parametrize("near", [0, 6, 2**16])
@pytest.mark.parametrize(
    ("format", "body"),
    [(JSONLines(shard_bytes=70), JSONBody(max_rows=4)), (CSV(header=False), CSVBody(max_rows=4))],
)
async def test_dead_letters_are_found_with_few_openings(
    client: Client,
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    near: int,
    format: Format,
    body: object,
) -> None:
    """Each cost a block of the file, or half of a row group. Blank lines between them, and letters of one batch, are no matter."""
    path, out = tmp_path / "rows.txt", tmp_path / "out"
    path.write_text("".join(f"{number}\n" + "\n" * (number % 5 == 0) for number in range(40)))
    await run_bulk(client, "m", path, out, format=format, body=body)  # type: ignore[arg-type]
    await run_bulk(client, "m", path, out, format=format, body=body, retry_dead=True)  # type: ignore[arg-type]
    monkeypatch.setattr(feeding, "NEAR", near)
    opened, really_open = list[str](), LocalSource.open

    def count(self: LocalSource, file: InputFile) -> BinaryIO:
        opened.append(file.name)
        return really_open(self, file)

    monkeypatch.setattr(LocalSource, "open", count)
    model.is_broken = False
    await run_bulk(client, "m", path, out, format=format, body=body, retry_dead=True)  # type: ignore[arg-type]

    rows = [json.loads(line) for part in out.glob("part-*retry-2*") for line in part.read_text().split("\n") if line]
    assert {number: number for number in BAD} == {row["record"]: int(row["output"]) for row in rows}
    if near > 6:
        assert len(opened) <= 2


async def test_dead_letters_are_read_ahead_within_the_same_bounds(
    client: Client, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They counted as nothing: of the dead letters of pictures, 64 were read at once, and any number was under way."""
    path, out = tmp_path / "rows.jsonl", tmp_path / "out"
    path.write_text("".join(f"{number}\n" for number in range(40)))
    body = JSONBody(max_rows=2)
    await run_bulk(client, "m", path, out, body=body)
    monkeypatch.setattr(feeding, "AHEAD_BYTES", 3)
    taken, really_take = list[list[int]](), Feed.take

    def take(self: Feed, work: Iterator[Work]) -> list[Work]:
        found = really_take(self, work)
        taken.append([piece.size for piece in found])
        return found

    monkeypatch.setattr(Feed, "take", take)
    model.is_broken = False
    await run_bulk(client, "m", path, out, body=body, retry_dead=True)

    assert [[1, 1, 1], [1, 1, 2], [2, 2], [0], []] == taken


async def test_what_is_slow_to_read_is_sent_as_it_comes(
    client: Client, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of small objects that are fetched one by one, the endpoint waited for 64."""
    path, out = tmp_path / "rows.jsonl", tmp_path / "out"
    path.write_text("".join(f"{number}\n" for number in range(6)))
    model.is_broken = False
    monkeypatch.setattr(feeding, "AHEAD_SECONDS", 2)
    monkeypatch.setattr(feeding, "monotonic", partial(next, itertools.count()))  # a second passes from look to look
    taken, really_take = list[int](), Feed.take

    def take(self: Feed, work: Iterator[Work]) -> list[Work]:
        found = really_take(self, work)
        taken.append(len(found))
        return found

    monkeypatch.setattr(Feed, "take", take)
    await run_bulk(client, "m", path, out)

    assert [2, 2, 2, 1, 0] == taken  # the seventh is the end of the part
