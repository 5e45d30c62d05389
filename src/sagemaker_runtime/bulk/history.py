"""
`History`: the file in which a run records its progress every second.

The journal says what is done, and is on disk before the run relies on it. This file is for people who want to know afterwards
how the run went; nothing depends on it. It survives a killed process, but not always a power failure.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import asdict

from sagemaker_runtime.bulk.checked_lines import checked_line, facts_of
from sagemaker_runtime.bulk.local_folder import open_private, write_all, write_whole
from sagemaker_runtime.bulk.over_time import Process, Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

LINES = 2_000  # to append before the file is compacted

_LOGGER = logging.getLogger("sagemaker_runtime")


def read_history(path: Path) -> Record:
    """Read a history file. Damaged lines are skipped; the record is empty if the file is missing or cannot be read."""
    record = Record()
    try:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
    except OSError:
        return record
    for line in filter(None, lines):
        try:
            record.take(facts_of(line))
        except (ValueError, TypeError, LookupError, AttributeError):
            continue
    record.thin()
    return record


class History:
    """
    Appends to the file. Its methods block, and are called one at a time.

    If the file cannot be written, that is logged once, and the run continues without it.

    Args:
        path: The file; created if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._left = 0  # lines to append before the file is compacted
        self._is_lost = False

    def begin(self, process: Process) -> None:
        """Record that *process* has started."""
        self.add({"process": asdict(process)})

    def add(self, facts: Mapping[str, object]) -> None:
        """Append a line with *facts* as `Record.take` reads them."""
        if self._is_lost:
            return
        try:
            if not self._left:
                self._shorten()
            if self._file is not None:
                self._left -= 1
                write_all(self._file, checked_line(facts))
        except OSError as error:
            self._is_lost = True
            _LOGGER.warning("the history of a bulk run can no longer be written: %s", error)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _shorten(self) -> None:
        """Rewrite the file with as many points as a report shows. This also drops a torn last line before anything is appended."""
        self.close()
        record = read_history(self._path)
        write_whole(self._path, b"".join(map(checked_line, record.lines())))
        self._file = open_private(self._path)
        self._file.seek(0, 2)
        self._left = LINES
