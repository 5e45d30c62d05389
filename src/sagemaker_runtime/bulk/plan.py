"""`Plan`: what a run is made of, as it was begun. It is written once, and what goes on later must agree with it."""

from __future__ import annotations

import json
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

VERSION = 1  # of what stands in the run's folder


@frozen
class Plan:
    """The settings, the input and its shards."""

    run_id: str
    """Eight hexadecimal digits; the beginning of inference ids."""

    settings: Mapping[str, str | None]
    """What decides the output, as text; by the name of the argument."""

    files: Sequence[InputFile]
    """The input, with the identity that each file had."""

    shards: Sequence[Shard]
    """In order."""

    @classmethod
    def read(cls, path: Path) -> Plan | None:
        """
        The plan of a run; None if there is none.

        Raises:
            ConfigError: It cannot be read, or is of another version of this package.
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
            problem = f"it is of version {version}, and this is version {VERSION}; go on with the package that began it"
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            problem = f"{type(error).__name__}; choose another folder"
        raise ConfigError(f"the plan of the run in {path.parent} cannot be read: {problem}")

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
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
        Refuse other settings than the run was begun with.

        Raises:
            ConfigError: There is a difference, by name.
        """
        for name in [*self.settings, *(name for name in settings if name not in self.settings)]:
            before, now = self.settings.get(name), settings.get(name)
            if before != now:
                what = f"{name}={before}, and now it is {now}" if name != "members" else "other members than now"
                raise ConfigError(
                    f"the run in {folder} was begun with {what}; go on with the same, "
                    "or choose another output and state for a new run"
                )

    def check_files(self, files: Sequence[InputFile], folder: Path) -> None:
        """
        Refuse another input than the run was begun with.

        Raises:
            ConfigError: A file is missing, is new, or has changed.
        """
        before, now = {file.name: file for file in self.files}, {file.name: file for file in files}
        for name, file in before.items():
            if name not in now:
                raise ConfigError(f"the run in {folder} was begun with the input file {file.location}, which is gone")
            check_identity(file, now[name].identity)
        for name in now.keys() - before.keys():
            raise ConfigError(
                f"the input has a file that the run in {folder} was begun without: {now[name].location}; "
                "take it away, or choose another output and state for a new run"
            )

    def part(self, number: int, suffix: str, round: int = 0) -> Part:
        """
        The part of the output that a shard becomes.

        Args:
            number: The shard's.

            suffix: Of the files that are published, such as ``".jsonl"``.

            round: 0 for the records of the input; from 1 on, for each time that dead letters were taken up.
        """
        name = f"part-{number:05}"
        before = f"{name}-retry-{round - 1}" if round > 1 else name
        if round:
            name = f"{name}-retry-{round}"
        begin = 0 if round else self.shards[number].begin
        replaces = f"dead-letters/{before}.jsonl" if round else None
        return Part(name, number, begin, f"{name}{suffix}", f"dead-letters/{name}.jsonl", replaces)

    def files_of(self, shard: int) -> Sequence[InputFile]:
        """The files that a shard has records of."""
        first = self.shards[shard].file
        end = self.shards[shard + 1].file if shard + 1 < len(self.shards) else len(self.files)
        return self.files[first : max(first + 1, end)]


def check_identity(file: InputFile, now: Mapping[str, str | int]) -> None:
    """
    Refuse a file that has changed.

    Args:
        file: As it was.

        now: Its present identity. If both have a hash of the content, times do not matter.

    Raises:
        ConfigError: It has changed; the text says what of it.
    """
    both = set(file.identity) & set(now)
    compared = both & {"size", "content"} if "content" in both else both
    for name in sorted(compared, reverse=True):
        if file.identity[name] != now[name]:
            raise ConfigError(
                f"the input file {file.location} has changed since the run began: its {name} was {file.identity[name]}, "
                f"and is {now[name]}; put it back, or choose another output and state for a new run"
            )


def digest(value: object) -> str:
    """What stands for a setting that is nobody's business."""
    return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()
