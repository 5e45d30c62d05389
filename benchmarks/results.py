"""The results of a run of the benchmarks: its figures, and how they compare with the targets."""

from __future__ import annotations

import operator
import statistics
from typing import TYPE_CHECKING

from attrs import field, frozen
from plan import targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from plan import Target

SIGNS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, "<": operator.lt, ">=": operator.ge}


def unit(figure: str) -> str:
    """The unit that the name of a figure ends with."""
    return figure.rpartition("_")[2].replace("us", "µs")


def shown(value: float) -> str:
    """A value with three digits, or with all digits before the point."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"  # noqa: PLR2004 - a number of three digits


@frozen
class Row:
    """A line of the table."""

    what: str
    measured: str
    figure: float | None
    """None if one of the processes did not run."""

    limit: str

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        if self.figure is None:
            return "not measured"
        sign, limit = self.limit.split()
        return "met" if SIGNS[sign](self.figure, float(limit)) else "NOT MET"

    def cells(self) -> list[str]:
        """The cells of the line, as shown."""
        figure = "" if self.figure is None else f"{self.figure:.2f}"
        return [self.what, self.measured, figure, self.limit.replace("<=", "≤").replace(">=", "≥"), self.verdict]


@frozen
class Results:
    """The results of one run."""

    about: dict[str, str] = field(factory=dict)
    """When and on what it ran, and which processes did not run."""

    calls: dict[str, int] = field(factory=dict)
    """How many calls each process made in a round."""

    figures: dict[str, dict[str, list[float]]] = field(factory=dict)
    """The figures of each round, by process and name. The name ends with the unit."""

    def add(self, process: str, calls: int, figures: dict[str, float]) -> None:
        """Add the figures of a process."""
        self.calls[process] = calls
        for name, value in figures.items():
            self.figures.setdefault(process, {}).setdefault(name, []).append(round(value, 4))

    def drop(self, process: str, reason: str) -> None:
        """Remove a process that cannot run."""
        self.figures.pop(process, None)
        self.about[process] = reason

    def series(self, process: str, figure: str) -> list[float]:
        """The figure of each round; empty if the process did not run."""
        return self.figures.get(process, {}).get(figure, [])

    def ratio(self, process: str, beside: str, figure: str = "cpu_us") -> float | None:
        """The median of the ratios of each round, because the machine is faster in some rounds than in others."""
        above, below = self.series(process, figure), self.series(beside, figure)
        return statistics.median(a / b for a, b in zip(above, below, strict=True)) if above and below else None

    def added(self, process: str, beside: str, figure: str) -> float | None:
        """The median of the differences of each round."""
        above, below = self.series(process, figure), self.series(beside, figure)
        return statistics.median(a - b for a, b in zip(above, below, strict=True)) if above and below else None

    def row(self, target: Target) -> Row:
        """A line of the table."""
        own = self.series(target.process, target.figure)
        if not own:
            return Row(target.what, "", None, target.limit)
        median = statistics.median(own)
        if target.beside is None:
            value = min(own) if target.best else median
            return Row(target.what, f"{shown(value)} {unit(target.figure)}", value, target.limit)
        beside = self.series(target.beside, target.figure)
        other = shown(statistics.median(beside)) if beside else "?"
        measured = f"{shown(median)} {'-' if target.added else '/'} {other} {unit(target.figure)}"
        compare = self.added if target.added else self.ratio
        return Row(target.what, measured, compare(target.process, target.beside, target.figure), target.limit)

    def rows(self) -> list[Row]:
        """The table of the targets."""
        return [self.row(target) for target in targets()]

    def processes(self) -> list[list[str]]:
        """For each process: the median and range of each figure, and its numbers of rounds and calls."""
        return [
            [
                process if len(figures) == 1 else f"{process}: {name.rpartition('_')[0]}",
                f"{shown(statistics.median(series))} {unit(name)}",
                f"{shown(min(series))} to {shown(max(series))}",
                f"{len(series)} times {self.calls[process]:,}",
            ]
            for process, figures in self.figures.items()
            for name, series in figures.items()
        ]
