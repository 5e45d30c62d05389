"""Responses as JSON texts."""

from __future__ import annotations

import base64
import json
import sys
import traceback

import pytest
from hypothesis import given, strategies as st

from sagemaker_runtime import DecodeError
from sagemaker_runtime.bulk.bodies.answers import counted, elements, one

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
INDENTS = st.sampled_from([None, 0, 1, "\t"])


def problem_of(body: bytes, key: str | None = None) -> str:
    """The text of the error, which must not hold the content, nor may anything that hangs on it."""
    with pytest.raises(DecodeError) as caught:
        elements(body, key)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
    return str(caught.value).partition(": ")[2]


# What elements are cut at, as text within them; and values that are written in the same way, as those of a model are.
SIGNS = st.text(st.sampled_from('{}[]",: \\a'), max_size=6)
NUMBERS = st.integers() | st.floats(allow_nan=False)
FLAT = (
    st.lists(st.dictionaries(SIGNS, NUMBERS | SIGNS, max_size=2), max_size=4)
    | st.lists(st.lists(NUMBERS | SIGNS, max_size=2), max_size=4)
    | st.lists(SIGNS, max_size=4)
    | st.lists(NUMBERS | st.none(), max_size=4)
)


@given(FLAT | st.lists(VALUES | SIGNS, max_size=4), st.sampled_from([None, "a"]), st.sampled_from([",", ", "]))
def test_a_list_is_cut_where_its_elements_end_and_not_where_their_text_looks_so(
    values: list[object], key: str | None, separator: str
) -> None:
    """Most responses are compact, or as Python writes them, and are cut at their separators; ``},{`` may be in a string."""
    document = values if key is None else {key: values}
    body = json.dumps(document, separators=(separator, ":" if separator == "," else ": ")).encode()

    found = elements(body, key)

    assert [
        json.dumps(value, separators=(separator, ":" if separator == "," else ": ")).encode() for value in values
    ] == found


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b'{"a":[{"b":1}],"a":[{"c":2},{"d":3}]}', [b'{"c":2}', b'{"d":3}']),
        (b'{"a":["b"],"a":["c","d"]}', [b'"c"', b'"d"']),
        (b'{"a":[{"b":1}],"c":[{"d":1}]}', [b'{"b":1}']),
        (b'{"a":["b"],"c":["d"]}', [b'"b"']),
        (b'{"a":[[1],[2]],"c":[[3]]}', [b"[1]", b"[2]"]),
        (b'{"a":[1,2],"c":[3]}', [b"1", b"2"]),
        (b'{"a":[{"b":1},5,{"c":"},{"}]}', [b'{"b":1}', b"5", b'{"c":"},{"}']),
        (b'{"a":[{"b":[{"c":1},{"d":2}]}]}', [b'{"b":[{"c":1},{"d":2}]}']),
        (b'{"a":[{"b":"}]}"}]}', [b'{"b":"}]}"}']),
        (b'{"a":[",",",",""]}', [b'","', b'","', b'""']),
    ],
)
def test_what_stands_around_a_list_is_none_of_its_elements(body: bytes, texts: list[bytes]) -> None:
    """A second list in the same object, or the same key twice, of which the last counts."""
    assert texts == elements(body, "a")


@pytest.mark.parametrize(
    "body", [b"[{}}", b"[{},{]", b'["a","b]', b"[1,,2]", b"[{},{}]]", b"[[1],[2],]", b'[{"a":01}]']
)
def test_a_list_that_only_looks_like_one_is_refused(body: bytes) -> None:
    """Cut without being read, it would put what is no JSON into the output."""
    problem_of(body)


@given(st.lists(VALUES, max_size=5), INDENTS, st.sampled_from([True, False]))
def test_the_elements_of_any_list_are_found_as_they_stand(
    values: list[object], indent: int | str | None, plain: object
) -> None:
    """Whatever they are, however it is laid out, each on one line."""
    body = json.dumps(values, indent=indent, ensure_ascii=bool(plain)).encode(errors="replace")

    found = elements(body, None)

    assert json.loads(body) == [json.loads(text) for text in found]
    assert not any(b"\n" in text for text in found)


@given(st.dictionaries(st.text(), VALUES, max_size=3), st.lists(VALUES, max_size=5), st.text(), INDENTS)
def test_the_list_under_a_key_is_found_wherever_it_stands(
    others: dict[str, object], values: list[object], key: str, indent: int | None
) -> None:
    """``{"predictions": […], "model": "…"}`` is what TensorFlow Serving and many others return."""
    for document in (
        {**others, key: values},
        {key: values, **{name: each for name, each in others.items() if name != key}},
    ):
        found = elements(json.dumps(document, indent=indent).encode(), key)

        assert values == [json.loads(text) for text in found]


