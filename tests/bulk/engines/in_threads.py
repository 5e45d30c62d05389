"""An engine whose workers are threads of this process, each with an event loop of its own."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import define, field

from sagemaker_runtime.bulk import Status

if TYPE_CHECKING:
    from sagemaker_runtime.bulk.engines.base import Assignment, Function, Outcome, Task


class WorkerDied(BaseException):
    """What a test has a worker die of."""


MADE: list[InThreads] = []
"""All of them."""


@define(eq=False)
class InThreads:
    """Sends all by pickle, as others do, and begins again what has died."""

    workers: int | None
    pool: ThreadPoolExecutor | None = None
    said: dict[str, Status] = field(factory=dict)
    stops: bool = False
    deaths: int = 0
    sent: list[bytes] = field(factory=list)
    """What has gone to workers."""

    tasks: list[str] = field(factory=list)
    """The functions that were submitted, with the part of each."""

    def __attrs_post_init__(self) -> None:
        MADE.append(self)

    def open(self) -> int:
        self.pool = ThreadPoolExecutor(8)
        return self.workers or 2

    def close(self) -> None:
        assert self.pool is not None
        self.pool.shutdown(cancel_futures=True)

    def submit(self, function: Function, assignment: Assignment, task: Task) -> asyncio.Future[Outcome]:
        assert self.pool is not None
        self.tasks.append(f"{function.__name__} {task.name}")
        packed = pickle.dumps((assignment, task))
        self.sent.append(packed)

        def run() -> Outcome:
            while True:
                with suppress(WorkerDied):
                    outcome = function(*pickle.loads(packed), Wire(self))  # noqa: S301
                    return pickle.loads(pickle.dumps(outcome))  # type: ignore[no-any-return] # noqa: S301
                self.deaths += 1

        return asyncio.wrap_future(self.pool.submit(run))

    def everywhere(self, function: Function, assignment: Assignment, task: Task) -> Sequence[Outcome]:
        return [function(assignment, task, Wire(self))]

    def exchange(self, *, stop: bool) -> Mapping[str, Status]:
        self.stops = stop
        return dict(self.said)


@define
class Wire:
    """The channel."""

    engine: InThreads

    def open(self) -> Wire:
        return self

    def exchange(self, name: str, status: Status | None) -> bool:
        if status is not None:
            self.engine.said[name] = status
        return not self.engine.stops
