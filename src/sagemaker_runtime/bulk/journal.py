"""
`Journal`: what a run has done, one entry per line, so that it can continue however it ended.

A line has the CRC-32 of an entry, and the entry as JSON. Nothing after a torn or damaged line is trusted.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import asdict, field, frozen

from sagemaker_runtime.bulk.checked_lines import checked_line, facts_of
from sagemaker_runtime.bulk.local_folder import open_private, write_all, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

Counts: TypeAlias = "Mapping[str, object]"

GROWN = 2**20  # bytes; an entry for each half second takes an hour or two to write as many


@frozen
class Extent:
    """The beginning of a file, as far as it was written."""

    length: int = 0
    """Its length in bytes."""

    crc: int = 0
    """Its CRC-32."""

    def longer_by(self, data: bytes) -> Extent:
        """The extent with *data* appended."""
        return Extent(self.length + len(data), zlib.crc32(data, self.crc))


@frozen
class Entry:
    """How far a part of the output has come. Each entry is complete, and replaces the earlier ones."""

    part: str
    """The part's name."""

    at: int
    """Where its input continues, in the format's unit."""

    number: int
    """The number of the record there."""

    rows: Extent = Extent()
    """What has been written of its results."""

    dead: Extent = Extent()
    """What has been written of its dead letters."""

    counts: Counts = field(factory=dict[str, object], repr=False)
    """The counts of its records, as by `Tally.to_json`."""

    state: str = "open"
    """``"open"``; ``"sealed"`` once everything is written and is being published; ``"done"``."""


class Entries:
    """
    The entries of a journal.

    Args:
        entries: The entries, the oldest first.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries: dict[str, list[Entry]] = {}
        """The entries of each part, the oldest first; only the last one if the part is done."""

        for entry in entries:
            kept = self.entries.setdefault(entry.part, [])
            if entry.state == "done":
                kept.clear()
            kept.append(entry)

    @classmethod
    def of(cls, path: Path) -> Entries:
        """Read the entries of a file, without changing it; none if it is missing."""
        return Entries(_read(path) if path.exists() else ())

    def last(self, part: str) -> Entry | None:
        """The last entry of a part; None if it has none."""
        entries = self.entries.get(part)
        return entries[-1] if entries else None


class Journal(Entries):
    """
    The journal of a run, in a file.

    The file is rewritten with the entries that still count: when it is opened, and when it has grown enough since.

    Args:
        path: The file; created if it is missing.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(_read(path) if path.exists() else ())
        self._path = path
        self._file: BinaryIO = self._rewritten()

    def add(self, entry: Entry) -> None:
        """Append an entry, and wait until it is on disk."""
        data = _lines([entry])
        write_all(self._file, data)
        os.fsync(self._file.fileno())
        self._grown += len(data)
        self.entries[entry.part] = [entry]
        # Not in the middle of a part: its files may bear out an earlier entry only.
        if entry.state == "done" and self._grown > max(self._length, GROWN):
            before, self._file = self._file, self._rewritten()
            before.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rewritten(self) -> BinaryIO:
        """The file, with the entries that still count in the place of the old ones, open at its end."""
        data = _lines(entry for entries in self.entries.values() for entry in entries)
        write_whole(self._path, data)
        self._length, self._grown = len(data), 0
        file = open_private(self._path)
        file.seek(0, os.SEEK_END)
        return file


def _lines(entries: Iterable[Entry]) -> bytes:
    return b"".join(checked_line(asdict(entry)) for entry in entries)


def _read(path: Path) -> Sequence[Entry]:
    """The entries up to the first line that is torn or damaged."""
    found: list[Entry] = []
    for line in path.read_bytes().split(b"\n"):
        try:
            facts: dict[str, Any] = facts_of(line)
            facts |= {"rows": Extent(**facts["rows"]), "dead": Extent(**facts["dead"])}
            found.append(Entry(**facts))
        except (ValueError, TypeError, KeyError):
            break
    return found
