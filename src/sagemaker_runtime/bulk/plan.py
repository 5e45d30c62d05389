"""`Plan`: what a run started with. It is written once, and a call that continues the run must match it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

from attrs import asdict, frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.formats.base import Shard
from sagemaker_runtime.bulk.local_folder import write_whole
from sagemaker_runtime.bulk.parts import Part
from sagemaker_runtime.bulk.places import InputFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

VERSION = 1  # of the format of a run's folder


@frozen
class Plan:
    """The settings, the input and its shards."""

    run_id: str
    """Eight hexadecimal digits; inference ids begin with them."""

    settings: Mapping[str, str | None]
    """The arguments that determine the output, as text, by name."""

    files: Sequence[InputFile]
    """The input files, with the identity that each had at the start."""

    shards: Sequence[Shard]
    """In order."""

    @classmethod
    def read(cls, path: Path) -> Plan | None:
        """
        Read the plan of a run; None if there is none.

        Raises:
            ConfigError: It cannot be read, or its format is that of another version of this package.
        """
        if not path.exists():
            return None
        try:
            facts = json.loads(path.read_bytes())
            version = facts.pop("version")
            if version == VERSION:
                files = [InputFile(**file) for file in facts.pop("files")]
                shards = [Shard(*shard) for shard in facts.pop("shards")]
                return cls(files=files, shards=shards, **facts)
            problem = (
                f"its format is version {version}, and this package reads version {VERSION}; continue with the version of "
                "the package that started it"
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            problem = f"{type(error).__name__}; choose another folder"
        raise ConfigError(f"the plan of the run in {path.parent} cannot be read: {problem}")

    def write(self, path: Path) -> None:
        """Write the plan atomically."""
        facts = {
            "version": VERSION,
            "run_id": self.run_id,
            "settings": self.settings,
            "files": [asdict(file) for file in self.files],
            "shards": [[shard.file, shard.begin, shard.end] for shard in self.shards],
        }
        write_whole(path, json.dumps(facts).encode())

    def check_settings(self, settings: Mapping[str, str | None], folder: Path) -> None:
        """
        Refuse settings that differ from those that the run started with.

        Raises:
            ConfigError: A setting differs; the text names it.
        """
        for name in [*self.settings, *(name for name in settings if name not in self.settings)]:
            before, now = self.settings.get(name), settings.get(name)
            if before != now:
                what = f"{name}={before}, and now it is {now}" if name != "members" else "other members than these"
                raise ConfigError(
                    f"the run in {folder} was started with {what}; continue with the same, "
                    "or choose another output and state for a new run"
                )

    def check_files(self, files: Sequence[InputFile], folder: Path) -> None:
        """
        Refuse an input that differs from the one that the run started with.

        Raises:
            ConfigError: A file is missing, is new, or has changed.
        """
        before, now = {file.name: file for file in self.files}, {file.name: file for file in files}
        for name, file in before.items():
            if name not in now:
                raise ConfigError(f"the run in {folder} was started with the input file {file.location}, which is gone")
            check_identity(file, now[name].identity)
        for name in now.keys() - before.keys():
            raise ConfigError(
                f"the input has a file that the run in {folder} was started without: {now[name].location}; "
                "remove it, or choose another output and state for a new run"
            )

    def part(self, number: int, suffix: str, round: int = 0) -> Part:
        """
        The part of the output that a shard becomes.

        Args:
            number: The number of the shard.

            suffix: The suffix of published files, such as ``".jsonl"``.

            round: 0 for the records of the input; 1 for the first retry of dead letters, and so on.
        """
        name = f"part-{number:05}"
        before = f"{name}-retry-{round - 1}" if round > 1 else name
        if round:
            name = f"{name}-retry-{round}"
        begin = 0 if round else self.shards[number].begin
        replaces = f"dead-letters/{before}.jsonl" if round else None
        return Part(name, number, begin, f"{name}{suffix}", f"dead-letters/{name}.jsonl", replaces)

    def files_of(self, shard: int) -> Sequence[InputFile]:
        """The files that the records of a shard are in."""
        first = self.shards[shard].file
        end = self.shards[shard + 1].file if shard + 1 < len(self.shards) else len(self.files)
        return self.files[first : max(first + 1, end)]


def check_identity(file: InputFile, now: Mapping[str, str | int]) -> None:
    """
    Refuse a file that has changed.

    Args:
        file: The file, with its identity at the start.

        now: Its current identity. If both have a hash of the content, times are ignored.

    Raises:
        ConfigError: It has changed; the text says how.
    """
    both = set(file.identity) & set(now)
    compared = both & {"size", "content"} if "content" in both else both
    differing = {name for name in compared if file.identity[name] != now[name]}
    if differing:
        raise ConfigError(
            f"the input file {file.location} has changed since the run started: {_change(file, now, differing)}"
        )


def _change(file: InputFile, now: Mapping[str, str | int], differing: set[str]) -> str:
    """What has changed, and what to do."""
    name = next((name for name in _DIFFERENCES if name in differing), min(differing))
    text = _DIFFERENCES.get(name, f"its {name} was {{}} and is now {{}}")
    if name not in _TIMES:
        return f"{text.format(file.identity[name], now[name])}; {_RESTORE}"
    times = [_time(int(facts[name])) for facts in (file.identity, now)]
    return f"{text.format(*times)}; {_CONTINUE if 'content' in file.identity else _VERIFY}"


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
    except (ValueError, OverflowError, OSError):  # some file systems have years after 9999
        return f"{nanoseconds} ns"


_DIFFERENCES: Mapping[str, str] = {
    "size": "its size was {} bytes and is now {}",
    "content": "its content differs",
    "edges": "its first or last bytes differ",
    "etag": "its ETag was {} and is now {}",
    "mtime_ns": "its modification time was {} and is now {}",
    "ctime_ns": "the time of the last change of its inode was {} and is now {}",
}
"""What is said of each fact that differs, with its values then and now. The first is named: a size says more than a time."""

_TIMES = ("mtime_ns", "ctime_ns")
_RESTORE = "restore it, or choose another output and state for a new run"
_CONTINUE = "nothing else shows a difference. Continue the run with verify=True, which compares its content"
_VERIFY = (
    "nothing else shows a difference. A new run, with another output and state, compares the content instead if "
    "verify=True is set from its first call on"
)


def digest(value: object) -> str:
    """A hash that is recorded for a setting whose value must not be."""
    return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()
