"""`Spreading`: the driver of a run on an engine. It has the plan, the journal and the lock, and commits each part."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import evolve

from sagemaker_runtime.bulk.engines.driving import Driving, Pending, short
from sagemaker_runtime.bulk.engines.following import Following
from sagemaker_runtime.bulk.engines.staging import begin_staging, save, saved_name
from sagemaker_runtime.bulk.exceptions import BulkError
from sagemaker_runtime.bulk.feeding import Feed
from sagemaker_runtime.bulk.parts import OpenPart
from sagemaker_runtime.bulk.progress import shown
from sagemaker_runtime.bulk.uninterrupted import uninterrupted, whole
from sagemaker_runtime.plugins.concurrency import KneeLimit

if TYPE_CHECKING:
    from sagemaker_runtime.bulk.engines.base import Assignment, Engine
    from sagemaker_runtime.bulk.execution import Noted
    from sagemaker_runtime.bulk.parts import Publisher
    from sagemaker_runtime.bulk.places import Source
    from sagemaker_runtime.bulk.progress import Display
    from sagemaker_runtime.bulk.recording import Recorder
    from sagemaker_runtime.bulk.rounds import Rounds
    from sagemaker_runtime.bulk.status import Status


class Spreading:
    """
    Makes the parts of a run with the tasks of an engine.

    Args:
        engine: Runs the tasks.

        assignment: What all tasks have in common, except the run's id. Its limit is for all of them together.

        source: Where the input is.

        display: Shows the progress of the run; None for nothing.
    """

    def __init__(self, engine: Engine, assignment: Assignment, source: Source, display: Display | None) -> None:
        self._engine = engine
        self._assignment = assignment
        self._source = source
        self._display = display

    async def run(
        self, rounds: Rounds, publisher: Publisher, noted: Noted, recorder: Recorder, *, max_errors: int | None
    ) -> None:
        """
        Make and publish all unfinished parts of the round.

        Raises:
            ConfigError: A worker cannot access the input or the output.
            BulkError: Too many records have failed, or the engine has given up on a task.
            Exception: An error that a worker has raised.
        """
        engine = self._engine
        await whole(begin_staging, publisher.journal)
        pending = await whole(self._pending, rounds, publisher)
        if not pending:
            return
        try:
            workers = min(await whole(_opened, engine), len(pending))
            limit = self._assignment.limit
            share = limit.split(workers) if isinstance(limit, KneeLimit) else max(1, limit // workers)
            assignment = evolve(self._assignment, run_id=rounds.plan.run_id, limit=share)
            following = Following(rounds, noted)
            driving = Driving(
                engine, assignment, rounds, publisher, noted, recorder, following, pending, max_errors, workers
            )

            def look() -> Status:
                return following.status(asyncio.get_running_loop().time())

            async with recorder.recorded(look), shown(self._display, look):
                await driving.run()
        finally:
            await uninterrupted(whole(engine.close))

    def _pending(self, rounds: Rounds, publisher: Publisher) -> list[Pending]:
        """The unfinished parts. One that a run without an engine has begun is saved as a checkpoint, for a task to find."""
        settings, plan, journal = self._assignment.settings, rounds.plan, publisher.journal
        destination = publisher.destination
        feed = Feed(plan, self._source, settings.format, settings.body, destination, journal)
        pending: list[Pending] = []
        for shard, part, number in feed.parts(rounds.shards, rounds.suffix, rounds.current):
            entry = journal.last(part.name)
            if entry is not None and publisher.rows_path(part).exists():
                opened = OpenPart(part, number or 0, publisher)
                if opened.entry.state == "sealed":
                    opened.publish()
                    continue
                opened.close()
                if opened.entry.at != part.begin:
                    path = publisher.folder / "saved"
                    save(opened.entry, publisher.rows_path(part), publisher.dead_path(part), path)
                    destination.put(path, saved_name(plan.run_id, part.name))
                    path.unlink()
            pending.append(Pending(shard, part, 0 if rounds.current else number))
        return pending


def _opened(engine: Engine) -> int:
    """Open the engine; returns how many tasks it runs concurrently."""
    try:
        return engine.open()
    except Exception as error:
        raise BulkError(f"the engine's cluster cannot be reached or started: {short(error)}") from error
