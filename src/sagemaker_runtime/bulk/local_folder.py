"""`LocalSource` and `LocalDestination`: files on this machine."""

from __future__ import annotations

import os
import shutil
from functools import cache
from hashlib import blake2b
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.places import InputFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EDGE = 64 * 2**10  # bytes at each end of a file whose hash is part of its identity
_BLOCK = 2**20


class LocalSource:
    """
    Files, folders and globs on this machine.

    A folder stands for all files in it and below, except those whose name, or a folder's name on the way, begins with a dot or
    an underscore: programs leave such files beside data. A glob finds them only by name: ``rows/_*``. Links to files are
    followed; links to folders are not.

    Args:
        places: Paths, or globs such as ``rows/**/*.jsonl``.

        besides: Folders whose files are not part of the input, even if they lie inside: the output and the state.

        verify: Whether the identity of a file includes a hash of all its bytes. Otherwise, a change that leaves the size, the
            times and both ends alone is not noticed.
    """

    def __init__(self, places: Sequence[str], *, besides: Sequence[Path] = (), verify: bool = False) -> None:
        self._places = places
        self._besides = [os.path.realpath(folder) for folder in besides]
        self._verify = verify

    def files(self) -> Sequence[InputFile]:
        """The files, sorted by name, with their current identity."""
        try:
            paths = sorted({path.absolute() for place in self._places for path in self._below(place)})
        except OSError as error:  # of a place itself, or of a folder above it
            _refuse(error)
        common = Path(os.path.commonpath([path.parent for path in paths]))
        files = [self._file(path, common) for path in paths]
        return sorted(files, key=lambda file: file.name)

    def identity(self, file: InputFile) -> Mapping[str, str | int]:
        """The current identity of a file, without a hash of all its bytes, because this is called often."""
        return _identity(Path(file.location), verify=False)

    def open(self, file: InputFile) -> BinaryIO:
        """Open a file for reading from any position. The caller closes it."""
        return Path(file.location).open("rb", buffering=0)

    def _below(self, place: str) -> Iterator[Path]:
        path = Path(place).expanduser()
        if path.is_file():
            yield path
            return
        found = [path] if path.is_dir() else _matches(path)
        is_input = cache(self._is_input)  # cached for each folder, which many files share
        count = 0
        root = path if path.is_dir() else _root(path)
        asked_for = any(map(_is_hidden, path.relative_to(root).parts))
        for each in found:
            if not asked_for and any(map(_is_hidden, each.relative_to(root).parts)):
                continue
            for file in self._inside(each) if each.is_dir() else [each] if is_input(each.parent) else ():
                count += 1
                yield file
        if not count:
            beside = " except in the output and the state" if found and self._besides else ""
            raise ConfigError(f"input {place!r}: there is no such file, and no file below it{beside}")

    def _inside(self, folder: Path) -> Iterator[Path]:
        """The files in and below a folder. A folder that cannot be read is an error; it is not left out."""
        for path, folders, files in os.walk(folder, onerror=_refuse):
            folders[:] = sorted(name for name in folders if not _is_hidden(name))
            if not self._is_input(Path(path)):
                folders.clear()
                continue
            for file in (Path(path, name) for name in files if not _is_hidden(name)):
                if file.is_file():
                    yield file
                elif not file.exists():
                    raise ConfigError(f"input {str(file)!r} is a link to a file that is not there; remove it")

    def _is_input(self, folder: Path) -> bool:
        real = os.path.realpath(folder)
        return not any(real == each or real.startswith(each.rstrip(os.sep) + os.sep) for each in self._besides)

    def _file(self, path: Path, common: Path) -> InputFile:
        identity = _identity(path, verify=self._verify)
        return InputFile(path.relative_to(common).as_posix(), str(path), int(identity["size"]), identity)


def _root(pattern: Path) -> Path:
    """The folders before the first wildcard."""
    return Path(*takewhile(lambda part: not set(part) & set("*?["), pattern.parts[:-1]))


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _refuse(error: OSError) -> NoReturn:
    raise ConfigError(f"input {str(error.filename)!r} cannot be read: {error.strerror or type(error).__name__}")


def _matches(pattern: Path) -> list[Path]:
    """The paths that a glob matches; ``**`` stands for any number of folders."""
    root = _root(pattern)
    return sorted(root.glob(str(pattern.relative_to(root)))) if root.is_dir() else []


def _hash(opened: BinaryIO) -> str:
    opened.seek(0)
    content = blake2b(digest_size=16)
    while block := opened.read(_BLOCK):
        content.update(block)
    return content.hexdigest()


def _identity(path: Path, *, verify: bool) -> Mapping[str, str | int]:
    try:
        with path.open("rb", buffering=0) as opened:
            facts = os.fstat(opened.fileno())
            found: dict[str, str | int] = {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}
            found["ctime_ns"] = facts.st_ctime_ns
            edges = blake2b(opened.read(EDGE), digest_size=16)
            opened.seek(max(0, facts.st_size - EDGE))
            edges.update(opened.read(EDGE))
            found["edges"] = edges.hexdigest()
            if verify:
                found["content"] = _hash(opened)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    else:
        return found
    raise ConfigError(f"input {str(path)!r} cannot be read: {problem}")


class LocalDestination:
    """
    A folder on this machine. Only the owner can read what is created there.

    Args:
        folder: The folder; created by the first `put`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def where(self) -> str:
        """The path of the folder."""
        return str(self._folder)

    def put(self, path: Path, name: str) -> None:
        """
        Publish a local file as *name*, atomically and durably. It is safe to repeat this.

        The file keeps its old name as well if both are on the same file system; otherwise it is copied.
        """
        final = self._folder / name
        make_folder(final.parent)
        aside = final.with_name(f".{final.name}.new")
        aside.unlink(missing_ok=True)
        try:
            os.link(path, aside)
        except OSError:  # another file system, or one without links
            with path.open("rb") as read, open_private(aside) as written:
                shutil.copyfileobj(read, written, _BLOCK)
                os.fsync(written.fileno())
        aside.replace(final)
        aside.unlink(missing_ok=True)  # replacing a file with itself does nothing
        sync_folder(final.parent)

    def copy(self, name: str, to: str) -> None:
        """Publish the file *name* under a second name."""
        self.put(self._folder / name, to)

    def clear(self, folder: str) -> None:
        """Remove a folder with all its files, if it exists."""
        if (self._folder / folder).is_dir():
            shutil.rmtree(self._folder / folder)

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""
        (self._folder / name).unlink(missing_ok=True)
        if (self._folder / name).parent.is_dir():
            sync_folder((self._folder / name).parent)

    def names(self) -> set[str]:
        """The names of all files, with slashes between folders."""
        paths = self._folder.rglob("*") if self._folder.is_dir() else iter(())
        return {path.relative_to(self._folder).as_posix() for path in paths if path.is_file()}

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading. The caller closes it."""
        return (self._folder / name).open("rb")


def make_folder(folder: Path) -> None:
    """Create a folder and those above it, accessible to the owner only. Existing ones stay as they are."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


def open_private(path: Path) -> BinaryIO:
    """Open a file for reading and writing, unbuffered. Only the owner can read a new one."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of *data* to an unbuffered file, which may accept less at a time."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def write_whole(path: Path, data: bytes) -> None:
    """Write a private file atomically, and wait until it is on disk."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    with open_private(aside) as opened:
        write_all(opened, data)
        os.fsync(opened.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
