"""`OnRay`: tasks on a Ray cluster."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from attrs import frozen

from sagemaker_runtime.bulk.engines.base import RETRIES
from sagemaker_runtime.extras import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagemaker_runtime.bulk.engines.base import Assignment, Function, Outcome, Task
    from sagemaker_runtime.bulk.status import Status

_SOON = 5.0  # seconds for a message between a task and the driver
_PROBED = 120.0  # seconds in which each machine must have run the probe


class OnRay:
    """
    The cluster that Ray is connected to, or else the one that ``RAY_ADDRESS`` names or that runs on this machine, or else a new
    one.

    Args:
        workers: How many tasks to run concurrently. None for one per CPU of the cluster.

    Raises:
        ConfigError: Ray is not installed.
    """

    def __init__(self, workers: int | None) -> None:
        require("ray", "ray", "engine='ray'")
        self._workers = workers
        self._ray: Any = None
        self._begun = False
        # The processes of a cluster that is started here end with the thread that started them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sagemaker-runtime-ray")
        self._board: Any = None
        self._functions: dict[Function, Any] = {}
        self._tasks: dict[asyncio.Future[Outcome], object] = {}

    def open(self) -> int:
        """See `Engine.open`."""
        ray = self._ray = import_module("ray")
        if not ray.is_initialized():
            self._begun = True
            self._thread.submit(ray.init, include_dashboard=False, logging_level="ERROR").result()
        # It does little, so it must not take a CPU from the tasks. After a restart it knows nothing, until the tasks report again.
        self._board = ray.remote(Board).options(num_cpus=0, max_restarts=-1).remote()
        return self._workers or max(1, int(ray.cluster_resources().get("CPU", 1)))

    def close(self) -> None:
        """See `Engine.close`."""
        if self._ray is not None:
            for task in self._tasks.values():
                with suppress(Exception):  # it has ended
                    self._ray.cancel(task, force=True)
            if self._board is not None:
                with suppress(Exception):
                    self._ray.kill(self._board)
            if self._begun:
                self._thread.submit(self._ray.shutdown).result()
        self._thread.shutdown()

    def submit(self, function: Function, assignment: Assignment, task: Task) -> asyncio.Future[Outcome]:
        """See `Engine.submit`."""
        remote = self._remote(function).options(num_cpus=1, max_retries=RETRIES, name=task.name)
        begun = remote.remote(assignment, task, RayChannel(self._board))
        future: asyncio.Future[Outcome] = asyncio.wrap_future(begun.future())
        self._tasks[future] = begun
        future.add_done_callback(lambda done: self._tasks.pop(done, None))
        return future

    def everywhere(self, function: Function, assignment: Assignment, task: Task) -> Sequence[Outcome]:
        """See `Engine.everywhere`."""
        on = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        nodes = [node["NodeID"] for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        remote = self._remote(function)
        begun = [
            remote.options(num_cpus=0, scheduling_strategy=on(node, soft=True)).remote(
                assignment, task, RayChannel(self._board)
            )
            for node in nodes
        ]
        outcomes: list[Outcome] = self._ray.get(begun, timeout=_PROBED)
        return outcomes

    def exchange(self, *, stop: bool) -> Mapping[str, Status]:
        """See `Engine.exchange`."""
        said: Mapping[str, Status] = self._ray.get(self._board.look.remote(stop=stop), timeout=_SOON)
        return said

    def _remote(self, function: Function) -> Any:
        if function not in self._functions:
            self._functions[function] = self._ray.remote(function)
        return self._functions[function]


class Board:
    """An actor that keeps the reports of tasks until the driver reads them, and whether the tasks must stop."""

    def __init__(self) -> None:
        self._said: dict[str, Status] = {}
        self._stops = False

    def say(self, name: str, status: Status | None) -> bool:
        """Keep the latest status of a part; returns whether to continue."""
        if status is not None:
            self._said[name] = status
        return not self._stops

    def look(self, *, stop: bool) -> Mapping[str, Status]:
        """The reports since the last call."""
        self._stops = stop
        said, self._said = self._said, {}
        return said


@frozen
class RayChannel:
    """A `Channel` and an `OpenChannel` in one: the handle of an actor serves as both."""

    board: Any

    def open(self) -> RayChannel:
        """See `Channel.open`."""
        return self

    def exchange(self, name: str, status: Status | None) -> bool:
        """See `OpenChannel.exchange`."""
        goes_on: bool = import_module("ray").get(self.board.say.remote(name, status), timeout=_SOON)
        return goes_on
