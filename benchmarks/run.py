"""
Run all benchmarks, print one table, and write it into docs/performance, with a picture: ``make bench``.

Each figure is CPU time, or a ratio of things that run in turn, so a busy machine makes it less exact but not wrong.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import body_cost
import call_cost
import cold_start
import endurance
import middleware_cost
import stream_cost
from serving import serving

if TYPE_CHECKING:
    from measure import Row

PAGE = Path(__file__).parent.parent / "docs" / "performance"
LIMIT = 1.25  # times bare aiohttp
WIDTH, LEFT, RIGHT = 920, 310, 740  # of the picture, and of its bars


def stand_in(aiohttp: float) -> dict[str, float]:
    """The seconds of a call in AWS's smithy client: its ratio to bare aiohttp times *aiohttp*. Empty if it cannot run."""
    python = os.environ.get("SMITHY_PYTHON", "")
    if not python:
        return {}
    with serving("canned_server.py") as url:
        script = Path(__file__).with_name("smithy.py")
        ran = subprocess.run([python, script, url], capture_output=True, text=True, check=False)
    if ran.returncode:
        print(f"smithy-python did not run: {ran.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return {}
    bare, smithy = map(float, ran.stdout.split())
    return {"smithy-python (Bedrock's InvokeModel)": smithy / bare * aiohttp}


def picture(peers: dict[str, float]) -> str:
    """A bar for each client, and a line at the limit."""
    scale = (RIGHT - LEFT) / max(peers.values())
    limit = LEFT + peers["aiohttp"] * LIMIT * scale
    bars = []
    for number, (name, seconds) in enumerate(sorted(peers.items(), key=lambda peer: peer[1])):
        top, width = 44 + number * 30, seconds * scale
        color = "#d6336c" if name == "ours" else "#868e96"
        figure = f"{seconds * 1e6:.0f} µs, {seconds / peers['aiohttp']:.2f} times"
        bars.append(
            f'<text x="{LEFT - 10}" y="{top + 14}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="20" fill="{color}"/>'
            f'<text x="{max(LEFT + width, limit) + 8:.1f}" y="{top + 14}">{figure}</text>'
        )
    bottom = 44 + 30 * len(peers)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 24}" font-family="sans-serif" font-size="14">'
        "<style>text{fill:#212529}@media(prefers-color-scheme:dark){text{fill:#f1f3f5}}</style>"
        '<text x="10" y="22" font-weight="bold">CPU time of a call, 1 KB, 32 in flight</text>'
        f"{''.join(bars)}"
        f'<line x1="{limit:.1f}" x2="{limit:.1f}" y1="34" y2="{bottom}" stroke="#1971c2" stroke-width="2" stroke-dasharray="4"/>'
        f'<text x="{LEFT}" y="{bottom + 16}">dashed: the goal, {LIMIT} times bare aiohttp</text></svg>\n'
    )


def table(rows: list[Row]) -> str:
    """The table of the page."""
    lines = [
        f"| {row.what} | {row.figure:.2f} | {row.limit} | {'yes' if row.met else 'no'} | {row.details} |"
        for row in rows
    ]
    return "\n".join(["| what | figure | goal | met | from |", "| --- | --- | --- | --- | --- |", *lines]) + "\n"


def main() -> None:
    """Run, print and write."""
    print(f"{'what':<58} {'figure':>8} {'limit':>9}")
    found: list[Row] = []

    def show(rows: list[Row]) -> None:
        found.extend(rows)
        print(*rows, sep="\n", flush=True)

    calls, peers = call_cost.rows()
    show(calls)
    peers |= stand_in(peers["aiohttp"])
    for part in (middleware_cost, cold_start, body_cost, stream_cost, endurance):
        show(part.rows())
    for name, seconds in peers.items():
        print(f"{name:<58} {seconds * 1e6:>8.0f} us a call, 32 in flight")
    PAGE.mkdir(exist_ok=True)
    (PAGE / "calls.svg").write_text(picture(peers))
    document = {
        "when": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "microseconds of a call, 32 in flight": {name: round(seconds * 1e6) for name, seconds in peers.items()},
        "rows": [
            {
                "what": row.what,
                "figure": round(row.figure, 3),
                "limit": row.limit,
                "met": row.met,
                "details": row.details,
            }
            for row in found
        ],
    }
    (PAGE / "results.json").write_text(json.dumps(document, indent=2) + "\n")
    (PAGE / "table.md").write_text(table(found))
    where = PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE
    print(f"written: {where}/calls.svg, results.json and table.md")


if __name__ == "__main__":
    main()
