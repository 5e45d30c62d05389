"""
Charts, as SVG that fills the available width.

The lines are in a picture that is stretched; texts and marks are placed outside it, by percentages, so that they are not
stretched. On a phone, some of the marks are left out.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from attrs import field, frozen

from sagemaker_runtime.bulk.page.scales import WIDTH
from sagemaker_runtime.bulk.page.texts import compact, count, duration, moment, plain, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sagemaker_runtime.bulk.page.scales import Tick, TimeScale

HEIGHT, FOOT, LEFT = 150, 34, 54  # CSS pixels
_TICKS = 8
EDGE = 0.05  # of the width: closer to the edge, a centred label would be cut
_LABELLED = 45.0  # units of width from which a stop has room for its length
_TOUCH = 0.01  # units of width within which two spans touch
_SEEN = 3.0  # units of width below which a stop is drawn as a line


class Scale(Protocol):
    """Maps numbers to heights."""

    @property
    def marks(self) -> Sequence[float]:
        """The numbers on the axis."""
        ...

    def y(self, number: float) -> float:
        """The height of a number, from 0.0 to 1.0."""
        ...


@frozen
class Span:
    """A stretch of time on all charts."""

    begin: float
    end: float
    tip: str
    """The beginning of its tooltip on all charts."""

    waited: bool = False
    """Whether every attempt failed."""


@frozen
class Series:
    """Numbers over time."""

    name: str
    style: str
    """A class of the style sheet; a filled series also uses the ``area`` of that name."""

    values: Sequence[float | None]
    """One for each span."""

    filled: bool = False
    """Whether the area below it is coloured."""

    counted: bool = False
    """Whether it counts occasional events: it is drawn only where it is above 0, down to the axis."""


@frozen
class Axes:
    """What all charts of a page have in common."""

    time: TimeScale
    spans: Sequence[Span]
    resumed: Sequence[float] = field(factory=list[float])
    """When processes resumed the run after a stop."""


def chart(
    title: str,
    unit: str,
    axes: Axes,
    series: Sequence[Series],
    scale: Scale,
    number: Callable[[float], str] = count,
    mark: Callable[[float], str] = compact,
) -> str:
    """
    A chart with its title, key and axes.

    Args:
        title: What it shows.

        unit: The unit of its numbers.

        axes: Its times.

        series: Its numbers; later series are drawn over earlier ones.

        scale: Maps the numbers to heights.

        number: Formats a number.

        mark: Formats a number on the axis.
    """
    key = "".join(f'<span><i class="key {each.style}"></i>{shown(each.name, 40)}</span>' for each in series)
    most = ", ".join(
        f"{plain(each.name, 40)} up to {number(max(seen))}"
        for each in series
        if (seen := [value for value in each.values if value is not None])
    )
    return (
        f'<figure><figcaption><b>{title}</b> <span class="unit">{unit}</span>'
        f'<span class="keys">{key}</span></figcaption><div class="plot">'
        f'<svg class="labels" width="{LEFT}" height="{HEIGHT + FOOT}" aria-hidden="true">'
        f"{''.join(_labels(scale, mark))}</svg>"
        f'<svg class="lines" width="100%" height="{HEIGHT + FOOT}" role="img" '
        f'aria-label="{title}, {unit}, from {moment(axes.time.begin)} to {moment(axes.time.end)} UTC: {most}">'
        f"{''.join(_lines(axes, series, scale, number))}</svg></div></figure>"
    )


def _labels(scale: Scale, number: Callable[[float], str]) -> Iterator[str]:
    for mark in scale.marks:
        yield f'<text x="{LEFT - 8}" y="{_height(scale.y(mark)) + 4:.0f}" class="end">{number(mark)}</text>'


def _lines(axes: Axes, series: Sequence[Series], scale: Scale, number: Callable[[float], str]) -> Iterator[str]:
    yield from _waits(axes)
    for mark in scale.marks:
        y = _height(scale.y(mark))
        style = "axis" if mark == scale.marks[0] else "grid"
        yield f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}" class="{style}"/>'
    yield f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT}" preserveAspectRatio="none" width="100%" height="{HEIGHT}">'
    boxes = [(axes.time.x(span.begin), axes.time.x(span.end)) for span in axes.spans]
    for each in series:
        values = [value or None for value in each.values] if each.counted else each.values
        runs = list(_runs(boxes, values, scale))
        if each.filled:
            yield f'<path class="area {each.style}" d="{"".join(map(_area, runs))}"/>'
        yield f'<path class="line {each.style}" d="{"".join(map(_bar if each.counted else _step, runs))}"/>'
    yield "</svg>"
    yield from _stops(axes)
    yield f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT}" preserveAspectRatio="none" width="100%" height="{HEIGHT}">'
    for index, (span, (left, right)) in enumerate(zip(axes.spans, boxes, strict=True)):
        said = ", ".join(
            f"{plain(each.name, 40)} {number(value)}" for each in series if (value := each.values[index]) is not None
        )
        yield (
            f'<rect class="tip" x="{left:.1f}" width="{right - left:.1f}" height="{HEIGHT}">'
            f"<title>{span.tip}: {said or 'nothing'}</title></rect>"
        )
    yield "</svg>"
    for index, tick in enumerate(axes.time.ticks(_TICKS)):
        yield from _tick(tick, "wide" if index % 2 else "")


def _tick(tick: Tick, style: str) -> Iterator[str]:
    x = f"{tick.at / WIDTH:.2%}"
    anchor = "begin" if tick.at < EDGE * WIDTH else "end" if tick.at > (1 - EDGE) * WIDTH else "middle"
    yield f'<line x1="{x}" x2="{x}" y1="{HEIGHT}" y2="{HEIGHT + 4}" class="axis {style}"/>'
    yield f'<text x="{x}" y="{HEIGHT + 17}" class="{anchor} {style}">{tick.label}</text>'
    if tick.note:
        yield f'<text x="{x}" y="{HEIGHT + 31}" class="day {anchor}">{tick.note}</text>'


def _waits(axes: Axes) -> Iterator[str]:
    """A background for the times at which every attempt failed."""
    boxes: list[tuple[float, float]] = []
    for span in axes.spans:
        if span.waited:
            left, right = axes.time.x(span.begin), axes.time.x(span.end)
            if boxes and left - boxes[-1][1] <= _TOUCH:  # one rectangle, or seams would show
                left = boxes.pop()[0]
            boxes.append((left, right))
    for left, right in boxes:
        yield f'<rect class="wait" x="{left / WIDTH:.3%}" width="{(right - left) / WIDTH:.3%}" height="{HEIGHT}"/>'


def _stops(axes: Axes) -> Iterator[str]:
    for stop in axes.time.stops:
        width = stop.right - stop.left
        said = f"no process was running for {duration(stop.end - stop.begin)}, from {moment(stop.begin)} UTC"
        if width < _SEEN:
            x = f"{stop.right / WIDTH:.3%}"
            yield f'<line class="resumed" x1="{x}" x2="{x}" y1="0" y2="{HEIGHT}"><title>{said}</title></line>'
            continue
        at = f'x="{stop.left / WIDTH:.3%}" width="{width / WIDTH:.3%}" height="{HEIGHT}"'
        yield f'<rect class="ground" {at}/><rect class="stop" {at}><title>{said}</title></rect>'
        if width >= _LABELLED:
            x = f"{(stop.left + stop.right) / 2 / WIDTH:.3%}"
            yield f'<text class="middle wide stopped" x="{x}" y="14">{duration(stop.end - stop.begin)}</text>'


def _height(share: float) -> float:
    return HEIGHT - 1 - share * (HEIGHT - 10)


Run = list[tuple[float, float, float]]  # steps that touch: left, right, height


def _runs(boxes: Sequence[tuple[float, float]], values: Sequence[float | None], scale: Scale) -> Iterator[Run]:
    run: Run = []
    for (left, right), value in zip(boxes, values, strict=True):
        if run and (value is None or left - run[-1][1] > _TOUCH):
            yield run
            run = []
        if value is not None:
            run.append((left, right, _height(scale.y(value))))
    if run:
        yield run


def _step(run: Run) -> str:
    first = run[0]
    moves = [f"M{first[0]:.1f} {first[2]:.1f}H{first[1]:.1f}"]
    moves += [
        f"V{now[2]:.1f}H{now[1]:.1f}" if now[2] != before[2] else f"H{now[1]:.1f}" for before, now in pairwise(run)
    ]
    return "".join(moves)


def _bar(run: Run) -> str:
    return f"M{run[0][0]:.1f} {HEIGHT - 1}L{_step(run)[1:]}V{HEIGHT - 1}"


def _area(run: Run) -> str:
    return f"{_step(run)}V{HEIGHT - 1}H{run[0][0]:.1f}Z"
