"""`Job`: a run from its plan to its report, continued from its journal."""

from __future__ import annotations

import asyncio
import re
import secrets
from contextlib import nullcontext
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.bodies.file_body import FileBody
from sagemaker_runtime.bulk.engines.staging import clear_probe, clear_staging
from sagemaker_runtime.bulk.exceptions import BulkError
from sagemaker_runtime.bulk.execution import Execution, Held, Noted
from sagemaker_runtime.bulk.feeding import Feed
from sagemaker_runtime.bulk.history import History, read_history
from sagemaker_runtime.bulk.journal import Journal
from sagemaker_runtime.bulk.local_folder import write_whole
from sagemaker_runtime.bulk.observers import BulkRun
from sagemaker_runtime.bulk.parts import OpenPart, Publisher
from sagemaker_runtime.bulk.plan import Plan, check_identity
from sagemaker_runtime.bulk.progress import shown
from sagemaker_runtime.bulk.recording import Recorder
from sagemaker_runtime.bulk.report import BulkReport
from sagemaker_runtime.bulk.rounds import Rounds
from sagemaker_runtime.bulk.sending import Sender
from sagemaker_runtime.bulk.status import Status
from sagemaker_runtime.bulk.uninterrupted import opened, whole
from sagemaker_runtime.bulk.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from sagemaker_runtime import Client, InvokeEndpointInput, InvokeEndpointOutput, OptFn
    from sagemaker_runtime.bulk.asynchronous import AsynchronousCalls
    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.engines.spreading import Spreading
    from sagemaker_runtime.bulk.feeding import Work
    from sagemaker_runtime.bulk.folder import RunFolder
    from sagemaker_runtime.bulk.formats.base import Batch, Format
    from sagemaker_runtime.bulk.many import Manner
    from sagemaker_runtime.bulk.observers import RunObserver
    from sagemaker_runtime.bulk.parts import Part
    from sagemaker_runtime.bulk.places import Destination, InputFile, Source
    from sagemaker_runtime.bulk.progress import Display
    from sagemaker_runtime.bulk.requests import Inputs
    from sagemaker_runtime.bulk.rows import Rows
    from sagemaker_runtime.bulk.sending import Sent
    from sagemaker_runtime.bulk.status import Watch
    from sagemaker_runtime.bulk.workload import Workload

REPORT, PAGE = "report.json", "report.html"


