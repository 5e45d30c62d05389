"""`Engine`, and the objects that travel to its workers and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import field, frozen

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from sagemaker_runtime.bulk.formats.base import Shard
    from sagemaker_runtime.bulk.journal import Entry
    from sagemaker_runtime.bulk.places import InputFile
    from sagemaker_runtime.bulk.recipe import ClientRecipe
    from sagemaker_runtime.bulk.settings import RunSettings
    from sagemaker_runtime.bulk.status import Status
    from sagemaker_runtime.plugins.concurrency import KneeLimit

RETRIES = 5
"""How often an engine restarts a task whose worker has died."""


@frozen(kw_only=True)
class Assignment:
    """What all tasks of a run have in common. It holds no credentials."""

    recipe: ClientRecipe
    settings: RunSettings
    run_id: str
    output: str
    """Where the parts go, as `run_bulk` takes it."""

    limit: int | KneeLimit
    """The concurrent calls of each task."""

    drain: float
    """Seconds that a stopped task waits for calls in flight."""


@frozen(kw_only=True)
class Task:
    """A part to be made."""

    name: str
    """The name of the part."""

    shard: Shard
    round: int
    """The round, as in `Plan.part`."""

    number: int
    """The number of its first record."""

    first_file: int
    """The number of the first of its files."""

    files: Sequence[InputFile] = field(repr=False)
    """The files that the records of the shard are in."""

    replaces: str | None
    """The dead letters that the part retries; None if it is not a retry."""

    letters: int
    """How many dead letters there are."""


@frozen(kw_only=True)
class Made:
    """A part that has been made."""

    entry: Entry
    """Its last journal entry, under the worker's name for the part."""

    rows: str | None
    """The name of its results in the destination; None if there are none."""

    dead: str | None
    """The name of its dead letters there; None if there are none."""

    slowest: Sequence[tuple[float, str, int]]
    """The slowest requests, as in `Noted`."""

    first_failures: Sequence[bytes] = field(repr=False)
    """The first dead letters, as in `Noted`."""


@frozen(kw_only=True)
class Outcome:
    """What a task returns. Errors are values, so that an engine retries a task only if its worker has died."""

    made: Made | None = None
    """The part; None if the task was stopped, or does not make a part."""

    number: int = 0
    """How many records a counting task has found."""

    name: str = ""
    """The file that a probe has written."""

    error: Exception | None = None


class Channel(Protocol):
    """The connection between tasks and the driver. It is sent to the workers."""

    def open(self) -> OpenChannel:
        """Called in the thread of the task."""
        ...


class OpenChannel(Protocol):
    """A channel in a worker."""

    def exchange(self, name: str, status: Status | None) -> bool:
        """
        Report the status of a part; returns whether to continue. It blocks.

        Raises:
            Exception: The driver did not respond.
        """
        ...


if TYPE_CHECKING:
    Function: TypeAlias = Callable[[Assignment, Task, Channel], Outcome]
    """A task, as it runs in a worker."""


class Engine(Protocol):
    """Runs tasks in other processes. All methods but `submit` may block, and are called in threads."""

    def open(self) -> int:
        """Connect to a cluster, or start one. Returns how many tasks it runs concurrently."""
        ...

    def close(self) -> None:
        """Leave the cluster, and shut it down if it was started here. Running tasks are cancelled."""
        ...

    def submit(self, function: Function, assignment: Assignment, task: Task) -> asyncio.Future[Outcome]:
        """Start a task. If the future raises, the error is the engine's."""
        ...

    def everywhere(self, function: Function, assignment: Assignment, task: Task) -> Sequence[Outcome]:
        """Run a task on each machine that is in the cluster now."""
        ...

    def exchange(self, *, stop: bool) -> Mapping[str, Status]:
        """The latest status of each part, by name. Also tells tasks that the driver is alive, and whether to stop."""
        ...
