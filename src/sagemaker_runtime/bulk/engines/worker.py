"""What runs in a worker: a part, made as a run makes it, in a folder of the worker's own."""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections.abc import Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, overload

from attrs import define, field, frozen

from sagemaker_runtime import ConfigError, SageMakerRuntimeError, with_api_options
from sagemaker_runtime.bulk.engines.base import Made, Outcome
from sagemaker_runtime.bulk.engines.staging import (
    PROBE,
    Staging,
    open_if_there,
    restore,
    save,
    saved_name,
    staging_of,
)
from sagemaker_runtime.bulk.exceptions import BulkError
from sagemaker_runtime.bulk.execution import Noted, uninterrupted, whole
from sagemaker_runtime.bulk.formats.parquet import Parquet
from sagemaker_runtime.bulk.job import Job
from sagemaker_runtime.bulk.journal import Entry, Journal
from sagemaker_runtime.bulk.many import Manner
from sagemaker_runtime.bulk.opening import open_destination, open_source
from sagemaker_runtime.bulk.outputs.convert import converter
from sagemaker_runtime.bulk.parts import Publisher
from sagemaker_runtime.bulk.places import InputFile
from sagemaker_runtime.bulk.plan import Plan
from sagemaker_runtime.bulk.progress import TICK
from sagemaker_runtime.bulk.rounds import Rounds
from sagemaker_runtime.bulk.s3 import S3Source
from sagemaker_runtime.bulk.status import Watch
from sagemaker_runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator

    from sagemaker_runtime import Client
    from sagemaker_runtime.bulk.engines.base import Assignment, Channel, OpenChannel, Task
    from sagemaker_runtime.bulk.parts import Part
    from sagemaker_runtime.bulk.places import Destination, Source
    from sagemaker_runtime.bulk.status import Status

SAVE_EVERY = 10.0  # seconds between two checkpoints; what the death of a worker makes undone, about
SAVE_SHARE = 20  # or so many times as long as the last one took
SILENT_FOR = 60.0  # seconds without the driver, after which a task stops: nobody would take what it makes
_COUNTED = 10_000  # records at once
_COUNTED_BYTES = 2**20


def score(assignment: Assignment, task: Task, channel: Channel) -> Outcome:
    """Make a part."""
    opened = channel.open()
    return _outcome(lambda client: _score(assignment, task, opened, client), assignment)


def count(assignment: Assignment, task: Task, _: Channel) -> Outcome:
    """Count the records of a shard."""

    async def look(client: Client) -> Outcome:
        source = _source(assignment, task, client)
        return Outcome(number=await in_thread(_records, assignment, task, source))

    return _outcome(look, assignment)


def probe(assignment: Assignment, task: Task, _: Channel) -> Outcome:
    """Look whether this machine sees the input and the output, and leave a file for the driver to find."""

    async def look(client: Client) -> Outcome:
        source = _source(assignment, task, client)
        with TemporaryDirectory() as folder:
            destination = _destination(assignment, client, Path(folder))
            return Outcome(name=await in_thread(_probe, assignment, task, source, destination, Path(folder)))

    return _outcome(look, assignment)


def _outcome(function: Callable[[Client], Coroutine[object, None, Outcome]], assignment: Assignment) -> Outcome:
    async def run() -> Outcome:
        async with await assignment.recipe.client() as client:
            return await function(client)

    async def see() -> Outcome:
        (outcome,) = await asyncio.gather(run(), return_exceptions=True)
        if isinstance(outcome, Exception):
            outcome.add_note(f"in a worker on {socket.gethostname()}")
            return Outcome(error=_travelling(outcome))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return asyncio.run(see())


def _travelling(error: Exception) -> Exception:
    """An error as it is, if it can be sent to the driver."""
    try:
        pickle.dumps(error)
    except (pickle.PickleError, AttributeError, RecursionError, TypeError, ValueError):
        return BulkError(f"{type(error).__name__}: {error}")
    return error


def _source(assignment: Assignment, task: Task, client: Client) -> Source:
    source = open_source(client, [file.location for file in task.files[:1]], assignment.output, (), None, verify=False)
    if isinstance(source, S3Source):
        source.expect(task.files)
    return source


def _destination(assignment: Assignment, client: Client, folder: Path) -> Destination:
    settings = assignment.settings
    return open_destination(
        client, assignment.output, (), folder, settings.encryption, settings.kms_key, uploads=settings.asynchronous
    )[0]


def _records(assignment: Assignment, task: Task, source: Source) -> int:
    if isinstance(assignment.settings.format, Parquet):  # which has it in its own unit
        return task.shard.end - task.shard.begin
    files = _Later(task.first_file, task.files)
    batches = assignment.settings.format.batches(
        files, source, task.shard, at=task.shard.begin, number=0, rows=_COUNTED, size=_COUNTED_BYTES
    )
    return sum(len(batch.records) for batch in batches)


