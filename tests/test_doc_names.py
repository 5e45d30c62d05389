"""What the pages name exists, and each public name has one home."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from doc_pages import CONTRIBUTING, DOCS, PAGES, README, ROOT, blocks, name_of, without_blocks

import sagemaker_runtime

PACKAGE = ROOT / "src" / "sagemaker_runtime"
CHANGELOG = ROOT / "CHANGELOG.md"
ALL_PAGES = [*PAGES, CONTRIBUTING, CHANGELOG]


def text_of(page: Path) -> str:
    """What a page says of today; of the changelog, the newest section, because the others tell of their own time."""
    text = page.read_text()
    return text.split("\n## ")[1] if page == CHANGELOG else text


# Paths

SUFFIXES = (".json", ".md", ".py", ".rst", ".svg", ".toml", ".txt")
FOLDERS = {path.name for root in (ROOT, PACKAGE) for path in root.iterdir() if path.is_dir()}
TO_BE_MADE = {
    ".venv/",
    "build/browser/",
    "operations/invoke_endpoint_loudly.py",
    "models.py",
    "score.py",
    "report.json",
}
"""By make, by who follows an example, or by the example."""


def paths_in(text: str) -> set[str]:
    """The words in code that are paths: with a file's suffix, a slash at the end, or a folder of ours at the start."""
    words = {
        word.strip("\"'").removeprefix('ARGS="') for span in re.findall(r"`([^`\n]+)`", text) for word in span.split()
    }
    return {
        word
        for word in words
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", word)
        and (word.endswith((*SUFFIXES, "/")) or word.partition("/")[0] in FOLDERS)
        and (not word.isidentifier())
    }


def is_there(path: str, page: Path) -> bool:
    """Whether a path leads somewhere from the root, from the package, or from the page."""
    return any(next(base.glob(path), None) for base in (ROOT, PACKAGE, PACKAGE.parent, page.parent))


@pytest.mark.parametrize("page", ALL_PAGES, ids=name_of)
def test_each_path_that_a_page_names_exists(page: Path) -> None:
    """A file that was moved takes its readers nowhere."""
    paths = paths_in(without_blocks(text_of(page)))

    assert set() == {path for path in paths - TO_BE_MADE if not is_there(path, page)}


@pytest.mark.parametrize(
    "gone", ["tests/test_gone.py", "transport/gone/", "retry/gone", "gone.py", "gone/*.py", "docs/gone.md"]
)
def test_a_path_that_leads_nowhere_is_found(gone: str) -> None:
    """Or the test above would hold for the wrong reason."""
    found = paths_in(f"See `{gone}`, `run {gone} --fast`, `text/csv`, `~/.aws/config` and `https://aws.com/x.md`.")

    assert {gone} == found
    assert not is_there(gone, README)


def headings_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and Sphinx make them."""
    titles = re.findall(r"^#+ (.*)$", without_blocks(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(text: str, page: Path) -> set[str]:
    """The links to files that are not there, or to headings that they do not have."""
    broken: set[str] = set()
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in link:
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in headings_of(target)):
                broken.add(link)
    return broken


@pytest.mark.parametrize("page", ALL_PAGES, ids=name_of)
def test_each_link_of_a_page_leads_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    """Sphinx looks at the pages under docs only."""
    assert set() == broken_links(without_blocks(text_of(page)), page)


def test_a_link_that_leads_nowhere_is_found() -> None:
    """Or the test above would hold for the wrong reason."""
    text = "[one](docs/retries.md#the-quota) [two](docs/retries.md#gone) [three](docs/gone.md) [four](#gone)"

    assert {"docs/retries.md#gone", "docs/gone.md", "#gone"} == broken_links(text, README)


def test_the_changelog_names_modules_that_are_there() -> None:
    """Who looks for a module that has moved reads its new name here."""
    moved = re.findall(r"^\| `.*\| (.*) \|$", text_of(CHANGELOG), re.MULTILINE)
    names = [name for cell in moved for name in re.findall(r"`(\w+\.[\w.]+)`", cell)]

    assert [] == [name for name in names if resolved(f"sagemaker_runtime.{name}") is None]
    assert len(names) > 5


@pytest.mark.parametrize("page", ALL_PAGES, ids=name_of)
def test_what_a_page_tells_to_run_is_there(page: Path) -> None:
    """A target of make or a module that is gone."""
    text = text_of(page)
    commands = "\n".join([*blocks(text, "console"), *re.findall(r"`(make [^`]*)`", without_blocks(text))])
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = {target for found in re.findall(r"\bmake((?: [a-z-]+)+)", commands) for target in found.split()}
    assert named <= targets
    modules = re.findall(r"\bpython[\d.]* -m ([\w.]+)", commands)
    assert [] == [module for module in modules if importlib.util.find_spec(module) is None]


def missing_from(tree: str) -> tuple[set[str], set[str]]:
    """What a tree names that is not there, and what is there of the package's files and folders that it does not name."""
    named = set(re.findall(r"\b[a-z0-9_]+(?:\.py|/(?=\s))", tree)) - {"src/", "sagemaker_runtime/"}
    there = {path.name + "/" * path.is_dir() for path in PACKAGE.iterdir() if path.name[0] != "."}
    there -= {"__init__.py", "__pycache__/", "py.typed"}
    folders = [PACKAGE, *(PACKAGE / name for name in there if name.endswith("/"))]
    return {name for name in named if not any((folder / name).exists() for folder in folders)}, there - named


