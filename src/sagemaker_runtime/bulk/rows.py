"""`Rows`: how results and dead letters are written, a JSON document a line."""

from __future__ import annotations

import json
import re
from functools import lru_cache, partial
from operator import mod
from typing import TYPE_CHECKING, Any

from sagemaker_runtime import InvalidParamsError, ServiceError
from sagemaker_runtime.bulk.expressions import compiled
from sagemaker_runtime.bulk.json_texts import is_object, json_text
from sagemaker_runtime.predictor import EncodeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagemaker_runtime import SageMakerRuntimeError
    from sagemaker_runtime.bulk.formats.base import Batch, Format

_digits = partial(mod, b"%d")
_INPUT = b', "input": '  # between the facts of a dead letter and its record; in a text, its quotes would be escaped


DEEPEST = 100  # levels of a line; what reads it, and Parquet, has an end long before that of memory
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_PAIR = re.compile(rb"\[\]|\{\}")
_NO_BRACKETS = bytes(each for each in range(256) if each not in b"[]{}")


class Rows:
    """
    Writes lines.

    Args:
        format: What has read the records.

        join: Whether a result has its record beside it.

        select: JMESPath of a result with its record: what is written instead. None for all of it.

    Raises:
        ConfigError: *select* is no JMESPath.
    """

    def __init__(self, format: Format, *, join: bool, select: str | None) -> None:
        self._format = format
        self._join = join
        self._select = None if select is None else compiled(select, "select")

    def results(
        self, batch: Batch, offset: int, records: Sequence[bytes], texts: Sequence[bytes], inference_id: str | None
    ) -> bytes:
        """
        The lines for results, one behind the other.

        Args:
            batch: What the records are of.

            offset: Where they stand in it.

            records: The records.

            texts: The result of each, as JSON on one line.

            inference_id: Of their call; None if it had none.

        Raises:
            EncodeError: A record to be joined is not what its format says; *select* fails on a result; or a line would be nested
                too deeply.
        """
        head = _head(batch.file)
        middle = b"" if inference_id is None else b',"inference_id":%b' % json.dumps(inference_id).encode()
        first = batch.first + offset
        numbers = map(_digits, range(first, first + len(texts)))
        if not self._join and self._select is None:
            # In one piece: to format each line takes three times as long.
            pieces = [b"}\n" + head, b"", middle + b',"output":', b""] * len(texts)
            pieces[1::4], pieces[3::4] = numbers, texts
            pieces[0] = head
            whole = b"".join([*pieces, b"}\n"])
            _check_depth(whole)
            return whole
        lines = [
            b'%b%b%b,"input":%b,"output":%b}' % (head, number, middle, self._format.document(record), text)
            for number, record, text in zip(numbers, records, texts, strict=True)
        ]
        _check_depth(b"\n".join(lines))
        if self._select is not None:
            lines = [json_text(self._select(json.loads(line))) for line in lines]
        return b"".join([line + b"\n" for line in lines])

    def dead_letter(self, batch: Batch, offset: int, error: SageMakerRuntimeError) -> bytes:
        """
        The line for a record that failed for good.

        Args:
            batch: What it is of.

            offset: Where it stands there.

            error: Why.
        """
        record = batch.records[offset]
        try:
            document = self._format.document(record).decode()
        except EncodeError:
            document = json.dumps(record.decode(errors="replace"))
        facts = {
            "file": batch.file,
            "record": batch.first + offset,
            "status": error.status if isinstance(error, ServiceError) else None,
            "code": error.code if isinstance(error, ServiceError) else type(error).__name__,
            "message": str(error) if isinstance(error, InvalidParamsError) else error.message,  # all that is wrong
            "request_id": error.request_id,
            "attempts": len(error.attempts),
            "at": [batch.begin, batch.first],
        }
        return b"%b%b%b}\n" % (json.dumps(facts).encode()[:-1], _INPUT, document.encode())


def _check_depth(lines: bytes) -> None:
    """
    Raise unless others can read the lines: `json` reads 1,000 levels and more, but none of what it has just read within another.

    Most have few brackets, which are quickly counted.
    """
    if _brackets(lines) <= DEEPEST:
        return
    if any(_brackets(line) > DEEPEST and _is_deep(line) for line in lines.split(b"\n")):
        raise EncodeError(f"the result, with its record, is nested more than {DEEPEST} levels deep")


def _brackets(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _is_deep(line: bytes) -> bool:
    brackets = _STRING.sub(b"", line).translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST):
        brackets = _PAIR.sub(b"", brackets)
        if not brackets:
            return False
    return True


def facts_of_letter(line: bytes) -> Mapping[str, Any]:
    """
    What a dead letter says besides its record, which may be large, or nested as deeply as can just be read.

    Args:
        line: As `Rows.dead_letter` has written it, or the same JSON in another form.

    Raises:
        ValueError, RecursionError: It is no JSON.
        TypeError: It is no object.
    """
    head, found, _ = line.partition(_INPUT)
    facts: object = json.loads(head + b"}" if found else line)
    if not is_object(facts):
        raise TypeError("a dead letter is an object")
    return {name: value for name, value in facts.items() if name != "input"}


@lru_cache(maxsize=64)
def _head(file: str) -> bytes:
    """The beginning of a line, up to the number of its record."""
    return b'{"file":%b,"record":' % json.dumps(file).encode()
