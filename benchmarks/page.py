"""Writes the figures of the last run into the documentation, from its results.json: ``python benchmarks/page.py``."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from attrs import asdict
from plan import ONE_KB
from results import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "performance"
WIDTH, LEFT, RIGHT, STEP = 920, 190, 700, 30  # pixels: the picture, the bars' ends, and from bar to bar
BARE = f"aiohttp, {ONE_KB}"
PANELS = {
    "Compared with bare HTTP and the Go SDK": ("ours on uvloop", "aiohttp on uvloop", "Go SDK", "ours", "aiohttp"),
    "Compared with AWS's clients for Python": ("ours on uvloop", "ours", "aiobotocore", "smithy-python", "boto3"),
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown. Options of programs become code, because Sphinx would turn their hyphens into dashes."""
    shown = [[re.sub(r"[\w-]+ --\w+", r"`\g<0>`", cell) for cell in row] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ["---"] * len(head), *shown])


def tables(results: Results) -> str:
    """The targets, and the figures measured."""
    return "\n".join(
        [
            "".join(f"- {name}: {text}\n" for name, text in results.about.items()),
            table(["what", "measured", "figure", "target", ""], [row.cells() for row in results.rows()]),
            table(["process", "median", "from, to", "calls"], results.processes()),
        ]
    )


def clients(results: Results) -> str:
    """The cost of a call with each client, the cheapest one first."""
    ours = f"ours, {ONE_KB}"
    named = {
        "ours": "**this client**",
        "aiohttp": "bare aiohttp, which does not sign",
        "Go SDK": "Go SDK v2, on one processor",
        "aiobotocore": "aiobotocore",
        "smithy-python": "smithy-python, with Bedrock Runtime",
        "boto3": "boto3, in 32 threads",
    }
    found = {shown: results.ratio(f"{name}, {ONE_KB}", ours) for name, shown in named.items()}
    measured = sorted((ratio, name) for name, ratio in found.items() if ratio)
    return table(["client", "CPU time of a call"], [[name, f"{ratio:.1f}"] for ratio, name in measured])


PAGES = {"performance.md": {"tables": tables}, "comparison.md": {"clients": clients}}
"""For each page, by the name in a comment, what is written between that comment and the next one."""


def filled(page: str, parts: Mapping[str, Callable[[Results], str]], results: Results) -> str:
    """A page with the figures of *results*."""
    for name, part in parts.items():
        start, end = f"<!-- from benchmarks/page.py: {name} -->\n", "<!-- end -->"
        before, _, rest = page.partition(start)
        _, found, after = rest.partition(end)
        if not found:
            raise SystemExit(f"a page lacks {start.strip()} followed by {end}")
        page = f"{before}{start}{part(results)}{end}{after}"
    return page


def panel(results: Results, names: Sequence[str], top: int) -> str:
    """A bar for each client that ran, the cheapest one first, and a line for bare aiohttp."""
    found = {name: results.series(f"{name}, {ONE_KB}", "cpu_us") for name in names}
    medians = {name: statistics.median(series) for name, series in found.items() if series}
    bare = statistics.median(results.series(BARE, "cpu_us"))
    scale = (RIGHT - LEFT) / max(*medians.values(), bare)
    parts = []
    for number, (name, cost) in enumerate(sorted(medians.items(), key=lambda item: item[1])):
        y, end = top + number * STEP, LEFT + cost * scale
        color = "#d6336c" if name.startswith("ours") else "#868e96"
        ratio = results.ratio(f"{name}, {ONE_KB}", BARE)
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end">{escape(name.replace("ours", "this client"))}</text>'
            f'<rect x="{LEFT}" y="{y}" width="{cost * scale:.1f}" height="20" fill="{color}"/>'
            f'<text x="{max(end, LEFT + bare * scale) + 8:.1f}" y="{y + 14}">{cost:.0f} µs ({ratio:.2f})</text>'
        )
    x, bottom = LEFT + bare * scale, top + STEP * len(medians)
    parts.append(f'<path d="M{x:.1f} {top - 6}V{bottom}" stroke="#1971c2" stroke-width="2" stroke-dasharray="4"/>')
    return "".join(parts)


def picture(results: Results) -> str:
    """The CPU time of a call by client, in two panels: beside expensive clients, cheap ones would all look the same."""
    parts, top = [], 44
    for title, names in PANELS.items():
        parts += [f'<text x="10" y="{top - 18}" font-weight="bold">{title}</text>', panel(results, names, top)]
        top += STEP * sum(bool(results.series(f"{name}, {ONE_KB}", "cpu_us")) for name in names) + 50
    note = "CPU time per call with 1 KB and 32 in flight, and its ratio to bare aiohttp on the default loop (dashed)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" font-family="sans-serif" font-size="14">'
        "<style>text{fill:#1f2328}.ground{fill:#ffffff}"
        "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.ground{fill:#0d1117}}</style>"
        f'<rect class="ground" width="{WIDTH}" height="{top}"/>'
        f'{"".join(parts)}<text x="10" y="{top - 16}">{note}</text></svg>\n'
    )


def write(results: Results, folder: Path) -> None:
    """Write the results, and their picture."""
    folder.mkdir(parents=True, exist_ok=True)
    document = asdict(results) | {
        "targets": [
            dict(zip(("what", "measured", "figure", "target", "verdict"), row.cells(), strict=True))
            for row in results.rows()
        ]
    }
    (folder / "results.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    (folder / "calls.svg").write_text(picture(results))


def fill(results: Results) -> None:
    """Write the figures into the pages."""
    for name, parts in PAGES.items():
        (DOCS / name).write_text(filled((DOCS / name).read_text(), parts, results))


def read(folder: Path) -> Results:
    """Read what `write` wrote."""
    document = json.loads((folder / "results.json").read_text())
    return Results(document["about"], document["calls"], document["figures"])


if __name__ == "__main__":
    write(read(PAGE), PAGE)
    fill(read(PAGE))
