"""`Recorder`: nothing that came back is missing from what is noted of a run, whenever its process ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sagemaker_runtime import Stack
from sagemaker_runtime.bulk import BulkInterval, BulkRun, Status
from sagemaker_runtime.bulk.execution import Noted
from sagemaker_runtime.bulk.history import History, read_history
from sagemaker_runtime.bulk.recording import Recorder
from sagemaker_runtime.bulk.sending import Sent

RUN = BulkRun("iris", "0123abcd", resumed=False, retry=0)
STATUS = Status(
    done=5, failed=1, share=0.5, records_per_second=1.0, in_flight=3, limit=4, throttled=0, paused=0.0, reason=None
)


class SlowHistory(History):
    """One whose disk takes its time."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.writes = threading.Event()
        self.may = threading.Event()

    def add(self, facts: Mapping[str, object]) -> None:
        if "point" in facts:
            self.writes.set()
            assert self.may.wait(20)
        super().add(facts)


class Watching:
    """A plugin that keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[BulkInterval] = []

    def __call__(self, stack: Stack) -> None: ...

    @contextmanager
    def observe_run(self, run: BulkRun) -> Generator[Callable[[BulkInterval], None]]:
        yield self.seen.append


async def test_a_run_that_ends_while_a_second_is_written_loses_nothing(tmp_path: Path) -> None:
    """That second has been taken from what is to be noted, and neither the file nor a plugin may go without it."""
    history, plugin = SlowHistory(tmp_path / "history"), Watching()
    recorder = Recorder(history, Noted(0.0), RUN, 0, [plugin], now=lambda: 1_800_000_000.9999)

    async with recorder.recorded(lambda: STATUS):
        recorder.take(Sent(b"", 4, [], [b"letter"], ["ModelError"]))
        while not history.writes.is_set():
            await asyncio.sleep(0)
        recorder.take(Sent(b"", 2, []))
        asyncio.get_running_loop().call_soon(history.may.set)

    assert (6, 1) == (
        sum(each.succeeded for each in plugin.seen),
        sum(each.failures.get("ModelError", 0) for each in plugin.seen),
    )
    assert 6 == sum(point.tally.rows for point in read_history(tmp_path / "history").points)
