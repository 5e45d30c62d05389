"""JSON and JSON Lines, plain and into types."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import dataclass
from typing import Any, List, Literal, NamedTuple, TypedDict  # noqa: UP035 - the old way too

import attrs
import cattrs
import msgspec
import numpy as np
import pydantic
import pytest
from hypothesis import given, strategies as st
from predictor.bodies import SECRET, decode, refused, round_trip, unreadable
from pydantic_core import to_jsonable_python

from sagemaker_runtime import Codec, ConfigError, JSONCodec, JSONLinesCodec, JSONLinesParser
from sagemaker_runtime.predictor import json_lines

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
DOCUMENTS = st.recursive(SCALARS, lambda inside: st.lists(inside) | st.dictionaries(TEXTS, inside), max_leaves=20)


class Flower(pydantic.BaseModel):
    """In pydantic."""

    species: str
    scores: list[float] = []
    extra: dict[str, int] = {}
    kind: Literal["wild", "garden"] = "wild"
    model_config = pydantic.ConfigDict(extra="forbid")


class Struct(msgspec.Struct, forbid_unknown_fields=True):
    """In msgspec."""

    species: str
    scores: list[float] = []
    extra: dict[str, int] = {}
    kind: Literal["wild", "garden"] = "wild"


@attrs.define
class Plant:
    """For cattrs."""

    species: str
    scores: list[float] = attrs.Factory(list)


@dataclass
class Leaf:
    """Plain."""

    species: str


# Without a type


@given(DOCUMENTS)
def test_a_document_comes_back_as_it_was(document: object) -> None:
    """Whatever JSON can hold."""
    assert document == round_trip(JSONCodec(), document)


@given(st.lists(DOCUMENTS))
def test_documents_come_back_as_they_were_one_on_each_line(documents: list[object]) -> None:
    """Text with every kind of line end in it."""
    assert documents == round_trip(JSONLinesCodec(), documents)
    assert len(documents) == JSONLinesCodec().encode(documents).count(b"\n")


@given(st.lists(DOCUMENTS), st.data())
def test_a_body_and_a_stream_of_json_lines_hold_the_same_documents(
    documents: list[object], data: st.DataObject
) -> None:
    """One rule for both, wherever the stream is cut."""
    body = JSONLinesCodec().encode(documents)
    cut = data.draw(st.integers(0, len(body)))
    parser = JSONLinesCodec().stream_format.parser()

    assert documents == [*parser.feed(body[:cut]), *parser.feed(body[cut:]), *parser.end()]


def test_json_is_written_without_blanks_and_escapes() -> None:
    """A body has 6 MB at most, and numbers with blanks between them take a tenth more."""
    assert '{"a":[1,2.5,"ü"]}'.encode() == JSONCodec().encode({"a": [1, 2.5, "ü"]})
    assert '{"a":"ü"}\n[]\n'.encode() == JSONLinesCodec().encode(iter([{"a": "ü"}, []]))


@pytest.mark.parametrize("codec", [JSONCodec(), JSONLinesCodec()])
def test_nan_and_infinity_are_written_and_read_by_one_rule(codec: Codec[Any, Any]) -> None:
    """Models return them, and Python's own json has written them for ever; a stream of JSON lines is read the same."""
    values = [float("inf"), float("-inf"), float("nan")]
    body = b"".join((codec.encode([values]) if isinstance(codec, JSONLinesCodec) else codec.encode(values),))

    assert b"[Infinity,-Infinity,NaN]" == body.strip()
    (first, second, third) = decode(codec, body) if isinstance(codec, JSONCodec) else decode(codec, body)[0]
    assert (math.inf, -math.inf, True) == (first, second, math.isnan(third))
    assert repr([values]) == repr(JSONLinesParser().feed(body.strip() + b"\n"))


def test_a_type_of_pydantics_reads_nan_by_the_same_rule() -> None:
    """It reads the bytes itself."""
    codec = JSONCodec(type=pydantic.TypeAdapter(list[float]))

    assert [math.inf, -math.inf] == decode(codec, b"[Infinity,-Infinity]")
    assert math.isnan(decode(codec, b"[NaN]")[0])


