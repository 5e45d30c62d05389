"""Rows of Parquet files as records."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import random
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bulk.inputs import MemorySource, assert_resumable, batches_of, records_of, shards_of

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk import Parquet
from sagemaker_runtime.bulk.formats import parquet


def parquet_of(table: pa.Table, **settings: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **settings)
    return sink.getvalue()


def source_of(table: pa.Table, **settings: Any) -> MemorySource:
    return MemorySource({"a.parquet": parquet_of(table, **settings)})


def values_of(column: list[Any], kind: pa.DataType) -> list[object]:
    """What becomes of the values of a column."""
    source = source_of(pa.table({"a": pa.array(column, kind)}))
    return [json.loads(record)["a"] for record in records_of(Parquet(), source)]


NUMBERS = pa.table({"a": list(range(1000)), "b": [f"row {number}" for number in range(1000)]})


def test_a_row_is_a_json_object() -> None:
    """In the order of the columns, or of those that are asked for."""
    source = source_of(pa.table({"a": [1, None], "b": ["é", "\N{LINE SEPARATOR}"], "c": [[1.5], []]}))

    assert [
        '{"a":1,"b":"é","c":[1.5]}'.encode(),
        '{"a":null,"b":"\N{LINE SEPARATOR}","c":[]}'.encode(),
    ] == records_of(Parquet(), source)
    assert [b'{"c":[1.5],"a":1}', b'{"c":[],"a":null}'] == records_of(Parquet(["c", "a"]), source)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (2**64 - 1, pa.uint64(), 2**64 - 1),
        (0.1, pa.float64(), 0.1),
        (True, pa.bool_(), True),
        (float("inf"), pa.float64(), float("inf")),
        (dt.date(2026, 11, 30), pa.date32(), "2026-11-30"),
        (dt.date(2026, 11, 30), pa.date64(), "2026-11-30"),
        (dt.time(7, 5, 1), pa.time32("ms"), "07:05:01.000"),
        (7_000_000_001, pa.time64("ns"), "00:00:07.000000001"),
        (1, pa.timestamp("ns"), "1970-01-01T00:00:00.000000001"),
        (1, pa.timestamp("ms"), "1970-01-01T00:00:00.001"),
        (253_402_300_800_000, pa.timestamp("ms"), "10000-01-01T00:00:00.000"),
        (1, pa.timestamp("us", "Europe/Berlin"), "1970-01-01T00:00:00.000001Z"),
        (1_500_000_000, pa.duration("ns"), 1.5),
        (decimal.Decimal("12.30"), pa.decimal128(10, 2), 12.3),
        (decimal.Decimal("12345678901234567.890"), pa.decimal128(20, 3), "12345678901234567.890"),
        (b"\xff\x00", pa.binary(), "/wA="),
        (b"\xff\x00", pa.binary(2), "/wA="),
        ({"x": 1, "y": None}, pa.struct([("x", pa.int8()), ("y", pa.string())]), {"x": 1, "y": None}),
        ([{"x": b"\xff"}], pa.list_(pa.struct([("x", pa.binary())])), [{"x": "/w=="}]),
        ([("k", 1)], pa.map_(pa.string(), pa.int8()), [["k", 1]]),
        ([decimal.Decimal("1.50")], pa.list_(pa.decimal128(4, 2)), ["1.50"]),
        ([1_767_322_800_000], pa.list_(pa.timestamp("ms")), ["2026-01-02T03:00:00"]),
        (
            [dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)],
            pa.list_(pa.timestamp("ms", "Asia/Tokyo")),
            ["2026-01-02T03:00:00Z"],
        ),
    ],
)
def test_what_json_has_not_becomes_what_the_docs_say(value: object, kind: pa.DataType, expected: object) -> None:
    """A model and a reader of the output must know what they get, whatever pyarrow and pandas are installed."""
    assert [expected, None] == values_of([value, None], kind)


def test_nan_is_written_as_python_does() -> None:
    """As by JSONCodec: for a model, a missing number is not null."""
    record = records_of(Parquet(), source_of(pa.table({"a": [float("nan"), None]})))

    assert [b'{"a":NaN}', b'{"a":null}'] == record


def test_a_short_decimal_keeps_its_digits_as_a_number() -> None:
    """A double has 15 of them, whatever they are."""
    texts = [f"{random.Random(seed).randrange(10**15)}" for seed in range(200)]
    values = [decimal.Decimal(text).scaleb(-6) for text in texts]

    assert values == [decimal.Decimal(repr(value)) for value in values_of(values, pa.decimal128(15, 6))]


def test_small_row_groups_are_one_shard_and_large_ones_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit is the row, so records are numbered without being read."""
    source = source_of(NUMBERS, row_group_size=100)

    assert [(0, 0, 1000)] == [(shard.file, shard.begin, shard.end) for shard in shards_of(Parquet(), source)]
    monkeypatch.setattr(parquet, "SHARD_BYTES", 6_000)
    shards = shards_of(Parquet(), source)
    assert len(shards) > 1
    assert [0, *(shard.end for shard in shards[:-1])] == [shard.begin for shard in shards]
    assert 1000 == shards[-1].end
    assert NUMBERS.to_pylist() == [json.loads(record) for record in records_of(Parquet(), source, rows=7)]


