"""Bodies with several records, as JSON Lines and CSV."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from bulk.formats.test_parquet import parquet_of
from bulk.inputs import MemorySource, records_of

from sagemaker_runtime import ConfigError, DecodeError, EncodeError
from sagemaker_runtime.bulk import CSV, CSVBody, Files, JSONLines, JSONLinesBody, Parquet
from sagemaker_runtime.bulk.formats.base import AlikeLines

if TYPE_CHECKING:
    from sagemaker_runtime.bulk import Body, Format

JSON, LINES, TABLE = "application/json", "application/jsonlines", "text/csv"


def sent(body: Body, format: Format, data: bytes) -> bytes:
    """The body of one request with all records of a file."""
    return body.encode(records_of(format, MemorySource({"a": data})), format, "a").body


def test_json_lines_are_sent_as_lines() -> None:
    """As they stand, whatever has read them."""
    body = JSONLinesBody(max_rows=9)

    encoded = body.encode([b'{"a": 1.10}', b"[2]"], JSONLines(), "a")

    assert (b'{"a": 1.10}\n[2]\n', LINES, LINES) == (encoded.body, encoded.content_type, body.accept)
    assert b'["1","x"]\n' == sent(body, CSV(header=False), b"1,x\n")
    assert b'{"a": 1}\n' == body.encode([b'{"a":\n1}\n'], Files(JSON), "a.json").body


def test_lines_that_look_alike_are_sent_without_being_read() -> None:
    """To read them costs as much as to send them. One alone is read: so a bad one is found when its request has failed."""
    records = AlikeLines(b'{"a":\r1}\n{bad}\n{"a": 3}', 3)

    assert b'{"a": 1}\n{bad}\n{"a": 3}\n' == JSONLinesBody(max_rows=9).encode(records, JSONLines(), "a").body
    with pytest.raises(EncodeError, match="the record is not a JSON document"):
        JSONLinesBody(max_rows=9).encode(records[1:2], JSONLines(), "a")


def test_a_line_that_is_no_json_is_not_sent() -> None:
    """The container would refuse the records beside it too."""
    with pytest.raises(EncodeError, match="the record is not a JSON document"):
        JSONLinesBody().encode([b"{"], JSONLines(), "a")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"s": 1.10}\n[2]\n', LINES),
        (b'\xef\xbb\xbf{"s": 1.10}\r\n\r\n [2] ', "application/x-ndjson; charset=utf-8"),
        (b'{"s": 1.10}\n[2]\n', None),
        (b'{"s": 1.10}\n[2]\n', "text/plain"),
        (b'[{"s": 1.10},\n[2]]', JSON),
        (b'{"model": "m", "predictions": [{"s": 1.10}, [2]]}', JSON),
    ],
)
def test_the_answers_to_lines_are_lines_or_a_list(body: bytes, content_type: str | None) -> None:
    """Containers take one and return another."""
    assert [b'{"s": 1.10}', b"[2]"] == JSONLinesBody(max_rows=9).decode(body, content_type, 2)


def test_the_answer_to_a_request_of_one_record_is_json_as_it_stands() -> None:
    """A list may be the answer. With more rows a request, one left over is answered by a list of one."""
    assert [b"[1, 2]"] == JSONLinesBody().decode(b"[1, 2]", JSON, 1)
    assert [b"1"] == JSONLinesBody(max_rows=2).decode(b"[1]", JSON, 1)
    assert [b"[1, 2]"] == CSVBody().decode(b"[1, 2]", JSON, 1)
    assert [b"1"] == CSVBody(output_key="scores").decode(b"1", JSON, 1)
    assert [b"1"] == CSVBody(max_rows=2, output_key="scores").decode(b'{"scores":[1]}', JSON, 1)


@pytest.mark.parametrize(
    ("body", "content_type", "problem"),
    [
        (b"1\n", LINES, "1 answers for 2 records"),
        (b"1\n2\n3\n", LINES, "3 answers for 2 records"),
        (b"[1]", JSON, "1 answers for 2 records"),
        (b"1\n{s3cret\n", LINES, "line 2 has no JSON document: Expecting property name"),
        (b"1\n\xff\n", LINES, "line 2 is not UTF-8"),
        (b"1\n" + b"[" * 99_999, LINES, "line 2 is nested too deeply"),
        (b"1\n" + b"1" * 9_999, LINES, "line 2 has a number with too many digits"),
        (b"1,2,3\n", TABLE, "1 answers for 2 records"),
        (b'"s3cret', TABLE, "line 1: unexpected end of data"),
        (b"\xff\n", TABLE, "cannot be read as CSV: invalid start byte at byte 0"),
    ],
)
def test_a_response_that_is_not_one_answer_a_record_is_refused(body: bytes, content_type: str, problem: str) -> None:
    """Nobody could tell whose answers they are. The text shows nothing of them."""
    with pytest.raises(DecodeError, match=problem) as caught:
        JSONLinesBody(max_rows=2).decode(body, content_type, 2)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_rows_of_csv_are_sent_as_they_stand() -> None:
    """Quotes, digits and blanks are the model's business."""
    text = b'id,note\r\n00501, "x" \n1.10,"two\nlines"\n'

    assert b'00501, "x" \n1.10,"two\nlines"' == sent(CSVBody(max_rows=9), CSV(), text)
    assert (TABLE, TABLE) == (CSVBody().encode([b"1"], CSV(header=False), "a").content_type, CSVBody().accept)


