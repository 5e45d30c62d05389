"""What a run leaves for people: ``report.json`` and ``report.html``, during a run, behind it, and of runs that were stopped."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from attrs import evolve
from bulk.doubling import LIST, doubling

from sagemaker_runtime import Client, ConfigError, NopRetryer, override
from sagemaker_runtime.bulk import BulkError, BulkReport, JSONLines, read_report, run_bulk
from sagemaker_runtime.bulk.page.document import document
from sagemaker_runtime.local import LocalEndpoint, ModelFailure, Throttled

HOSTILE = '</script><script>alert(1)</script><img src="//evil.example/x" onerror=alert(1)>\x1b[2J\u202edesrever\ud800\n'


@pytest.fixture
async def local() -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint(
        {"doubled": doubling(ModelFailure(HOSTILE.replace("\ud800", "") + "x" * 2**20))}
    ) as endpoint:
        yield endpoint


class Tags(HTMLParser):
    """The tags of a page, and the attributes of all of them."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def texts(value: object) -> Iterator[str]:
    """All texts in a document."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(each)


async def test_the_page_is_beside_the_report_and_its_owners_alone(client: Client, rows: Path, tmp_path: Path) -> None:
    """It quotes what models said."""
    report = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)

    path = tmp_path / "out" / "report.html"
    assert report.to_html() == path.read_bytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


async def test_the_report_over_time_has_every_record(client: Client, rows: Path, tmp_path: Path) -> None:
    """Its sums are the report's."""
    report = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST, limit=3)

    assert (300, 3, report.requests) == tuple(
        sum(point[name] for point in report.over_time)
        for name in ("records", "failed", "requests")  # type: ignore[misc]
    )
    assert {3.0} == {point["limit"] for point in report.over_time}
    assert [("finished", 300)] == [(each["end"], each["records"]) for each in report.processes]
    assert json.loads((tmp_path / "out" / "report.json").read_bytes()) == json.loads(report.to_json())


async def test_throttled_attempts_are_counted_when_they_happen(
    local: LocalEndpoint, client: Client, rows: Path, tmp_path: Path
) -> None:
    """And not only once their request has a result, which may be much later."""
    local.inject("doubled", Throttled(), call=2, times=2)

    report = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)

    assert 2 == sum(point["throttled"] for point in report.over_time)  # type: ignore[misc]
    assert "<b>Failed attempts</b>" in report.to_html().decode()


async def test_throttled_attempts_are_counted_where_nothing_is_retried(
    local: LocalEndpoint, client: Client, rows: Path, tmp_path: Path
) -> None:
    """The report said in its sum that none had been throttled, and over time that some had."""
    local.inject("doubled", Throttled(), call=2, times=2)

    report = await run_bulk(client, "doubled", rows, tmp_path / "out", override(retryer=NopRetryer()), body=LIST)

    assert 2 == report.throttled == sum(point["throttled"] for point in report.over_time)  # type: ignore[misc]


async def test_a_run_that_was_stopped_says_so_on_its_page(client: Client, rows: Path, tmp_path: Path) -> None:
    """Whoever looks for the cause of a stop finds it there, though `run_bulk` has returned no report."""
    out = tmp_path / "out"
    with pytest.raises(BulkError, match="max_errors"):
        await run_bulk(client, "doubled", rows, out, body=LIST, max_errors=0, limit=1)

    stopped = read_report(out)
    finished = await run_bulk(client, "doubled", rows, out, body=LIST)

    assert stopped.share < 1
    assert ["stopped"] == [each["end"] for each in stopped.processes]
    assert "Not finished" in stopped.to_html().decode()
    assert "BulkError: failed records: 1" in finished.to_html().decode()
    assert ["stopped", "finished"] == [each["end"] for each in finished.processes]
    assert 300 == sum(each["records"] for each in finished.processes)  # type: ignore[misc]
    assert finished == read_report(out)


async def test_an_interrupt_is_no_error(client: Client, rows: Path, tmp_path: Path, local: LocalEndpoint) -> None:
    """Its history is whole all the same."""
    run = asyncio.create_task(run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST, limit=1, drain=0.0))
    while not local.calls("doubled"):
        await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert [("stopped", "interrupted")] == [
        (each["end"], each["reason"]) for each in read_report(tmp_path / "out").processes
    ]