def test_it_goes_on_at_any_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a row group, and at the end of one."""
    monkeypatch.setattr(parquet, "_BATCH_ROWS", 64)
    monkeypatch.setattr(parquet, "SHARD_BYTES", 6_000)

    assert_resumable(Parquet(), source_of(NUMBERS, row_group_size=150), rows=30)


def test_it_never_reads_much_at_once() -> None:
    """A page; by default, pyarrow reads a column of a row group whole, and row groups have any size."""
    texts = [random.Random(seed).randbytes(4_000).hex() for seed in range(1_000)]
    source = source_of(pa.table({"a": texts}), row_group_size=1_000, use_dictionary=False, write_batch_size=16)

    assert texts == [json.loads(record)["a"] for record in records_of(Parquet(), source)]
    reads = [size for stream in source.opened for size in stream.reads]
    assert 8_000_000 < sum(reads)
    assert max(reads) <= 2**20 + 2**16


def test_batches_are_numbered_by_row() -> None:
    """A row is named by its number in the file."""
    batches = batches_of(Parquet(["a"]), source_of(NUMBERS.slice(0, 5)), rows=2)

    assert [(0, 0, 2, 2), (2, 2, 4, 4), (4, 4, 5, 5)] == [
        (batch.first, batch.begin, batch.end, batch.next) for batch in batches
    ]


def test_an_empty_file_has_no_shard() -> None:
    """A table without rows, and a file without row groups."""
    assert [] == shards_of(Parquet(), source_of(NUMBERS.slice(0, 0)))
    assert [] == records_of(Parquet(), source_of(NUMBERS.slice(0, 0)))


@pytest.mark.parametrize(
    ("data", "format", "problem"),
    [
        (b"PAR1 s3cret", Parquet(), r"a\.parquet cannot be read as Parquet: .*magic bytes"),
        (parquet_of(NUMBERS), Parquet(["c"]), r"a\.parquet has no column 'c'; it has a, b"),
        (parquet_of(NUMBERS), Parquet(["a", "a"]), r"the column 'a' is there twice in a\.parquet, or in columns="),
        (parquet_of(NUMBERS.rename_columns(["a", "a"])), Parquet(), "the column 'a' is there twice"),
    ],
)
def test_what_cannot_be_read_is_refused_before_anything_is_sent(data: bytes, format: Parquet, problem: str) -> None:
    """By name."""
    with pytest.raises(ConfigError, match=problem) as caught:
        shards_of(format, MemorySource({"a.parquet": data}))
    assert "s3cret" not in str(caught.value)


def test_a_broken_page_stops_the_run_by_the_name_of_its_file() -> None:
    """Its footer is whole, so that only reading it shows it."""
    data = bytearray(parquet_of(NUMBERS, use_dictionary=False, write_page_checksum=False))
    data[4:2000] = bytes(1996)

    with pytest.raises(ConfigError, match=r"a\.parquet cannot be read as Parquet: "):
        records_of(Parquet(), MemorySource({"a.parquet": bytes(data)}))


def test_nanoseconds_that_python_has_not_are_refused_within_a_list() -> None:
    """They would be cut off."""
    source = source_of(pa.table({"a": pa.array([[1]], pa.list_(pa.timestamp("ns")))}))

    with pytest.raises(ConfigError, match="nanoseconds in a list; leave out its column"):
        records_of(Parquet(), source)


@pytest.mark.parametrize("columns", ["a", []])
def test_columns_that_are_no_list_of_names_are_refused(columns: Any) -> None:
    """A text would be taken for the list of its letters."""
    with pytest.raises(ConfigError, match="columns is"):
        Parquet(columns)


def test_pyarrow_is_not_imported_before_a_file_is_read() -> None:
    """It takes 100 MB, and most runs have JSON Lines."""
    code = "import sys, sagemaker_runtime.bulk as b; b.Parquet(); b.CSV(); print({'pyarrow', 'tqdm'} & {*sys.modules})"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert "set()" == printed.stdout.strip()


def test_without_pyarrow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ImportError from the middle of a run would not."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ConfigError, match=r"Parquet needs pyarrow: pip install 'sagemaker-runtime\[bulk\]'"):
        shards_of(Parquet(), source_of(NUMBERS))
