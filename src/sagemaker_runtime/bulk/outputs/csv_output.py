"""Writes results as CSV."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from attrs import define, field

from sagemaker_runtime.bulk.csv_lines import CSVLines, scalar_text
from sagemaker_runtime.bulk.json_texts import is_list, is_object, json_text
from sagemaker_runtime.bulk.outputs.reading import batches

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

_OUTPUT = "output"


def write_csv(rows: Path, sink: BinaryIO) -> None:
    """Write rows of JSON Lines as CSV with a header, as `convert` describes."""
    columns = _Columns()
    for batch in batches(rows):
        for row in batch:
            columns.see(row)
    lines = CSVLines()
    writer = csv.writer(lines)
    writer.writerow(columns.names())
    _flush(lines, sink)
    for batch in batches(rows):
        writer.writerows(map(columns.cells, batch))
        _flush(lines, sink)


def _flush(lines: CSVLines, sink: BinaryIO) -> None:
    # Half of a surrogate pair, which JSON can express and UTF-8 cannot, is written as its JSON escape.
    sink.write("".join(lines).encode(errors="backslashreplace"))
    lines.clear()


@define
class _Columns:
    """The columns of the rows, in the order in which they first appear."""

    keys: dict[str, None] = field(factory=dict[str, None])
    """The keys of rows, without ``output``."""

    seen: set[str] = field(factory=set[str])
    """The keys of rows, with ``output``."""

    has_output: bool = False
    """Whether a row has an output at all."""

    has_scalar: bool = False
    """Whether an output is neither an object nor a list."""

    length: int = 0
    """The length of the longest output that is a list."""

    inner_keys: dict[str, None] = field(factory=dict[str, None])
    """The keys of outputs that are objects."""

    def see(self, row: object) -> None:
        if is_object(row):
            if not row.keys() <= self.seen:
                self.seen.update(row)
                self.keys.update(dict.fromkeys(key for key in row if key != _OUTPUT))
            if _OUTPUT not in row:
                return
        self.has_output = True
        output = row[_OUTPUT] if is_object(row) else row
        if is_object(output):
            if not output.keys() <= self.inner_keys.keys():
                self.inner_keys.update(dict.fromkeys(output))
        elif is_list(output):
            self.length = max(self.length, len(output))
        elif output is not None:
            self.has_scalar = True

    @property
    def _is_plain(self) -> bool:
        """Whether there is a column ``output``: for outputs that are neither objects nor lists, or if all are null."""
        return self.has_scalar or (self.has_output and not (self.inner_keys or self.length))

    def names(self) -> list[str]:
        """The names in the header. A key of an output that is also the name of another column is prefixed with ``output_``."""
        names = list(self.keys)
        if self._is_plain:
            names.append(_OUTPUT)
        for key in (*(f"{_OUTPUT}_{index}" for index in range(self.length)), *self.inner_keys):
            name = key
            while name in names:
                name = f"{_OUTPUT}_{name}"
            names.append(name)
        return names

    def cells(self, row: object) -> Iterable[str]:
        """The cells of a row, one for each name."""
        output = row.get(_OUTPUT) if is_object(row) else row
        cells = [_cell(row.get(key)) if is_object(row) else "" for key in self.keys]
        if self._is_plain:
            cells.append("" if is_object(output) or is_list(output) else _cell(output))
        elements = output if is_list(output) else []
        cells += [_cell(element) for element in elements]
        cells += [""] * (self.length - len(elements))
        cells += [_cell(output.get(key)) if is_object(output) else "" for key in self.inner_keys]
        return cells


def _cell(value: object) -> str:
    text = scalar_text(value)
    return json_text(value).decode() if text is None else text
