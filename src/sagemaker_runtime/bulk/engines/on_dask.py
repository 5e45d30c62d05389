"""`OnDask`: tasks on a Dask cluster."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from importlib import import_module
from secrets import token_hex
from threading import Lock
from typing import TYPE_CHECKING, Any

from attrs import asdict, define, field, frozen

from sagemaker_runtime.bulk.engines.base import RETRIES
from sagemaker_runtime.bulk.status import Status
from sagemaker_runtime.extras import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagemaker_runtime.bulk.engines.base import Assignment, Function, Outcome, Task

_SOON = 5.0  # seconds for a message between a task and the driver
_PROBED = 120.0  # seconds in which each worker must have run the probe
_STOP = -1


class OnDask:
    """
    The cluster of the current Dask client, or else the one that Dask's configuration names, or else a new one on this machine.

    Args:
        workers: How many tasks to run concurrently. None for one per thread of the cluster.

    Raises:
        ConfigError: Dask is not installed.
    """

    def __init__(self, workers: int | None) -> None:
        require("distributed", "dask", "engine='dask'")
        self._workers = workers
        self._client: Any = None
        self._beat: Any = None
        self._beats = 0
        self._channel = DaskChannel(f"sagemaker-runtime-{token_hex(8)}")
        self._lock = Lock()
        self._said: dict[str, Status] = {}
        self._tasks: dict[asyncio.Future[Outcome], object] = {}

    def open(self) -> int:
        """See `Engine.open`."""
        distributed, config = import_module("distributed"), import_module("dask").config
        try:
            current: Any = distributed.Client.current()
        except ValueError:
            current = None
        if current is not None:  # it may be an asynchronous one, of another event loop
            address, security = current.scheduler.address, current.security
            self._client = distributed.Client(address, security=security, set_as_default=False)
        elif config.get("scheduler-address", None) is not None:
            self._client = distributed.Client(set_as_default=False)
        else:
            with config.set({"distributed.scheduler.allowed-failures": RETRIES}):
                self._client = distributed.Client(
                    n_workers=self._workers or os.cpu_count() or 1,
                    threads_per_worker=1,
                    dashboard_address=None,
                    preload=[__name__],
                    set_as_default=False,
                )
        self._beat = distributed.Variable(self._channel.name, client=self._client)
        self._beat.set(0)
        self._client.subscribe_topic(self._channel.name, self._hear)
        return self._workers or max(1, sum(self._client.nthreads().values()))

    def close(self) -> None:
        """See `Engine.close`."""
        if self._client is None:
            return
        with suppress(Exception):  # the scheduler may be gone
            self._client.cancel(list(self._tasks.values()), force=True)
            self._client.unsubscribe_topic(self._channel.name)
            self._beat.delete()
        self._client.close()

    def submit(self, function: Function, assignment: Assignment, task: Task) -> asyncio.Future[Outcome]:
        """See `Engine.submit`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        begun = self._client.submit(
            function, assignment, task, self._channel, key=f"{task.name}-{token_hex(4)}", retries=RETRIES, pure=False
        )

        def finish(done: Any) -> None:
            error: BaseException | None = done.exception()
            outcome = None if error is not None or done.cancelled() else done.result()
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                loop.call_soon_threadsafe(_settle, future, outcome, error)

        begun.add_done_callback(finish)
        self._tasks[future] = begun
        future.add_done_callback(lambda done: self._tasks.pop(done, None))
        return future

    def everywhere(self, function: Function, assignment: Assignment, task: Task) -> Sequence[Outcome]:
        """See `Engine.everywhere`."""
        begun = [
            self._client.submit(function, assignment, task, self._channel, workers=[address], pure=False)
            for address in self._client.nthreads()
        ]
        outcomes: list[Outcome] = [each.result(_PROBED) for each in begun]
        return outcomes

    def exchange(self, *, stop: bool) -> Mapping[str, Status]:
        """See `Engine.exchange`."""
        self._beats += 1
        self._beat.set(_STOP if stop else self._beats)
        with self._lock:
            said, self._said = self._said, {}
        return said

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        said = event[1]
        with self._lock:
            self._said[said["name"]] = Status(**said["status"])


def dask_setup(_: object) -> None:
    """Called by each worker that is started here. A terminal sends Ctrl-C to workers as well, but only the driver may stop them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _settle(future: asyncio.Future[Outcome], outcome: Outcome | None, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    elif outcome is None:
        future.cancel()
    else:
        future.set_result(outcome)


@frozen
class DaskChannel:
    """A topic for the reports of tasks, and a variable of the same name that keeps changing while the driver is alive."""

    name: str

    def open(self) -> OpenDaskChannel:
        """See `Channel.open`."""
        distributed = import_module("distributed")
        beat = distributed.Variable(self.name, client=distributed.get_client())
        return OpenDaskChannel(self.name, distributed.get_worker(), beat)


@define
class OpenDaskChannel:
    """See `OpenChannel`."""

    name: str
    worker: Any
    beat: Any
    heard: int | None = field(default=None)
    """The last value of the variable."""

    def exchange(self, name: str, status: Status | None) -> bool:
        """See `OpenChannel.exchange`."""
        if status is not None:
            self.worker.log_event(self.name, {"name": name, "status": asdict(status)})
        heard: int = self.beat.get(timeout=_SOON)
        if heard == self.heard != _STOP:
            raise TimeoutError("there has been no sign of the driver")
        self.heard = heard
        return heard != _STOP