@pytest.mark.parametrize(
    "codec", [JSONCodec(), JSONCodec(type=pydantic.TypeAdapter(Any)), JSONCodec(type=lambda given: given)]
)
def test_a_byte_order_mark_is_skipped(codec: JSONCodec[Any]) -> None:
    """Windows puts one there, and Python's own json refuses it."""
    assert [1] == decode(codec, b"\xef\xbb\xbf[1]")


def test_blank_lines_and_carriage_returns_are_skipped() -> None:
    """As RFC 8259 allows around a document."""
    assert [1, {"a": 2}] == decode(JSONLinesCodec(), b'\xef\xbb\xbf\n1\r\n \t\n{"a": 2}')


BROKEN: list[tuple[bytes, str]] = [
    (b'{"s3cr3t": 1', "Expecting ',' delimiter at line 1 column 13"),
    (b'{"a":\n "s3cr3t" "b"}', "Expecting ',' delimiter at line 2 column 11"),
    (b'"s3cr3t \xff"', "invalid start byte at byte 8; JSON must be UTF-8"),
    (b'"\x00s\x00"', "Invalid control character at at line 1 column 2"),
    (b"[" * 100_000, "it is nested too deeply"),
    (b"9" * 5_000, "a number has too many digits"),
    (b"", "Expecting value at line 1 column 1"),
    (b"<html>s3cr3t", "Expecting value at line 1 column 1"),
]


@pytest.mark.parametrize(("body", "problem"), BROKEN, ids=range(len(BROKEN)))
def test_a_response_that_is_no_json_is_an_error_that_says_where(body: bytes, problem: str) -> None:
    """A response may be about a person; an error ends up in a log, together with its context."""
    assert problem == unreadable(JSONCodec(), body)


@pytest.mark.parametrize(("body", "problem"), [(b, p) for b, p in BROKEN if b and b"\n" not in b])
def test_a_line_that_is_no_json_is_named_by_its_number(body: bytes, problem: str) -> None:
    """In a file of thousands, the number is what helps."""
    found = unreadable(JSONLinesCodec(), b"1\n\n" + body + b"\n2\n")

    assert f"line 3: {problem}".replace(" line 1 column", " column") == found


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([0, {"x": {SECRET}}], '[1]["x"] is of type set; convert it, or give the codec a default= that does'),
        ({"a": [1, (2, np.int64(3))]}, '["a"][1][1] is of type numpy.int64; convert it, or'),
        ({"a": 1, (SECRET,): 2}, "it has a key of type tuple; a key is text, a number, a bool or None"),
        ([{b"a": 1}], "[0] has a key of type bytes"),
        (["", SECRET + "\udc00"], "[1] has half of a surrogate pair at character 6, which is not Unicode text"),
        ({"\ud800": 1}, "it has a key that has half of a surrogate pair"),
        ([1, 10**5000], "[1] is a number with too many digits"),
        (object(), "it is of type object"),
    ],
)
def test_a_value_that_json_cannot_hold_is_refused_with_its_place(value: object, problem: str) -> None:
    """Python's own error says the type, and leaves the place to be searched for."""
    assert refused(JSONCodec(), value).startswith(f"the value cannot be written as JSON: {problem}")


def test_a_value_that_contains_itself_or_is_too_deep_is_refused() -> None:
    """Either would end in a RecursionError, without a word of the place."""
    loop: dict[str, Any] = {"a": [1]}
    loop["a"].append(loop)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    assert refused(JSONCodec(), loop).endswith('JSON: ["a"][1] contains itself')
    assert refused(JSONCodec(), deep).endswith("JSON: it is nested too deeply")
    del loop["a"]
    while deep:
        deep = deep.pop()


def test_default_and_object_hook_are_pythons_own() -> None:
    """Whoever knows the arguments of json.dumps and json.loads knows these."""
    codec = JSONCodec(default=sorted, object_hook=lambda pairs: tuple(pairs.items()))

    assert b'{"a":[1,2]}' == codec.encode({"a": {2, 1}})
    assert (("a", 1),) == decode(codec, b'{"a":1}')
    assert [(("a", 1),)] == decode(JSONLinesCodec(object_hook=lambda pairs: tuple(pairs.items())), b'{"a":1}')


