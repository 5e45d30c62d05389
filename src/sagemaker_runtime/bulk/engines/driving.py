"""`Driving`: one round of a run on an engine."""

from __future__ import annotations

import asyncio
import heapq
from contextlib import suppress
from secrets import token_bytes
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from sagemaker_runtime import ConfigError, SageMakerRuntimeError
from sagemaker_runtime.bulk.engines import worker
from sagemaker_runtime.bulk.engines.base import Task
from sagemaker_runtime.bulk.engines.following import length_of
from sagemaker_runtime.bulk.engines.scheduling import Schedule
from sagemaker_runtime.bulk.engines.staging import PROBE, open_if_there, staging_of
from sagemaker_runtime.bulk.exceptions import BulkError, too_many
from sagemaker_runtime.bulk.local_folder import write_whole
from sagemaker_runtime.bulk.over_time import REPORTED
from sagemaker_runtime.bulk.progress import TICK
from sagemaker_runtime.bulk.tally import Tally
from sagemaker_runtime.bulk.uninterrupted import whole
from sagemaker_runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.engines.base import Assignment, Engine, Function, Made, Outcome
    from sagemaker_runtime.bulk.engines.following import Following
    from sagemaker_runtime.bulk.execution import Noted
    from sagemaker_runtime.bulk.parts import Part, Publisher
    from sagemaker_runtime.bulk.recording import Recorder
    from sagemaker_runtime.bulk.rounds import Rounds

GRACE = 15.0  # seconds, besides the drain, for stopped tasks to save what they have


@define
class Pending:
    """A part that is not done."""

    shard: int
    part: Part
    number: int | None
    """The number of its first record; None if records must be counted first."""


