"""`Recorder`: records the progress of a run in one process, second by second."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from sagemaker_runtime.bulk.observers import BulkInterval
from sagemaker_runtime.bulk.over_time import Point, Process
from sagemaker_runtime.bulk.progress import PAUSED_AFTER
from sagemaker_runtime.bulk.rows import facts_of_letter
from sagemaker_runtime.bulk.sending import Gathered
from sagemaker_runtime.bulk.tally import Tally
from sagemaker_runtime.bulk.uninterrupted import uninterrupted, whole

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from sagemaker_runtime.bulk.execution import Noted
    from sagemaker_runtime.bulk.history import History
    from sagemaker_runtime.bulk.observers import BulkRun, RunObserver
    from sagemaker_runtime.bulk.sending import Sent
    from sagemaker_runtime.bulk.status import Status

MESSAGE = 2_000  # characters of an error message, which the endpoint can make as long as it likes
REASON = 200

_LOGGER = logging.getLogger("sagemaker_runtime")


class Recorder:
    """
    Counts what comes back, and records the state of the run every second.

    Work that this process could not write is counted again by the next one.

    Args:
        history: The file that it writes to.

        noted: What the process has done so far.

        run: The run, as observers are shown it.

        done: Records that earlier processes have done.

        observers: Get the same numbers.

        elsewhere: Whether other processes make the parts. Results are then counted from the status, and everything else when
            a part is finished.

        now: Returns seconds since 1970.
    """

    def __init__(
        self,
        history: History,
        noted: Noted,
        run: BulkRun,
        done: int,
        observers: Sequence[RunObserver] = (),
        *,
        elsewhere: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._history = history
        self._noted = noted
        self._run = run
        self._done = done
        self._observers = observers
        self._watchers: list[Callable[[BulkInterval], object]] = []
        self._now = now
        self._gathered = Gathered()  # outcomes since the last record
        self._tally = Tally()  # of parts since then
        self._at = now()
        self._throttled = self._errors = self._failures = 0
        self._elsewhere = elsewhere
        self._told = 0  # the highest number of results that the status has reported; it falls if a part is made again
        self._slowest: list[dict[str, object]] = []

    def take(self, sent: Sent) -> None:
        """Count the outcome of a batch. Called in the event loop."""
        self._gathered.add(sent)

    def take_part(self, tally: Tally) -> None:
        """Count a part that another process has made."""
        self._tally = Tally.of([self._tally.to_json(), {**tally.to_json(), "rows": 0}])

    @asynccontextmanager
    async def recorded(self, look: Callable[[], Status]) -> AsyncGenerator[None]:
        """
        A context manager during which the run is recorded.

        Args:
            look: Returns the current status.
        """
        first = look()
        self._told = first.done - first.failed
        with ExitStack() as stack:
            stack.callback(self._history.close)
            await whole(self._history.begin, Process(self._at, self._at, self._run.retry, self._done))
            self._watchers += [stack.enter_context(each.observe_run(self._run)) for each in self._observers]
            watching = asyncio.create_task(self._watch(look))
            end, reason = "stopped", None
            try:
                yield
                end = "finished"
            except asyncio.CancelledError:
                reason = "interrupted"
                raise
            except Exception as error:
                reason = _cut(f"{type(error).__name__}: {error}", MESSAGE)
                raise
            finally:
                await uninterrupted(self._end(watching, look, end, reason))

    async def _end(
        self, watching: asyncio.Task[None], look: Callable[[], Status], end: str, reason: str | None
    ) -> None:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await self._look(look(), {"end": end, "reason": reason, "seen": self._now()})

    async def _watch(self, look: Callable[[], Status]) -> None:
        while True:
            now = self._now()
            await asyncio.sleep(1 - now % 1)  # in step with the clock, so that each second has one line
            await self._look(look(), {})

    async def _look(self, status: Status, facts: dict[str, object]) -> None:
        """Record what is new, with *facts* as `Record.take` reads them."""
        point = self._point(status)
        slowest: list[dict[str, object]] = [
            {"seconds": round(seconds, 4), "file": file, "first_record": first}
            for seconds, file, first in sorted(self._noted.slowest, reverse=True)
        ]
        if slowest != self._slowest:
            facts["slowest"] = self._slowest = slowest
        letters = self._noted.first_failures[self._failures :]
        self._failures += len(letters)
        codes = point.tally.codes
        # Before the write, after which a cancellation would be raised.
        self._tell(BulkInterval(point.tally.rows, codes, point.throttled, point.errors, status.limit, status.in_flight))
        await whole(self._write, point, letters, facts)

    def _write(self, point: Point, letters: Sequence[bytes], facts: dict[str, object]) -> None:
        """In a thread: append a line."""
        if letters:
            facts["failures"] = [_without_record(letter) for letter in letters]
        self._history.add({"point": point.to_json(), **facts})

    def _point(self, status: Status) -> Point:
        at, self._at = self._at, self._now()
        seconds = max(0.0, self._at - at)
        if self._elsewhere:
            tally, self._tally = self._tally, Tally()
            told = max(self._told, status.done - status.failed)
            tally.rows, self._told = told - self._told, told
        else:
            gathered, self._gathered = self._gathered, Gathered()
            tally = gathered.tally()
        waits = status.reason is not None and status.paused >= PAUSED_AFTER
        point = Point(
            int(at),
            seconds,
            seconds if waits else 0.0,
            _cut(status.reason or "", REASON) if waits else None,
            max(0, status.throttled - self._throttled),
            max(0, status.errors - self._errors),
            status.limit,
            status.in_flight,
            tally,
        )
        self._throttled, self._errors = status.throttled, status.errors
        return point

    def _tell(self, interval: BulkInterval) -> None:
        for each in self._watchers.copy():
            try:
                each(interval)
            except Exception:
                _LOGGER.exception("an observer of bulk runs has raised, and is no longer called")
                self._watchers.remove(each)


def _without_record(letter: bytes) -> dict[str, object]:
    facts: dict[str, object] = {**facts_of_letter(letter)}
    del facts["at"]
    return facts | {"message": _cut(str(facts["message"]), MESSAGE)}


def _cut(text: str, length: int) -> str:
    more = len(text) - length
    return text if more <= 0 else f"{text[:length]}… and {more:,} more characters"
