"""Parts of the output as CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
import math
import stat
import sys
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.outputs import parquet_output, reading
from sagemaker_runtime.bulk.outputs.convert import OutputFormat, convert, converter

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.text(max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
ROWS = st.fixed_dictionaries({"file": TEXTS, "record": st.integers(0, 9), "output": VALUES})


def converted(folder: Path, rows: list[object], format: OutputFormat) -> Path:
    source, to = folder / "rows", folder / f"part.{format}"
    source.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    convert(source, to, format)
    assert sorted([source, to]) == sorted(folder.iterdir())
    return to


def csv_of(folder: Path, rows: list[object]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(converted(folder, rows, "csv").read_bytes().decode(), newline=""), strict=True))


def results(*outputs: object) -> list[object]:
    return [{"file": "a.jsonl", "record": number, "output": output} for number, output in enumerate(outputs)]


def outputs_of(folder: Path, *outputs: object) -> tuple[str, list[object]]:
    """The type of the column, and its values."""
    table = pq.read_table(converted(folder, results(*outputs), "parquet"))
    return str(table.schema.field("output").type), table["output"].to_pylist()


def test_jsonl_stays_as_it_is(tmp_path: Path) -> None:
    """Byte for byte."""
    to = converted(tmp_path, results(1, {"a": [1.10]}), "jsonl")

    assert (tmp_path / "rows").read_bytes() == to.read_bytes()


def test_a_row_of_csv_has_the_place_of_the_record_and_the_cells_of_its_output(tmp_path: Path) -> None:
    """The keys of objects, the elements of lists, or the output itself."""
    assert [["file", "record", "label", "p"], ["a.jsonl", "0", "x,y", "0.5"], ["a.jsonl", "1", "", "1e-09"]] == csv_of(
        tmp_path, results({"label": "x,y", "p": 0.5}, {"p": 1e-9, "label": None})
    )
    assert [
        ["file", "record", "output_0", "output_1"],
        ["a.jsonl", "0", "1", ""],
        ["a.jsonl", "1", "2", "3"],
    ] == csv_of(tmp_path, results([1], [2, 3]))
    assert [["file", "record", "output"], ["a.jsonl", "0", "true"], ["a.jsonl", "1", ""]] == csv_of(
        tmp_path, results(*[True, None])
    )


def test_what_is_within_a_cell_is_json(tmp_path: Path) -> None:
    """In an input that was joined, and in an output."""
    rows = [{"file": "a", "record": 0, "input": {"x": [1, "é"]}, "output": {"s": [0.5], "t": "two\nlines"}}]

    assert [["file", "record", "input", "s", "t"], ["a", "0", '{"x":[1,"é"]}', "[0.5]", "two\nlines"]] == csv_of(
        tmp_path, list(rows)
    )


def test_a_key_that_is_the_name_of_another_column_gets_another(tmp_path: Path) -> None:
    """A reader by name would lose one."""
    header, *_ = csv_of(tmp_path, results({"file": "x", "record": 1, "output_0": 2, "output": 3}, [4], 5))

    names = ["file", "record", "output", "output_0"]
    assert [*names, "output_file", "output_record", "output_output_0", "output_output"] == header


@given(st.lists(ROWS, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_rows_can_be_written(tmp_path: Path, rows: list[object]) -> None:
    """Whatever a model answers: a run that cannot publish a part cannot go on."""
    table = csv_of(tmp_path, rows)
    (tmp_path / "part.csv").unlink()

    assert [len(table[0])] * (len(rows) + 1) == [len(row) for row in table]
    assert len(rows) == pq.read_table(converted(tmp_path, rows, "parquet")).num_rows
    (tmp_path / "part.parquet").unlink()


@pytest.mark.parametrize(
    ("outputs", "kind", "values"),
    [
        ([1, None], "int64", [1, None]),
        ([1, 2.5, 2**62 + 1], "double", [1.0, 2.5, float(2**62)]),
        ([True, False], "bool", [True, False]),
        ([True, 1], "string", ["true", "1"]),
        (["a", 1, None], "string", ['"a"', "1", None]),
        (["a", "\ud800"], "string", ["a", "\\ud800"]),
        ([None], "null", [None]),
        ([2**63], "string", ["9223372036854775808"]),
        ([[0.5, 1], []], "list<element: double>", [[0.5, 1.0], []]),
        ([[1, "a"], [2]], "list<element: string>", [["1", '"a"'], ["2"]]),
        ([[], [None]], "list<element: null>", [[], [None]]),
        (
            [{"p": 1}, {"p": 0.5, "l": "x"}],
            "struct<p: double, l: string>",
            [{"p": 1.0, "l": None}, {"p": 0.5, "l": "x"}],
        ),
        ([{"p": [{"q": 1}]}, {"p": [{"q": "x"}]}], "struct<p: list<element: struct<q: string>>>", None),
        ([{}, {}], "string", ["{}", "{}"]),
        ([{"a": {}}], "struct<a: string>", [{"a": "{}"}]),
        ([{"a": 1}, [1]], "string", ['{"a":1}', "[1]"]),
        ([{"\ud800": 1}], "string", ['{"\\ud800":1}']),
    ],
)
def test_a_column_of_parquet_has_the_type_that_fits_all_its_values(
    tmp_path: Path, outputs: list[object], kind: str, values: list[object] | None
) -> None:
    """Integers become floats beside floats; what does not fit together becomes JSON."""
    found, read = outputs_of(tmp_path, *outputs)

    assert kind == found.replace("item:", "element:")
    assert values is None or values == read


def test_structs_that_are_wide_or_deep_are_json(tmp_path: Path) -> None:
    """Keys that are data would be thousands of columns."""
    deep: object = 1
    for _ in range(100):
        deep = [deep]

    assert "string" == outputs_of(tmp_path, {str(number): 1 for number in range(1001)})[0]
    assert outputs_of(tmp_path, deep)[0].count("list") == 32


def test_nan_and_infinity_are_floats(tmp_path: Path) -> None:
    """Models return them."""
    kind, values = outputs_of(tmp_path, math.inf, math.nan, 1)

    assert "double" == kind
    assert "[inf, nan, 1.0]" == str(values)


def test_what_was_selected_is_a_row_too(tmp_path: Path) -> None:
    """An object of other keys, or no object."""
    rows: list[object] = [{"id": "00501", "p": 1}, {"p": None, "id": "7"}]

    assert [["id", "p"], ["00501", "1"], ["7", ""]] == csv_of(tmp_path, rows)
    assert [["output"], ["x"], [""]] == csv_of(tmp_path, ["x", None])
    (tmp_path / "part.csv").unlink()
    assert rows == pq.read_table(converted(tmp_path, rows, "parquet")).to_pylist()
    assert [{"output": 1}] == pq.read_table(converted(tmp_path, [1], "parquet")).to_pylist()


def test_rows_become_the_same_bytes_each_time(tmp_path: Path) -> None:
    """A part that is published again after a kill must be the one that was there."""
    rows = results(*({"p": number / 7, "l": "x" * number} for number in range(300)))

    for format in ("csv", "parquet"):
        assert converted(tmp_path, rows, format).read_bytes() == converted(tmp_path, rows, format).read_bytes()
        (tmp_path / f"part.{format}").unlink()


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is memory."""
    monkeypatch.setattr(reading, "BATCH", 1_000)
    monkeypatch.setattr(parquet_output, "_GROUP", 2_000)
    rows = results(*({"p": number} for number in range(1_000)))

    file = pq.ParquetFile(converted(tmp_path, rows, "parquet"))

    assert file.metadata.num_row_groups > 5
    assert rows == file.read().to_pylist()


@pytest.mark.parametrize("format", ["csv", "parquet", "jsonl"])
def test_a_failure_leaves_what_was_there_and_nothing_half(
    tmp_path: Path, format: OutputFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full, above all. What is there is private, as the output is."""
    to = converted(tmp_path, results(1), format)
    before = to.read_bytes()
    monkeypatch.setattr("os.fsync", _full)

    with pytest.raises(OSError, match="no room"):
        convert(tmp_path / "rows", to, format)

    assert before == to.read_bytes()
    assert {"rows", to.name} == {path.name for path in tmp_path.iterdir()}
    assert 0o600 == stat.S_IMODE(to.stat().st_mode)


def _full(descriptor: int) -> None:
    raise OSError(28, "no room")


def test_a_format_that_cannot_be_written_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """CSV needs no pyarrow."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ConfigError, match=r"output_format='parquet' needs pyarrow: pip install"):
        converter("parquet")
    with pytest.raises(ConfigError, match="output_format is 'orc'; it takes 'jsonl', 'csv' or 'parquet'"):
        converter("orc")  # type: ignore[arg-type]
    assert converter("jsonl") is None
    assert converter("csv") is not None
