"""CSV."""

from __future__ import annotations

import csv
import math
from datetime import date
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, strategies as st
from predictor.bodies import SECRET, decode, refused, round_trip, unreadable

from sagemaker_runtime import CSVCodec

CSV = CSVCodec()
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


class Color(str, Enum):  # noqa: UP042 - whose str() is its name
    """Text that is a member of an enumeration."""

    RED = "red"


@given(st.lists(st.lists(TEXTS, min_size=1)))
def test_rows_of_any_text_come_back_as_they_were(rows: list[list[str]]) -> None:
    """Commas, quotes, byte order marks and every kind of line end within a field."""
    assert rows == round_trip(CSV, rows)


@given(st.lists(st.floats(allow_nan=False) | st.integers(), min_size=1))
def test_a_flat_row_of_numbers_comes_back_to_the_last_digit(row: list[float]) -> None:
    """A flat list is the commonest mistake, and its one possible meaning is one row."""
    assert [row] == round_trip(CSVCodec(field=float if any(isinstance(each, float) for each in row) else int), row) or [
        [float(each) for each in row]
    ] == round_trip(CSVCodec(field=float), row)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_float32_keeps_its_own_digits_and_no_others(row: list[float]) -> None:
    """Through a Python float, 0.1 would be sent as 0.10000000149011612."""
    array = np.array(row, np.float32)

    (back,) = round_trip(CSVCodec(field=np.float32), array)

    assert array.tolist() == np.array(back, np.float32).tolist()
    assert b"0.1,0.2" == CSV.encode(np.array([0.1, 0.2], np.float32))


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ([5.1, 3.5], "5.1,3.5"),
        ([[5.1, 3.5], ["a,b", None], ["c\r\nd", '"']], '5.1,3.5\n"a,b",\n"c\r\nd",""""'),
        ([(1, 2), (3, 4)], "1,2\n3,4"),
        (((1, 2), [3, 4]), "1,2\n3,4"),
        (iter([[1], range(2), map(str, "ab")]), "1\n0,1\na,b"),
        (np.arange(4).reshape(2, 2), "0,1\n2,3"),
        (
            [np.float64(0.1), np.int8(3), np.bool_(1), np.array(7), np.datetime64("2025-06-15")],
            "0.1,3,True,7,2025-06-15",
        ),
        ([None, 1], ",1"),
        ([[None]], '""'),
        ([True, Decimal("1.50"), date(2025, 6, 15), Color.RED], "True,1.50,2025-06-15,red"),
        ([UUID(int=1)], "00000000-0000-0000-0000-000000000001"),
        ([1e-7, 1e22, math.inf, math.nan], "1e-07,1e+22,inf,nan"),
        ([], ""),
        (["ü"], "ü"),
    ],
)
def test_each_kind_of_row_is_written_as_the_built_in_algorithms_read_it(value: Any, body: str) -> None:
    """Lines end with a line feed alone, and none follows the last: some containers split there and parse what is left."""
    assert body.encode() == CSV.encode(value)


FRAME = SimpleNamespace(columns=["a"], __iter__=None)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (f"1,{SECRET}", "the value is text: CSVCodec takes rows"),
        (SECRET.encode(), "the value is text"),
        ({"a": SECRET}, "the value is of type dict: CSVCodec takes rows, in which the order"),
        ({1, 2}, "the value is of type set"),
        (FRAME, "the value is of type types.SimpleNamespace: give its rows, such as frame.itertuples(index=False)"),
        (7, "the value is of type int: CSVCodec takes rows; a single field is [field]"),
        (np.array(7), "the value is of type numpy.ndarray"),
        ([[1], 2], "[1] is of type int, which is not a row; the items before it are rows"),
        ([1, [2]], "[1] is of type list, which is not a field"),
        ([[1], SECRET], "[1] is of type str, which is not a row"),
        ([{"a": SECRET}], "[0] is of type dict, which is not a row"),
        ([[1], []], "[1] is a row without fields"),
        ([[1, [2]]], "[0][1] is of type list, which is not a field"),
        ([[1, {SECRET}]], "[0][1] is of type set, which is not a field"),
        ([[1, SECRET.encode()]], "[0][1] is of type bytes, which is not a field"),
        ([1j], "[0] is of type complex, which is not a row"),
        ([1, object()], "[1] is of type object, which is not a field"),
        (np.zeros((1, 1, 1)), "[0][0] is of type numpy.ndarray, which is not a field"),
        (["\ud800"], "[0] has half of a surrogate pair at character 0"),
        ([10**5000], "[0] is a number with too many digits"),
    ],
)
def test_what_is_no_row_and_no_field_is_refused_with_its_place(value: object, problem: str) -> None:
    """Text would be sent as a column of its characters, a dict as its keys, bytes as their repr."""
    assert problem in refused(CSV, value)


def test_fields_are_read_by_a_function() -> None:
    """Rows of numbers, without a loop of the caller's."""
    assert [[1.5, 2.0], [3.0]] == decode(CSVCodec(field=float), b"1.5,2\n3")

    def parse(text: str) -> float:
        return float(text)

    assert "row 2, field 2: field= raised ValueError at test_csv_codec.py:" in unreadable(
        CSVCodec(field=parse), b"1,2\n3,s3cr3t"
    )
    assert "row 1, field 1: field= raised ValueError" in unreadable(CSVCodec(field=float), b"s3cr3t")


def test_blank_lines_and_a_byte_order_mark_are_skipped() -> None:
    """A blank line is not a row; a mark would become part of the first field."""
    assert [["1"], ["2"]] == decode(CSV, b"\xef\xbb\xbf1\r\n\r\n2\n\n")
    assert [] == decode(CSV, b"")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"s3cr3t,\xff", "invalid start byte at byte 7; it is read as UTF-8"),
        (b'1\n"s3cr3t" and more', "line 2: ',' expected after '\"'"),
        (b'1,2\n"s3cr3t', "line 2: unexpected end of data"),
    ],
)
def test_a_response_that_is_no_csv_is_an_error_that_says_where(body: bytes, problem: str) -> None:
    """The line, and not what stands on it."""
    assert problem == unreadable(CSV, body)


def test_a_field_beyond_pythons_limit_says_where_and_what_raises_it() -> None:
    """It was a ValueError and no more."""
    limit = csv.field_size_limit()

    problem = unreadable(CSV, b"1\n2," + b"x" * (limit + 1))

    assert f"line 2: field larger than field limit ({limit}); csv.field_size_limit(...) raises the limit" == problem
