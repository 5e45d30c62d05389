"""Rows of CSV files as records."""

from __future__ import annotations

import csv
import io
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bulk.inputs import MemorySource, assert_resumable, batches_of, records_of, shards_of
from hypothesis import given, strategies as st

from sagemaker_runtime import ConfigError, EncodeError
from sagemaker_runtime.bulk import CSV
from sagemaker_runtime.bulk.formats import csv_rows

CELLS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(',"\n\r;|\t'), max_size=6)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8)
)


def source_of(text: str | bytes, **others: bytes) -> MemorySource:
    return MemorySource({"a.csv": text if isinstance(text, bytes) else text.encode(), **others})


def documents_of(format: CSV, source: MemorySource) -> list[object]:
    return [json.loads(format.document(record)) for record in records_of(format, source)]


@given(TABLES, st.sampled_from(["\n", "\r\n"]), st.sampled_from([",", "\t", "|", "^"]), st.sampled_from(['"', "'"]))
def test_whatever_a_csv_writer_writes_comes_back_row_by_row(
    table: list[list[str]], end: str, delimiter: str, quote: str
) -> None:
    """Quotes, doubled quotes, and line breaks in cells; from any batch's end on too."""
    sink = io.StringIO(newline="")
    csv.writer(sink, delimiter=delimiter, quotechar=quote, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)
    source = source_of(sink.getvalue())
    format = CSV(header=False, delimiter=delimiter, quote=quote)

    assert table == documents_of(format, source)
    assert_resumable(format, source)


@given(st.text('a,"\n', max_size=12))
def test_rows_end_where_a_reader_of_csv_ends_them(text: str) -> None:
    """Stray quotes are where readers differ: a cell that does not begin with one may have some. `csv` is the oracle."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    expected = list[list[str]]()
    try:
        expected.extend(row for row in reader if row)
    except csv.Error:
        return

    assert expected == documents_of(CSV(header=False), source_of(text))


def test_the_record_is_the_row_as_it_stands() -> None:
    """``00501`` is no number, and what a container gets is what was in the file."""
    source = source_of('id,name,note\r\n00501, Ann ,"two\nlines, ""quoted"""\r\n\r\n7,,\n\n')

    records = records_of(CSV(), source)

    assert [b'00501, Ann ,"two\nlines, ""quoted"""', b"7,,"] == records
    assert [
        {"id": "00501", "name": " Ann ", "note": 'two\nlines, "quoted"'},
        {"id": "7", "name": "", "note": ""},
    ] == documents_of(CSV(), source)


def test_a_hundred_thousand_files_are_not_all_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that waits for its turn weighs a kilobyte and a half."""
    submitted: list[object] = []

    class Pool(ThreadPoolExecutor):
        def submit(self, *arguments: Any, **named: Any) -> Any:
            submitted.append(arguments)
            return super().submit(*arguments, **named)

    monkeypatch.setattr(csv_rows, "ThreadPoolExecutor", Pool)
    source = MemorySource({f"{number:04}.csv": b"a\n1\n" for number in range(500)})

    shards = CSV().shards(source.files(), source)
    first, ahead = next(iter(shards)), len(submitted)

    assert (0, 32) == (first.file, ahead)
    assert 499 == sum(1 for _ in shards)
    assert 500 == len(submitted)


def test_a_file_is_one_shard_and_an_empty_one_none() -> None:
    """A line feed within quotes cannot be told from the end of a row at any byte."""
    source = source_of("a\n1\n", **{"b.csv": b"", "c.csv": b"a\n"})

    shards = shards_of(CSV(), source)

    assert [(0, 0, 4), (2, 0, 2)] == [(shard.file, shard.begin, shard.end) for shard in shards]
    assert [b"1"] == records_of(CSV(), source)


def test_batches_have_so_many_rows_and_bytes_at_most() -> None:
    """One that is larger comes alone, and each says where the next begins."""
    source = source_of("a\n1\n22\n333\n4\n5\n6\n7\n")

    batches = batches_of(CSV(), source, rows=3, size=3)

    assert [[b"1", b"22"], [b"333"], [b"4", b"5", b"6"], [b"7"]] == [list(batch.records) for batch in batches]
    assert [(0, 2, 7, 2), (2, 7, 11, 3), (3, 11, 17, 6), (6, 17, 19, 7)] == [
        (batch.first, batch.begin, batch.end, batch.next) for batch in batches
    ]
    assert_resumable(CSV(), source, rows=3, size=3)


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    """Excel writes one."""
    assert [{"a": "1"}] == documents_of(CSV(), source_of(b"\xef\xbb\xbfa\n1"))
    assert [["a"], ["1"]] == documents_of(CSV(header=False), source_of(b"\xef\xbb\xbfa\n1"))


def test_a_row_of_the_wrong_length_fails_alone() -> None:
    """It is one record that cannot be sent, and no reason to stop."""
    format = CSV()
    records = records_of(format, source_of("a,b\ns3cret\n1,2\n1,2,3\n"))

    for record, cells in ((records[0], 1), (records[2], 3)):
        with pytest.raises(EncodeError, match=f"it has {cells} cells, but the header has 2") as caught:
            format.document(record)
        assert "s3cret" not in str(caught.value)
    assert b'{"a":"1","b":"2"}' == format.document(records[1])


@pytest.mark.parametrize(
    ("row", "problem"),
    [(b"\xff,1", "invalid start byte at byte 0"), (b'"a"b,1', "cell 1 continues after its closing quote")],
)
def test_a_row_that_is_no_csv_fails_alone(row: bytes, problem: str) -> None:
    """Likewise."""
    format = CSV(header=False)

    with pytest.raises(EncodeError, match=problem):
        format.document(row)


def test_a_file_that_ends_within_quotes_is_refused_by_name() -> None:
    """It was cut off; what is before it is read."""
    with pytest.raises(ConfigError, match=r"a\.csv ends within a quoted cell of the row at byte 4"):
        records_of(CSV(), source_of('a\n1\n"2'))


def test_a_quote_that_is_never_closed_does_not_take_the_rest_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest may be a terabyte."""
    monkeypatch.setattr(csv_rows, "MAX_ROW", 1_500_000)
    text = "a\n1\n" + '"' + "2\n" * 2_000_000

    with pytest.raises(ConfigError, match=r"a\.csv has a quoted cell in the row at byte 4 that is not closed within"):
        records_of(CSV(), source_of(text))
    with pytest.raises(ConfigError, match=r"a\.csv has a line of more than 1500000 bytes"):
        records_of(CSV(), source_of("a\n" + "2" * 4_000_000))


