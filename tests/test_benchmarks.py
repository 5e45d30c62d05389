"""The benchmarks' plan, and the page made from their results. Nothing is measured here."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(name="page")
def _page(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module that makes the page; its neighbours are found as they are when it runs."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    before = set(sys.modules)
    yield importlib.import_module("page")
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == BENCHMARKS:
            del sys.modules[name]


def test_each_target_names_processes_that_run(page: ModuleType) -> None:
    """A misspelt name would show as "not measured" at the end of a run of 15 minutes."""
    plan: Any = importlib.import_module("plan")
    starts: Any = importlib.import_module("starts")
    running = {process.name for process in plan.PLAN} | {plan.MIDDLEWARE}
    running |= {f"{plan.STARTS}, {name}" for name in starts.PROGRAMS}

    named = {name for target in plan.targets() for name in (target.process, target.beside) if name}

    assert set() == named - running
    assert len(plan.PLAN) == len({process.name for process in plan.PLAN})


def test_each_process_is_a_client_or_a_program(page: ModuleType) -> None:
    """The plan names the clients of one_client.py, threaded_client.py and bulk_client.py, and two programs."""
    plan: Any = importlib.import_module("plan")
    one_client: Any = importlib.import_module("one_client")

    threaded: Any = importlib.import_module("threaded_client")
    bulk: Any = importlib.import_module("bulk_client")
    known = {*one_client.CLIENTS, *threaded.THREADED, *bulk.BULK, "Go SDK", "smithy-python"}

    assert {process.client for process in plan.PLAN} <= known


def test_a_ratio_is_that_of_the_same_round(page: ModuleType) -> None:
    """A machine that is slow in one round is slow for both, so the medians of the rounds must not be divided."""
    results = page.Results()
    for ours, theirs in ((10.0, 20.0), (40.0, 80.0), (100.0, 400.0)):
        results.add("ours", 1, {"cpu_us": ours})
        results.add("theirs", 1, {"cpu_us": theirs})

    assert results.ratio("ours", "theirs") == 0.5


def test_a_process_that_cannot_run_leaves_its_rows_open(page: ModuleType) -> None:
    """Without the Go SDK the table says so, and the rest of the page stands."""
    plan: Any = importlib.import_module("plan")
    results = page.Results()
    for process in plan.PLAN:
        results.add(process.name, 1, {"cpu_us": 1.0})
    go = next(process.name for process in plan.PLAN if process.client == "Go SDK")

    results.drop(go, "not measured; it is not installed")

    verdicts = {row.what: row.verdict for row in results.rows()}
    assert verdicts["CPU, 32 in flight / Go SDK"] == "not measured"
    assert verdicts["CPU, 32 in flight / bare aiohttp"] == "NOT MET"
    assert "it is not installed" in page.tables(results)
    assert ">Go SDK</text>" not in page.picture(results)


def test_the_page_is_made_from_the_results_beside_it(page: ModuleType, tmp_path: Path) -> None:
    """Tables and picture come from one run: nobody edits one of them by hand. ``python benchmarks/page.py`` writes them."""
    results = page.read(page.PAGE)

    page.write(results, tmp_path)

    for path in tmp_path.iterdir():
        assert path.read_text() == (page.PAGE / path.name).read_text(), path.name
    for name, parts in page.PAGES.items():
        shown = (page.DOCS / name).read_text()
        assert page.filled(shown, parts, results) == shown, name
