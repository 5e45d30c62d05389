"""Every code block of the README and of the pages under docs is run or type-checked, and fits on the page."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any

import pytest
from doc_pages import CONTRIBUTING, DOCS, PAGES, README, ROOT, blocks, name_of, without_blocks

from sagemaker_runtime import Client, InvokeEndpointInput
from sagemaker_runtime.local import Invocation, LocalEndpoint

RUN = [
    README,
    *(DOCS / name for name in ("tutorial.md", "sync.md", "middleware.md", "local.md", "faults.md", "testing.md")),
]  # the blocks of the others are type-checked
CLIENTS_OF_THEIR_OWN = ("tutorial.md", "sync.md", "testing.md")  # on the others, one that is made above may lead to AWS
WIDTH = 88  # columns, as docs/ruff.toml has it
MOST_PROSE = 250  # lines of a page that are neither code nor table nor blank


# What is run


def shout(invocation: Invocation) -> bytes:
    return invocation.body.upper()


def story(_: Invocation) -> Iterator[bytes]:
    yield from (b"Alice was ", b"beginning")


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalEndpoint]:
    """What a page's calls reach, in a thread of its own; the environment leads there too."""
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # another test's has read other files
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "prompt.json").write_text("hello")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.jsonl").write_text("[5.1, 3.5, 1.4, 0.2]\n")
    monkeypatch.chdir(tmp_path)
    endpoints = {"iris": shout, "shout": shout, "story": story, "story-async": shout}
    with LocalEndpoint(endpoints, folder=tmp_path) as local:
        for name, value in local.environ().items():
            monkeypatch.setenv(name, value)
        yield local


def examples(page: Path) -> list[tuple[str, str | None]]:
    """A page's Python blocks, each with the text block right behind it: what it prints, or None."""
    pattern = r"^```python\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?"
    found = re.findall(pattern, page.read_text(), re.DOTALL | re.MULTILINE)
    return [(source, text or None) for source, text in found if not source.startswith(("# wrong", "# right"))]


