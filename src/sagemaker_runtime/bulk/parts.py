"""
`OpenPart`: a part of the output while it is being written, and its publication.

Results and dead letters go to two files in the run's folder. They are on disk before the journal says so, and stay until the
journal says that the part is published.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from sagemaker_runtime.bulk.journal import Entry, Extent
from sagemaker_runtime.bulk.local_folder import open_private, sync_folder, write_all, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import BinaryIO

    from sagemaker_runtime.bulk.journal import Counts, Journal
    from sagemaker_runtime.bulk.places import Destination

_BLOCK = 2**20


@frozen
class Part:
    """A part of the output: what it is called, and where its input begins."""

    name: str
    """Its name in the journal."""

    shard: int
    """The number of the shard that its records come from."""

    begin: int
    """Where its input begins, in the format's unit; for a retry, in dead letters."""

    rows_name: str
    """Where its results are published."""

    dead_name: str
    """Where its dead letters are published."""

    replaces: str | None = None
    """The dead letters that it retries, which are removed when it is published; None if it is not a retry."""


@frozen
class Publisher:
    """Publishes parts: to where, and in which format."""

    folder: Path
    """The run's folder."""

    journal: Journal
    destination: Destination
    convert: Callable[[Path, Path], None] | None = field(repr=False)
    """Converts results in JSON Lines to the file that is published; None to publish them as they are."""

    def rows_path(self, part: Part) -> Path:
        """Where the results of a part are until they are published."""
        return self.folder / f"{part.name}.rows"

    def dead_path(self, part: Part) -> Path:
        """Where its dead letters are until they are published."""
        return self.folder / f"{part.name}.dead"

    def publish(self, part: Part, sealed: Entry) -> None:
        """Publish a part that is completely written. It is safe to repeat this, wherever the process was killed."""
        if sealed.rows.length:
            rows = self.rows_path(part)
            if self.convert is not None:
                rows = self.folder / f"{part.name}.converted"
                self.convert(self.rows_path(part), rows)
            self.destination.put(rows, part.rows_name)
        else:  # if the journal was damaged, it may have been published before, with other results
            self.destination.remove(part.rows_name)
        if sealed.dead.length:
            self.destination.put(self.dead_path(part), part.dead_name)
        else:
            self.destination.remove(part.dead_name)
        if part.replaces is not None:
            self.destination.remove(part.replaces)
        self.journal.add(evolve(sealed, state="done"))
        self.sweep(part)

    def adopt(self, part: Part, made: Entry, rows: str | None, dead: str | None) -> None:
        """
        Publish a part that another process has made. It is safe to repeat this, as with `publish`.

        Args:
            part: The part.

            made: Its journal entry.

            rows: The name of its results in the destination; None if there are none.

            dead: The name of its dead letters there; None if there are none.
        """
        for name, final in ((rows, part.rows_name), (dead, part.dead_name)):
            if name is None:
                self.destination.remove(final)
            else:
                self.destination.copy(name, final)
        self.journal.add(evolve(made, part=part.name, state="done"))
        for name in (rows, dead):
            if name is not None:
                self.destination.remove(name)
        self.sweep(part)

    def sweep_all(self, parts: Iterable[Part]) -> None:
        """Remove what is left by a process that was killed right after publishing."""
        for part in parts:
            self.sweep(part)

    def sweep(self, part: Part) -> None:
        """Remove the working files of a published part, and the dead letters that it has replaced."""
        if part.replaces is not None:
            self.destination.remove(part.replaces)
        for path in (self.rows_path(part), self.dead_path(part), self.folder / f"{part.name}.converted"):
            path.unlink(missing_ok=True)


class OpenPart:
    """
    A part that is being written, continued from its last journal entry that matches the files.

    Args:
        part: The part.

        number: The number of its first record.

        publisher: Publishes it.
    """

    def __init__(self, part: Part, number: int, publisher: Publisher) -> None:
        self._part = part
        self._publisher = publisher
        journal = publisher.journal
        rows, dead = publisher.rows_path(part), publisher.dead_path(part)
        self._rows, self._dead = open_private(rows), open_private(dead)
        sync_folder(publisher.folder)
        entries: list[Entry] = [Entry(part.name, part.begin, number), *journal.entries.get(part.name, [])]
        self.entry: Entry = _last_sound(entries, self._rows, self._dead)
        """How far the part has come. Until `write` returns, the files may have more than this says."""

        self._rows = _cut(self._rows, rows, self.entry.rows.length)
        self._dead = _cut(self._dead, dead, self.entry.dead.length)

    def write(self, rows: bytes, dead: bytes, *, at: int, number: int, counts: Counts) -> None:
        """Append results and dead letters, and journal where the input continues after them."""
        write_all(self._rows, rows)
        write_all(self._dead, dead)
        os.fsync(self._rows.fileno())
        os.fsync(self._dead.fileno())
        entry = evolve(
            self.entry,
            at=at,
            number=number,
            rows=self.entry.rows.longer_by(rows),
            dead=self.entry.dead.longer_by(dead),
            counts=counts,
            state="open",
        )
        self._publisher.journal.add(entry)
        self.entry = entry

    def publish(self) -> None:
        """Publish the part, which is complete."""
        self.close()
        if self.entry.state != "sealed":
            self.entry = evolve(self.entry, state="sealed")
            self._publisher.journal.add(self.entry)
        self._publisher.publish(self._part, self.entry)

    def close(self) -> None:
        """Close its files."""
        self._rows.close()
        self._dead.close()


def _cut(file: BinaryIO, path: Path, length: int) -> BinaryIO:
    """Cut an open file to *length*, ready to append. If it has been published as a hard link, the published file stays as it is."""
    facts = os.fstat(file.fileno())
    if facts.st_size > length and facts.st_nlink > 1:
        file.close()
        write_whole(path, path.read_bytes()[:length])
        file = open_private(path)
    file.truncate(length)
    file.seek(length)
    return file


def _last_sound(entries: list[Entry], rows: BinaryIO, dead: BinaryIO) -> Entry:
    """
    The last entry that its files match.

    After a power failure, a file may be shorter than the journal says, or end with zeros. Appending to that would leave a hole
    in the output.
    """
    sound = [
        _sound_lengths([entry.rows for entry in entries], rows),
        _sound_lengths([entry.dead for entry in entries], dead),
    ]
    return [entry for entry in entries if entry.rows in sound[0] and entry.dead in sound[1]][-1]


def _sound_lengths(extents: list[Extent], file: BinaryIO) -> set[Extent]:
    """The extents that match the beginning of the file."""
    sound: set[Extent] = set()
    file.seek(0)
    length = crc = 0
    for extent in sorted(set(extents), key=lambda extent: extent.length):
        while length < extent.length:
            block = file.read(min(_BLOCK, extent.length - length))
            if not block:
                return sound
            length += len(block)
            crc = zlib.crc32(block, crc)
        if extent == Extent(length, crc):
            sound.add(extent)
    return sound
