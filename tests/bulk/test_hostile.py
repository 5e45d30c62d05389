"""Input, responses and arguments that a run must survive, or refuse by name."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support import options

from sagemaker_runtime import Client, ConfigError, SyncClient
from sagemaker_runtime.bulk import Batch, BulkError, JSONBody, JSONLines, execution, run_bulk
from sagemaker_runtime.bulk.rows import Rows, facts_of_letter
from sagemaker_runtime.bulk.writing import Piece, Writer
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint
from sagemaker_runtime.predictor import EncodeError

SURROGATE = b'"\xed\xa0\x80"'  # half of a pair, as no UTF-8 has it


def echo(invocation: Invocation) -> Answer:
    return Answer(body=invocation.body, content_type=invocation.content_type)


def fixed(body: bytes) -> Answer:
    return Answer(body=body, content_type="application/json")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    models = {
        "echo": echo,
        "surrogate": lambda _: fixed(rb'"\ud800"'),
        "raw": lambda _: fixed(b'{"predictions":[%b,1]}' % SURROGATE),
    }
    async with LocalEndpoint(models) as endpoint, Client(endpoint.options()) as made:
        yield made


def put(folder: Path, content: bytes, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def lines(folder: Path, pattern: str = "part-*") -> list[dict[str, object]]:
    data = b"".join(path.read_bytes() for path in sorted(folder.glob(pattern)))
    return [json.loads(line.decode()) for line in data.split(b"\n") if line]


@pytest.mark.parametrize(
    "record",
    [b"\xef\xbb\xbf2", SURROGATE, '"ab"'.encode("utf-16-le")],
    ids=["byte order mark", "surrogate", "UTF-16"],
)
@pytest.mark.parametrize("settings", [{}, {"join": True}, {"select": "input"}], ids=str)
async def test_a_line_that_is_not_utf_8_is_a_dead_letter(
    client: Client, tmp_path: Path, record: bytes, settings: dict[str, object]
) -> None:
    """`json.loads` takes such bytes. In a row or a dead letter they made a line that nobody could read, not even the run."""
    path = put(tmp_path, b"1\n%b\n3\n" % record)

    for retry_dead in (False, True):
        report = await run_bulk(client, "echo", path, tmp_path / "out", retry_dead=retry_dead, **settings)  # type: ignore[arg-type]

        assert (2, {"EncodeError"}) == (report.succeeded, {*report.failures})
        assert [1] == [letter["record"] for letter in lines(tmp_path / "out", "dead-letters/*")]


@pytest.mark.parametrize("how", [{}, {"output_format": "csv"}, {"select": "output"}, {"join": True}])
async def test_a_result_that_is_nested_too_deeply_to_be_read_is_a_dead_letter(
    client: Client, tmp_path: Path, how: dict[str, Any]
) -> None:
    """One that could just be read could not be selected from, nor made a part of CSV or Parquet: its run never came to an end."""
    deep = [b"[" * depth + b"]" * depth for depth in (99, 100)]
    wide = [b"[%b]" % b",".join([b'{"a":"["}'] * 500), b'["%b"]' % (b"[" * 500)]
    path = put(tmp_path, b"\n".join([b"1", *deep, *wide]))

    report = await run_bulk(client, "echo", path, tmp_path / "out", **how)

    assert (4, {"EncodeError": 1}) == (report.succeeded, report.failures)
    assert [2] == [letter["record"] for letter in lines(tmp_path / "out", "dead-letters/*")]


def test_what_a_dead_letter_says_is_read_without_its_record() -> None:
    """A record that could just be read, but not within another object, ended the run, and could not be taken up again."""
    rows = Rows(JSONLines(), join=False, select=None)
    record = json.dumps({"a": 1, "input": 2}).encode()
    batch = Batch("a.jsonl", 7, [record], 0, 9, 8, len(record))
    letter = rows.dead_letter(batch, 0, EncodeError('no, "input": is wrong'))

    facts = facts_of_letter(letter.replace(record, b"[" * 100_000))

    assert (7, [0, 7], 'no, "input": is wrong') == (facts["record"], facts["at"], facts["message"])
    assert facts == facts_of_letter(json.dumps(json.loads(letter), indent=1).encode())


async def test_a_response_that_is_not_utf_8_is_no_result(client: Client, tmp_path: Path) -> None:
    """Nobody could read the output."""
    report = await run_bulk(
        client, "raw", put(tmp_path, b"1\n2\n"), tmp_path / "out", body=JSONBody(key="instances", max_rows=2)
    )

    assert {"DecodeError": 2} == report.failures


async def test_half_of_a_surrogate_pair_in_a_response_can_be_selected(client: Client, tmp_path: Path) -> None:
    """JSON can say it, and it stays what JSON says."""
    await run_bulk(client, "surrogate", put(tmp_path, b"1\n"), tmp_path / "out", select="output")

    assert b'"\\ud800"\n' == (tmp_path / "out" / "part-00000.jsonl").read_bytes()


@pytest.mark.parametrize("setting", ["select", "session_id"])
async def test_an_expression_that_fails_on_a_record_makes_it_a_dead_letter(
    client: Client, tmp_path: Path, setting: str
) -> None:
    """It stopped the run, whenever it was called, with the record in the text."""
    path = put(tmp_path, b'["a"]\n4711\n')
    expression = "join('', input)" if setting == "select" else "join('', @)"

    report = await run_bulk(client, "echo", path, tmp_path / "out", **{setting: expression})  # type: ignore[arg-type]

    letters = lines(tmp_path / "out", "dead-letters/*")
    assert (1, [1]) == (report.succeeded, [letter["record"] for letter in letters])
    assert "JMESPathTypeError" in str(letters[0]["message"])
    assert "4711" not in str(letters[0]["message"])


async def test_records_at_one_place_of_several_files_have_other_inference_ids(client: Client, tmp_path: Path) -> None:
    """Captured data could not be joined; and large bodies for asynchronous endpoints, kept by id, replaced each other."""
    put(tmp_path, b"1\n", "a.jsonl")
    put(tmp_path, b"2\n", "b.jsonl")

    await run_bulk(client, "echo", tmp_path / "*.jsonl", tmp_path / "out", inference_ids=True)

    assert 2 == len({row["inference_id"] for row in lines(tmp_path / "out")})


async def test_a_state_is_of_one_output(client: Client, tmp_path: Path) -> None:
    """Called with another output, the run was said to be done, and nothing was there."""
    path, state = put(tmp_path, b"1\n"), tmp_path / "state"
    await run_bulk(client, "echo", path, tmp_path / "out", state=state)

    with pytest.raises(ConfigError, match=r"started with output=.*/out, and now .*/other"):
        await run_bulk(client, "echo", path, tmp_path / "other", state=state)

    assert not (tmp_path / "other").exists()


async def test_an_output_with_its_state_inside_may_be_moved(client: Client, tmp_path: Path) -> None:
    """All that the run knows goes with it."""
    path = put(tmp_path, b"1\n")
    await run_bulk(client, "echo", path, tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")

    report = await run_bulk(client, "echo", path, tmp_path / "moved")

    assert (1, str(tmp_path / "moved")) == (report.succeeded, report.output)


async def test_large_results_behind_a_slow_one_keep_it_from_sending_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait in memory. A thousand images behind a request that is throttled took all of it."""
    monkeypatch.setattr(execution, "UNDER_WAY_BYTES", 2_000)
    tenth, may = asyncio.Event(), asyncio.Event()
    calls = iter(range(1, 1_000))

    async def model(invocation: Invocation) -> Answer:
        if next(calls) == 10:
            tenth.set()
        if invocation.body == b"0":
            await may.wait()
        return fixed(b'"%b"' % (b"x" * 400))

    path = put(tmp_path, b"".join(b"%d\n" % number for number in range(50)))
    async with LocalEndpoint({"m": model}) as local, Client(local.options()) as client:
        run = asyncio.create_task(run_bulk(client, "m", path, tmp_path / "out", limit=2))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tenth.wait(), 0.1)
        may.set()

        assert 50 == (await run).succeeded