def _probe(assignment: Assignment, task: Task, source: Source, destination: Destination, folder: Path) -> str:
    staging = staging_of(assignment.run_id)
    seen = open_if_there(destination, f"{staging}/{PROBE}")
    if seen is None:
        raise ConfigError(
            f"the worker on {socket.gethostname()} does not see what the driver has written to {destination.where}: the output "
            "must be in S3, or in a folder that all workers have under the same path"
        )
    with seen:
        (folder / PROBE).write_bytes(seen.read())
    for file in task.files[:1]:
        source.identity(file)  # raises if it is not there
    name = f"{staging}/{PROBE}-{token_hex(4)}"
    destination.put(folder / PROBE, name)
    return name


async def _score(assignment: Assignment, task: Task, channel: OpenChannel, client: Client) -> Outcome:
    with TemporaryDirectory(prefix="sagemaker-runtime-") as folder:
        destination = _destination(assignment, client, Path(folder))
        making = await whole(_Making.begin, assignment, task, destination, Path(folder))
        job = _job(assignment, task, client, making)
        watch = job.watch
        names = [file.name for file in task.files]
        inputs = assignment.settings.inputs(assignment.run_id, names, task.first_file)
        manner = Manner((with_api_options(watch),), assignment.limit, ordered=True, on_error="return")
        noted = Noted(asyncio.get_running_loop().time())
        rounds = Rounds(making.plan, making.publisher.journal, job.suffix)
        scoring = asyncio.ensure_future(job.execute(rounds, making.publisher, client, manner, inputs, noted, None))
        try:
            async with _beside(_keep_in_touch(channel, task.name, making.shown, scoring)), _beside(making.keep()):
                await scoring
        except asyncio.CancelledError:  # the driver wants an end, or the engine does
            await uninterrupted(whole(making.save))
            return Outcome()
        except Exception as error:
            try:
                await whole(making.save)
            except (OSError, SageMakerRuntimeError) as another:
                error.add_note(f"meanwhile: {another}")
            raise
        finally:
            making.publisher.journal.close()
        return Outcome(made=making.made(noted))


def _job(assignment: Assignment, task: Task, client: Client, making: _Making) -> Job:
    settings = assignment.settings
    source = _source(assignment, task, client)
    return Job(
        endpoint=settings.endpoint,
        source=source,
        files=task.files,
        destination=making.publisher.destination,
        format=settings.format,
        body=settings.body,
        rows=settings.rows(),
        suffix=f".{settings.output_format}",
        convert=making.publisher.convert,
        settings={},
        max_errors=None,  # the driver counts them, of all tasks
        drain=assignment.drain,
        watch=Watch(),
        observers=(),
        display=making.shown,
        asynchronous=settings.calls(),
    )


@asynccontextmanager
async def _beside(work: Coroutine[object, None, None]) -> AsyncGenerator[None]:
    """A context beside which something else is done, until its end."""
    doing = asyncio.ensure_future(work)
    try:
        yield
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)


@define
class _Shown:
    """The display of a worker: it keeps what the driver is to be told."""

    status: Status | None = None

    def show(self, status: Status) -> None:
        """See `Display.show`."""
        self.status = status

    def close(self) -> None:
        """See `Display.close`."""


async def _keep_in_touch(channel: OpenChannel, name: str, shown: _Shown, scoring: asyncio.Future[None]) -> None:
    """Tell the driver how the part is doing, and end it if the driver says so, or is gone."""
    loop = asyncio.get_running_loop()
    heard = loop.time()
    while True:
        await asyncio.sleep(TICK)
        goes_on = True
        with suppress(Exception):  # of the engine; whatever it is, the driver was not heard
            goes_on = await in_thread(channel.exchange, name, shown.status)
            heard = loop.time()
        if not goes_on or loop.time() - heard >= SILENT_FOR:
            scoring.cancel()
            return


@frozen
class _Making:
    """A part while it is made, and the checkpoint from which another attempt goes on."""

    plan: Plan
    """Of this part alone, which is the first of it."""

    part: Part
    publisher: Publisher
    destination: Destination
    """The run's."""

    attempt: str
    """Where it puts what it makes."""

    checkpoint: str
    """Where it leaves how far it is."""

    shown: _Shown = field(factory=_Shown)

    @classmethod
    def begin(cls, assignment: Assignment, task: Task, destination: Destination, folder: Path) -> _Making:
        """Take up a part where the last attempt left it."""
        settings, staging = assignment.settings, staging_of(assignment.run_id)
        plan = Plan(assignment.run_id, {}, _Later(task.first_file, task.files), [task.shard])
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
        """What the journal of a run would have when it comes to this part."""
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
        """What the driver needs to publish it."""
        entry = self.publisher.journal.last(self.part.name)
        if entry is None or entry.state != "done":
            raise BulkError("the part is not done, though nothing is left of it")
        return Made(
            entry=entry,
            rows=f"{self.attempt}/{self.part.rows_name}" if entry.rows.length else None,
            dead=f"{self.attempt}/{self.part.dead_name}" if entry.dead.length else None,
            slowest=noted.slowest,
            first_failures=noted.first_failures,
        )

    async def keep(self) -> None:
        """Save a checkpoint from time to time. One that fails is left out: the next one, or the end, has the same trouble."""
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


class _Later(Sequence[InputFile]):
    """Files that are not the first of the input, in the places that they have there."""

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