def test_what_a_hook_raises_is_named_with_its_line_and_without_its_text() -> None:
    """A KeyError's text is the key, which may be the person's."""

    def fail(value: object) -> object:
        raise LookupError(SECRET)

    assert "it is of type object, and default= raised LookupError at test_json_codecs.py:" in refused(
        JSONCodec(default=fail), object()
    )
    assert unreadable(JSONCodec(object_hook=fail), b"{}").startswith("LookupError at test_json_codecs.py:")
    assert unreadable(JSONCodec(type=fail), b"{}").startswith("LookupError at test_json_codecs.py:")


def test_default_that_raises_value_error_or_returns_what_json_cannot_hold() -> None:
    """It is searched like the value itself."""
    assert '["x"] is of type set' in refused(
        JSONCodec(default=lambda _: {"x": set()} if _ != set() else 1 / 0), object()
    )


@pytest.mark.parametrize("value", [SECRET, b"[1]", {"a": 1}, 7])
def test_json_lines_take_documents_and_not_one(value: object) -> None:
    """A dict would be sent as its keys, and text as its characters."""
    assert "it takes an iterable of documents, and a single one as [document]" in refused(JSONLinesCodec(), value)


def test_a_document_that_cannot_be_written_is_named_by_its_index() -> None:
    """Of thousands."""
    assert ': [1]["a"] is of type set' in refused(JSONLinesCodec(), [1, {"a": set()}])


# With a type


def structure(document: object) -> Plant:
    return cattrs.structure(document, Plant)


ADAPTERS: list[tuple[Any, type]] = [
    (Flower, Flower),
    (pydantic.TypeAdapter(Flower), Flower),
    (msgspec.json.Decoder(Struct), Struct),
    (structure, Plant),
    (pydantic.TypeAdapter(Leaf), Leaf),
]


@pytest.mark.parametrize(("type", "expected"), ADAPTERS)
def test_a_type_reads_the_response(type: Any, expected: Any) -> None:
    """Pydantic, msgspec and cattrs, each by its own means."""
    document = decode(JSONCodec(type=type), b'{"species": "setosa"}')

    assert expected(species="setosa") == document
    assert [document, document] == decode(JSONLinesCodec(type=type), b'{"species": "setosa"}\n' * 2)
    parser = JSONLinesCodec(type=type).stream_format.parser()
    assert [document] == [*parser.feed(b'{"species": '), *parser.feed(b'"setosa"}'), *parser.end()]


@pytest.mark.parametrize("type", [Flower, pydantic.TypeAdapter(Flower)])
def test_an_object_hook_stands_before_a_type_of_pydantics(type: Any) -> None:
    """It must not be left out in silence where the type could read the bytes."""
    codec = JSONCodec(type=type, object_hook=lambda pairs: {"species": str(pairs["name"])})

    assert Flower(species="setosa") == decode(codec, b'{"name": "setosa"}')


def test_values_of_a_type_are_written_by_the_library_that_made_them() -> None:
    """Each has a function that json's default can be."""
    expected = b'{"species":"setosa","scores":[1.0],"extra":{},"kind":"wild"}'

    assert expected == JSONCodec(default=to_jsonable_python).encode(Flower(species="setosa", scores=[1.0]))
    assert expected == JSONCodec(default=msgspec.to_builtins).encode(Struct(species="setosa", scores=[1.0]))
    assert b'{"species":"setosa","scores":[]}' == JSONCodec(default=cattrs.unstructure).encode(Plant("setosa"))


WRONG = [
    (b'{"species": 7, "scores": [1, "s3cr3t"]}', "species: string_type; scores[1]: float_parsing"),
    (b'{"species": "a", "extra": {"s3cr3t": "s3cr3t"}}', "extra.*: int_parsing"),
    (b'{"species": "a", "s3cr3t": 1}', "*: extra_forbidden"),
    (b'{"species": "a", "kind": "s3cr3t"}', "kind: literal_error"),
    (b'["s3cr3t"]', "the document: model_type"),
    (b'{"species": "s3cr3t"', "EOF while parsing an object at line 1 column 20"),
    (
        b'{"scores": ["a", "b", "c"]}',
        "species: missing; scores[0]: float_parsing; scores[1]: float_parsing; and 1 more",
    ),
]


