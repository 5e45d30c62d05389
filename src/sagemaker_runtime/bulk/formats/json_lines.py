"""`JSONLines`: a JSON document on each line."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.formats.base import SHARD_BYTES, AlikeLines, Batch, Shard
from sagemaker_runtime.bulk.formats.batching import HEAD, refuse_compressed
from sagemaker_runtime.bulk.json_texts import check_json
from sagemaker_runtime.predictor import EncodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from sagemaker_runtime.bulk.places import InputFile, Source

BLOCK = 2**16  # bytes per read
LONGEST = 64 * 2**20  # bytes of a line, at most; a request takes no more than 25 MB
_MOST_LINES = 2**32 - 2  # in a pattern: `re` counts no further
_BOM = b"\xef\xbb\xbf"


@frozen
class JSONLines:
    """
    Files with a JSON document on each line, in UTF-8.

    Lines end at a line feed, with or without a carriage return before it. Blank lines are skipped and not counted, and so is
    a byte order mark at the beginning of a file.

    Raises:
        ConfigError: *shard_bytes* is less than 1.
    """

    shard_bytes: int = SHARD_BYTES
    """How many bytes of a file become one part of the output."""

    content_type = "application/json"

    def __attrs_post_init__(self) -> None:
        if self.shard_bytes < 1:
            raise ConfigError(f"shard_bytes is {self.shard_bytes}; it takes a number of bytes, 1 or more")

    def shards(self, files: Sequence[InputFile], source: Source) -> Iterator[Shard]:
        """Stretches of equal length; see `Format.shards`. A line belongs to the one that contains its first byte."""
        length = max(self.shard_bytes, len(_BOM) + 1)  # so that the line after a byte order mark is in the first one
        for number, file in enumerate(files):
            for begin in range(0, file.size, length):
                yield Shard(number, begin, min(begin + length, file.size))

    def batches(
        self, files: Sequence[InputFile], source: Source, shard: Shard, *, at: int, number: int, rows: int, size: int
    ) -> Iterator[Batch]:
        """The lines of a shard in batches; see `Format.batches`."""
        file = files[shard.file]
        with source.open(file) as opened:
            lines = _Lines(opened, file, first_in=at, end=shard.end, skips=at == shard.begin > 0)
            while group := lines.take(min(rows, _MOST_LINES), size):
                begin, end, records, length = group
                next = number + len(records)
                yield Batch(file.name, number, records, begin, end, next, length)
                number = next

    def document(self, record: bytes) -> bytes:
        """The line as it is, if it is a JSON document; a carriage return, at which others may end the line, becomes a space."""
        try:
            check_json(record.decode())  # given bytes, it would also accept UTF-16 and byte order marks
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
        self._data = b""  # what has been read
        self._at = 0  # where the first line that has not been taken begins in it
        self._ended = False  # whether the file has been read to its end, and the data ends with a line feed
        self._position = first_in  # where that line begins in the file
        if skips:  # a line that begins before, unless it ends right here
            opened.seek(first_in - 1)
            self._position = first_in - 1
            self._advance(sum(len(line) + 1 for line in self._group(1, 0)))
        else:
            opened.seek(first_in)
            if first_in == 0:
                head = opened.read(HEAD)
                refuse_compressed(head, file.location)
                self._position = len(_BOM) if head.startswith(_BOM) else 0
            opened.seek(self._position)
        self._begin = self._position  # after the last line that was taken and is not blank

    def take(self, rows: int, size: int) -> tuple[int, int, Sequence[bytes], int] | None:
        """
        The next lines that are not blank: the position of the first, the position after the last, the lines, and their size in
        bytes. None at the end.

        Blank lines belong to the line after them. So the position after a line is the same however many are taken together, and
        a dead letter can be found by reading its neighbours one by one.

        Args:
            rows: The most lines.

            size: The most bytes of all lines together; a larger line comes alone.
        """
        begin = self._begin
        if rows > 1 and (text := self._alike(rows, size)):
            self._advance(len(text) + 1)
            self._begin = self._position
            return begin, self._position, AlikeLines(text, rows), len(text) - rows + 1
        taken: list[bytes] = []
        while len(taken) < rows and (group := self._group(rows, size)):
            group = group[: rows - len(taken)]
            length = sum(map(len, group)) + len(group)
            plain = self._position + length <= self._end and sum(map(len, taken)) + length <= size
            if not plain:
                group = self._first_of(group, size - sum(map(len, taken)), alone=not taken)
                if not group:
                    break
                length = sum(map(len, group)) + len(group)
            self._advance(length)
            records = [line for line in group if not _is_blank(line)]
            if records:
                taken += records
                behind = sum(len(line) + 1 for line in takewhile(_is_blank, reversed(group)))
                self._begin = self._position - behind
        if not taken:
            return None
        taken = [line.rstrip(b"\r") for line in taken]
        return begin, min(self._begin, self._file.size), taken, sum(map(len, taken))

    def _alike(self, rows: int, size: int) -> bytes | None:
        """The next lines, if they fit `AlikeLines`; None if they do not, are too large, or are too few."""
        patterns = _alike_lines(rows, self._data[self._at : self._at + 1])
        if patterns is None or 2 * rows > size:  # each has two brackets
            return None
        all_of_them, some = patterns
        while (found := all_of_them.match(self._data, self._at)) is None:
            there = some.match(self._data, self._at)
            others = self._data.find(b"\n", self._at if there is None else there.end()) >= 0
            left = len(self._data) - self._at
            if others or left > size or self._position + left >= self._end or not self._read():
                return None
        length = found.end() - self._at - 1
        if length - rows + 1 > size or self._position + length + 1 > self._end:
            return None
        return self._data[self._at : found.end() - 1]

    def _group(self, rows: int, size: int) -> list[bytes]:
        """
        The next lines that have been read, up to *rows*, and not many more than *size* bytes of them; reads on if there are none.
        An empty list at the end.
        """
        while True:
            if rows == 1:
                end = self._data.find(b"\n", self._at)
            else:
                lines = _lines(rows)
                near = min(self._at + 2 * size, len(self._data))
                found = lines.match(self._data, self._at, near) or lines.match(self._data, self._at)
                end = -1 if found is None else found.end() - 1
            if end >= 0:
                return self._data[self._at : end].split(b"\n")
            if not self._read():
                return []

    def _advance(self, length: int) -> None:
        self._at += length
        self._position += length

    def _first_of(self, group: list[bytes], size: int, *, alone: bool) -> list[bytes]:
        """The first lines of a group: those that begin before the end, and are not too large together."""
        position, length = self._position, 0
        for index, line in enumerate(group):
            blank = _is_blank(line)
            if position >= self._end or (length + len(line) > size and not blank and not (alone and length == 0)):
                return group[:index]
            position += len(line) + 1
            length += 0 if blank else len(line)
        return group

    def _read(self) -> bool:
        """Read on; False if nothing is left."""
        if self._ended or self._position >= self._end:
            return False
        rest = self._data[self._at :]
        if len(rest) > LONGEST and b"\n" not in rest:
            raise ConfigError(
                f"{self._file.location} has a line of more than {LONGEST} bytes, at byte {self._position}; "
                "is it JSON Lines?"
            )
        more = len(rest)  # or a long line would be copied again for each block
        if more > LONGEST // 2 and b"\n" not in rest:
            more = LONGEST - len(rest)  # or it would depend on where a line begins how long it may be
        block = self._opened.read(max(BLOCK, more))
        self._ended = not block
        end = b"\n" if self._ended and rest and not rest.endswith(b"\n") else b""
        self._data, self._at = b"".join((rest, block, end)), 0
        return bool(block or end)


@lru_cache(maxsize=16)
def _alike_lines(rows: int, opening: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]] | None:
    """Patterns for exactly *rows* lines that fit `AlikeLines`, and for up to as many; None if no such line begins that way."""
    line = {b"{": rb"(?:\{.*+(?<=\})\n)", b"[": rb"(?:\[.*+(?<=\])\n)"}.get(opening)
    return None if line is None else (re.compile(line + b"{%d}" % rows), re.compile(line + b"{1,%d}+" % rows))


@lru_cache(maxsize=16)
def _lines(rows: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?:.*+\n){1,%d}+" % rows)


def _is_blank(line: bytes) -> bool:
    return not line or line.isspace()
