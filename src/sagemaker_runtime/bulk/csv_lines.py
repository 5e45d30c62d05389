"""Cells and lines of CSV."""

from __future__ import annotations

import json
import math


class CSVLines(list[str]):
    """The file for a `csv.writer`. The writer ends lines with CR LF, so that it quotes either character; here they end with LF."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def scalar_text(value: object) -> str | None:
    """A JSON value as a cell: a string as it is, null as nothing, any other scalar as JSON. None for a list or an object."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)  # the same as `json.dumps`, in a tenth of the time
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool | float) else None
