"""The answers to several records in a response, by its type."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from typing import TYPE_CHECKING

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.bodies.answers import counted, is_json, listed, media_type, one
from sagemaker_runtime.bulk.json_texts import json_text
from sagemaker_runtime.predictor import UnreadableError, decoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.bodies.base import Body

JSON_LINES = "application/jsonlines"
CSV_TYPE = "text/csv"
_LINES = (JSON_LINES, "application/x-jsonlines", "application/jsonl", "application/x-ndjson", "application/ndjson")
_BLANKS = b" \t\r"


def check_limits(body: Body) -> None:
    """
    Look at what a body is given as limits.

    Raises:
        ConfigError: They are no numbers from 1 on.
    """
    if body.max_rows < 1 or body.max_bytes < 1:
        raise ConfigError(f"{body!r}: max_rows and max_bytes are numbers from 1 on")


def answers(
    body: bytes, content_type: str | None, number: int, *, single: bool, key: str, otherwise: str
) -> Sequence[bytes]:
    """
    What a response says of each record, as JSON texts on one line each.

    JSON is a list, or an object with one under *key*. JSON Lines have a line for each. CSV has a row for each: a list of
    text, or text alone if it is one cell; one row with a cell for each record is taken apart, as SageMaker's XGBoost writes it.

    Args:
        body: Of the response.

        content_type: What it says it is.

        number: Of records.

        single: Whether requests have one record, whose answer is JSON as it stands.

        key: What a list in JSON stands under.

        otherwise: What it is read as if its type is none of these: `JSON_LINES` or `CSV_TYPE`.

    Raises:
        DecodeError: It is not that, or has another number of answers.
    """
    kind = media_type(content_type)
    if is_json(kind):
        if single:
            return [one(body, content_type)]
        return listed(body, key, content_type, number)
    if kind in _LINES or (kind != CSV_TYPE and otherwise == JSON_LINES):
        return counted(decoded(_lines, body, content_type, "JSON Lines"), number)
    return counted(decoded(partial(_rows, number=number), body, content_type, "CSV"), number)


def _lines(body: bytes) -> list[bytes]:
    found: list[bytes] = []
    for index, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        text = line.strip(_BLANKS)
        if not text:
            continue
        try:
            json.loads(text.decode())
        except UnicodeDecodeError:
            problem = "is not UTF-8"
        except json.JSONDecodeError as error:
            problem = f"has no JSON document: {error.msg} at column {error.colno}"
        except RecursionError:
            problem = "is nested too deeply"
        except ValueError:
            problem = "has a number of too many digits"
        else:
            found.append(text.replace(b"\r", b" "))
            continue
        raise UnreadableError(f"line {index} {problem}")
    return found


def _rows(body: bytes, *, number: int) -> list[bytes]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{error.reason} at byte {error.start}, and it is read as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:  # whose texts name a character of the syntax at most
        raise UnreadableError(f"line {reader.line_num}: {error}") from None
    if len(rows) == 1 and len(rows[0]) == number:
        rows = [[cell] for cell in rows[0]]
    return [json_text(row[0] if len(row) == 1 else row) for row in rows]