@frozen(kw_only=True)
class Job:
    """Everything that defines a run."""

    endpoint: str
    source: Source
    files: Sequence[InputFile]
    """The input files, as they are now."""

    destination: Destination
    format: Format
    body: Body
    rows: Rows
    suffix: str
    """The suffix of published parts, such as ``".jsonl"``."""

    convert: Callable[[Path, Path], None] | None
    """Converts JSON Lines to the published format, as in `Publisher`; None to publish them as they are."""

    settings: Mapping[str, str | None]
    """The arguments that determine the output, as in `Plan`."""

    max_errors: int | None
    drain: float
    watch: Watch
    observers: Sequence[RunObserver]
    display: Display | None
    asynchronous: Callable[..., AsynchronousCalls] | None
    """Makes the calls to an asynchronous endpoint, from a client and its ``opt_fns``; None for a real-time endpoint."""

    spread: Spreading | None = None
    """Makes the parts in other processes; None to make them in this one."""

    async def run(
        self,
        folder: RunFolder,
        client: Client,
        manner: Manner,
        inputs: Callable[[str], Inputs],
        *,
        retry_dead: bool,
    ) -> BulkReport:
        """
        Do what is left of the run, and return its report.

        Args:
            folder: The run's folder, locked.

            client: Makes the calls.

            manner: How records are sent.

            inputs: Returns the `Inputs` for a run id.

            retry_dead: Whether to send the dead letters again if everything else is done.
        """
        try:
            plan = await whole(self._plan, folder)
        except OSError as error:
            raise _of_disk(error, folder.path) from error
        with StoppedBy(folder.path):
            journal = await opened(Journal, folder.journal_path)
            rounds = Rounds(plan, journal, self.suffix)
            noted = Noted(asyncio.get_running_loop().time())
            try:
                await whole(self._check_rounds, rounds, folder)
                publisher = Publisher(folder.path, journal, self.destination, self.convert)
                await whole(publisher.sweep_all, rounds.done_parts())
                await whole(clear_probe, folder.path)
                if rounds.is_done and retry_dead:
                    await whole(rounds.begin_next, journal)
                if not rounds.is_done:
                    run = BulkRun(self.endpoint, plan.run_id, folder.history_path.exists(), rounds.current)
                    tally = rounds.tally()
                    history = History(folder.history_path)
                    done, spread = tally.rows + tally.dead, self.spread
                    recorder = Recorder(history, noted, run, done, self.observers, elsewhere=spread is not None)
                    if spread is not None:
                        await spread.run(rounds, publisher, noted, recorder, max_errors=self.max_errors)
                    else:
                        await self.execute(rounds, publisher, client, manner, inputs(plan.run_id), noted, recorder)
                await whole(clear_staging, plan.run_id, self.destination, journal)
            finally:
                journal.close()
            return await whole(self._report, rounds, folder)

    def _plan(self, folder: RunFolder) -> Plan:
        """The plan that the run started with; a new run gets a new plan."""
        plan = Plan.read(folder.plan_path)
        if plan is not None:
            plan.check_settings(self.settings, folder.path)
            plan.check_files(self.files, folder.path)
            return evolve(plan, files=self.files)
        others = sorted(name for name in self.destination.names() if name.startswith(("part-", "dead-letters/")))
        if others:
            raise ConfigError(
                f"{self.destination.where} has the parts of another run, such as {others[0]}, but {folder.path} has no "
                "plan for them; choose an empty output, or the state folder of that run"
            )
        shards = list(self.format.shards(self.files, self.source))
        plan = Plan(secrets.token_hex(4), self.settings, self.files, shards)
        plan.write(folder.plan_path)
        return plan

    def _check_rounds(self, rounds: Rounds, folder: RunFolder) -> None:
        """
        Refuse a journal that has lost a round: the records of that round would get two results, or none.

        Raises:
            BulkError: The output has a part of a round that the journal does not mention.
        """
        for name in sorted(self.destination.names()):
            round = re.match(r"(?:dead-letters/)?part-\d+-retry-(\d+)\.", name)
            if round is not None and int(round[1]) > rounds.current:
                raise BulkError(
                    f"the journal of the run in {folder.path} is damaged: it does not mention {name} in "
                    f"{self.destination.where}. Choose another output and state for a new run"
                )

    async def execute(
        self,
        rounds: Rounds,
        publisher: Publisher,
        client: Client,
        manner: Manner,
        inputs: Inputs,
        noted: Noted,
        recorder: Recorder | None,
    ) -> None:
        """Make all unfinished parts of the round. Without a recorder, another process records them."""
        plan, round = rounds.plan, rounds.current
        feed = Feed(plan, self.source, self.format, self.body, self.destination, publisher.journal)
        parts = feed.parts(rounds.shards, self.suffix, round)  # each when it is due: there may be a million
        begun = next(parts)
        _, part, number = begun
        first = await opened(OpenPart, part, number or 0, publisher)

        def check(part: Part) -> None:
            for file in plan.files_of(part.shard):
                check_identity(file, self.source.identity(file))

        held = Held()

        def caller(client: Client, opt_fns: tuple[OptFn, ...]) -> Callable[[Work], Awaitable[Sent | None]]:
            sender = Sender(self._invoke(client, opt_fns, plan.files), inputs, self.body, self.rows)

            async def send(work: Work) -> Sent | None:
                if work.batch is None:
                    return None
                sent = await sender.send(work.batch, 0, work.batch.records)
                held.results += sent.size
                if recorder is not None:
                    recorder.take(sent)
                return sent

            return send

        workload = manner.workload(client, caller)
        writer = Writer(publisher, first, check)
        dead, units = rounds.failed_now(), rounds.units()
        execution = Execution(feed, workload, writer, noted, held, max_errors=self.max_errors, dead=dead)
        done = units[0] if round else rounds.tally().rows + dead  # a retry's unit is a record
        look = partial(self._look, done, dead, units, workload, noted)
        recorded = nullcontext() if recorder is None else recorder.recorded(look)
        try:
            async with recorded, shown(self.display, look):
                await execution.run(feed.work(chain((begun,), parts), first.entry, round), drain=self.drain)
        finally:
            writer.close()  # as `Execution.run` does, unless it was never reached

    def _invoke(
        self, client: Client, opt_fns: tuple[OptFn, ...], files: Sequence[InputFile]
    ) -> Callable[[InvokeEndpointInput, Batch], Awaitable[InvokeEndpointOutput]]:
        if self.asynchronous is None:
            return lambda params, _: client.invoke_endpoint(params, *opt_fns)
        calls = self.asynchronous(client, *opt_fns)
        # An object in S3 is not uploaded again if its body would be the object itself.
        objects = {file.name: file.location for file in files if file.location.startswith("s3://")}
        if not isinstance(self.body, FileBody):
            objects.clear()
        return lambda params, batch: calls(params, objects.get(batch.file))

    def _look(
        self, done: int, failed: int, units: tuple[int, int], workload: Workload[Work, Sent | None], noted: Noted
    ) -> Status:
        """The status of the round. *done*, *failed* and *units* count earlier processes; *noted* counts this one."""
        seconds = asyncio.get_running_loop().time() - noted.began
        failing = self.watch.failing_since
        return Status(
            done=done + noted.done,
            failed=failed + noted.failed,
            share=min(1.0, (units[0] + noted.units) / units[1]) if units[1] else 1.0,
            records_per_second=noted.done / seconds if seconds > 0 else 0.0,
            in_flight=workload.under_way,
            limit=workload.at_once,
            throttled=self.watch.throttled,
            paused=0.0 if failing is None else self.watch.now - failing,
            reason=self.watch.failure,
            errors=self.watch.errors,
        )

    def _report(self, rounds: Rounds, folder: RunFolder) -> BulkReport:
        report = BulkReport.of(self.destination.where, rounds, read_history(folder.history_path))
        for name, text in ((PAGE, report.to_html()), (REPORT, report.to_json())):
            path = folder.path / name
            write_whole(path, text)
            self.destination.put(path, name)
        return report


class StoppedBy:
    """
    A context manager that turns a disk error into a `BulkError`, and notes on any other error how to continue.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None: ...

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(exc, OSError):
            raise _of_disk(exc, self._folder) from exc
        if isinstance(exc, Exception | asyncio.CancelledError):
            exc.add_note(
                f"The bulk run in {self._folder} has stopped. Finished work is kept. The same call continues it."
            )


def _of_disk(error: OSError, folder: Path) -> BulkError:
    return BulkError(
        f"{error.strerror or type(error).__name__}: {error.filename or folder}. Finished work is kept; once the cause is "
        "fixed, the same call continues the run"
    )
