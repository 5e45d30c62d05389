"""What an engine does, and what goes to its workers and comes back."""

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
"""How often an engine begins a task again whose worker has died."""


@frozen(kw_only=True)
class Assignment:
    """What all tasks of a run have in common. It holds no credentials."""

    recipe: ClientRecipe
    settings: RunSettings
    run_id: str
    output: str
    """Where the parts go, as `run_bulk` takes it."""

    limit: int | KneeLimit
    """Calls at once, of each task."""

    drain: float
    """Seconds that a task which is stopped waits for calls in flight."""


@frozen(kw_only=True)
class Task:
    """A part to be made."""

    name: str
    """The part's."""

    shard: Shard
    round: int
    """See `Plan.part`."""

    number: int
    """The number of its first record."""

    first_file: int
    """The number of the first of its files."""

    files: Sequence[InputFile] = field(repr=False)
    """Those that the shard has records of."""

    replaces: str | None
    """The dead letters that it takes up; None if it has records of the input."""

    letters: int
    """How many those are."""


@frozen(kw_only=True)
class Made:
    """A part that has been made."""

    entry: Entry
    """How it ended. Its name is the worker's."""

    rows: str | None
    """Where the destination has its results; None if there are none."""

    dead: str | None
    """Where it has its dead letters; None if there are none."""

    slowest: Sequence[tuple[float, str, int]]
    """See `Noted`."""

    first_failures: Sequence[bytes] = field(repr=False)
    """See `Noted`."""


@frozen(kw_only=True)
class Outcome:
    """What a task returns. Errors are values, so that an engine retries only what its workers' deaths have lost."""

    made: Made | None = None
    """The part; None if it was stopped, or is of another kind."""

    number: int = 0
    """What was counted."""

    name: str = ""
    """What was written by a probe."""

    error: Exception | None = None


class Channel(Protocol):
    """The way between tasks and the driver. It travels to the workers."""

    def open(self) -> OpenChannel:
        """Called in the thread of the task."""
        ...


class OpenChannel(Protocol):
    """A channel in a worker."""

    def exchange(self, name: str, status: Status | None) -> bool:
        """
        Say how a part is doing; returns whether to go on. It blocks.

        Raises:
            Exception: The driver was not heard.
        """
        ...


if TYPE_CHECKING:
    Function: TypeAlias = Callable[[Assignment, Task, Channel], Outcome]
    """A task, as it runs in a worker."""


class Engine(Protocol):
    """Runs tasks in other processes. All methods but `submit` may block, and are called in threads."""

    def open(self) -> int:
        """Connect to a cluster, or begin one. Returns how many tasks it runs at once."""
        ...

    def close(self) -> None:
        """Leave the cluster, and end it if it was begun here. Tasks that still run are cancelled."""
        ...

    def submit(self, function: Function, assignment: Assignment, task: Task) -> asyncio.Future[Outcome]:
        """Begin a task. What the future raises is about the engine."""
        ...

    def everywhere(self, function: Function, assignment: Assignment, task: Task) -> Sequence[Outcome]:
        """Run a task on each machine that is there now."""
        ...

    def exchange(self, *, stop: bool) -> Mapping[str, Status]:
        """What tasks have said of their parts, by name. Tells them that the driver is there, and whether to stop."""
        ...