@define(eq=False)
class Driving:
    """One round of a run on an engine."""

    engine: Engine
    assignment: Assignment
    rounds: Rounds
    publisher: Publisher
    noted: Noted
    recorder: Recorder
    following: Following
    pending: Sequence[Pending]
    max_errors: int | None
    workers: int
    running: dict[asyncio.Future[Outcome], tuple[str, int]] = field(
        factory=dict[asyncio.Future["Outcome"], tuple[str, int]]
    )
    stops: bool = False
    committed: float = 0.0
    """When the last part was published, in the time of the event loop."""

    async def run(self) -> None:
        self.committed = self.noted.began
        touch = asyncio.ensure_future(self._keep_in_touch())
        try:
            await self._probe()
            await self._work()
        except BaseException:
            await self._wind_up()
            raise
        finally:
            touch.cancel()
            await asyncio.gather(touch, return_exceptions=True)

    async def _work(self) -> None:
        schedule = Schedule([each.number for each in self.pending])
        while True:
            self._check_errors()
            while len(self.running) < self.workers and (step := schedule.next()) is not None:
                self._submit(step, schedule)
            if not self.running:
                return
            done, _ = await asyncio.wait(self.running, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                what, index = self.running.pop(future)
                outcome = self._outcome(future, index)
                if what == "count":
                    schedule.counted(index, outcome.number)
                elif outcome.made is None:  # it was stopped from outside, or lost contact with the driver
                    schedule.again(index)
                else:
                    await self._commit(index, outcome.made)

    def _submit(self, step: tuple[str, int], schedule: Schedule) -> None:
        what, index = step
        task = self._task(index, schedule.first(index))
        if what == "make":
            self.following.begin(task.name, length_of(self.rounds, self.pending[index].shard))
        function: Function = worker.score if what == "make" else worker.count
        self.running[self.engine.submit(function, self.assignment, task)] = step

    def _task(self, index: int, number: int) -> Task:
        pending, plan = self.pending[index], self.rounds.plan
        shard = plan.shards[pending.shard]
        return Task(
            name=pending.part.name,
            shard=shard,
            round=self.rounds.current,
            number=number,
            first_file=shard.file,
            files=list(plan.files_of(pending.shard)),
            replaces=pending.part.replaces,
            letters=length_of(self.rounds, pending.shard) if self.rounds.current else 0,
        )

    def _outcome(self, future: asyncio.Future[Outcome], index: int) -> Outcome:
        """
        The outcome of a finished task.

        Raises:
            Exception: The error that it failed with.
        """
        name = self.pending[index].part.name
        if future.cancelled():
            raise BulkError(f"the task for {name} was cancelled from outside; the same call continues the run")
        if (error := future.exception()) is not None:
            raise BulkError(
                f"the engine has given up on the task for {name}: {short(error)}. The logs of its workers may say more"
            ) from error
        outcome = future.result()
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def _commit(self, index: int, made: Made) -> None:
        part = self.pending[index].part
        now = asyncio.get_running_loop().time()
        tally = Tally.of([made.entry.counts])
        tally.seconds, self.committed = now - self.committed, now  # the tasks' own seconds overlap
        entry = evolve(made.entry, counts=tally.to_json())
        await whole(self.publisher.adopt, part, entry, made.rows, made.dead)
        self.following.end(part.name, tally)
        self.recorder.take_part(tally)
        noted = self.noted
        noted.done += tally.rows + tally.dead
        noted.failed += tally.dead
        noted.slowest = heapq.nlargest(REPORTED, [*noted.slowest, *made.slowest])
        noted.first_failures += made.first_failures[: REPORTED - len(noted.first_failures)]

    def _check_errors(self) -> None:
        failed = self.following.status(asyncio.get_running_loop().time()).failed
        if self.max_errors is not None and failed > self.max_errors:
            raise too_many(failed, self.max_errors)

    async def _probe(self) -> None:
        """
        Check that all workers can access the input and the output.

        Raises:
            ConfigError: One of them cannot, or the driver cannot see its files.
        """
        destination, written = self.publisher.destination, token_bytes(16)
        await whole(self._put_probe, written)
        try:
            outcomes = await in_thread(self.engine.everywhere, worker.probe, self.assignment, self._task(0, 0))
        except Exception as error:
            raise BulkError(f"the engine's workers cannot be used: {short(error)}") from error
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            if await whole(self._differs, written, outcome.name):
                raise ConfigError(
                    f"the driver does not see what a worker has written to {destination.where}: the output must be in S3, or in a "
                    "folder that all workers have under the same path"
                )

    def _put_probe(self, data: bytes) -> None:
        path = self.publisher.folder / PROBE
        try:
            write_whole(path, data)
            self.publisher.destination.put(path, f"{staging_of(self.assignment.run_id)}/{PROBE}")
        finally:
            path.unlink(missing_ok=True)

    def _differs(self, written: bytes, name: str) -> bool:
        found = open_if_there(self.publisher.destination, name)
        if found is None:
            return True
        with found:
            seen: bytes = found.read()
        return seen != written

    async def _keep_in_touch(self) -> None:
        while True:
            await self._exchange()
            await asyncio.sleep(TICK)

    async def _exchange(self) -> None:
        with suppress(Exception):  # an error of the engine; if it is gone, the tasks fail as well
            self.following.hear(await in_thread(self.engine.exchange, stop=self.stops))

    async def _wind_up(self) -> None:
        """Tell all tasks to stop, wait until they have saved what they have, and publish the parts that were finished in time."""
        self.stops = True
        if not self.running:
            return
        await self._exchange()
        done, _ = await asyncio.wait(self.running, timeout=self.assignment.drain + GRACE)
        for future in done:
            what, index = self.running.pop(future)
            if what == "make" and not future.cancelled() and future.exception() is None:
                made = future.result().made
                with suppress(OSError, SageMakerRuntimeError):  # another error is raised already
                    if made is not None:
                        await self._commit(index, made)


def short(error: BaseException) -> str:
    """An engine's error on one line: the full texts fill pages."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
