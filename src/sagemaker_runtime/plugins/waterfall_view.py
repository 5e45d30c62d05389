"""A waterfall drawn as text for a terminal, and as an SVG document."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagemaker_runtime.plugins.waterfall import Span, Trace

COLUMNS = 100  # of the text: 30 + 3 * 9 + 1 + 42
NAME, NUMBER, CELLS = 30, 9, 42
ROW, LEFT, RIGHT, TOP, WIDTH = 20, 240, 220, 56, 960  # of the SVG, in pixels

NUMBERS_END = (WIDTH - 150, WIDTH - 80, WIDTH - 16)  # of the SVG
HEADS = ("in, ms", "between", "out, ms")
LEGEND = {"own": "itself", "between": "between attempts", "transport": "transport", "below": "further in"}
STYLE = """
text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #1f2328 }
.ground { fill: #ffffff } .head { font-weight: 600 } .number { text-anchor: end; fill: #59636e }
.below { fill: #8c959f; opacity: 0.35 } .own { fill: #0969da } .between { fill: #bf8700 } .transport { fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .ground { fill: #0d1117 } .number { fill: #9198a1 }
  .own { fill: #4493f8 } .between { fill: #d29922 } .transport { fill: #3fb950 }
}
"""


def _title(trace: Trace) -> str:
    attempts = max((span.attempt or 0 for span in trace.spans), default=0)
    outcome = "" if trace.error_type is None else f", failed: {trace.error_type}"
    return (
        f"{trace.operation}: {trace.seconds * 1000:.3f} ms, {attempts} attempt{'' if attempts == 1 else 's'}{outcome}"
    )


def _groups(trace: Trace) -> Iterator[tuple[str, list[Span]]]:
    """The spans under their headings, such as ``"Finalize, attempt 1"``."""
    for (step, attempt), spans in groupby(trace.spans, lambda span: (span.step, span.attempt)):
        yield step if attempt is None else f"{step}, attempt {attempt}", list(spans)


def _name(span: Span) -> str:
    """The id, cut to the width of its column."""
    return _cut(span.id, NAME - 2)


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else f"{text[: columns - 1]}…"


def _numbers(span: Span) -> list[str]:
    """Milliseconds in, between and out; an empty string for 0."""
    return [_number(seconds * 1000) if seconds else "" for seconds in (span.way_in, span.between, span.way_out)]


def _number(milliseconds: float) -> str:
    """At most 8 characters, so that a blank precedes it."""
    exact = f"{milliseconds:.3f}"
    if len(exact) < NUMBER:
        return exact
    rounded = f"{milliseconds:.0f}"
    return rounded if len(rounded) < NUMBER else f"{milliseconds:.2e}"


def as_text(trace: Trace) -> str:
    """The chart as lines of at most 100 columns."""
    lines = [_cut(_title(trace), COLUMNS), " " * NAME + "".join(f"{head:>{NUMBER}}" for head in HEADS)]
    for heading, spans in _groups(trace):
        lines.append(heading)
        for span in spans:
            numbers = "".join(f"{number:>{NUMBER}}" for number in _numbers(span))
            lines.append(f"  {_name(span):<{NAME - 2}}{numbers} {_bar(span, trace.seconds)}".rstrip())
    return "\n".join(lines)


def _bar(span: Span, seconds: float) -> str:
    """Blocks where the middleware itself was at work, dots where those below it were, and a mark at each end."""
    cell = (seconds or 1.0) / CELLS
    first, last = (min(int(time / cell), CELLS - 1) for time in (span.start, span.end))
    bar = [" "] * first + ["·"] * (last - first + 1)
    bar[last], bar[first] = "▕", "▏"
    for index in range(first, last + 1):
        filled = sum(
            min(end, (index + 1) * cell) - max(start, index * cell)
            for start, end in span.own
            if start < (index + 1) * cell and end > index * cell
        )
        if filled >= cell / 2:
            bar[index] = "█"
    return "".join(bar)


def as_svg(trace: Trace) -> str:
    """The chart as an SVG document."""
    scale = (WIDTH - LEFT - RIGHT) / (trace.seconds or 1.0)
    shapes: list[str] = []
    y = TOP
    for heading, spans in _groups(trace):
        y += ROW
        shapes.append(f'<text class="head" x="16" y="{y}">{escape(heading)}</text>')
        for span in spans:
            y += ROW
            shapes.extend(_row(span, y, scale))
    height = y + ROW
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
            f"<title>{escape(_title(trace))}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
            f'<text class="head" x="16" y="28">{escape(_title(trace))}</text>',
            *(
                f'<text class="number" x="{x}" y="{TOP}">{head}</text>'
                for x, head in zip(NUMBERS_END, HEADS, strict=True)
            ),
            *(
                f'<text class="{kind}" x="{LEFT + 125 * place}" y="{TOP}">\N{BLACK SQUARE} {text}</text>'
                for place, (kind, text) in enumerate(LEGEND.items())
            ),
            *shapes,
            "</svg>\n",
        ]
    )


def _row(span: Span, y: int, scale: float) -> Iterator[str]:
    def bar(start: float, end: float, kind: str, height: int) -> str:
        width = max((end - start) * scale, 1)
        return f'<rect class="{kind}" x="{LEFT + start * scale:.2f}" y="{y - 4 - height / 2:g}" width="{width:.2f}" height="{height}"/>'

    yield f'<text x="28" y="{y}">{escape(_name(span))}</text>'
    yield bar(span.start, span.end, "below", 4)
    for index, (start, end) in enumerate(span.own):
        kind = "transport" if span.id == "Transport" else "own" if index in (0, len(span.below)) else "between"
        if end > start:
            yield bar(start, end, kind, 12)
    for x, number in zip(NUMBERS_END, _numbers(span), strict=True):
        if number:
            yield f'<text class="number" x="{x}" y="{y}">{number}</text>'
