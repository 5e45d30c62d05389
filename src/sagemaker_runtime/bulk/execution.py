"""`Execution`: the loop of a run. It reads ahead, keeps the endpoint busy, and writes results, all concurrently."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from attrs import define, field

from sagemaker_runtime.bulk.exceptions import too_many
from sagemaker_runtime.bulk.over_time import REPORTED
from sagemaker_runtime.bulk.uninterrupted import joined, uninterrupted, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sagemaker_runtime.bulk.feeding import Feed, Work
    from sagemaker_runtime.bulk.formats.base import Batch
    from sagemaker_runtime.bulk.sending import Sent
    from sagemaker_runtime.bulk.workload import Workload
    from sagemaker_runtime.bulk.writing import Piece, Writer


WRITE_EVERY = 0.5  # seconds; how much work a kill undoes. Source: measured; every 0.2 s costs the same as every second
WRITE_BYTES = 2**20  # or as soon as so many bytes wait
UNDER_WAY_BYTES = 64 * 2**20
"""The most bytes of records in flight, and of results that wait for earlier ones or for the disk."""

READ_BELOW = 32  # read more when fewer pieces of work than this wait to be sent


@define
class Held:
    """Bytes in memory."""

    records: int = 0
    """Those of records whose results have not been taken."""

    results: int = 0
    """Those of results that have not been taken."""


@define
class Noted:
    """What one process has done, for the report."""

    began: float
    """When the process began its work, in the time of the event loop."""

    done: int = 0
    """Records with a result or a dead letter."""

    failed: int = 0
    """Records with a dead letter."""

    units: int = 0
    """How far the input has been worked through, in the format's unit."""

    slowest: list[tuple[float, str, int]] = field(factory=list[tuple[float, str, int]])
    """The ten slowest requests: seconds, file, and first record; in no particular order."""

    first_failures: list[bytes] = field(factory=list[bytes])
    """The first ten dead letters."""

    def note(self, batch: Batch, sent: Sent) -> None:
        """Add the outcome of a batch."""
        self.done += sent.succeeded + len(sent.dead)
        if sent.dead:
            self.failed += len(sent.dead)
            self.first_failures += sent.dead[: REPORTED - len(self.first_failures)]
        for _, _, seconds, _, _ in sent.requests:
            if len(self.slowest) < REPORTED:
                heapq.heappush(self.slowest, (seconds, batch.file, batch.first))
            elif seconds > self.slowest[0][0]:
                heapq.heapreplace(self.slowest, (seconds, batch.file, batch.first))


