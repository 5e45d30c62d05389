"""Where a bulk run reads its input and writes its output. All methods block; the run calls them in threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@frozen
class InputFile:
    """An input file on this machine, or an object in S3."""

    name: str
    """The name used in results and dead letters: the path below the folder that all files have in common."""

    location: str
    """An absolute path, or ``s3://bucket/key``."""

    size: int
    """The size in bytes."""

    identity: Mapping[str, str | int] = field(repr=False)
    """Facts that reveal a change, such as the size, as JSON values. The error about a change names the fact that differs."""


class Source(Protocol):
    """Where records come from."""

    def files(self) -> Sequence[InputFile]:
        """
        The files, sorted by name, with their current identity.

        Raises:
            ConfigError: There are no files, or they cannot be read.
        """
        ...

    def identity(self, file: InputFile) -> Mapping[str, str | int]:
        """
        The current identity of a file, to compare with the one it had.

        Raises:
            ConfigError: The file is gone, or cannot be read.
        """
        ...

    def open(self, file: InputFile) -> BinaryIO:
        """Open a file for reading from any position. The caller closes it."""
        ...


class Destination(Protocol):
    """Where finished parts go. Names are relative to one place, with slashes between folders."""

    @property
    def where(self) -> str:
        """That place, as a user writes it."""
        ...

    def put(self, path: Path, name: str) -> None:
        """
        Publish a finished local file as *name*, atomically and durably. An existing file of that name is replaced.

        The local file may be moved. It is safe to repeat the call after a failure, or after the process was killed.
        """
        ...

    def copy(self, name: str, to: str) -> None:
        """Publish the file *name* under a second name, atomically and durably."""
        ...

    def clear(self, folder: str) -> None:
        """Remove all files whose name begins with *folder* and a slash; do nothing if there are none."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; do nothing if it does not exist."""
        ...

    def names(self) -> set[str]:
        """The names of all files."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading. The caller closes it."""
        ...
