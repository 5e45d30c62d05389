"""`CSV`: rows of a table as text."""

from __future__ import annotations

import codecs
import json
import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import field, frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.formats.base import Shard
from sagemaker_runtime.bulk.formats.batching import HEAD, batched, lines, refuse_compressed
from sagemaker_runtime.predictor import EncodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from typing import BinaryIO

    from sagemaker_runtime.bulk.formats.base import Batch
    from sagemaker_runtime.bulk.places import InputFile, Source

MAX_ROW = 32 * 2**20
"""The most bytes in a row. Otherwise, a quote that is never closed would bring the rest of the file into memory."""

_OPENERS = 16  # files that are opened concurrently
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@frozen
class CSV:
    r"""
    The rows of CSV files in UTF-8: ``.csv``, and ``.tsv`` with ``CSV(delimiter="\t")``.

    A record is a row as it is in the file, including quoted line breaks. Cells are text: ``00501`` is not a number. Blank lines
    and a byte order mark are skipped. A quote inside an unquoted cell is an ordinary character.

    Each file becomes one part of the output, because the beginning of a row cannot be found from the middle of a file.

    With a header, which must be the same in all files, the JSON of a record is an object: the names in the header are its keys,
    and its values are strings. A row with more or fewer cells fails alone. Without a header, the JSON is a list of strings.

    Raises:
        ConfigError: *delimiter* or *quote* is not one ASCII character, or they are the same.
    """

    header: bool = True
    """Whether the first row of each file has the names of the columns, rather than a record."""

    delimiter: str = ","
    """The ASCII character between cells."""

    quote: str = '"'
    """The ASCII character around a quoted cell; it is doubled inside one."""

    _known: list[tuple[str, list[str]]] = field(factory=list[tuple[str, list[str]]], init=False, repr=False, eq=False)
    """A file with its header, once one has been read."""

    content_type = "text/csv"

    def __attrs_post_init__(self) -> None:
        for name, value in (("delimiter", self.delimiter), ("quote", self.quote)):
            if len(value) != 1 or not value.isascii() or value in "\r\n":
                raise ConfigError(f"{name} is {value!r}; it takes one ASCII character, and no line break")
        if self.delimiter == self.quote:
            raise ConfigError(f"delimiter and quote are both {self.quote!r}; choose different ones")

    def shards(self, files: Sequence[InputFile], source: Source) -> Iterator[Shard]:
        """A shard for each file that is not empty; see `Format.shards`. Reads the headers, and refuses any that differ."""

        def look(file: InputFile) -> None:
            with source.open(file) as stream:
                self._begin(stream, file)

        under_way: deque[Future[None]] = deque()
        with ThreadPoolExecutor(_OPENERS) as pool:  # each object in S3 takes a round trip
            for number, file in enumerate(files):
                while len(under_way) < 2 * _OPENERS and number + len(under_way) < len(files):
                    under_way.append(pool.submit(look, files[number + len(under_way)]))
                under_way.popleft().result()
                if file.size:
                    yield Shard(number, 0, file.size)

    def batches(
        self, files: Sequence[InputFile], source: Source, shard: Shard, *, at: int, number: int, rows: int, size: int
    ) -> Iterator[Batch]:
        """The rows of a file in batches; see `Format.batches`."""
        file = files[shard.file]
        with source.open(file) as stream:
            begin = max(at, self._begin(stream, file))
            found = self._rows(stream, file, begin)
            yield from batched(file.name, found, at=begin, number=number, rows=rows, size=size)

    def document(self, record: bytes) -> bytes:
        """A row as JSON; see `Format.document`."""
        cells = self.cells(record)
        if not self.header:
            return _dumps(cells).encode()
        return _dumps(dict(zip(self._names, cells, strict=True))).encode()

    @property
    def is_plain(self) -> bool:
        """Whether the rows are ordinary ``text/csv``, with commas and double quotes."""
        return self.delimiter == "," and self.quote == '"'

    def cells(self, record: bytes) -> list[str]:
        """
        The cells of a row.

        Raises:
            EncodeError: It is not UTF-8, or has more or fewer cells than the header.
        """
        try:
            text = record.decode()
        except UnicodeDecodeError as error:
            problem = f"{error.reason} at byte {error.start}; it is read as UTF-8"
        else:
            cells = self._split(text) if self.quote in text else text.split(self.delimiter)
            if not self.header or len(cells) == len(self._names):
                return cells
            problem = f"it has {len(cells)} cells, but the header has {len(self._names)}"
        raise EncodeError(f"the row cannot be read: {problem}")

    def _split(self, text: str) -> list[str]:
        """The cells of a row, some of which have quotes."""
        cells: list[str] = []
        quote, quotes = self.quote, 2 * self.quote
        at = 0
        cell = self._patterns.cell
        while True:
            match = cell.match(text, at)
            if match is None:
                raise EncodeError(f"the row cannot be read: cell {len(cells) + 1} continues after its closing quote")
            quoted: str | None = match[1]
            cells.append(match[2] if quoted is None else quoted.replace(quotes, quote))
            at = match.end() + 1
            if at > len(text):
                return cells

    @property
    def _names(self) -> list[str]:
        if not self._known:
            raise ConfigError("the header is unknown until a file has been read")
        return self._known[0][1]

    @property
    def _patterns(self) -> _Patterns:
        return _patterns(self.delimiter, self.quote)

    def _begin(self, stream: BinaryIO, file: InputFile) -> int:
        """
        Where the rows of a file begin.

        Raises:
            ConfigError: It is not CSV in UTF-8, or its columns differ from those of the files before.
        """
        head = stream.read(HEAD)
        refuse_compressed(head, file.name)
        if head.startswith(_UTF_16):
            raise ConfigError(f"{file.name} is in UTF-16; convert it to UTF-8: iconv -f utf-16 -t utf-8")
        begin = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
        if not self.header:
            return begin
        for record, behind in self._rows(stream, file, begin):
            self._know(record, file)
            return behind
        return begin

    def _know(self, record: bytes, file: InputFile) -> None:
        try:
            names = self._split(record.decode())
        except (UnicodeDecodeError, EncodeError) as error:
            raise ConfigError(f"the header of {file.name} cannot be read: {error}") from None
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ConfigError(f"the header of {file.name} has {double!r} twice; rename one")
        first, known = self._known[0] if self._known else (file.name, names)
        if names != known:
            raise ConfigError(
                f"{file.name} has the columns {', '.join(names)}, but {first} has {', '.join(known)}; make a separate run for "
                "files with other columns; for files without a header there is CSV(header=False)"
            )
        self._known.append((file.name, names))
        del self._known[1:]

    def _rows(self, stream: BinaryIO, file: InputFile, at: int) -> Iterator[tuple[bytes, int]]:
        """The rows from a position on, each with the position after it."""
        quote = self.quote.encode()
        opens = self._patterns.opens
        begun: list[bytes] = []  # the lines so far of a row with an open quoted cell
        begin = at  # of that row
        for group in lines(stream, at, MAX_ROW, file.name):
            if begun and at - begin > MAX_ROW:
                raise ConfigError(
                    f"{file.name} has a quoted cell in the row at byte {begin} that is not closed within {MAX_ROW} bytes"
                )
            for line in group:
                at += len(line) + 1
                row = line
                if begun:
                    begun.append(line)
                    if quote not in line or opens(quote + line):
                        continue
                    row = b"\n".join(begun)
                    begun = []
                elif quote in line and opens(line):
                    begun, begin = [line], at - len(line) - 1
                    continue
                if row.endswith(b"\r"):
                    row = row[:-1]
                if row:
                    yield row, min(at, file.size)
        if begun:
            raise ConfigError(f"{file.name} ends within a quoted cell of the row at byte {begin}")


@frozen
class _Patterns:
    cell: re.Pattern[str]
    """A cell, matched at its beginning: group 1 is the content of a quoted cell, group 2 an unquoted one."""

    opens: Callable[[bytes], object]
    """Whether a line that begins a row ends within a quoted cell."""


@lru_cache(maxsize=64)
def _patterns(delimiter: str, quote: str) -> _Patterns:
    d, q = re.escape(delimiter), re.escape(quote)
    # Possessive, so that the time is linear in the length of a line.
    within = f"[^{q}]*+(?:{q}{q}[^{q}]*+)*+"
    plain = f"(?!{q})[^{d}]*+"
    cell = re.compile(f"(?:{q}({within}){q}|({plain}))(?={d}|\\Z)")
    opens = re.compile(f"(?:(?:{q}{within}{q}[^{d}]*+|{plain}){d})*+{q}{within}\\Z".encode())
    return _Patterns(cell, opens.match)
