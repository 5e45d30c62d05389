"""`Making`: a part while a worker makes it, and the checkpoint from which another attempt continues."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, overload

from attrs import define, field, frozen

from sagemaker_runtime import SageMakerRuntimeError
from sagemaker_runtime.bulk.engines.base import Made
from sagemaker_runtime.bulk.engines.staging import Staging, open_if_there, restore, save, saved_name, staging_of
from sagemaker_runtime.bulk.exceptions import BulkError
from sagemaker_runtime.bulk.journal import Entry, Journal
from sagemaker_runtime.bulk.outputs.convert import converter
from sagemaker_runtime.bulk.parts import Publisher
from sagemaker_runtime.bulk.places import InputFile
from sagemaker_runtime.bulk.plan import Plan
from sagemaker_runtime.bulk.uninterrupted import whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagemaker_runtime.bulk.engines.base import Assignment, Task
    from sagemaker_runtime.bulk.execution import Noted
    from sagemaker_runtime.bulk.parts import Part
    from sagemaker_runtime.bulk.places import Destination
    from sagemaker_runtime.bulk.status import Status

SAVE_EVERY = 10.0  # seconds between two checkpoints: roughly how much work the death of a worker undoes
SAVE_SHARE = 20  # or this many times as long as the last checkpoint took


@define
class Shown:
    """The display of a worker: it keeps the status for the driver."""

    status: Status | None = None

    def show(self, status: Status) -> None:
        """See `Display.show`."""
        self.status = status

    def close(self) -> None:
        """See `Display.close`."""


@frozen
class Making:
    """A part while it is made, and the checkpoint from which another attempt continues."""

    plan: Plan
    """A plan of this part alone."""

    part: Part
    publisher: Publisher
    destination: Destination
    """The run's destination."""

    attempt: str
    """The folder of this attempt in the destination."""

    checkpoint: str
    """The name of the checkpoint in the destination."""

    shown: Shown = field(factory=Shown)

    @classmethod
    def begin(cls, assignment: Assignment, task: Task, destination: Destination, folder: Path) -> Making:
        """Continue a part where the last attempt left it."""
        settings, staging = assignment.settings, staging_of(assignment.run_id)
        plan = Plan(assignment.run_id, {}, LaterFiles(task.first_file, task.files), [task.shard])
        part = plan.part(0, f".{settings.output_format}", task.round)
        attempt, checkpoint = f"{staging}/{task.name}-{token_hex(4)}", saved_name(plan.run_id, task.name)
        reads = {} if task.replaces is None or part.replaces is None else {part.replaces: task.replaces}
        journal = Journal(folder / "journal")
        publisher = Publisher(folder, journal, Staging(destination, attempt, reads), converter(settings.output_format))
        making = cls(plan, part, publisher, destination, attempt, checkpoint)
        for entry in making._entries(task):
            journal.add(entry)
        return making

    def _entries(self, task: Task) -> list[Entry]:
        """The entries that the journal of a run would have when it reaches this part."""
        entries = [
            Entry(f"round-{round}", 0, 0, counts={"shards": [0]}, state="done") for round in range(1, task.round + 1)
        ]
        if task.round:
            before = self.plan.part(0, "", task.round - 1)
            entries.append(Entry(before.name, 0, 0, counts={"dead": task.letters}, state="done"))
        saved = open_if_there(self.destination, self.checkpoint)
        entry = None
        if saved is not None:
            with saved:
                rows, dead = self.publisher.rows_path(self.part), self.publisher.dead_path(self.part)
                entry = restore(saved, rows, dead)
        return [*entries, entry or Entry(self.part.name, self.part.begin, task.number)]

    def made(self, noted: Noted) -> Made:
        """The part, as the driver needs it to publish it."""
        entry = self.publisher.journal.last(self.part.name)
        if entry is None or entry.state != "done":
            raise BulkError("the part is not done, although no work is left")
        return Made(
            entry=entry,
            rows=f"{self.attempt}/{self.part.rows_name}" if entry.rows.length else None,
            dead=f"{self.attempt}/{self.part.dead_name}" if entry.dead.length else None,
            slowest=noted.slowest,
            first_failures=noted.first_failures,
        )

    async def keep(self) -> None:
        """Save a checkpoint from time to time. Failures are ignored: if the cause lasts, publishing the part fails as well."""
        loop = asyncio.get_running_loop()
        took = 0.0
        while True:
            await asyncio.sleep(max(SAVE_EVERY, SAVE_SHARE * took))
            began = loop.time()
            with suppress(OSError, SageMakerRuntimeError):
                await whole(self.save)
            took = loop.time() - began

    def save(self) -> None:
        """Save a checkpoint, unless the part is at its beginning or its end."""
        entry = self.publisher.journal.last(self.part.name)
        if entry is None or entry.state == "done" or entry.at == self.part.begin:
            return
        path = self.publisher.folder / "saved"
        try:
            save(entry, self.publisher.rows_path(self.part), self.publisher.dead_path(self.part), path)
        except FileNotFoundError:  # it has been published meanwhile
            return
        self.destination.put(path, self.checkpoint)


class LaterFiles(Sequence[InputFile]):
    """Files from the middle of the input, under the numbers that they have there."""

    def __init__(self, first: int, files: Sequence[InputFile]) -> None:
        self._first = first
        self._files = files

    def __len__(self) -> int:
        return self._first + len(self._files)

    def __iter__(self) -> Iterator[InputFile]:
        return iter(self._files)

    @overload
    def __getitem__(self, index: int) -> InputFile: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[InputFile]: ...

    def __getitem__(self, index: int | slice) -> InputFile | Sequence[InputFile]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        return self._files[index - self._first]