def test_contributing_tells_where_each_module_is() -> None:
    """Each file and folder of its tree is there, and no module or folder of the package is missing from it."""
    (tree,) = [text for text in blocks(CONTRIBUTING.read_text(), "text") if text.startswith("src/")]

    assert (set(), set()) == missing_from(tree)
    assert ({"gone.py"}, {"wire.py"}) == missing_from(tree.replace("wire.py", "gone.py"))


# Names

MODULES = [
    sagemaker_runtime,
    *(
        importlib.import_module(f"sagemaker_runtime.{name}")
        for name in (
            *("context", "endpoints", "errors", "local", "middleware", "operations", "operations.routes"),
            *("predictor", "retry"),
            *("streams.frames", "sync", "testing", "transport", "wire"),
            *(f"plugins.{path.stem}" for path in sorted((PACKAGE / "plugins").glob("[a-z]*.py"))),
        )
    ),
]
"""The package and its documented submodules: what is in the ``__all__`` of one of them is public."""


def resolved(path: str) -> object:
    """What a dotted name stands for: a module, or what is in one; None for nothing."""
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            found = getattr(found, part, None)
        return found
    return None


def documented_in(reference: str) -> Counter[tuple[str, int]]:
    """How often each object is documented, by its name and identity."""
    paths: list[str] = []
    for kind, path, options in re.findall(r"^\.\. auto(\w+):: (\S+)\n((?:   :.*\n)*)", reference + "\n", re.MULTILINE):
        if kind != "module":
            paths.append(path)
        elif ":no-members:" not in options:
            paths += [f"{path}.{name}" for name in importlib.import_module(path).__all__]
    return Counter((path.rpartition(".")[2], id(resolved(path))) for path in paths)


REFERENCE = "\n".join(path.read_text() for path in sorted((DOCS / "api").glob("*.rst")))


def test_the_reference_has_every_public_name_once() -> None:
    """A name that can be imported and not looked up is half a secret; one that is found twice has two explanations."""
    public = {(name, id(getattr(module, name))) for module in MODULES for name in getattr(module, "__all__", ())}

    documented = documented_in(REFERENCE)

    assert set() == {name for name, _ in public - documented.keys()} - {"__version__"}
    assert [] == [name for (name, _), times in documented.items() if times > 1]


@pytest.mark.parametrize(
    "again",
    [
        ".. autoclass:: sagemaker_runtime.wire.Timeout",
        ".. autoexception:: sagemaker_runtime.ModelError",
        ".. automodule:: sagemaker_runtime.context",
    ],
)
def test_a_name_that_is_documented_again_is_found(again: str) -> None:
    """Under another path too, or with all of a module; or the test above would hold for the wrong reason."""
    assert max(documented_in(f"{REFERENCE}\n\n{again}\n").values()) > 1


def homes_in(sources: list[str]) -> dict[str, set[str]]:
    """The modules that each name of the package is imported from."""
    homes: defaultdict[str, set[str]] = defaultdict(set)
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "sagemaker_runtime":
                for alias in node.names:
                    homes[alias.name].add(node.module or "")
    return homes


def test_users_are_shown_one_way_to_import_a_name() -> None:
    """The shortest one: what is in the package itself is imported from there, and all else from one submodule."""
    shown = [block for page in PAGES for block in blocks(page.read_text(), "python")]
    recipes = [path.read_text() for path in (DOCS / "examples").glob("*.py")]

    homes = homes_in([*shown, *recipes])

    assert {} == {name: found for name, found in homes.items() if found != {home_of(name, found)}}
    assert len(homes) > 50


def home_of(name: str, found: set[str]) -> str:
    """The package, if it has the name; else the one module that it was found in."""
    return "sagemaker_runtime" if name in sagemaker_runtime.__all__ else min(found)


def test_a_second_way_to_import_a_name_is_found() -> None:
    """Or the test above would hold for the wrong reason."""
    homes = homes_in(["from sagemaker_runtime import Timeout", "if x:\n    from sagemaker_runtime.wire import Timeout"])

    assert {"sagemaker_runtime", "sagemaker_runtime.wire"} == homes["Timeout"]
    assert "sagemaker_runtime" == home_of("Timeout", {"sagemaker_runtime.wire"})


@pytest.mark.parametrize("page", [*PAGES, CONTRIBUTING], ids=name_of)
def test_each_dotted_name_of_the_package_leads_somewhere(page: Path) -> None:
    """In prose too, where nothing else would notice."""
    dotted = set(re.findall(r"\bsagemaker_runtime(?:\.\w+)+", without_blocks(page.read_text())))

    assert [] == [name for name in sorted(dotted) if resolved(name) is None]


# Constants

CONSTANTS = [
    name
    for page in sorted((DOCS / "api").glob("*.rst"))
    for name in re.findall(r"^\.\. autodata:: (\S+)", page.read_text(), re.MULTILINE)
]


@cache
def documented_constants() -> set[str]:
    """The names that are assigned anywhere in the package with a docstring behind them."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            body: list[ast.stmt] = (
                getattr(node, "body", []) if isinstance(node, ast.Module | ast.If | ast.ClassDef) else []
            )
            for statement, behind in pairwise(body):
                targets = (
                    statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
                )
                is_docstring = isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant)
                found |= {target.id for target in targets if isinstance(target, ast.Name) and is_docstring}
    return found


@pytest.mark.parametrize("name", CONSTANTS)
def test_each_constant_of_the_reference_has_a_docstring(name: str) -> None:
    """Without one, the page showed that of its type: what int() does, in place of what the number means."""
    assert name.rpartition(".")[2] in documented_constants()
