"""Runs with each format and body, against a model that returns what it is sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sagemaker_runtime import Client, ParquetCodec
from sagemaker_runtime.bulk import (
    CSV,
    Body,
    CodecBody,
    CSVBody,
    FileBody,
    Files,
    Format,
    JSONBody,
    JSONLines,
    JSONLinesBody,
    Parquet,
    PromptBody,
    Selected,
    run_bulk,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint


def echo(invocation: Invocation) -> Answer:
    if b"unlucky" in invocation.body:
        raise ValueError("unlucky")
    return Answer(body=invocation.body, content_type=invocation.content_type)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options()) as made:
        yield made


def write(folder: Path, suffix: str) -> None:
    """Three records, whose field ``b`` is 1, unlucky, and 3."""
    rows = [{"a": "x", "b": "1"}, {"a": "y", "b": "unlucky"}, {"a": "z\n", "b": "3"}]
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "in.parquet")
    elif suffix == "csv":
        (folder / "in.csv").write_text('a,b\nx,1\ny,unlucky\n"z\n",3\n')
    elif suffix == "jsonl":
        (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        for row in rows:
            (folder / f"{row['a'].strip()}.bin").write_bytes(b"\xff" + row["b"].encode())


def lines(folder: Path, pattern: str) -> list[dict[str, object]]:
    return [json.loads(line) for path in sorted(folder.glob(pattern)) for line in path.read_bytes().splitlines()]


FIRST, LAST = {"a": "x", "b": "1"}, {"a": "z\n", "b": "3"}


@pytest.mark.parametrize(
    ("suffix", "format", "body", "outputs"),
    [
        ("csv", CSV(), CSVBody(max_rows=2), [["x", "1"], ["z\n", "3"]]),
        ("csv", CSV(), JSONLinesBody(max_rows=3), [FIRST, LAST]),
        ("csv", CSV(), PromptBody({"inputs": "{a}: {b}"}), [{"inputs": "x: 1"}, {"inputs": "z\n: 3"}]),
        ("parquet", Parquet(), JSONBody(max_rows=3), [FIRST, LAST]),
        ("parquet", Parquet(), CodecBody(ParquetCodec(), max_rows=3), [FIRST, LAST]),
        ("jsonl", JSONLines(), CSVBody(max_rows=3, columns=["b"]), ["1", "3"]),
        ("jsonl", JSONLines(), Selected("[a, b]", JSONLinesBody(max_rows=3)), [["x", "1"], ["z\n", "3"]]),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_each_record_is_answered_once_or_a_dead_letter(
    client: Client, tmp_path: Path, suffix: str, format: Format, body: Body, outputs: list[object]
) -> None:
    """Also if it was sent with others; and results and dead letters have the whole record."""
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", suffix)

    await run_bulk(client, "echo", tmp_path / "in", tmp_path / "out", format=format, body=body, join=True)

    assert [
        {"file": f"in.{suffix}", "record": number, "input": record, "output": output}
        for number, record, output in zip((0, 2), (FIRST, LAST), outputs, strict=True)
    ] == lines(tmp_path / "out", "part-*")
    letters = lines(tmp_path / "out", "dead-letters/*")
    assert [(1, "ModelError", {"a": "y", "b": "unlucky"})] == [
        (letter["record"], letter["code"], letter["input"]) for letter in letters
    ]


async def test_files_are_named_and_not_copied(client: Client, tmp_path: Path) -> None:
    """Whether they are answered or not."""
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", "bin")

    await run_bulk(client, "echo", tmp_path / "in", tmp_path / "out", format=Files(), body=FileBody(), join=True)

    assert [
        {"file": "x.bin", "record": 0, "input": None, "output": {"base64": "/zE="}},
        {"file": "z.bin", "record": 0, "input": None, "output": {"base64": "/zM="}},
    ] == lines(tmp_path / "out", "part-*")
    assert [("y.bin", None)] == [
        (letter["file"], letter["input"]) for letter in lines(tmp_path / "out", "dead-letters/*")
    ]


async def test_a_row_of_the_wrong_length_is_a_dead_letter_and_the_rows_beside_it_are_sent(
    client: Client, tmp_path: Path
) -> None:
    """Nobody is asked about it."""
    (tmp_path / "in.csv").write_text("a,b\n1,2\n3\n5,6\n")

    await run_bulk(client, "echo", tmp_path / "in.csv", tmp_path / "out", format=CSV(), body=CSVBody(max_rows=3))

    assert [["1", "2"], ["5", "6"]] == [row["output"] for row in lines(tmp_path / "out", "part-*")]
    (letter,) = lines(tmp_path / "out", "dead-letters/*")
    assert (1, "EncodeError", 0, "3") == (letter["record"], letter["code"], letter["attempts"], letter["input"])
    assert "it has 1 cells, but the header has 2" in str(letter["message"])


@pytest.mark.parametrize("output_format", ["csv", "parquet"])
async def test_parts_are_published_in_the_format_that_is_asked_for(
    client: Client, tmp_path: Path, output_format: Literal["csv", "parquet"]
) -> None:
    """And nothing else is; dead letters are JSON Lines, so that a later run can take them up."""
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", "parquet")
    out = tmp_path / "out"

    await run_bulk(client, "echo", tmp_path / "in", out, output_format=output_format)

    part = out / f"part-00000.{output_format}"
    assert [part] == list(out.glob("part-*"))
    assert ["part-00000.jsonl"] == [path.name for path in (out / "dead-letters").iterdir()]
    if output_format == "csv":
        assert b'file,record,a,b\nin.parquet,0,x,1\nin.parquet,2,"z\n",3\n' == part.read_bytes()
    else:
        assert [
            {"file": "in.parquet", "record": 0, "output": FIRST},
            {"file": "in.parquet", "record": 2, "output": LAST},
        ] == pq.read_table(part).to_pylist()
