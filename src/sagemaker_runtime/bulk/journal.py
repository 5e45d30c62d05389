"""
`Journal`: what a run has done, an entry a line, so that it can go on after any end.

A line is the CRC-32 of an entry and the entry, in JSON. What follows a line that is torn or damaged is not believed.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import asdict, field, frozen

from sagemaker_runtime.bulk.checked_lines import checked_line, facts_of
from sagemaker_runtime.bulk.local_folder import open_private, sync_folder, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

Counts: TypeAlias = "Mapping[str, object]"


@frozen
class Extent:
    """The beginning of a file, as far as it was written."""

    length: int = 0
    """In bytes."""

    crc: int = 0
    """Its CRC-32."""

    def longer_by(self, data: bytes) -> Extent:
        """With more at its end."""
        return Extent(self.length + len(data), zlib.crc32(data, self.crc))


@frozen
class Entry:
    """How far a part of the output has come. Each entry holds all of it, and replaces those before."""

    part: str
    """The part's name."""

    at: int
    """Where its input goes on, in the format's unit."""

    number: int
    """The number of the record that is there."""

    rows: Extent = Extent()
    """What has been written of its results."""

    dead: Extent = Extent()
    """What has been written of its dead letters."""

    counts: Counts = field(factory=dict[str, object], repr=False)
    """What its records were counted as."""

    state: str = "open"
    """``"open"``; ``"sealed"`` once all is written, and is being published; ``"done"``."""


class Entries:
    """
    What a journal says.

    Args:
        entries: The oldest first.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries: dict[str, list[Entry]] = {}
        """The entries of each part, the oldest first; of one that is done only the last."""

        for entry in entries:
            kept = self.entries.setdefault(entry.part, [])
            if entry.state == "done":
                kept.clear()
            kept.append(entry)

    @classmethod
    def of(cls, path: Path) -> Entries:
        """Those of a file, which stays as it is; none if it is missing."""
        return Entries(_read(path) if path.exists() else ())

    def last(self, part: str) -> Entry | None:
        """The last entry of a part; None if it has none."""
        entries = self.entries.get(part)
        return entries[-1] if entries else None


class Journal(Entries):
    """
    The journal of a run, in a file.

    It is read when it is opened, and rewritten with the entries that still count.

    Args:
        path: The file; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(_read(path) if path.exists() else ())
        aside = path.with_name(f".{path.name}.new")
        aside.unlink(missing_ok=True)
        self._file: BinaryIO = open_private(aside)
        try:
            self._append([entry for entries in self.entries.values() for entry in entries])
            aside.replace(path)
            sync_folder(path.parent)
        except BaseException:
            self._file.close()
            raise

    def add(self, entry: Entry) -> None:
        """Append an entry, and wait until it is on the disk."""
        self._append([entry])
        self.entries[entry.part] = [entry]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, entries: Sequence[Entry]) -> None:
        write_all(self._file, b"".join(checked_line(asdict(entry)) for entry in entries))
        os.fsync(self._file.fileno())


def _read(path: Path) -> Sequence[Entry]:
    """The entries up to the first line that is not whole."""
    found: list[Entry] = []
    for line in path.read_bytes().split(b"\n"):
        try:
            facts: dict[str, Any] = facts_of(line)
            facts |= {"rows": Extent(**facts["rows"]), "dead": Extent(**facts["dead"])}
            found.append(Entry(**facts))
        except (ValueError, TypeError, KeyError):
            break
    return found
