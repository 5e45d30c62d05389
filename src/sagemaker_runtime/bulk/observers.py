"""`RunObserver`: a plugin that watches bulk runs beside calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from sagemaker_runtime import Client, OptFn


@frozen
class BulkRun:
    """What one process does of a run."""

    endpoint: str
    """The endpoint."""

    run_id: str
    """Eight hexadecimal digits, the same in all processes of a run; inference ids begin with them."""

    resumed: bool
    """Whether another process has worked on it before."""

    retry: int
    """0 for the records of the input; from 1 on, for each time that dead letters were taken up."""


@frozen
class BulkInterval:
    """What a process has done since it was looked at before, about a second ago."""

    succeeded: int
    """Records that have a result."""

    failures: Mapping[str, int]
    """Records that have become dead letters, by the code of their error, which a peer may have chosen."""

    throttled: int
    """Attempts that were throttled."""

    errors: int
    """Attempts that failed in another way, not in the model."""

    limit: int
    """How many calls may run at once now."""

    in_flight: int
    """Requests in flight now, including those that wait for a free call or a retry."""


@runtime_checkable
class RunObserver(Protocol):
    """
    An object that is an ``api_options`` function, and watches bulk runs too.

    `run_bulk` finds it in the ``api_options`` of its client, or of its *opt_fns*; not inside of another function.
    """

    def observe_run(self, run: BulkRun) -> AbstractContextManager[Callable[[BulkInterval], object]]:
        """
        A context manager around the work of a process, entered in the run's task. What it returns is called with each
        `BulkInterval`, in the event loop; if it raises, that is logged, and it is not called any more.
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
