"""`RunObserver`: a plugin that observes bulk runs as well as calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from sagemaker_runtime import Client, OptFn


@frozen
class BulkRun:
    """A run, as one process works on it."""

    endpoint: str
    """The name of the endpoint."""

    run_id: str
    """Eight hexadecimal digits, the same in all processes of a run; inference ids begin with them."""

    resumed: bool
    """Whether another process has worked on the run before."""

    retry: int
    """0 for the records of the input; 1 for the first retry of dead letters, and so on."""


@frozen
class BulkInterval:
    """What a process has done since the last interval, which ended about a second ago."""

    succeeded: int
    """Records that have a result."""

    failures: Mapping[str, int]
    """Records that have become dead letters, by error code. A code may be any text that the endpoint has sent."""

    throttled: int
    """Attempts that were throttled."""

    errors: int
    """Attempts that failed for another reason; errors of the model are not counted."""

    limit: int
    """The current limit of concurrent calls."""

    in_flight: int
    """Requests in flight now, including those that wait for a free call or a retry."""


@runtime_checkable
class RunObserver(Protocol):
    """
    An object in ``api_options`` that also observes bulk runs.

    `run_bulk` finds it in the ``api_options`` of its client or *opt_fns*, but not inside another function.
    """

    def observe_run(self, run: BulkRun) -> AbstractContextManager[Callable[[BulkInterval], object]]:
        """
        A context manager around the work of a process, entered in the run's task. The function that it yields is called with
        each `BulkInterval`, in the event loop. If that raises, the error is logged and it is not called again.
        """
        ...


def observers_of(client: Client, opt_fns: tuple[OptFn, ...]) -> list[RunObserver]:
    """
    The observers in a client's options.

    Args:
        client: The client.

        opt_fns: Change its options.
    """
    options = client.options
    for change in opt_fns:
        change(options)
    plugins: list[object] = [*options.api_options]
    return [each for each in plugins if isinstance(each, RunObserver)]