class Execution:
    """
    Works through a feed.

    Args:
        feed: Reads the records.

        workload: Sends them.

        writer: Writes the results.

        noted: Collects what the report shows.

        held: Counts bytes in memory; those of a result are added by the function that sends.

        max_errors: The most dead letters in the round; None for no limit.

        dead: How many dead letters the round has already.
    """

    def __init__(
        self,
        feed: Feed,
        workload: Workload[Work, Sent | None],
        writer: Writer,
        noted: Noted,
        held: Held,
        *,
        max_errors: int | None,
        dead: int,
    ) -> None:
        self._feed = feed
        self._workload = workload
        self._writer = writer
        self._noted = noted
        self._max_errors = max_errors
        self._dead = dead
        self._held = held
        self._written_at = noted.began
        self._writing: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[list[Work]] | None = None
        self._due: asyncio.Future[None] | None = None  # done when it is time to write

    async def run(self, work: Iterator[Work], *, drain: float) -> None:
        """
        Do all the work.

        Args:
            work: The work, in order.

            drain: Seconds to wait for calls in flight after a cancellation.

        Raises:
            BulkError: Too many records have failed, or the run was stopped for another reason.
            OSError: A file could not be read or written.
        """
        ahead: deque[Work] = deque()
        ended = False
        try:
            self._check_errors()
            while not (ended and not ahead and self._workload.is_idle):
                self._send(ahead)
                if not ended and self._reading is None and len(ahead) < READ_BELOW:
                    self._reading = asyncio.create_task(whole(self._feed.take, work))
                await self._workload.wait(*self._beside())
                if self._reading is not None and self._reading.done():
                    pieces, self._reading = self._reading.result(), None
                    ahead.extend(pieces)
                    ended = not pieces
                self._take()
            await self._write_all()
        except asyncio.CancelledError as cancelled:
            await self._drain(drain, cancelled)
            raise
        except OSError:
            raise  # of the disk: the results that wait could not be written either, and that error would hide this one
        except Exception:
            await self._write_all()
            raise
        finally:
            await uninterrupted(self._close())  # or a thread could write after the folder is unlocked

    def _send(self, ahead: deque[Work]) -> None:
        room = self._workload.room if ahead else 0
        left = UNDER_WAY_BYTES - self._held.records - self._held.results - self._writer.size
        pieces: list[Work] = []
        while ahead and len(pieces) < room and (left > 0 or (self._is_idle and not pieces)):
            pieces.append(ahead.popleft())
            left -= pieces[-1].size
            self._held.records += pieces[-1].size
        self._workload.add(pieces)

    @property
    def _is_idle(self) -> bool:
        """Whether there is nothing to wait for: no call in flight, and no write."""
        return self._workload.is_idle and self._writing is None

    def _beside(self) -> Sequence[asyncio.Future[None] | asyncio.Task[list[Work]]]:
        """The futures that may be done before the next result. There is one write at a time, so the next one waits for it."""
        due = self._due if self._writing is None else None
        return [each for each in (self._reading, self._writing, due) if each is not None]

    def _take(self) -> None:
        """Take the results that are ready, and start a write if it is time."""
        results = self._workload.take()
        for result in results:
            piece, sent = result.input, result.output
            self._held.records -= piece.size
            self._noted.units += piece.units
            self._writer.add(piece, sent)
            if sent is not None and piece.batch is not None:
                self._held.results -= sent.size
                self._noted.note(piece.batch, sent)
                if sent.dead:
                    self._dead += len(sent.dead)
                    self._check_errors(f", the last {sent.codes[-1]}")
        if results and self._due is None:
            self._due = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(WRITE_EVERY, _finish, self._due)
        if self._writing is not None and self._writing.done():
            self._writing.result()
            self._writing = None
        is_due = self._due is not None and self._due.done()
        if self._writing is None and (is_due or self._writer.size >= WRITE_BYTES or self._writer.has_ended_part):
            self._write()

    def _check_errors(self, last: str = "") -> None:
        if self._max_errors is not None and self._dead > self._max_errors:
            raise too_many(self._dead, self._max_errors, last)

    def _write(self) -> None:
        self._due = None
        self._writing = asyncio.create_task(whole(self._writer.write, self._pieces()))

    def _pieces(self) -> Sequence[Piece]:
        """The results to write, with the time that they took."""
        pieces = self._writer.take()
        now = asyncio.get_running_loop().time()
        if pieces:
            pieces[0].seconds, self._written_at = now - self._written_at, now
        return pieces

    async def _write_all(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing
        if pieces := self._pieces():
            await whole(self._writer.write, pieces)

    async def _drain(self, seconds: float, cancelled: asyncio.CancelledError) -> None:
        """Wait a while for the calls in flight, and write their results."""
        for step in (partial(self._settle, seconds), self._write_all):
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - the cancellation is what the caller waits for
                cancelled.add_note(f"meanwhile: {error}. Records whose results could not be written will be sent again")

    async def _settle(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._workload.is_idle:
                    await self._workload.wait()
                    self._take()

    async def _close(self) -> None:
        """Leave nothing running: after this, another run may use the folder."""
        try:
            await self._workload.close()
        finally:
            for task in (self._reading, self._writing):
                if task is not None:
                    await joined(task)
                    if not task.cancelled():
                        task.exception()  # another error is raised already
            await whole(self._writer.close)


def _finish(due: asyncio.Future[None]) -> None:
    if not due.done():
        due.set_result(None)