@pytest.mark.parametrize(("body", "problem"), WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize("type", [Flower, pydantic.TypeAdapter(Flower)])
def test_what_pydantic_refuses_is_named_by_field_and_kind(type: Any, body: bytes, problem: str) -> None:
    """Its own text quotes the input, and a key of a dict is content too."""
    assert problem == unreadable(JSONCodec(type=type), body)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"species": "a", "scores": [1, "s3cr3t"]}', "Expected `float`, got `str` - at `$.scores[1]`"),
        (b'{"species": "a", "extra": {"s3cr3t": "s3cr3t"}}', "Expected `int`, got `str` - at `$.extra[...]`"),
        (b"{}", "Object missing required field `species`"),
        (b'{"species": "s3cr3t"', "Input data was truncated"),
        (b'{"species": "a", "kind": "s3cr3t"}', "ValidationError at "),
        (b'{"species": "a", "s3cr3t": 1}', "ValidationError at "),
    ],
)
def test_what_msgspec_refuses_is_shown_where_its_text_holds_no_content(body: bytes, problem: str) -> None:
    """It quotes an unknown field and the value of an enum."""
    assert unreadable(JSONCodec(type=msgspec.json.Decoder(Struct)), body).startswith(problem)


def test_what_cattrs_refuses_is_named_by_its_path() -> None:
    """Its groups hold the path in notes, and the content in the texts."""
    body = b'{"species": "a", "scores": [1, "s3cr3t"]}'

    assert "scores[1]: ValueError" == unreadable(JSONCodec(type=structure), body)


def test_what_a_type_refuses_in_json_lines_is_named_by_its_line() -> None:
    """As for plain documents."""
    codec = JSONLinesCodec(type=Flower)

    assert "line 2: species: missing" == unreadable(codec, b'{"species": "a"}\n{}\n')


class Pair(NamedTuple):
    """With fields."""

    species: str


class Loose(TypedDict):
    """For checkers only."""

    species: str


@pytest.mark.parametrize(
    ("type", "name"),
    [
        (Leaf, "Leaf"),
        (Plant, "Plant"),
        (Struct, "Struct"),
        (Pair, "Pair"),
        (Loose, "Loose"),
        (list[Flower], "Flower"),
        (List[Flower], "Flower"),  # noqa: UP006 - the old way to write it
    ],
)
@pytest.mark.parametrize("codec", [JSONCodec, JSONLinesCodec, json_lines])
def test_a_class_that_checks_nothing_is_refused(codec: Any, type: Any, name: str) -> None:
    """``Leaf({"species": ...})`` and ``list[Flower]([...])`` raise nothing, and are found out much later."""
    with pytest.raises(ConfigError, match=f"TypeAdapter\\(.*{name}\\]?\\)"):
        codec(type=type)


@pytest.mark.parametrize(
    "codec",
    [
        JSONCodec(),
        JSONCodec(type=Flower),
        JSONCodec(type=structure, default=to_jsonable_python),
        JSONLinesCodec(),
        JSONLinesCodec(type=Flower),
        JSONLinesCodec(type=structure),
    ],
)
def test_a_codec_pickles(codec: Any) -> None:
    """It is sent to the workers of a pool along with the work; a msgspec.json.Decoder is the one type that cannot be."""
    body = b'{"species": "setosa"}'
    again = pickle.loads(pickle.dumps(codec))  # noqa: S301 - our own

    assert decode(codec, body) == decode(again, body)
    if isinstance(codec, JSONLinesCodec):
        assert [*codec.stream_format.parser().feed(body + b"\n")] == [*again.stream_format.parser().feed(body + b"\n")]


def test_what_cannot_read_json_is_refused_when_the_codec_is_made() -> None:
    """And not with the first response."""
    with pytest.raises(ConfigError, match="type is of type int"):
        JSONCodec(type=7)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="cannot be used with object_hook"):
        JSONCodec(type=msgspec.json.Decoder(Struct), object_hook=dict)  # type: ignore[call-overload]


def test_the_writer_agrees_with_json_dumps() -> None:
    """But for blanks and escapes."""
    value = {"a": [1, None, True, 2.5, float("inf")], 1: "x", None: [], False: {}}

    assert json.loads(json.dumps(value)) == json.loads(JSONCodec().encode(value))
