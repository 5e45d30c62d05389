"""
The page of a run: one file that runs no script and loads nothing, which its Content-Security-Policy enforces.

It is made from a `BulkReport` alone. All texts from outside this package go through `shown` or `plain`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from sagemaker_runtime import __version__
from sagemaker_runtime.bulk.page.style import STYLE
from sagemaker_runtime.bulk.page.texts import clock, count, duration, moment, period, plain, share, shown
from sagemaker_runtime.bulk.page.timelines import VARIANTS, busiest, stops, timelines, variant_timelines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set as AbstractSet

    from sagemaker_runtime.bulk.report import BulkReport

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_HATCH = (
    '<svg class="defs" width="0" height="0" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/>'
    "</pattern></defs></svg>"
)
CODES = 12  # error codes in the table


def document(report: BulkReport) -> bytes:
    """The page."""
    body = "\n".join(_body(report))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
        f"<title>Bulk run: {plain(report.endpoint)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{_HATCH}\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    ).encode()


def _body(report: BulkReport) -> Iterator[str]:
    yield _header(report)
    yield _tiles(report)
    if report.over_time:
        yield _over_time(report)
    if len(report.variants) > 1:
        yield _variants(report)
    if report.processes:
        yield _processes(report)
    if report.failures:
        yield _failures(report)
    if report.slowest:
        rows = [
            (duration(_float(each["seconds"])), shown(each["file"]), count(_float(each["first_record"])))
            for each in report.slowest
        ]
        yield "<h2>Slowest requests</h2>" + _table(("took", "file", "first record"), rows, numbers={0, 2})
    if report.over_time:
        yield _numbers(report)
    yield (
        f"<footer>Made by sagemaker-runtime {__version__} from the journal and history of the run. <code>sagemaker-runtime "
        "bulk report FOLDER</code> makes this page again. It runs no script and loads nothing.</footer>"
    )


def _header(report: BulkReport) -> str:
    whole = report.share >= 1
    if not whole:
        state, style = f"Not finished: {share(report.share, 1)} of the input is done", "bad"
    elif report.failed:
        state, style = f"Finished, with {_of(report.failed, 'failed record')}", "bad"
    else:
        state, style = "Finished", "good"
    facts = [("Output", shown(report.output, 1_000)), ("Run", report.run_id and shown(report.run_id))]
    if report.processes:
        first, last = report.processes[0], report.processes[-1]
        facts.insert(0, ("Time", period(_float(first["began"]), _float(last["seen"]))))
    listed = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts)
    return (
        f'<header><p class="kicker">Bulk run</p><h1>{shown(report.endpoint)}</h1>'
        f'<p class="state {style}">{state}</p><dl class="facts">{listed}</dl></header>'
    )


def _tiles(report: BulkReport) -> str:
    paused = sum(after - before for before, after in stops(report.processes))
    retried = report.attempts - report.requests
    latency = report.latency
    tiles = [
        ("Records", count(report.records), f"{count(report.succeeded)} with a result"),
        ("Failed", count(report.failed), share(report.failed, report.records)),
        ("Throughput", f"{count(report.records_per_second)} /s", "records, while running"),
        (
            "Running time",
            duration(report.seconds),
            f"plus {duration(paused)} stopped" if paused >= 1 else "without a stop",
        ),
        (
            "Requests",
            count(report.requests),
            f"{count(report.records / report.requests)} records each, on average" if report.requests else "",
        ),
        ("Retries", count(max(0, retried)), f"{count(report.throttled)} throttled"),
        ("Median latency", duration(latency.get("p50")), "half of the requests took less"),
        ("99th percentile", duration(latency.get("p99")), f"the slowest took {duration(latency.get('max'))}"),
    ]
    return (
        '<dl class="tiles">'
        + "".join(f"<div><dt>{name}</dt><dd>{figure}<small>{note}</small></dd></div>" for name, figure, note in tiles)
        + "</dl>"
    )


def _over_time(report: BulkReport) -> str:
    notes = [f"Each step is {duration(report.interval)}. Times are UTC."]
    if stops(report.processes):
        notes.append('<i class="swatch stopping"></i>no process was running; long stops are shortened.')
    if any(point["waited"] for point in _points(report)):
        notes.append('<i class="swatch waiting"></i>every attempt failed, and the run waited for the endpoint.')
    return f'<h2>Over time</h2><p class="note">{"".join(f"<span>{note}</span>" for note in notes)}</p>' + "".join(
        timelines(report)
    )


def _variants(report: BulkReport) -> str:
    total = sum(of["requests"] or 0 for of in report.variants.values())
    rows = [
        (
            shown(name),
            count(of["requests"] or 0),
            share(of["requests"] or 0, total),
            *(duration(of[each]) for each in ("p50", "p90", "p99", "max")),
        )
        for name, of in report.variants.items()
    ]
    heads = ("variant", "requests", "share", "p50", "p90", "p99", "max")
    charts = "".join(variant_timelines(report)) if report.over_time else ""
    more = len(report.variants) - len(busiest(report))
    note = f'<p class="note">The charts show the {VARIANTS} with the most requests.</p>' if more and charts else ""
    return f"<h2>By variant</h2>{_table(heads, rows, numbers=set(range(1, 7)), hidden={2, 4}, wide=True)}{note}{charts}"


def _processes(report: BulkReport) -> str:
    pauses = stops(report.processes)
    number = len(report.processes) + report.processes_omitted
    if number == 1:
        line = "One process did the whole run." if report.share >= 1 else "One process has worked on the run."
    else:
        line = f"{number} processes, with {duration(sum(after - before for before, after in pauses))} between them."
    if report.processes_omitted:
        line += f" {report.processes_omitted:,} in the middle are not listed."
    rows = [
        (
            moment(_float(each["began"])),
            duration(_float(each["seen"]) - _float(each["began"])),
            count(_float(each["records"])),
            _end(each, is_last=each is report.processes[-1], is_whole=report.share >= 1),
        )
        for each in report.processes
    ]
    table = _table(("started, UTC", "running for", "records", "end"), rows, numbers={1, 2})
    return f'<h2>Processes</h2><p class="note">{line}</p>{table}'


def _end(process: Mapping[str, Any], *, is_last: bool, is_whole: bool) -> str:
    retry = f"retry {process['round']} of dead letters: " if process["round"] else ""
    if process["end"] == "finished":
        return f"{retry}finished"
    if process["end"] == "stopped":
        reason = process["reason"]
        return f"{retry}stopped" if reason is None else f"{retry}stopped: {shown(reason)}"
    return f"{retry}still running, or killed" if is_last and not is_whole else f"{retry}killed"


def _failures(report: BulkReport) -> str:
    total = sum(report.failures.values())
    codes = sorted(report.failures.items(), key=lambda each: -each[1])
    rows = [(shown(code, 80), count(number), share(number, total)) for code, number in codes[:CODES]]
    if more := codes[CODES:]:
        rest = sum(number for _, number in more)
        rows.append((f"{len(more):,} other codes", count(rest), share(rest, total)))
    saved = total - report.failed
    note = f" {count(saved)} of them got a result in a retry, or failed again." if saved > 0 else ""
    letters = "".join(map(_letter, report.first_failures))
    first = f'<p class="note">The first ones:</p><ul class="letters">{letters}</ul>' if letters else ""
    return (
        f'<h2>Failed records</h2><p class="note">By error code.{note}</p>'
        f"{_table(('code', 'records', 'share'), rows, numbers={1, 2})}{first}"
    )


def _letter(letter: Mapping[str, Any]) -> str:
    status = f", HTTP status {letter['status']}" if isinstance(letter.get("status"), int) else ""
    request = letter.get("request_id")
    return (
        f"<li><p><b>{shown(letter.get('file'))}</b>, record {count(_float(letter.get('record')))}: "
        f"{shown(letter.get('code'), 80)}{status}, {_of(int(_float(letter.get('attempts'))), 'attempt')}</p>"
        f'<p class="what">{shown(letter.get("message"))}</p>'
        + (f"<p><small>request id {shown(request, 100)}</small></p>" if request else "")
        + "</li>"
    )


def _numbers(report: BulkReport) -> str:
    heads = ("UTC", "records", "failed", "throttled", "errors", "limit", "in flight", "p50", "p90", "p99", "max")
    rows = [
        (
            clock(point["at"]),
            *(count(point[name]) for name in ("records", "failed", "throttled", "errors", "limit", "in_flight")),
            *(duration(point["latency"].get(name)) for name in ("p50", "p90", "p99", "max")),
        )
        for point in _points(report)
    ]
    table = _table(heads, rows, numbers=set(range(1, 11)), wide=True)
    return f"<details><summary>All numbers</summary>{table}</details>"


def _table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: set[int],
    hidden: AbstractSet[int] = frozenset(),
    wide: bool = False,
) -> str:
    """A table. Columns of *numbers* are aligned to the right; those *hidden* are left out on a phone."""

    def row(tag: str, texts: Sequence[str]) -> str:
        return "".join(f"<{tag}{styles[index]}>{text}</{tag}>" for index, text in enumerate(texts))

    styles: list[str] = []
    for index in range(len(heads)):
        names = [name for name, some in (("n", numbers), ("wide", hidden)) if index in some]
        styles.append(f' class="{" ".join(names)}"' if names else "")
    body = "".join(f"<tr>{row('td', each)}</tr>" for each in rows)
    table = f"<table><thead><tr>{row('th', heads)}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>' if wide else table


def _points(report: BulkReport) -> Sequence[Mapping[str, Any]]:
    return report.over_time


def _of(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
