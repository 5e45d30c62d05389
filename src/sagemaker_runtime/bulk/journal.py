"""
`Journal`: what a run has done, an entry a line, so that it can go on after any end.

A line is the CRC-32 of an entry and the entry, in JSON. What follows a line that is torn or damaged is not believed.
"""

from __future__ import annotations

import json
import os
import zlib
from typing import TYPE_CHECKING, TypeAlias

from attrs import asdict, field, frozen

from sagemaker_runtime.bulk.local_folder import open_private, sync_folder, write_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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


class Journal:
    """
    The journal of a run, in a file.

    It is read when it is opened, and rewritten with the entries that still count.

    Args:
        path: The file; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.entries: dict[str, list[Entry]] = {}
        """The entries of each part, the oldest first; of one that is done only the last."""

        for entry in _read(path) if path.exists() else ():
            self._keep(entry)
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

    def last(self, part: str) -> Entry | None:
        """The last entry of a part; None if it has none."""
        entries = self.entries.get(part)
        return entries[-1] if entries else None

    def add(self, entry: Entry) -> None:
        """Append an entry, and wait until it is on the disk."""
        self._append([entry])
        self.entries[entry.part] = [entry]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _keep(self, entry: Entry) -> None:
        entries = self.entries.setdefault(entry.part, [])
        if entry.state == "done":
            entries.clear()
        entries.append(entry)

    def _append(self, entries: Sequence[Entry]) -> None:
        write_all(self._file, b"".join(map(_line, entries)))
        os.fsync(self._file.fileno())


def _line(entry: Entry) -> bytes:
    text = json.dumps(asdict(entry), separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _read(path: Path) -> Sequence[Entry]:
    """The entries up to the first line that is not whole."""
    found: list[Entry] = []
    for line in path.read_bytes().split(b"\n"):
        crc, _, text = line.partition(b" ")
        try:
            if int(crc, 16) != zlib.crc32(text):
                break
            facts = json.loads(text)
            facts |= {"rows": Extent(**facts["rows"]), "dead": Extent(**facts["dead"])}
            found.append(Entry(**facts))
        except (ValueError, TypeError, KeyError):
            break
    return found