def test_numbers_keep_every_digit_and_models_may_return_nan() -> None:
    """Parsed and written again, 1.10 would be 1.1, and 1e400 infinity."""
    assert [b"1.10", b"1e400", b"NaN", b"-Infinity"] == elements(b" [1.10, 1e400 ,NaN,-Infinity]\n", None)
    assert [b"1"] == elements(b"\xef\xbb\xbf[1]", None)
    assert [b"2"] == elements(b'{"a": [1], "a": [2]}', "a")


# Python's own words, which are others since 3.13.
TRAILING_COMMA = (
    "Illegal trailing comma before end of array at line 1 column 10"
    if sys.version_info >= (3, 13)
    else "Expecting value at line 1 column 11"
)


@pytest.mark.parametrize(
    ("body", "key", "problem"),
    [
        (b"", None, "it ends too early"),
        (b'["s3cret"', None, "Expecting ',' delimiter at line 1 column 10"),
        (b"{", "a", "it ends too early"),
        (b'["s3cret', None, "Unterminated string starting at at line 1 column 2"),
        (b'["s3cret",]', None, TRAILING_COMMA),
        (b'["s3cret" 1]', None, "Expecting ',' delimiter at line 1 column 11"),
        (b'["s3\ncret"]', None, "Invalid control character at at line 1 column 5"),
        (b'["s3cret"] []', None, "something follows its end"),
        (b'{"s3cret": 1}', None, "it is not a list"),
        (b'["s3cret"]', "a", "it is not an object"),
        (b'{"s3cret": 1}', "a", "it has no such key"),
        (b"{}", "a", "it has no such key"),
        (b'{"a": "s3cret"}', "a", "there is no list"),
        (b'{"a": [1], }', "a", "Expecting a key at line 1 column 12"),
        (b'{"a": [1] "b": 1}', "a", "Expecting ',' at line 1 column 11"),
        (b'{"a" [1]}', "a", "Expecting ':' at line 1 column 6"),
        (b'{a: "s3cret"}', "a", "Expecting a key at line 1 column 2"),
        (b'["s3cret\xff"]', None, "invalid start byte at byte 8; JSON must be UTF-8"),
        (b"[" * 100_000, None, "it is nested too deeply"),
        (b"[" + b"1" * 5000 + b"]", None, "a number has too many digits"),
    ],
)
def test_what_is_no_such_list_is_refused_in_words_that_do_not_show_it(
    body: bytes, key: str | None, problem: str
) -> None:
    """A response may hold what no log should."""
    assert problem == problem_of(body, key)


def test_a_hostile_list_costs_no_more_time_than_its_length() -> None:
    """A pattern that searches, or goes back, takes minutes for these 2 MB, and the event loop with them."""
    long = b"0." + b"1" * 1_000_000
    bodies = [b"[[[%b]]]" % long, b"[[%b1]]" % (b" " * 1_000_000), b"[[%b1]]" % (b'"",{},' * 300_000)]

    assert [1, 1, 1] == [len(elements(body, None)) for body in bodies]


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b' {"a":\r\n 1.10}\n', "application/json; charset=utf-8", b'{"a":   1.10}'),
        (b'{"a": 1}', "application/vnd.acme+json", b'{"a": 1}'),
        (b'{"a": 1}', None, b'{"a": 1}'),
        (b"5.1,3.5\n", "text/csv", b'"5.1,3.5\\n"'),
        (b"1", "text/plain", b'"1"'),
        (b"\xe9", "text/plain; charset=latin-1", b'"\\u00e9"'),
        (b"\xe9", "text/plain; charset=klingon", b'{"base64":"6Q=="}'),
        (b"\xe9", "text/plain", b'{"base64":"6Q=="}'),
        (b"oh", None, b'"oh"'),
        (b"\xff", None, b'{"base64":"/w=="}'),
        (b"1", "image/png", b'{"base64":"MQ=="}'),
    ],
)
def test_a_response_of_any_type_is_one_json_text(body: bytes, content_type: str | None, text: bytes) -> None:
    """What it becomes depends on its type and not on chance: a PNG that happens to be text is base64 all the same."""
    assert text == one(body, content_type)


@given(st.binary() | st.text().map(str.encode) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_a_response_without_a_type_is_the_first_of_json_text_and_bytes(body: bytes) -> None:
    """Nothing of it is lost, whatever it is."""
    try:
        expected = json.loads(body.decode())
    except UnicodeDecodeError:
        expected = {"base64": base64.b64encode(body).decode()}
    except ValueError:
        expected = body.decode()

    assert repr(expected) == repr(json.loads(one(body, None)))


def test_what_says_that_it_is_json_and_is_not_is_refused() -> None:
    """A string in its place would hide that the model is broken."""
    with pytest.raises(DecodeError, match=r"6 bytes of type application/json, cannot be read as JSON: Expecting value"):
        one(b"s3cret", "application/json")


def test_answers_are_counted() -> None:
    """With one too few nobody knows whose is missing."""
    assert [b"1"] == counted([b"1"], 1)
    with pytest.raises(DecodeError, match="1 answers for 2 records"):
        counted([b"1"], 2)
