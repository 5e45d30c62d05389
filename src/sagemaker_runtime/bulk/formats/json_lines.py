"""`JSONLines`: a JSON document on each line."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.formats.base import SHARD_BYTES, AlikeLines, Batch, Shard
from sagemaker_runtime.bulk.formats.batching import HEAD, refuse_compressed
from sagemaker_runtime.predictor import EncodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from sagemaker_runtime.bulk.places import InputFile, Source

BLOCK = 2**16  # bytes that are read at once
LONGEST = 64 * 2**20  # bytes of a line; a request takes 25 MB at most
_BOM = b"\xef\xbb\xbf"


@frozen
class JSONLines:
    """
    Files with a JSON document on each line, in UTF-8.

    Lines end at a line feed, with or without a carriage return before it. Blank lines are skipped and not counted, and so is
    a byte order mark at the beginning of a file.
    """

    shard_bytes: int = SHARD_BYTES
    """Bytes of a file that become one part of the output."""

    content_type = "application/json"

    def __attrs_post_init__(self) -> None:
        if self.shard_bytes < 1:
            raise ConfigError(f"shard_bytes is {self.shard_bytes}; it takes a number of bytes from 1 on")

    def shards(self, files: Sequence[InputFile], source: Source) -> Iterator[Shard]:
        """Stretches of equal length. A line belongs to the one that its first byte is in."""
        length = max(self.shard_bytes, len(_BOM) + 1)  # or the line behind a mark would not be in the first one
        for number, file in enumerate(files):
            for begin in range(0, file.size, length):
                yield Shard(number, begin, min(begin + length, file.size))

    def batches(
        self, files: Sequence[InputFile], source: Source, shard: Shard, *, at: int, number: int, rows: int, size: int
    ) -> Iterator[Batch]:
        """See `Format.batches`."""
        file = files[shard.file]
        with source.open(file) as opened:
            lines = _Lines(opened, file, first_in=at, end=shard.end, skips=at == shard.begin > 0)
            while group := lines.take(rows, size):
                begin, end, records, length = group
                next = number + len(records)
                yield Batch(file.name, number, records, begin, end, next, length)
                number = next

    def document(self, record: bytes) -> bytes:
        """The line as it is, if it is a JSON document; a carriage return in it is a blank, and ends lines elsewhere."""
        try:
            json.loads(record.decode())  # of bytes, it would take UTF-16 and byte order marks too
        except (ValueError, RecursionError):
            problem = True
        else:
            problem = False
        if problem:
            raise EncodeError("the record is not a JSON document")
        return record.replace(b"\r", b" ")


class _Lines:
    """The lines of a file that begin before a certain byte, in groups."""

    def __init__(self, opened: BinaryIO, file: InputFile, *, first_in: int, end: int, skips: bool) -> None:
        self._opened = opened
        self._file = file
        self._end = end
        self._lines: list[bytes] = []  # that have been read
        self._next = 0  # the first of them that has not been taken
        self._rest: list[bytes] = []  # of a line whose end has not been read
        self._ended = False
        self._position = first_in  # of the first line that has not been taken
        self._begin = first_in  # behind the last one that was taken and is not blank
        if skips:  # the line that begins before, unless it ends right here
            opened.seek(first_in - 1)
            self._position = first_in - 1
            self._read()
            self._position += len(self._lines[0]) + 1 if self._lines else 0
            self._next = 1
        else:
            opened.seek(first_in)
            if first_in == 0:
                head = opened.read(HEAD)
                refuse_compressed(head, file.location)
                self._position = len(_BOM) if head.startswith(_BOM) else 0
            opened.seek(self._position)
        self._begin = self._position

    def take(self, rows: int, size: int) -> tuple[int, int, Sequence[bytes], int] | None:
        """
        The next lines that are not blank, with the position of the first, and that behind them, and how many bytes they have;
        None at the end.

        Blank lines are counted to what comes after them. So a place behind a line is the same, however many are taken at once,
        and a dead letter is found by reading its neighbours one by one.

        Args:
            rows: How many, at most.

            size: Of how many bytes together, at most, unless it is one alone.
        """
        begin, next = self._begin, self._next + rows
        if rows > 1 and next <= len(self._lines):
            text = b"\n".join(self._lines[self._next : next])
            length, end = len(text) - rows + 1, self._position + len(text) + 1
            if length <= size and end <= self._end and _are_alike(text, rows):
                self._next, self._position, self._begin = next, end, end
                return begin, end, AlikeLines(text, rows), length
        taken: list[bytes] = []
        while len(taken) < rows:
            if self._next >= len(self._lines) and not self._read():
                break
            group = self._lines[self._next : self._next + rows - len(taken)]
            length = sum(map(len, group)) + len(group)
            plain = self._position + length <= self._end and sum(map(len, taken)) + length <= size
            if not plain:
                group = self._first_of(group, size - sum(map(len, taken)), alone=not taken)
                if not group:
                    break
                length = sum(map(len, group)) + len(group)
            self._next += len(group)
            self._position += length
            records = [line for line in group if not _is_blank(line)]
            if records:
                taken += records
                behind = sum(len(line) + 1 for line in takewhile(_is_blank, reversed(group)))
                self._begin = self._position - behind
        if not taken:
            return None
        taken = [line.rstrip(b"\r") for line in taken]
        return begin, min(self._begin, self._file.size), taken, sum(map(len, taken))

    def _first_of(self, group: list[bytes], size: int, *, alone: bool) -> list[bytes]:
        """Those that begin before the end, and are not too large together."""
        position, length = self._position, 0
        for index, line in enumerate(group):
            blank = _is_blank(line)
            if position >= self._end or (length + len(line) > size and not blank and not (alone and length == 0)):
                return group[:index]
            position += len(line) + 1
            length += 0 if blank else len(line)
        return group

    def _read(self) -> bool:
        """Read more lines; False if there are none."""
        if self._position >= self._end and not self._rest:
            return False
        self._lines, self._next = [], 0
        while not self._lines and not self._ended:
            block = self._opened.read(BLOCK)
            self._ended = not block
            if block and b"\n" not in block:
                self._rest.append(block)
                if sum(map(len, self._rest)) > LONGEST:
                    raise ConfigError(
                        f"{self._file.location} has a line of more than {LONGEST} bytes, at byte {self._position}; "
                        "is it JSON Lines?"
                    )
                continue
            data = b"".join([*self._rest, block])
            lines = data.split(b"\n")
            last = lines.pop()
            self._rest = [last] if last and block else []
            if last and not block:
                lines.append(last)
            self._lines = lines
        return bool(self._lines)


def _is_blank(line: bytes) -> bool:
    return not line or line.isspace()


def _are_alike(text: bytes, lines: int) -> bool:
    """Whether so many lines are as `AlikeLines` are. If so, none is blank, and none ends with a carriage return."""
    opening, closing = text[:1], text[-1:]
    return opening + closing in (b"{}", b"[]") and text.count(closing + b"\n" + opening) == lines - 1