async def run(source: str, where: str, names: dict[str, Any]) -> None:
    waits = eval(compile(source, where, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307 - our own pages
    if inspect.isawaitable(waits):
        await waits


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_what_a_page_shows_works_and_prints_what_the_page_says(
    page: Path, local: LocalEndpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is copied from a page must work where it is put; each block knows the names of those above it."""
    names: dict[str, Any] = {}
    clients: list[Client] = []

    with asyncio.Runner() as runner:
        for number, (source, expected) in enumerate(examples(page), start=1):
            where = f"{page.name}, block {number}"
            names["params"] = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
            if page.name not in CLIENTS_OF_THEIR_OWN:
                clients.append(Client(local.options()))
                names["client"] = clients[-1]
            if "asyncio.run(" in source:
                exec(compile(source, where, "exec"), names)  # noqa: S102 - our own pages
            else:
                runner.run(run(source, where, names))
            printed = capsys.readouterr().out
            assert expected is None or expected == printed, where
        for client in clients:
            runner.run(client.close())

    assert page.name == "testing.md" or names["output"].result_metadata


# What is type-checked


GIVEN = """from __future__ import annotations
import asyncio, gzip, json, logging, time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from sagemaker_runtime import *
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.circuit_breaker import CircuitBreaker
TENANT = Key[str]("tenant")
client = Client()
sync_client = SyncClient()
options = Options()
params = InvokeEndpointInput(endpoint_name="iris", body=b"")
local = LocalEndpoint({})
def predict(invocation: Invocation) -> bytes:
    return invocation.body
"""


def own_blocks(page: Path) -> list[str]:
    """The blocks that are written on a page, without the programs that are copied to it: those have tests of their own."""
    copied = r"^<!-- examples/[^\n]*\n```python\n.*?^```$"
    return blocks(re.sub(copied, "", page.read_text(), flags=re.DOTALL | re.MULTILINE), "python")


def as_module(page: Path) -> str:
    """
    A page as a module, in which each block is a function within that of the block before.

    So a block knows the names of those above it, may give one of them another type, and may await. What all blocks may
    count on is given to each anew, but for what it assigns itself.
    """
    lines = [GIVEN, "import given\n"]
    homes = {name: name for name in ("client", "options", "params", "local")}
    if page.name == "sync.md":
        homes["client"] = "sync_client"
    sources = [source for source in own_blocks(page) if not source.startswith("# wrong")]
    for depth, source in enumerate(sources):
        names = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
        stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        given = [f"{name} = given.{home}\n" for name, home in homes.items() if name not in stored]
        lines.append(indent(f"async def block_{depth + 1}() -> None:\n", "    " * depth))
        lines.append(indent("".join(given) + source, "    " * (depth + 1)))
    return "".join(lines)


def test_the_code_of_every_page_passes_mypy(tmp_path: Path) -> None:
    """As strictly as the package itself: a page that asks for what there is no more, or gives the wrong thing, fails."""
    pytest.importorskip("mypy", reason="make docs and make types install it")
    (tmp_path / "given.py").write_text(GIVEN)
    modules: list[Path] = []
    for page in PAGES:
        if own_blocks(page):
            modules.append(tmp_path / (re.sub(r"\W", "_", name_of(page)) + "_page.py"))
            modules[-1].write_text(as_module(page))
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={ROOT}/.mypy_cache/pages"]

    checked = subprocess.run(  # noqa: S603 - our own pages
        [*mypy, "--disable-error-code=no-redef", "--disable-error-code=import-untyped", *modules],  # that of boto3
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert len(modules) > len(RUN)


# How it stands on the page


@pytest.mark.parametrize("page", [*PAGES, CONTRIBUTING], ids=name_of)
def test_no_code_on_a_page_is_wider_than_the_page(page: Path) -> None:
    """What is wider is cut, or scrolls. ``make lint`` formats the Python; this is for what it cannot wrap."""
    found = re.findall(r"^```[^\n]*\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    shown = [line for block in found for line in block.splitlines()]

    assert [] == [line for line in shown if len(line) > WIDTH]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_page_is_on_a_map(page: Path) -> None:
    """
    A page that no map links to is found by nobody. The README links to the first map.

    docs/conf.py makes the table of contents of the maps, so that none of them shows a directive on a code host.
    """
    maps = [DOCS / "index.md", DOCS / "api" / "index.md"]
    linked = {
        (each.parent / link).resolve()
        for each in maps
        for link in re.findall(r"\]\(([\w/-]+\.(?:md|rst))\)", each.read_text())
    }

    assert page in (README, maps[0]) or page in linked
    assert set((DOCS / "api").glob("*.rst")) <= linked
    assert "docs/index.md" in README.read_text()


@pytest.mark.parametrize("page", [*PAGES, CONTRIBUTING], ids=name_of)
def test_a_page_reads_well_on_a_code_host(page: Path) -> None:
    """There, a directive or a role of Sphinx is shown as it is written."""
    assert [] == re.findall(r"^```\{.*|(?<!`)\{[\w:]+\}`[^`\n]+`", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", [*PAGES, CONTRIBUTING], ids=name_of)
def test_no_page_is_a_book(page: Path) -> None:
    """What is longer than 250 lines of prose is not read but searched, and is better as two pages."""
    prose = [line for line in without_blocks(page.read_text()).splitlines() if line and not line.startswith("|")]

    assert len(prose) <= MOST_PROSE


# The pictures


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("pictures")


def test_the_pictures_show_what_the_package_does(pictures: ModuleType) -> None:
    """``python docs/pictures.py`` makes them anew, when a place of the stack has another name."""
    drawn: dict[Path, str] = pictures.pictures()

    assert drawn == {path: path.read_text() for path in drawn}
    assert {path.name for path in drawn} == {path.name for path in (DOCS / "pictures").glob("*.svg")}
    assert all(f"docs/pictures/{path.name}" in README.read_text() for path in drawn)