async def test_results_that_wait_for_a_slow_disk_keep_it_from_sending_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 may take minutes for a part, and the endpoint goes on meanwhile."""
    monkeypatch.setattr(execution, "UNDER_WAY_BYTES", 2_000)
    monkeypatch.setattr(execution, "WRITE_BYTES", 400)
    twentieth, may = asyncio.Event(), threading.Event()
    calls, really_write = iter(range(1, 1_000)), Writer.write

    async def model(_: Invocation) -> Answer:
        if next(calls) == 20:
            twentieth.set()
        return fixed(b'"%b"' % (b"x" * 400))

    def write(self: Writer, pieces: Sequence[Piece]) -> None:
        may.wait(10)
        really_write(self, pieces)

    monkeypatch.setattr(Writer, "write", write)
    path = put(tmp_path, b"".join(b"%d\n" % number for number in range(50)))
    async with LocalEndpoint({"m": model}) as local, Client(local.options()) as client:
        run = asyncio.create_task(run_bulk(client, "m", path, tmp_path / "out", limit=2))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(twentieth.wait(), 0.1)
        may.set()

        assert 50 == (await run).succeeded


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"format": "csv"}, r"format is a str; it takes JSONLines\(\)"),
        ({"format": JSONLines}, r"format is the class JSONLines; it takes an instance: JSONLines\(\)"),
        ({"body": JSONBody}, r"body is the class JSONBody; it takes an instance: JSONBody\(\)"),
        ({"select": 3}, "select is 3, which is not JMESPath"),
        ({"max_errors": -1}, "max_errors is -1; it takes a number, 0 or more"),
        ({"max_errors": True}, "max_errors is True"),
        ({"drain": None}, "drain is None; it takes seconds"),
        ({"members": {"variant": "x"}}, "members has 'variant'; it takes members of InvokeEndpointInput"),
        ({"members": {"endpoint_name": "x"}}, "members has 'endpoint_name'"),
        ({"members": {"target_variant": b"x"}}, "members has 'target_variant' of type bytes"),
        ({"input": []}, r"input is \[\]; it takes one or more files"),
        ({"input": ""}, r"input is \[''\]; it takes one or more files"),
        ({"output": ""}, "output is ''; it takes a folder"),
        ({"endpoint": ""}, "endpoint is ''; it takes the name"),
    ],
    ids=str,
)
async def test_arguments_of_a_wrong_type_are_refused_by_name(
    client: Client, tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    """A plan that was made with them stood in the way of the right ones."""
    path = put(tmp_path, b"1\n")
    input, output = settings.pop("input", path), settings.pop("output", tmp_path / "out")

    with pytest.raises(ConfigError, match=said):
        await run_bulk(client, settings.pop("endpoint", "echo"), input, output, **settings)  # type: ignore[arg-type]

    assert not (tmp_path / "out").exists()


async def test_a_client_without_an_event_loop_is_refused(tmp_path: Path) -> None:
    """It would block the loop that its calls wait for."""
    with SyncClient(options()) as client, pytest.raises(ConfigError, match="client is a SyncClient"):
        await run_bulk(client, "echo", put(tmp_path, b"1\n"), tmp_path / "out")  # type: ignore[arg-type]


async def test_the_output_and_the_state_inside_the_input_are_none_of_it(client: Client, tmp_path: Path) -> None:
    """By whatever path they are named. A run whose state was there could not go on."""
    rows, link = tmp_path / "rows", tmp_path / "link"
    rows.mkdir()
    link.symlink_to(rows)
    put(rows, b"1\n")

    for _ in range(2):
        report = await run_bulk(client, "echo", rows, link / "out", state=rows / ".." / "rows" / "state")

        assert 1 == report.records


async def test_an_input_that_is_the_output_is_said_to_be(client: Client, tmp_path: Path) -> None:
    """And not that there are no files."""
    put(tmp_path, b"1\n")

    with pytest.raises(ConfigError, match="no file below it except in the output and the state"):
        await run_bulk(client, "echo", tmp_path, tmp_path)


async def test_a_link_to_nothing_in_the_input_is_refused(client: Client, tmp_path: Path) -> None:
    """Its records were left out without a word."""
    (tmp_path / "rows").mkdir()
    put(tmp_path / "rows", b"1\n")
    (tmp_path / "rows" / "more.jsonl").symlink_to(tmp_path / "nothing")

    with pytest.raises(ConfigError, match=r"more\.jsonl' is a link to a file that is not there"):
        await run_bulk(client, "echo", tmp_path / "rows", tmp_path / "out")


async def test_a_folder_of_the_input_that_cannot_be_read_is_refused(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So were those of a folder that belongs to somebody else."""
    closed = tmp_path / "rows" / "closed"
    closed.mkdir(parents=True)
    put(tmp_path / "rows", b"1\n")
    scan = os.scandir

    def refuse(path: str) -> object:
        if os.fspath(path) == str(closed):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read all folders

    with pytest.raises(ConfigError, match="closed' cannot be read: Permission denied"):
        await run_bulk(client, "echo", tmp_path / "rows", tmp_path / "out")


async def test_a_dead_letter_says_all_that_is_wrong_with_the_members_of_a_record(
    client: Client, tmp_path: Path
) -> None:
    """And not only how many problems there are."""
    path = put(tmp_path, b'{"tag": "a\\nb"}\n')

    await run_bulk(client, "echo", path, tmp_path / "out", custom_attributes="tag")

    assert "custom_attributes" in str(lines(tmp_path / "out", "dead-letters/*")[0]["message"])


async def test_a_plan_that_cannot_be_read_is_named(client: Client, tmp_path: Path) -> None:
    """With what the system says of it."""
    (tmp_path / "out" / ".bulk" / "plan.json").mkdir(parents=True)

    with pytest.raises(BulkError, match=r"Is a directory: .*plan\.json"):
        await run_bulk(client, "echo", put(tmp_path, b"1\n"), tmp_path / "out")