def test_it_reads_as_it_goes() -> None:
    """Files are of any size."""
    source = source_of("a\n" + "1\n" * 2_000_000)
    shard = shards_of(CSV(), source)[0]

    next(CSV().batches(source.files(), source, shard, at=0, number=0, rows=9, size=99))

    assert 4_000_000 > sum(size for stream in source.opened for size in stream.reads)


def test_files_of_one_run_have_the_same_header() -> None:
    """The columns of a record would otherwise depend on the file that happened to be read first."""
    with pytest.raises(ConfigError, match=r"b\.csv has the columns b, a, but a\.csv has a, b; make a separate run"):
        shards_of(CSV(), source_of("a,b\n1,2\n", **{"b.csv": b"b,a\n1,2\n"}))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x1f\x8b\x08\x00", r"a\.csv is compressed \(gzip\)"),
        ("a,b".encode("utf-16"), r"a\.csv is in UTF-16"),
        (b"a,a\n", r"the header of a\.csv has 'a' twice"),
        (b"\xff\n", r"the header of a\.csv cannot be read"),
    ],
)
def test_what_is_no_csv_is_refused_before_anything_is_sent(data: bytes, problem: str) -> None:
    """By name, with what to do."""
    with pytest.raises(ConfigError, match=problem):
        shards_of(CSV(), source_of(data))


@pytest.mark.parametrize("settings", [{"delimiter": ""}, {"delimiter": "::"}, {"delimiter": "\n"}, {"quote": ","}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, str]) -> None:
    """Where they are written."""
    with pytest.raises(ConfigError, match="delimiter"):
        CSV(**settings)


def test_its_repr_is_its_settings_whatever_it_has_read() -> None:
    """A run that goes on compares it; an engine sends it to another process, where no file was looked at yet."""
    format = CSV(delimiter=";")
    records_of(format, source_of("a;b\n1;2\n"))

    assert """CSV(header=True, delimiter=';', quote='"')""" == repr(format)
    assert CSV(delimiter=";") == pickle.loads(pickle.dumps(format))  # noqa: S301 - our own


def test_rows_that_are_read_from_the_middle_of_a_file_know_its_header() -> None:
    """A run that goes on has its shards from the plan, and asks for none."""
    source = source_of("a,b\n1,2\n3,4\n")
    shard = shards_of(CSV(), source)[0]
    format = CSV()

    batch = next(format.batches(source.files(), source, shard, at=8, number=1, rows=9, size=99))

    assert b'{"a":"3","b":"4"}' == format.document(batch.records[0])
