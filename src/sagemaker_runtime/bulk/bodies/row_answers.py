"""Reads the answers to several records from a response, by its content type."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from typing import TYPE_CHECKING

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.bodies.answers import counted, listed, one
from sagemaker_runtime.bulk.json_texts import check_json, json_text
from sagemaker_runtime.predictor import UnreadableError, decoded
from sagemaker_runtime.predictor.media_types import JSON_LINES_TYPES, is_json, may_be_csv, media_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.bodies.base import Body

JSON_LINES = "application/jsonlines"
CSV_TYPE = "text/csv"
_BLANKS = b" \t\r"


def check_limits(body: Body) -> None:
    """
    Check the limits of a body.

    Raises:
        ConfigError: One of them is less than 1.
    """
    if body.max_rows < 1 or body.max_bytes < 1:
        raise ConfigError(f"{body!r}: max_rows and max_bytes take numbers, 1 or more")


def answers(
    body: bytes, content_type: str | None, number: int, *, single: bool, key: str, otherwise: str
) -> Sequence[bytes]:
    """
    The answer to each record, as a JSON text on one line.

    JSON is a list, or an object with a list under *key*. JSON Lines have a line for each record. CSV has a row for each, which
    becomes a list of strings, or a string if it has one cell; a single row with a cell for each record, as SageMaker's XGBoost
    writes it, is split.

    Args:
        body: The body of the response.

        content_type: Its content type.

        number: How many records there were.

        single: Whether requests have one record, whose answer is the JSON as it is.

        key: The key of the list in a JSON object.

        otherwise: How to read a response whose type is none of these: as `JSON_LINES` or `CSV_TYPE`.

    Raises:
        DecodeError: It is in another format, is labelled as another, or has another number of answers.
    """
    kind = media_type(content_type)
    if is_json(kind):
        if single:
            return [one(body, content_type)]
        return listed(body, key, content_type, number)
    if kind in JSON_LINES_TYPES or (kind != CSV_TYPE and otherwise == JSON_LINES):
        return counted(decoded(_lines, body, content_type, "JSON Lines"), number)
    return counted(decoded(partial(_rows, content_type=content_type, number=number), body, content_type, "CSV"), number)


def _lines(body: bytes) -> list[bytes]:
    found: list[bytes] = []
    for index, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        text = line.strip(_BLANKS)
        if not text:
            continue
        try:
            check_json(text.decode())
        except UnicodeDecodeError:
            problem = "is not UTF-8"
        except json.JSONDecodeError as error:
            problem = f"has no JSON document: {error.msg} at column {error.colno}"
        except RecursionError:
            problem = "is nested too deeply"
        except ValueError:
            problem = "has a number with too many digits"
        else:
            found.append(text.replace(b"\r", b" "))
            continue
        raise UnreadableError(f"line {index} {problem}")
    return found


def _rows(body: bytes, *, content_type: str | None, number: int) -> list[bytes]:
    if not may_be_csv(body, content_type):
        raise UnreadableError("that is another format; if the container sets a wrong content type, correct it there")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{error.reason} at byte {error.start}; it is read as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:  # its text names at most a character of the syntax
        raise UnreadableError(f"line {reader.line_num}: {error}") from None
    if len(rows) == 1 and len(rows[0]) == number:
        rows = [[cell] for cell in rows[0]]
    return [json_text(row[0] if len(row) == 1 else row) for row in rows]
