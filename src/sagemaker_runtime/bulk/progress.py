"""Shows the progress of a run: a bar on a terminal or in a notebook, elsewhere a line from time to time."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from sagemaker_runtime.bulk.status import Status

TICK = 1.0  # seconds between two updates
LINE_EVERY = 30  # updates between two lines
_HOURS_FROM = 120  # minutes
PAUSED_AFTER = 5.0  # seconds without a success before the run is shown as waiting

_LOGGER = logging.getLogger("sagemaker_runtime")


class Display(Protocol):
    """Shows the progress of a run."""

    def show(self, status: Status) -> None:
        """Called every second, and at the end."""
        ...

    def close(self) -> None:
        """Called after the last `show`."""
        ...


class Lines:
    """
    Prints a line every 30 s.

    Args:
        name: The name of the endpoint.

        file: Where to print it.
    """

    def __init__(self, name: str, file: TextIO) -> None:
        self._name = name
        self._file = file
        self._looks = 0

    def show(self, status: Status) -> None:
        """Print a line, at every 30th call."""
        self._looks += 1
        if self._looks % LINE_EVERY == 0:
            print(f"{self._name}: {line(status)}", file=self._file, flush=True)

    def close(self) -> None:
        """Nothing to do."""


class Bar:
    """
    Draws a progress bar with tqdm, which the extra ``sagemaker-runtime[bulk]`` installs.

    Args:
        name: The name of the endpoint.

        file: Where to draw it, outside notebooks.
    """

    def __init__(self, name: str, file: TextIO) -> None:
        from tqdm.auto import tqdm  # type: ignore[import-untyped, import-not-found, unused-ignore]  # pyright: ignore[reportMissingModuleSource, reportUnknownVariableType]

        self._name = name
        self._bar: _Tqdm = tqdm(desc=name, unit=" records", file=file, dynamic_ncols=True, smoothing=0.05)
        self._began = False

    def show(self, status: Status) -> None:
        """Redraw the bar."""
        bar = self._bar
        if not self._began:
            self._began = True
            bar.initial = status.done
        bar.n = status.done
        bar.total = max(status.done, round(status.done / status.share)) if status.share else None
        bar.set_postfix_str(_facts(status), refresh=False)
        bar.set_description_str(f"{self._name}, {_pause(status)}" if _is_paused(status) else self._name, refresh=False)
        bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is, and end its line."""
        self._bar.close()


class _Tqdm(Protocol):
    n: int
    initial: int
    total: int | None

    def set_postfix_str(self, s: str, *, refresh: bool) -> None: ...
    def set_description_str(self, desc: str, *, refresh: bool) -> None: ...
    def refresh(self) -> object: ...
    def close(self) -> object: ...


class Callback:
    """
    Calls a function of the user.

    Args:
        function: Called with each `Status`.
    """

    def __init__(self, function: Callable[[Status], object]) -> None:
        self._function = function

    def show(self, status: Status) -> None:
        """Call the function."""
        self._function(status)

    def close(self) -> None:
        """Nothing to do."""


def display(name: str, file: TextIO | None = None) -> Display | None:
    """
    The display that suits the environment: a bar on a terminal or in a notebook, if tqdm is installed; lines everywhere else.
    None if there is no standard error.

    Args:
        name: The name of the endpoint.

        file: Where to show it; None for standard error.
    """
    file = file or sys.stderr
    if not file:  # a Windows program without a console has none
        return None
    if file.isatty() or "ipykernel" in sys.modules:
        try:
            return Bar(name, file)
        except ImportError:
            pass
    return Lines(name, file)


@asynccontextmanager
async def shown(display: Display | None, look: Callable[[], Status]) -> AsyncGenerator[None]:
    """
    A context manager during which the progress of a run is shown every second, and once more at the end.

    Args:
        display: Shows it. If it raises, the error is logged and nothing more is shown. None only calls *look*.

        look: Returns the current status.
    """
    watching = asyncio.create_task(_watch(display, look))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        if display is not None:
            with suppress(Exception):  # it has been logged before, or comes too late to matter
                display.show(look())
                display.close()


async def _watch(display: Display | None, look: Callable[[], Status]) -> None:
    while True:
        status = look()
        try:
            if display is not None:
                display.show(status)
        except Exception:
            _LOGGER.exception("the progress of a bulk run is no longer shown")
            display = None
        await asyncio.sleep(TICK)


def line(status: Status) -> str:
    """The status on one line."""
    left = status.seconds_left
    parts = [
        f"{status.done:,} records, {status.share:.0%}",
        f"{status.records_per_second:,.0f}/s",
        _facts(status),
        *([] if left is None else [f"about {_duration(left)} left"]),
        *([_pause(status)] if _is_paused(status) else []),
    ]
    return ", ".join(parts)


def _facts(status: Status) -> str:
    return (
        f"{status.in_flight} in flight, limit {status.limit}, {status.throttled:,} throttled, {status.failed:,} failed"
    )


def _is_paused(status: Status) -> bool:
    return status.reason is not None and status.paused >= PAUSED_AFTER


def _pause(status: Status) -> str:
    """Why the run waits. Control characters, which a terminal would obey, are taken out of the endpoint's text."""
    reason = "".join(each if each.isprintable() else " " for each in status.reason or "")
    return f"waiting for {_duration(status.paused)}: {reason[:120]}"


def _duration(seconds: float) -> str:
    minutes = int(seconds / 60)
    if minutes <= 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < _HOURS_FROM else f"{minutes // 60} h {minutes % 60} min"
