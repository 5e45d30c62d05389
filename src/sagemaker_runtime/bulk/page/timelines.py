"""The charts of a run over time."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sagemaker_runtime.bulk.page.charts import Axes, Series, Span, chart
from sagemaker_runtime.bulk.page.scales import LinearScale, LogScale, TimeScale
from sagemaker_runtime.bulk.page.texts import clock, duration, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sagemaker_runtime.bulk.page.charts import Scale
    from sagemaker_runtime.bulk.report import BulkReport

    Points = Sequence[Mapping[str, Any]]
    Processes = Sequence[Mapping[str, Any]]

VARIANTS = 6  # that get their own charts
_LOG_FROM = 12  # ratio of the largest 99th percentile to the smallest median above which the axis is logarithmic
_COLOURS = ("blue", "amber", "teal", "violet", "bad", "brown")
_PERCENTILES = (("p99", "violet3"), ("p90", "violet2"), ("p50", "violet"))


def stops(processes: Processes) -> list[tuple[float, float]]:
    """When none of the processes was running: pairs of times."""
    return [
        (before["seen"], after["began"]) for before, after in pairwise(processes) if after["began"] > before["seen"]
    ]


def timelines(report: BulkReport) -> Iterator[str]:
    """The charts: throughput, concurrency, failures and latency."""
    points: Points = report.over_time
    axes = axes_of(report)
    yield _throughput(report, axes)
    series = [
        Series("in flight", "teal", [point["in_flight"] for point in points], filled=True),
        Series("limit", "ink", [point["limit"] or None for point in points]),
    ]
    yield chart("Concurrency", "requests, on average", axes, series, _linear(series))
    yield from _errors(report, axes)
    scale = _seconds(points)
    unit = "of a request's last attempt" + (", log scale" if isinstance(scale, LogScale) else "")
    yield chart("Latency", unit, axes, _percentiles(points), scale, duration, _mark)


def variant_timelines(report: BulkReport) -> Iterator[str]:
    """The charts of the variants with the most requests: the traffic and latency of each."""
    points: Points = report.over_time
    axes = axes_of(report)
    several: dict[str, Points] = {
        name: [point.get("variants", {}).get(name, {}) for point in points] for name in busiest(report)
    }
    worked = [point["seconds"] for point in points]
    series = [
        Series(name, colour, [_rate(at.get("requests", 0), s) for at, s in zip(of, worked, strict=True)])
        for (name, of), colour in zip(several.items(), _COLOURS, strict=False)
    ]
    yield chart("Traffic", "requests per second", axes, series, _linear(series))
    latencies = {name: [{"latency": each} for each in of] for name, of in several.items()}
    scale = _seconds([point for of in latencies.values() for point in of])
    charts = [
        chart(plain(name, 60), "latency", axes, _percentiles(of), scale, duration, _mark)
        for name, of in latencies.items()
    ]
    yield f'<div class="pair">{"".join(charts)}</div>'


def busiest(report: BulkReport) -> list[str]:
    """The variants that get their own charts."""
    by_requests = sorted(report.variants, key=lambda name: -(report.variants[name]["requests"] or 0))
    return sorted(by_requests[:VARIANTS])


def axes_of(report: BulkReport) -> Axes:
    """The time axis of a run that has points."""
    points: Points = report.over_time
    processes: Processes = report.processes
    begin, end = points[0]["at"], points[-1]["at"] + points[-1]["seconds"]
    if processes:
        begin, end = max(begin, processes[0]["began"]), max(end, processes[-1]["seen"])
    breaks: list[tuple[float, float]] = []
    for before, after in stops(processes):
        last = breaks[-1][1] if breaks else begin
        if last <= before and after <= end:  # a clock may have been set back
            breaks.append((before, after))
    spans: list[Span] = []
    for point, following in zip(points, [*(point["at"] for point in points[1:]), end], strict=True):
        until = point["at"] + max(report.interval, math.ceil(point["seconds"]))
        spans.append(Span(point["at"], min(until, following), _tip(point, report.interval), _waited(point)))
    return Axes(TimeScale(begin, end, breaks), spans)


def _tip(point: Mapping[str, Any], interval: int) -> str:
    tip = f"{clock(point['at'])} UTC, {duration(interval)}"
    return tip if point["reason"] is None else f"{tip}, waiting: {plain(point['reason'], 120)}"


def _waited(point: Mapping[str, Any]) -> bool:
    return bool(point["waited"] > point["seconds"] / 2)


def _throughput(report: BulkReport, axes: Axes) -> str:
    points: Points = report.over_time
    rates = [_rate(point["records"], point["seconds"]) for point in points]
    series = [Series("records", "blue", rates, filled=True)]
    return chart("Throughput", "records per second", axes, series, _linear(series))


def _errors(report: BulkReport, axes: Axes) -> Iterator[str]:
    """Attempts and records on separate charts: there may be thousands of failed attempts, and every failed record matters."""
    points: Points = report.over_time
    kinds = (("throttled", "throttled", "amber"), ("failed otherwise", "errors", "brown"), ("failed", "failed", "bad"))
    attempts, records = (
        [
            Series(name, colour, [point[key] for point in points], filled=True, counted=True)
            for name, key, colour in some
            if any(point[key] for point in points)
        ]
        for some in (kinds[:2], kinds[2:])
    )
    if not attempts and not records:
        yield '<p class="note">No attempt was throttled or failed, and no record failed.</p>'
    for title, what, series in (("Failed attempts", "attempts", attempts), ("Failed records", "records", records)):
        if series:
            yield chart(title, f"{what} in {duration(report.interval)}", axes, series, _linear(series, whole=True))


def _percentiles(points: Points) -> list[Series]:
    return [Series(name, colour, [point["latency"].get(name) for point in points]) for name, colour in _PERCENTILES]


def _seconds(points: Points) -> Scale:
    p50 = [point["latency"]["p50"] for point in points if point["latency"].get("p50")]
    p99 = [point["latency"]["p99"] for point in points if point["latency"].get("p99")]
    if p50 and max(p99) > _LOG_FROM * min(p50):
        return LogScale(min(p50), max(p99))
    return LinearScale(max(p99, default=1.0))


def _linear(series: Sequence[Series], *, whole: bool = False) -> LinearScale:
    return LinearScale(max((value or 0.0 for each in series for value in each.values), default=0.0), whole=whole)


def _mark(seconds: float) -> str:
    return duration(seconds) if seconds else "0"


def _rate(number: float, seconds: float) -> float | None:
    return number / seconds if seconds else None
