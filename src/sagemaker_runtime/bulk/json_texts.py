"""JSON for values that JSON has no type for, written the same way everywhere."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeGuard
from uuid import UUID

JSON = "application/json"


def json_text(value: object) -> bytes:
    """
    A value as JSON on one line, without spaces.

    Dates and times become ISO 8601, in UTC if they have a time zone; durations become seconds; decimals and UUIDs, strings;
    bytes, base64; NumPy scalars and arrays, the values that they hold.

    Raises:
        TypeError: It contains a value of any other type.
        ValueError: It contains itself, or an integer with thousands of digits.
        RecursionError: It is nested too deeply.
    """
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can express and UTF-8 cannot
        return _encode_ascii(value).encode()


def check_json(text: str) -> None:
    """
    Check that a text is one JSON document.

    Raises:
        ValueError, RecursionError: It is not.
    """
    _READER.decode(text)


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Whether a value that `json.loads` returned is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether a value that `json.loads` returned is a list."""
    return isinstance(value, list)


def _plain(value: object) -> object:
    match value:
        case datetime():
            if value.tzinfo is None:
                return value.isoformat()
            return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return format(value, "f")
        case bytes() | bytearray():
            return base64.b64encode(value).decode()
        case UUID():
            return str(value)
        case _:
            to_list: object = getattr(value, "tolist", None)  # NumPy scalars have it, too
            if callable(to_list):
                return to_list()
            raise TypeError(f"JSON has no {type(value).__name__}")


_READER = json.JSONDecoder(parse_float=len)  # making floats takes longer than everything else
read_text = _READER.raw_decode
"""Read a JSON document at a position in a text; returns it and the position after it. Floats become their length."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":"), default=_plain).encode
