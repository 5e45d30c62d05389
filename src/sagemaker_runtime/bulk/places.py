"""Where a bulk run reads its input and leaves its output. All methods block; the run calls them in threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@frozen
class InputFile:
    """A file or an object of the input."""

    name: str
    """As results and dead letters name it: the path below what all files have in common."""

    location: str
    """Where it is: an absolute path, or ``s3://bucket/key``."""

    size: int
    """In bytes."""

    identity: Mapping[str, str | int] = field(repr=False)
    """What tells that it is still the same, in values that JSON has. Whatever of it differs later is named in an error."""


class Source(Protocol):
    """Where records come from."""

    def files(self) -> Sequence[InputFile]:
        """
        The files, sorted by name, with their present identity.

        Raises:
            ConfigError: There are none, or they cannot be read.
        """
        ...

    def identity(self, file: InputFile) -> Mapping[str, str | int]:
        """
        The present identity of one, to be compared with the one it had.

        Raises:
            ConfigError: It is not there any more.
        """
        ...

    def open(self, file: InputFile) -> BinaryIO:
        """One, to be read from any place in it; the caller closes it."""
        ...


class Destination(Protocol):
    """Where finished parts go. A name has slashes between folders, and stands below one place."""

    @property
    def where(self) -> str:
        """That place, as a user writes it."""
        ...

    def put(self, path: Path, name: str) -> None:
        """
        Publish a finished local file under *name*: at once whole and durable, or not at all. What has that name is replaced.

        The local file may be moved. Calling it again after it failed, or was killed at any moment, is safe.
        """
        ...

    def copy(self, name: str, to: str) -> None:
        """Publish what is there as *name* under another name too: at once whole and durable, or not at all."""
        ...

    def clear(self, folder: str) -> None:
        """Take away all whose name begins with *folder* and a slash; nothing happens if there is none."""
        ...

    def remove(self, name: str) -> None:
        """Take one away; nothing happens if it is not there."""
        ...

    def names(self) -> set[str]:
        """What is there."""
        ...

    def open(self, name: str) -> BinaryIO:
        """One, to be read; the caller closes it."""
        ...