async def test_hostile_texts_stay_texts(client: Client, rows: Path, tmp_path: Path) -> None:
    """A model's message is shown to whoever opens the page; it may neither run, nor load, nor hide, nor fill it."""
    report = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)
    page = report.to_html()

    found = Tags(page)
    assert {"script", "img", "link", "iframe", "object", "b onclick"}.isdisjoint(found.tags)
    assert not any(name.startswith("on") or name in ("src", "href", "style") for name, _ in found.attributes)
    assert len(page) < 300_000
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page.decode())
    assert "&lt;/script&gt;" in page.decode()
    assert r"\x1b[2J\u202edesrever" in page.decode()
    assert all(len(text) < 3_000 for text in texts(json.loads(report.to_json())))


def every_text(report: BulkReport, text: str) -> BulkReport:
    """The report with *text* wherever somebody else's stands."""
    point = {
        **report.over_time[0],
        "reason": text,
        "waited": 9.0,
        "variants": {text: {"requests": 1, "p50": 1.0, "p99": 1.0}},
    }
    latency = {"requests": 1, "p50": 1.0, "p90": 1.0, "p99": 1.0, "max": 1.0}
    return evolve(
        report,
        endpoint=text,
        output=text,
        run_id=text,
        failures={text: 1},
        variants={text: latency, f"{text}2": latency},
        slowest=[{"seconds": 1.0, "file": text, "first_record": 1}],
        first_failures=[dict.fromkeys(("file", "code", "message", "request_id"), text) | {"record": 1, "attempts": 1}],
        processes=[{**report.processes[0], "end": "stopped", "reason": text}],
        over_time=[point],
    )


async def test_no_text_of_a_report_is_markup(client: Client, rows: Path, tmp_path: Path) -> None:
    """``report.json`` may have been edited, or come from elsewhere; all of its texts are somebody else's."""
    report = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)
    usual, hostile = (Tags(every_text(report, text).to_html()) for text in ("text", HOSTILE))

    assert usual.tags == hostile.tags
    assert {name for name, _ in usual.attributes} == {name for name, _ in hostile.attributes}


async def test_the_page_forbids_what_it_does_not_need(client: Client, rows: Path, tmp_path: Path) -> None:
    """Its policy allows its own style sheet, by its hash, and nothing else; so nothing of the page may be styled elsewhere."""
    page = (await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)).to_html().decode()

    assert re.search(
        r"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'\"",
        page,
    )
    assert 1 == page.count("<style")


async def test_a_report_is_read_from_a_copy_of_its_json_too(client: Client, rows: Path, tmp_path: Path) -> None:
    """It was sent by mail, or downloaded from S3."""
    report = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "report.json").write_bytes((tmp_path / "out" / "report.json").read_bytes())

    assert report.to_html() == read_report(tmp_path / "copy").to_html()


@pytest.mark.parametrize("value", ["null", '"x"', "1e999", "[]"])
async def test_a_copy_that_was_edited_is_named(client: Client, rows: Path, tmp_path: Path, value: str) -> None:
    """A page could not be made of it, and the error was one of Python's."""
    report = await run_bulk(client, "doubled", rows, tmp_path, body=LIST, state=tmp_path / "state")
    text = (tmp_path / "report.json").read_text()
    (tmp_path / "report.json").write_text(text.replace(f'"records": {report.records}', f'"records": {value}', 1))

    with pytest.raises(ConfigError, match=r"is not the folder of a bulk run: a file in it cannot be read"):
        read_report(tmp_path)


@pytest.mark.parametrize("text", [None, b"{", b"[]", b'{"endpoint": 1}'])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, text: bytes | None) -> None:
    """With what to name instead."""
    if text is not None:
        (tmp_path / "report.json").write_bytes(text)

    with pytest.raises(
        ConfigError, match=r"is not the folder of a bulk run: .*; name the output of a run, or its state"
    ):
        read_report(tmp_path)


def test_a_report_in_s3_is_refused_with_where_the_run_is() -> None:
    """Its path was taken for one of this machine."""
    with pytest.raises(
        ConfigError, match=r"'s3://bucket/out/' is in S3, .*: name the folder that it was given as state=, or"
    ):
        read_report("s3://bucket/out/")


async def test_reading_a_report_changes_nothing_of_a_run(client: Client, rows: Path, tmp_path: Path) -> None:
    """It may be at work, and its journal is its own."""
    await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST, format=JSONLines(shard_bytes=400))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}

    read_report(tmp_path / "out")

    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}


async def test_a_run_without_records_has_a_page(client: Client, tmp_path: Path) -> None:
    """Nothing over time, no latency, no division by nothing."""
    (tmp_path / "rows.jsonl").write_text("")

    report = await run_bulk(client, "doubled", tmp_path / "rows.jsonl", tmp_path / "out", body=LIST)

    assert "Finished" in document(report).decode()
    assert "Finished" in document(evolve(report, over_time=[], processes=[])).decode()
