"""The tasks that run in a worker. A part is made as in a run without an engine, in a temporary folder."""

from __future__ import annotations

import asyncio
import pickle
import socket
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sagemaker_runtime import ConfigError, SageMakerRuntimeError, with_api_options
from sagemaker_runtime.bulk.engines.base import Outcome
from sagemaker_runtime.bulk.engines.making import LaterFiles, Making
from sagemaker_runtime.bulk.engines.staging import (
    PROBE,
    open_if_there,
    staging_of,
)
from sagemaker_runtime.bulk.exceptions import BulkError
from sagemaker_runtime.bulk.execution import Noted
from sagemaker_runtime.bulk.formats.parquet import Parquet
from sagemaker_runtime.bulk.job import Job
from sagemaker_runtime.bulk.many import Manner
from sagemaker_runtime.bulk.opening import open_destination, open_source
from sagemaker_runtime.bulk.progress import TICK
from sagemaker_runtime.bulk.rounds import Rounds
from sagemaker_runtime.bulk.s3 import S3Source
from sagemaker_runtime.bulk.status import Watch
from sagemaker_runtime.bulk.uninterrupted import uninterrupted, whole
from sagemaker_runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from sagemaker_runtime import Client
    from sagemaker_runtime.bulk.engines.base import Assignment, Channel, OpenChannel, Task
    from sagemaker_runtime.bulk.engines.making import Shown
    from sagemaker_runtime.bulk.places import Destination, Source

SILENT_FOR = 60.0  # seconds without the driver after which a task stops: nobody would use what it makes
_COUNTED = 10_000  # records to count in one go
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
    """Check that this machine can access the input and the output, and leave a file for the driver to find."""

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
    """The error itself if it can be sent to the driver, otherwise a `BulkError` with its text."""
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
    if isinstance(assignment.settings.format, Parquet):  # its unit is the record
        return task.shard.end - task.shard.begin
    files = LaterFiles(task.first_file, task.files)
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
        making = await whole(Making.begin, assignment, task, destination, Path(folder))
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
        except asyncio.CancelledError:  # the driver or the engine stops the task
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


def _job(assignment: Assignment, task: Task, client: Client, making: Making) -> Job:
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
        max_errors=None,  # the driver counts dead letters over all tasks
        drain=assignment.drain,
        watch=Watch(),
        observers=(),
        display=making.shown,
        asynchronous=settings.calls(),
    )


@asynccontextmanager
async def _beside(work: Coroutine[object, None, None]) -> AsyncGenerator[None]:
    """A context manager during which *work* is done concurrently; it is cancelled at the end."""
    doing = asyncio.ensure_future(work)
    try:
        yield
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)


async def _keep_in_touch(channel: OpenChannel, name: str, shown: Shown, scoring: asyncio.Future[None]) -> None:
    """Report the status of the part to the driver, and stop if the driver says so or is gone."""
    loop = asyncio.get_running_loop()
    heard = loop.time()
    while True:
        await asyncio.sleep(TICK)
        goes_on = True
        with suppress(Exception):  # an error of the engine; whatever it is, the driver did not respond
            goes_on = await in_thread(channel.exchange, name, shown.status)
            heard = loop.time()
        if not goes_on or loop.time() - heard >= SILENT_FOR:
            scoring.cancel()
            return
