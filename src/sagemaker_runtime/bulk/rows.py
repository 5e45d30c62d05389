"""`Rows`: writes results and dead letters as JSON Lines."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sagemaker_runtime import InvalidParamsError, ServiceError
from sagemaker_runtime.bulk.expressions import compiled
from sagemaker_runtime.bulk.json_texts import is_object, json_text
from sagemaker_runtime.predictor import EncodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sagemaker_runtime import SageMakerRuntimeError
    from sagemaker_runtime.bulk.formats.base import Batch, Format

_UP_TO_99 = [b'%d,"output":' % number for number in range(100)]
_TWO_DIGITS = [b'%02d,"output":' % number for number in range(100)]
_INPUT = b', "input": '  # between the facts of a dead letter and its record; in a string, its quotes would be escaped


DEEPEST = 100  # levels of nesting in a line; JSON parsers and Parquet have limits
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_PAIR = re.compile(rb"\[\]|\{\}")
_NO_BRACKETS = bytes(each for each in range(256) if each not in b"[]{}")


class Rows:
    """
    Formats results and dead letters as lines of JSON.

    Args:
        format: The format that the records were read with.

        join: Whether each result includes its record.

        select: A JMESPath expression for what to write, evaluated on a result with its record. None writes the result as it is.

    Raises:
        ConfigError: *select* is not valid JMESPath.
    """

    def __init__(self, format: Format, *, join: bool, select: str | None) -> None:
        self._format = format
        self._join = join
        self._select = None if select is None else compiled(select, "select")

    def results(
        self, batch: Batch, offset: int, records: Sequence[bytes], texts: Sequence[bytes], inference_id: str | None
    ) -> bytes:
        """
        The lines for results, in one piece.

        Args:
            batch: The batch that the records belong to.

            offset: The position of the first of them in the batch.

            records: The records.

            texts: The result of each, as JSON on one line.

            inference_id: The inference id of their call; None if it had none.

        Raises:
            EncodeError: A record to be joined is not in its format; *select* fails on a result; or a line would be nested too
                deeply.
        """
        head, first = _head(batch.file), batch.first + offset
        is_joined = self._join or self._select is not None
        if not is_joined and inference_id is None:
            _check_depth(texts, DEEPEST - 1)
            return _plain(head, first, texts)
        middle = b"" if inference_id is None else b',"inference_id":%b' % json.dumps(inference_id).encode()
        inputs = [b',"input":%b' % self._format.document(record) if is_joined else b"" for record in records]
        lines = [
            b'%b%d%b%b,"output":%b}' % (head, number, middle, input, text)
            for number, (input, text) in enumerate(zip(inputs, texts, strict=True), first)
        ]
        _check_depth(lines, DEEPEST)
        if self._select is not None:
            lines = [json_text(self._select(json.loads(line))) for line in lines]
        return b"".join([line + b"\n" for line in lines])

    def dead_letter(self, batch: Batch, offset: int, error: SageMakerRuntimeError) -> bytes:
        """
        The line for a record that failed for good.

        Args:
            batch: The batch that it belongs to.

            offset: Its position in the batch.

            error: Why it failed.
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
            "message": str(error) if isinstance(error, InvalidParamsError) else error.message,  # all problems
            "request_id": error.request_id,
            "attempts": len(error.attempts),
            "at": [batch.begin, batch.first],
        }
        return b"%b%b%b}\n" % (json.dumps(facts).encode()[:-1], _INPUT, document.encode())


def _plain(head: bytes, first: int, texts: Sequence[bytes]) -> bytes:
    """The lines of results alone, joined in one step: formatting line by line takes five times as long."""
    pieces: list[bytes] = []
    for begin, digits in _numbers(first, len(texts)):
        at = len(pieces) // 3
        part = [b"}\n" + head + begin, b"", b""] * len(digits)
        part[1::3], part[2::3] = digits, texts[at : at + len(digits)]
        pieces += part
    return b"".join([*pieces, b"}\n"])[2:]


def _numbers(first: int, number: int) -> Iterator[tuple[bytes, list[bytes]]]:
    """Consecutive numbers, by the hundred: the leading digits, and for each number the last ones with the text after them."""
    while number:
        hundreds, rest = divmod(first, 100)
        digits = (_TWO_DIGITS if hundreds else _UP_TO_99)[rest : rest + number]
        yield b"%d" % hundreds if hundreds else b"", digits
        first += len(digits)
        number -= len(digits)


def _check_depth(texts: Sequence[bytes], levels: int) -> None:
    """
    Raise if a text is nested too deeply for other parsers of the lines. `json` can read a record at its own limit of about 1,000
    levels, but not the line around it.

    Most texts are too short to be that deep, or have few brackets.
    """
    if max(map(len, texts), default=0) <= 2 * levels:
        return
    if any(text.count(b"[") + text.count(b"{") > levels and _is_deep(text, levels) for text in texts):
        raise EncodeError(f"the result, with its record, is nested more than {DEEPEST} levels deep")


def _is_deep(text: bytes, levels: int) -> bool:
    brackets = _STRING.sub(b"", text).translate(None, _NO_BRACKETS)
    for _ in range(levels):
        brackets = _PAIR.sub(b"", brackets)
        if not brackets:
            return False
    return True


def facts_of_letter(line: bytes) -> Mapping[str, Any]:
    """
    The facts in a dead letter, without its record, which may be large or nested too deeply to be read.

    Args:
        line: The line as written by `Rows.dead_letter`, or the same JSON in another form.

    Raises:
        ValueError, RecursionError: It is not JSON.
        TypeError: It is not an object.
    """
    head, found, _ = line.partition(_INPUT)
    facts: object = json.loads(head + b"}" if found else line)
    if not is_object(facts):
        raise TypeError("a dead letter must be an object")
    return {name: value for name, value in facts.items() if name != "input"}


@lru_cache(maxsize=64)
def _head(file: str) -> bytes:
    """The beginning of a line, up to the number of the record."""
    return b'{"file":%b,"record":' % json.dumps(file).encode()
