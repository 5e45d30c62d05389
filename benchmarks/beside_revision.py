"""
The cost of a change: calls of this checkout compared with another revision's, ``make bench-beside REVISION=main``.

Each figure comes from a separate process, which makes 20,000 calls to the canned server. The two revisions take turns, and
the medians of nine rounds are compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

from one_client import OVERRIDES
from processes import HERE, cpu_of, environment, measured, serving
from results import Row
from starts import PROGRAMS

KINDS = ("ours", *OVERRIDES)
START = PROGRAMS["ours, base_endpoint"]


def main(revision: str, calls: str = "20000", rounds: str = "9") -> None:
    """Measure and print."""
    archive = subprocess.run(
        ["git", "archive", revision, "src"], cwd=HERE.parent, capture_output=True, check=True
    ).stdout
    times: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, serving("canned_server.py") as url:
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        sources = {revision: Path(folder) / "src", "here": HERE.parent / "src"}
        for _ in range(int(rounds)):
            for kind in KINDS:
                for name, source in sources.items():
                    client: list[str | Path] = [sys.executable, HERE / "one_client.py", kind, url, calls, "32"]
                    figures = measured(client, environment(PYTHONPATH=str(source)))
                    times.setdefault((kind, name), []).append(figures["cpu_us"])
            for name, source in (*sources.items(), *sources.items()):  # twice, as one start is a noisy figure
                took = cpu_of([sys.executable, "-c", START, url], environment(PYTHONPATH=str(source)))
                times.setdefault(("start", name), []).append(took * 1e6)
    found = {key: statistics.median(series) for key, series in times.items()}

    def compare(what: str, above: tuple[str, str], below: tuple[str, str], limit: str) -> None:
        row = Row(what, f"{found[above]:.1f} / {found[below]:.1f} µs", found[above] / found[below], limit)
        print("{:<44} {:>22} {:>6} {:>7}  {}".format(*row.cells()))

    compare(f"a call / {revision}'s", ("ours", "here"), ("ours", revision), "<= 1.03")
    for kind, limit in zip(OVERRIDES[:-1], ("<= 1.05", "<= 1.05", "<= 1.15", "<= 1.15"), strict=True):
        compare(f"with {kind} / without", (kind, "here"), ("ours", "here"), limit)
    new = OVERRIDES[-1]
    compare(f"with {new} / {revision}'s", (new, "here"), (new, revision), "<= 1.00")
    compare(f"start to first response / {revision}'s", ("start", "here"), ("start", revision), "<= 1.00")


if __name__ == "__main__":
    main(*sys.argv[1:])
