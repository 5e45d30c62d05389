"""
The files that workers leave beside the output, for the driver and for each other.

They are in a folder of the output whose name begins with a dot, so that programs that read the data skip it. Each attempt at a
part has a separate folder there, so that a worker which was wrongly given up for lost cannot change the files of another.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

from attrs import asdict, evolve

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.journal import Entry, Extent
from sagemaker_runtime.bulk.local_folder import open_private, write_all

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    from sagemaker_runtime.bulk.journal import Journal
    from sagemaker_runtime.bulk.places import Destination

PROBE = "probe"
USED = "staging"  # the name of a journal entry: there may be files to remove
_BLOCK = 2**20


def staging_of(run_id: str) -> str:
    """The name of the folder for a run."""
    return f".bulk-{run_id}"


def saved_name(run_id: str, part: str) -> str:
    """The name of a part's checkpoint."""
    return f"{staging_of(run_id)}/{part}.saved"


def clear_probe(folder: Path) -> None:
    """Remove the probe file that a killed driver has left in the run's folder."""
    for name in (PROBE, f".{PROBE}.new"):
        (folder / name).unlink(missing_ok=True)


def begin_staging(journal: Journal) -> None:
    """Journal that there will be files to remove."""
    journal.add(Entry(USED, 0, 0))


def clear_staging(run_id: str, destination: Destination, journal: Journal) -> None:
    """Remove what workers have left, if there were any."""
    entry = journal.last(USED)
    if entry is not None and entry.state != "done":
        destination.clear(staging_of(run_id))
        journal.add(evolve(entry, state="done"))


class Staging:
    """
    The destination of one attempt at a part.

    Args:
        destination: The run's destination.

        folder: The folder of the attempt in it.

        reads: The dead letters that the part retries: the name that the part uses, and the real one.
    """

    def __init__(self, destination: Destination, folder: str, reads: Mapping[str, str]) -> None:
        self._destination = destination
        self._folder = folder
        self._reads = reads

    @property
    def where(self) -> str:
        """See `Destination.where`."""
        return self._destination.where

    def put(self, path: Path, name: str) -> None:
        """See `Destination.put`."""
        self._destination.put(path, f"{self._folder}/{name}")

    def open(self, name: str) -> BinaryIO:
        """See `Destination.open`."""
        return self._destination.open(self._reads[name])

    def remove(self, name: str) -> None:
        """Do nothing: an attempt puts each file once, and the driver removes what it replaces."""

    def copy(self, name: str, to: str) -> None:
        """See `Destination.copy`."""
        self._destination.copy(f"{self._folder}/{name}", f"{self._folder}/{to}")

    def clear(self, folder: str) -> None:
        """See `Destination.clear`."""
        self._destination.clear(f"{self._folder}/{folder}")

    def names(self) -> set[str]:
        """See `Destination.names`."""
        begin = f"{self._folder}/"
        return {name.removeprefix(begin) for name in self._destination.names() if name.startswith(begin)}


def save(entry: Entry, rows: Path, dead: Path, to: Path) -> None:
    """
    Write an unfinished part into one file, from which another process can continue.

    Args:
        entry: How far it has come.

        rows: Its results. There may be more of them than the entry says.

        dead: Its dead letters; likewise.

        to: The file. It is created anew, so an older one that was published as a hard link stays as it is.
    """
    to.unlink(missing_ok=True)
    with open_private(to) as file:
        text = json.dumps(asdict(entry)).encode()
        write_all(file, b"%08x %b\n" % (zlib.crc32(text), text))
        for path, extent in ((rows, entry.rows), (dead, entry.dead)):
            if extent.length:
                with path.open("rb") as source:
                    _copy(source, file, extent.length)


def restore(saved: BinaryIO, rows: Path, dead: Path) -> Entry | None:
    """
    Read what `save` has written. None if it is damaged; the files are then useless.

    Args:
        saved: The file.

        rows: Where its results go.

        dead: Where its dead letters go.
    """
    try:
        crc, _, text = saved.readline().removesuffix(b"\n").partition(b" ")
        if int(crc, 16) != zlib.crc32(text):
            return None
        facts = json.loads(text)
        facts |= {"rows": Extent(**facts["rows"]), "dead": Extent(**facts["dead"])}
        entry = Entry(**facts)
    except (ValueError, TypeError, KeyError):
        return None
    for path, extent in ((rows, entry.rows), (dead, entry.dead)):
        with open_private(path) as file:
            file.truncate()
            if _copy(saved, file, extent.length) != extent:
                return None
    return entry


def _copy(source: BinaryIO, to: BinaryIO, length: int) -> Extent:
    copied = crc = 0
    while copied < length and (block := source.read(min(_BLOCK, length - copied))):
        write_all(to, block)
        copied += len(block)
        crc = zlib.crc32(block, crc)
    return Extent(copied, crc)


def open_if_there(destination: Destination, name: str) -> BinaryIO | None:
    """Open a file of the destination; None if it does not exist."""
    try:
        return destination.open(name)
    except (FileNotFoundError, ConfigError):
        return None
