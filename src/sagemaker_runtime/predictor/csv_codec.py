"""`CSVCodec`: rows of CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Set as AbstractSet
from datetime import date, time
from decimal import Decimal
from enum import Enum
from functools import partial
from numbers import Real
from typing import Any, Generic, TypeVar, overload
from uuid import UUID

from sagemaker_runtime.predictor.exceptions import Caught, EncodeError, UnreadableError, decoded, named
from sagemaker_runtime.predictor.kinds import is_iterable, is_kind, name_of
from sagemaker_runtime.predictor.media_types import ANOTHER_FORMAT, may_be_csv

T = TypeVar("T")

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_SCALARS = (
    str,
    Real,
    Decimal,
    date,
    time,
    UUID,
    Enum,
)  # Real: int, float, bool, Fraction, and NumPy's scalars; not Decimal
_NUMPY_KINDS = "biufUMm"  # of dtypes: bool, integers, floats, text, dates


class CSVCodec(Generic[T]):
    """
    Rows of numbers and text, ``text/csv`` without a header line.

    It takes an iterable of rows, or one flat row: ``[5.1, 3.5]`` is sent as ``5.1,3.5``. A row is a list, a tuple, a NumPy array or
    any other iterable except a string, bytes, a dict and a set. A field is a string, a number, a date, a time, a UUID, a member of
    an enum, a NumPy scalar, or None for an empty field; it is written as its ``str()``, which keeps every digit of a number. A
    response becomes a list of rows, which are lists of strings.

    Rows are separated by line feeds; the last has none. Blank lines of a response are skipped. A field of a response has at most
    `csv.field_size_limit` characters.

    Args:
        field: Converts each field of a response, such as ``float``. None leaves them as strings.
    """

    content_type = "text/csv"
    accept = "text/csv"

    @overload
    def __init__(self: CSVCodec[str]) -> None: ...

    @overload
    def __init__(self, *, field: Callable[[str], T]) -> None: ...

    def __init__(self, *, field: Callable[[str], T] | None = None) -> None:
        self._field = field

    def encode(self, value: Iterable[object], /) -> bytes:
        """
        The rows as CSV.

        Raises:
            EncodeError: The value contains something that is not a row, or a row something that is not a field.
        """
        lines = _Lines()
        csv.writer(lines).writerows(_rows(value))
        text = "\n".join(lines)
        if text.startswith(_BOM):  # a reader would take it for a byte order mark, and drop it
            text = _BOM + text
        return text.encode()

    def decode(self, body: bytes, content_type: str | None, /) -> list[list[T]]:
        """
        The rows in a response.

        Raises:
            DecodeError: The response is not CSV in UTF-8, has another content type, or *field* raised an exception.
        """
        return decoded(partial(self._read, content_type), body, content_type, self.content_type)

    def _read(self, content_type: str | None, body: bytes) -> list[list[T]]:
        if not may_be_csv(body, content_type):
            raise UnreadableError(ANOTHER_FORMAT)
        problem, text = None, ""
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            problem = f"{error.reason} at byte {error.start}; it is read as UTF-8"
        if problem is not None:
            raise UnreadableError(problem)
        rows: list[list[T]] = []
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                problem = f"line {max(reader.line_num, 1)}: {error}"  # its text names at most a character of the syntax
                if "field limit" in problem:
                    problem += "; csv.field_size_limit(...) raises the limit"
                break
            if row is None:
                return rows
            if row:
                rows.append(self._values(row, len(rows) + 1))
        raise UnreadableError(problem)

    def _values(self, row: list[str], number: int) -> list[T]:
        values: list[T] = []
        for index, text in enumerate(row, 1):
            with Caught() as caught:  # any exception of the caller's function, whose text may contain the field
                value: Any = text if self._field is None else self._field(text)
                values.append(value)
                continue
            raise UnreadableError(f"row {number}, field {index}: field= raised {named(caught.error)}")
        return values


class _Lines(list[str]):
    """The file for a `csv.writer`, which ends lines with CR LF so that it quotes either character in a field."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n"))


def _rows(value: object) -> list[list[str]]:
    if isinstance(value, str | bytes | bytearray):
        raise EncodeError(
            "the value is text: CSVCodec takes rows; text that is CSV already can be sent by the client as it is"
        )
    if is_kind(value, Mapping, AbstractSet):
        raise EncodeError(
            f"the value is of type {name_of(value)}: CSVCodec takes rows, in which the order of the fields matters"
        )
    if hasattr(value, "columns"):  # iterating a data frame gives the names of its columns, or the columns
        raise EncodeError(
            f"the value is of type {name_of(value)}: give its rows, such as frame.itertuples(index=False)"
        )
    if not is_iterable(value) or _is_field(value):
        raise EncodeError(f"the value is of type {name_of(value)}: CSVCodec takes rows; a single field is [field]")
    items = list(value)
    flat = bool(items) and _is_field(items[0])
    if flat:
        return [_fields(items, "")]
    return [_fields(_row(item, index), f"[{index}]") for index, item in enumerate(items)]


def _row(item: object, index: int) -> list[object]:
    if is_kind(item, Mapping, AbstractSet, bytes, bytearray) or _is_field(item) or not is_iterable(item):
        mixed = "; the items before it are rows" if index else ""
        raise EncodeError(
            f"the value cannot be written as CSV: [{index}] is of type {name_of(item)}, which is not a row{mixed}"
        )
    fields = list(item)
    if not fields:
        raise EncodeError(f"the value cannot be written as CSV: [{index}] is a row without fields, which readers skip")
    return fields


def _fields(row: list[object], place: str) -> list[str]:
    return [_field(value, f"{place}[{index}]") for index, value in enumerate(row)]


def _field(value: object, place: str) -> str:
    if isinstance(value, Enum):
        value = value.value  # str() of a member may be its name
    if value is None:
        return ""
    if not _is_field(value):
        raise _refused(place, f"is of type {name_of(value)}, which is not a field")
    try:
        text = str(value)
        text.encode()
    except UnicodeEncodeError as error:
        problem = f"has half of a surrogate pair at character {error.start}, which is not Unicode text"
    except ValueError:  # thousands of digits
        problem = "is a number with too many digits"
    else:
        return text
    raise _refused(place, problem)


def _refused(place: str, problem: str) -> EncodeError:
    return EncodeError(f"the value cannot be written as CSV: {place} {problem}")


def _is_field(value: object) -> bool:
    """Whether it is a scalar. NumPy's are recognized by their dtype, so that NumPy need not be imported."""
    if value is None or isinstance(value, _SCALARS):
        return True
    dtype: object = getattr(value, "dtype", None)
    return getattr(value, "ndim", None) == 0 and getattr(dtype, "kind", "?") in _NUMPY_KINDS