def test_rows_with_another_delimiter_get_commas() -> None:
    """``text/csv`` has them."""
    text = b"id\tnote\n00501\tx,y\n\t'q'\n"

    assert b"00501,\"x,y\"\n,'q'" == sent(CSVBody(max_rows=9), CSV(delimiter="\t"), text)


def test_columns_choose_the_cells_and_their_order() -> None:
    """Of whatever has names."""
    body = CSVBody(max_rows=9, columns=["b", "a"])

    assert b"2,1" == sent(body, CSV(), b"a,b,c\n1,2,3\n")
    assert b'"x, ""y""",1.5\n,true' == sent(
        body, JSONLines(), b'{"a": 1.5, "b": "x, \\"y\\""}\n{"b": null, "a": true}\n'
    )
    assert b"NaN,1\n,2" == sent(body, Parquet(), parquet_of(pa.table({"a": [1, 2], "b": [float("nan"), None]})))


def test_the_rows_of_a_table_need_no_columns_and_lists_neither() -> None:
    """Their order is that of the file."""
    assert b"1,x" == sent(CSVBody(), Parquet(), parquet_of(pa.table({"b": [1], "a": ["x"]})))
    assert b"1,x" == sent(CSVBody(), JSONLines(), b'[1, "x"]\n')


@pytest.mark.parametrize(
    ("body", "record", "problem"),
    [
        (CSVBody(), b'{"a": 1}', r"give CSVBody\(columns="),
        (CSVBody(columns=["a"]), b'{"b": "s3cret"}', "the record has no 'a', which columns= names"),
        (CSVBody(columns=["a"]), b"[1]", "the record is a list, but columns= takes values of an object"),
        (CSVBody(), b'"s3cret"', "neither a list nor an object"),
        (CSVBody(), b'[1, ["s3cret"]]', "the value at 1 is a list or an object"),
        (CSVBody(columns=["a"]), b'{"a": {"s3cret": 1}}', "the value at 'a' is a list or an object"),
    ],
)
def test_a_record_that_is_no_row_fails_alone(body: CSVBody, record: bytes, problem: str) -> None:
    """Objects without columns above all: with other keys first, a model would score other features, and nobody would notice."""
    with pytest.raises(EncodeError, match=problem) as caught:
        body.encode([record], JSONLines(), "a")
    assert "s3cret" not in str(caught.value)


def test_a_row_of_csv_of_the_wrong_length_fails_alone() -> None:
    """It would shift the features."""
    format = CSV()
    records = records_of(format, MemorySource({"a": b"a,b\n1\n"}))

    with pytest.raises(EncodeError, match="it has 1 cells, but the header has 2"):
        CSVBody().encode(records, format, "a")


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        (b"0.50\n1e-3\n", [b'"0.50"', b'"1e-3"']),
        (b"setosa,0.9\r\n\r\nvirginica,0.8\r\n", [b'["setosa","0.9"]', b'["virginica","0.8"]']),
        (b'\xef\xbb\xbf"a\nb",1\nc,2', [b'["a\\nb","1"]', b'["c","2"]']),
        (b"0.5,0.25\n", [b'"0.5"', b'"0.25"']),
    ],
)
def test_the_answers_in_csv_are_cells_of_text(body: bytes, answers: list[bytes]) -> None:
    """``00501`` may be a class. One row with a cell for each record is what SageMaker's XGBoost returns."""
    assert answers == CSVBody(max_rows=9).decode(body, TABLE, 2)
    assert answers == CSVBody(max_rows=9).decode(body, "text/plain", 2)


@pytest.mark.parametrize("kind", [JSONLinesBody, CSVBody])
@pytest.mark.parametrize("settings", [{"max_rows": 0}, {"max_bytes": 0}])
def test_limits_that_make_no_sense_are_refused(kind: type[JSONLinesBody | CSVBody], settings: dict[str, int]) -> None:
    """Where they are written."""
    with pytest.raises(ConfigError, match="max_rows and max_bytes take numbers, 1 or more"):
        kind(**settings)


def test_columns_are_a_list_of_names() -> None:
    """A text would be taken for the list of its letters."""
    with pytest.raises(ConfigError, match="columns is the string 'abc'"):
        CSVBody(columns="abc")  # type: ignore[arg-type]
    assert "columns=('a',)" in repr(CSVBody(columns=["a"]))
    assert json.loads(sent(JSONLinesBody(), CSV(), b"a\n1\n")) == {"a": "1"}
