"""Bodies of one record, of a part of one, and of codecs."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from bulk.inputs import MemorySource, records_of
from hypothesis import given, strategies as st

from sagemaker_runtime import (
    ArrowCodec,
    ConfigError,
    CSVCodec,
    DecodeError,
    EncodeError,
    JSONCodec,
    NumPyCodec,
    ParquetCodec,
)
from sagemaker_runtime.bulk import (
    CSV,
    CodecBody,
    CSVBody,
    FileBody,
    Files,
    JSONBody,
    JSONLines,
    JSONLinesBody,
    PromptBody,
    Selected,
)

JSON = "application/json"
RECORD = b'{"prompt": "Say \\"hi\\"\\n\\u2028 {x}", "limit": 7, "tags": ["a"], "none": null}'


def filled(template: Any, record: bytes = RECORD) -> object:
    return json.loads(PromptBody(template).encode([record], JSONLines(), "a").body)


def test_a_template_takes_the_fields_of_a_record() -> None:
    """Escaped as JSON wants it; braces in a field are text."""
    prompt = json.loads(RECORD)["prompt"]

    assert {"inputs": prompt, "stream": False} == filled({"inputs": "{prompt}", "stream": False})
    assert {"m": [{"content": f"Q: {prompt}?"}]} == filled({"m": [{"content": "Q: {prompt}?"}]})
    assert {"inputs": prompt} == filled('{"inputs": "{prompt}"}')


def test_a_place_alone_becomes_the_value_and_one_within_text_its_json() -> None:
    """A limit of tokens is a number."""
    assert [7, ["a"], None, "7 of 7", '["a"]!'] == filled(
        ["{limit}", "{tags}", "{none}", "{limit} of {limit}", "{tags}!"]
    )


def test_doubled_braces_are_braces_and_keys_stay_as_they_are() -> None:
    """Prompts that ask for JSON have braces."""
    template = {"{limit}": 'as {{"a": {limit}}} é\n', "": "", "x": "{{limit}}", "y": "{limit}"}

    assert {"{limit}": 'as {"a": 7} é\n', "": "", "x": "{limit}", "y": 7} == filled(template)


@given(st.text(), st.text(), st.text(st.characters(exclude_characters="{}"), min_size=1))
def test_any_text_around_any_field_comes_out_as_it_is(before: str, value: str, name: str) -> None:
    """Quotes, line breaks and halves of surrogate pairs too."""
    template = {"a": before.replace("{", "{{").replace("}", "}}") + "!{" + name + "}"}

    assert {"a": f"{before}!{value}"} == filled(template, json.dumps({name: value}).encode())


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ({"inputs": "prompt"}, "the template has no placeholder for a field"),
        ({"inputs": "{{prompt}}"}, "the template has no placeholder for a field"),
        ({"inputs": "{prompt"}, r"a single \{ in the string that begins with '\{prompt'"),
        ({"inputs": "prompt}"}, r"a single \} in the string"),
        ({"inputs": "{}"}, r"a single \{ in the string"),
        ('{"inputs": {prompt}}', "the template is not JSON: Expecting property name"),
        ({"inputs": {1, 2}}, "the template is not JSON: Object of type set"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused(template: Any, problem: str) -> None:
    """Where it is written, and not once for each record."""
    with pytest.raises(ConfigError, match=problem):
        PromptBody(template)


@pytest.mark.parametrize(
    ("record", "problem"),
    [(b'{"a": "s3cret"}', "the record has no field 'prompt'"), (b'["s3cret"]', "the record is not an object")],
)
def test_a_record_without_the_field_fails_alone_and_names_it(record: bytes, problem: str) -> None:
    """The others are sent."""
    with pytest.raises(EncodeError, match=problem) as caught:
        filled({"inputs": "{prompt}"}, record)
    assert "s3cret" not in str(caught.value)


def test_a_template_is_its_settings() -> None:
    """A run that goes on compares them, however it was written."""
    body = PromptBody({"inputs": "{a}"})

    assert """PromptBody(template='{"inputs": "{a}"}')""" == repr(body)
    assert body == PromptBody('{"inputs":"{a}"}') == pickle.loads(pickle.dumps(body))  # noqa: S301 - our own
    assert [b'{"generated_text": "hi"}'] == body.decode(b'{"generated_text": "hi"}', JSON, 1)


def test_a_file_is_sent_as_it_is_with_the_type_of_its_suffix() -> None:
    """The same on every machine."""
    body = FileBody(accept=JSON)
    types = {
        name: body.encode([b"\xff"], Files(), name).content_type
        for name in ("a/b.JPG", "c.flac", "d.webp", "e.xyz", "f")
    }

    assert {"a/b.JPG": "image/jpeg", "c.flac": "audio/flac", "d.webp": "image/webp"} | dict.fromkeys(
        ("e.xyz", "f"), "application/octet-stream"
    ) == types
    assert "image/x" == body.encode([b"\xff"], Files("image/x"), "a.jpg").content_type
    assert (b"\xff", JSON) == (body.encode([b"\xff"], Files(), "a.jpg").body, body.accept)
    assert [b'{"base64":"/w=="}'] == body.decode(b"\xff", "image/png", 1)


def test_a_selection_is_sent_and_the_record_stays_whole() -> None:
    """By whatever makes the requests."""
    row = b'{"id": 1, "x": {"b": 2.5, "a": "t"}}'

    def sent(expression: str, body: Any, record: bytes = row, format: Any = JSONLines()) -> bytes:  # noqa: B008 - frozen
        return Selected(expression, body).encode([record], format, "a").body

    assert b'{"b":2.5,"a":"t"}' == sent("x", JSONBody())
    assert b'{"instances":[["t",2.5]]}' == sent("[x.a, x.b]", JSONBody(key="instances", max_rows=2))
    assert b"t,2.5" == sent("[x.a, x.b]", CSVBody())
    assert b'{"inputs": "t"}' == sent("x", PromptBody({"inputs": "{a}"}))
    assert b"null\n" == sent("nothing", JSONLinesBody())
    assert b'"2"\n' == sent("[1]", JSONLinesBody(), b"1,2", CSV(header=False))


def test_a_selection_is_as_its_body_for_all_else() -> None:
    """Limits, what is asked for, and how answers are read."""
    selected = Selected("a", CSVBody(max_rows=3, max_bytes=9))

    assert (3, 9, "text/csv") == (selected.max_rows, selected.max_bytes, selected.accept)
    assert [b'"1"', b'"2"'] == selected.decode(b"1\n2\n", "text/csv", 2)
    assert repr(selected).startswith("Selected(expression='a', body=CSVBody(max_rows=3, ")


def test_a_bad_expression_is_refused_where_it_is_written_and_one_that_does_not_fit_fails_its_record() -> None:
    """The place is shown; the value is not."""
    with pytest.raises(ConfigError, match=r"the expression of Selected is 'a\.\[', which is not JMESPath:"):
        Selected("a.[", JSONBody())
    with pytest.raises(
        EncodeError, match=r"'length\(a\)' cannot be evaluated on the record: JMESPathTypeError"
    ) as caught:
        Selected("length(a)", JSONBody()).encode([b'{"a": 77}'], JSONLines(), "a")
    assert "77" not in str(caught.value)


def test_any_codec_makes_requests_of_lists_of_records() -> None:
    """And its values become JSON, those of NumPy too."""
    rows = [b"[1, 2]", b"[3, 4]"]
    body = CodecBody(CSVCodec(), max_rows=2)

    encoded = body.encode(rows, JSONLines(), "a")

    assert (b"1,2\n3,4", "text/csv", "text/csv") == (encoded.body, encoded.content_type, body.accept)
    assert [b'["5"]', b'["6"]'] == body.decode(b"5\n6\n", "text/csv", 2)
    arrays = CodecBody(NumPyCodec(), max_rows=2)
    array = NumPyCodec().decode(arrays.encode(rows, JSONLines(), "a").body, "application/x-npy")
    assert [[1, 2], [3, 4]] == array.tolist()
    reply = NumPyCodec().encode(np.array([0.5, 0.25]))
    assert [b"0.5", b"0.25"] == arrays.decode(reply, "application/x-npy", 2)
    with pytest.raises(EncodeError, match="they differ in length"):
        arrays.encode([b"[1]", b"[2, 3]"], JSONLines(), "a")


@pytest.mark.parametrize("codec", [ParquetCodec(), ArrowCodec()])
def test_codecs_of_tables_get_one_of_the_records(codec: ParquetCodec | ArrowCodec) -> None:
    """A row for each, of CSV too."""
    format = CSV()
    records = records_of(format, MemorySource({"a.csv": b"id,x\n00501,1\n7,2\n"}))
    body = CodecBody(codec, max_rows=9)

    encoded = body.encode(records, format, "a.csv")

    assert [{"id": "00501", "x": "1"}, {"id": "7", "x": "2"}] == codec.decode(encoded.body, None).to_pylist()
    assert codec.content_type == encoded.content_type
    reply = codec.encode(pa.table({"score": [0.5, float("nan")], "day": pa.array([0, None], pa.date32())}))
    assert [b'{"score":0.5,"day":"1970-01-01"}', b'{"score":NaN,"day":null}'] == body.decode(reply, None, 2)


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([b'{"a": 1}', b'["s3cret"]'], "the record is not an object"),
        ([b'{"a": 1}', b'{"a": "s3cret"}'], r"a column has values of several types \(Arrow"),
    ],
)
def test_records_that_are_no_table_are_refused(records: list[bytes], problem: str) -> None:
    """A single one is a table, so the run sends them apart."""
    with pytest.raises(EncodeError, match=problem) as caught:
        CodecBody(ParquetCodec(), max_rows=2).encode(records, JSONLines(), "a")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("codec", "body", "problem"),
    [
        (JSONCodec(), b"[1]", "1 answers for 2 records"),
        (JSONCodec(), b'{"s3cret": 1}', "JSONCodec decodes it to a dict, not to a list"),
        (JSONCodec(), b'"s3cret"', "JSONCodec decodes it to a str"),
        (JSONCodec(), b"s3cret", "Expecting value"),
        (
            JSONCodec(type=lambda document: [object(), document]),
            b'"s3cret"',
            "cannot be read as application/json: TypeError",
        ),
    ],
)
def test_what_a_codec_returns_is_counted(codec: JSONCodec[object], body: bytes, problem: str) -> None:
    """An object is iterable as well, over its keys."""
    with pytest.raises(DecodeError, match=problem) as caught:
        CodecBody(codec, max_rows=2).decode(body, JSON, 2)
    assert "s3cret" not in str(caught.value)


def test_a_codec_shows_the_name_of_its_type() -> None:
    """Its own repr has an address, which another process would not have."""
    assert "CodecBody(codec=JSONCodec, max_rows=2, max_bytes=5242880)" == repr(CodecBody(JSONCodec(), max_rows=2))
    with pytest.raises(ConfigError, match="max_rows and max_bytes"):
        CodecBody(JSONCodec(), max_rows=0)
