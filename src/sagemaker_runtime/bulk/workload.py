"""`Workload`: the records in flight in one event loop, and their results."""

from __future__ import annotations

import asyncio
from collections import deque
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import field, frozen

from sagemaker_runtime import SageMakerRuntimeError
from sagemaker_runtime.bulk.exceptions import BulkError
from sagemaker_runtime.bulk.failures import is_about_run
from sagemaker_runtime.plugins.concurrency import KneeLimit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

Given = TypeVar("Given")
Taken = TypeVar("Taken")

AHEAD = 8  # records beyond an adaptive limit, so that a free slot never waits for a record
BACKLOG = 1_024  # the most results that may wait to be taken


@frozen
class Result(Generic[Given, Taken]):
    """The result of one record, or its error."""

    index: int
    """The record's position in the source, from 0."""

    input: Given = field(repr=False)
    """The record."""

    error: SageMakerRuntimeError | None = None
    """Why it failed; None if it did not."""

    _outputs: tuple[Taken, ...] = field(default=(), repr=False)

    @property
    def output(self) -> Taken:
        """
        The response.

        Raises:
            SageMakerRuntimeError: The record failed; this is its ``error``.
        """
        if self.error is not None:
            raise self.error
        return self._outputs[0]


class Workload(Generic[Given, Taken]):
    """
    Runs a task for each record, and keeps the results until they are taken.

    Args:
        call: Sends one record.

        limit: The most concurrent calls.

        ordered: Whether results come in the order of the records.

        raises: Whether `take` raises the error of a record.
    """

    def __init__(
        self, call: Callable[[Given], Awaitable[Taken]], limit: int | KneeLimit, *, ordered: bool, raises: bool
    ) -> None:
        self._call = call
        self._limit = limit
        self._ordered = ordered
        self._raises = raises
        self._tasks: set[asyncio.Task[None]] = set()
        self._added = 0
        self._given = 0  # the index of the next result, if they are ordered
        self._held: dict[int, Result[Given, Taken]] = {}  # results that wait for an earlier one
        self._ready: deque[Result[Given, Taken]] = deque()
        self._error: Exception | None = None  # about the run
        self._is_closing = False
        self._changed = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight and no result waits to be taken."""
        return not self._tasks and not self._ready and self._error is None

    @property
    def under_way(self) -> int:
        """How many records have been started and have no result yet."""
        return len(self._tasks)

    @property
    def at_once(self) -> int:
        """The current limit of concurrent calls."""
        if isinstance(self._limit, KneeLimit):
            return self._limit.limit
        return self._limit

    @property
    def room(self) -> int:
        """How many more records may be added now."""
        at_once = self.at_once + (AHEAD if isinstance(self._limit, KneeLimit) else 0)
        return max(0, min(at_once - len(self._tasks), BACKLOG - len(self._held) - len(self._ready)))

    def add(self, records: Iterable[Given]) -> None:
        """Start sending these."""
        loop = asyncio.get_running_loop()
        for record in records:
            task = loop.create_task(self._run(self._added, record))
            self._added += 1
            self._tasks.add(task)
            task.add_done_callback(self._end)

    async def wait(self, *beside: asyncio.Future[Any]) -> None:
        """
        Wait until a result can be taken, a call has ended, nothing is in flight, or one of *beside* is done.

        A call that has ended may make room for another record even if its own result waits for an earlier one.
        """
        under_way = len(self._tasks)
        for each in beside:
            each.add_done_callback(self._wake)
        try:
            while len(self._tasks) == under_way > 0 and not self._ready and self._error is None:
                if any(map(_is_done, beside)):
                    break
                self._changed.clear()
                await self._changed.wait()
        finally:
            for each in beside:
                each.remove_done_callback(self._wake)
        if beside and not self._tasks and not self._ready and self._error is None:
            await asyncio.wait(beside, return_when=asyncio.FIRST_COMPLETED)

    def take(self) -> list[Result[Given, Taken]]:
        """
        The results that are ready.

        Raises:
            Exception: An error about the whole run; or, with *raises*, the error of a record, once all results before it
                have been taken.
        """
        results: list[Result[Given, Taken]] = []
        while self._ready:
            result = self._ready[0]
            if self._raises and result.error is not None:
                if results:
                    return results
                result.error.add_note(f"of record {result.index}")
                raise result.error
            results.append(self._ready.popleft())
        if not results and self._error is not None:
            raise self._error
        return results

    async def close(self) -> None:
        """Cancel the calls in flight."""
        self._is_closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, index: int, record: Given) -> None:
        try:
            result: Result[Given, Taken] = Result(index, record, None, (await self._call(record),))
        except Exception as error:  # noqa: BLE001 - given to whoever takes the results
            if not isinstance(error, SageMakerRuntimeError) or is_about_run(error):
                self._error = self._error or error
                return
            result = Result(index, record, error)
        if not self._ordered:
            self._ready.append(result)
            return
        self._held[index] = result
        while (ready := self._held.pop(self._given, None)) is not None:
            self._given += 1
            self._ready.append(ready)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() and not self._is_closing:  # later results would wait for its result for ever
            self._error = self._error or BulkError(
                "a call was cancelled from outside, for example by a middleware or because its client was closed, so its "
                "record has no result"
            )
        self._changed.set()

    def _wake(self, _: object) -> None:
        self._changed.set()


_is_done = methodcaller("done")
