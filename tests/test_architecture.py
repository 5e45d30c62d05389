"""Who may import whom, and what the package's door shows."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import sagemaker_runtime
from sagemaker_runtime import errors

PACKAGE = "sagemaker_runtime"
SOURCE = Path(sagemaker_runtime.__file__).parent
MODULES = {
    ".".join((PACKAGE, *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}

# From the ground up; a name stands for the module and all below it. The longest name that fits decides.
ROWS = (
    {"errors", "clock", "context", "headers", "log_mode", "wire", "version"},
    {
        "operations",
        "protocol",
        "validation",
        "eventstream",
        "stream_parsers",
        "retry",
        "credentials",
        "endpoints",
        "signing",
        "user_agent",
    },
    {"middleware", "middleware.steps", "middleware.stack"},
    {
        "middleware.initialize",
        "middleware.serialize",
        "middleware.build",
        "middleware.finalize",
        "middleware.deserialize",
        "transport",
    },
    {"options", "middleware.pipeline", "config", "client", "s3", "async_inference"},
    {""},
)
GUESTS = {"local", "plugins", "testing"}
BOTOCORE = {f"{PACKAGE}.{name}" for name in ("credentials", "endpoints", "config", "local")}


def row_of(module: str) -> int:
    """The number of a module's row, 0 for the words; guests stand above all rows."""
    inside = module.removeprefix(PACKAGE).removeprefix(".")
    if inside.partition(".")[0] in GUESTS:
        return len(ROWS)
    candidates = [
        (len(name), number)
        for number, row in enumerate(ROWS)
        for name in row
        if inside == name or (name and name != "middleware" and inside.startswith(f"{name}."))
    ]
    assert candidates, f"{module} has no place in the rows of this test; say where it belongs"
    return max(candidates)[1]


def imports_of(module: str) -> list[tuple[str, str | None]]:
    """Each import of a module, the lazy ones and those for checkers too, as (module, name)."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found.extend((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            assert node.module is not None
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                found.append((submodule, None) if submodule in MODULES else (node.module, alias.name))
    return found


def importers_of(library: str) -> set[str]:
    return {module for module in MODULES for imported, _ in imports_of(module) if imported.partition(".")[0] == library}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_own_row_and_those_below_it(module: str) -> None:
    """A rule can be read without the machinery that applies it, and no two layers depend on each other."""
    row = row_of(module)

    offences = [
        imported
        for imported, _ in imports_of(module)
        if imported.partition(".")[0] == PACKAGE and row_of(imported) > row
    ]

    assert [] == offences


@pytest.mark.parametrize("module", [module for module in MODULES if row_of(module) == len(ROWS)] or [None])
def test_a_guest_uses_public_names_only(module: str | None) -> None:
    """If a guest of ours needed a private name, a user could not write that guest."""
    home = ".".join((module or "").split(".")[:2])
    names = [
        (imported, name)
        for imported, name in (imports_of(module) if module else ())
        if imported.partition(".")[0] == PACKAGE and imported != home and not imported.startswith(f"{home}.")
    ]

    offences = [
        (imported, name)
        for imported, name in names
        if name is None or name not in getattr(importlib.import_module(imported), "__all__", ())
    ]

    assert [] == offences


def test_botocore_is_imported_only_by_those_who_ask_it_something() -> None:
    """It is asked for credentials, configuration and endpoint data, never subclassed, and costs 180 ms to import."""
    homes = {".".join(module.split(".")[:2]) for module in importers_of("botocore")}

    assert homes <= BOTOCORE


def test_the_client_half_of_aiohttp_is_imported_by_the_transport_alone() -> None:
    """Another transport can take its place only if nothing else knows it; the local endpoint needs the server half."""
    importers = {module for module in importers_of("aiohttp") if not module.startswith(f"{PACKAGE}.transport.")}
    server_only = {
        (imported, name)
        for module in importers
        for imported, name in imports_of(module)
        if imported.partition(".")[0] == "aiohttp"
    }

    assert all(module.startswith(f"{PACKAGE}.local") for module in importers), importers
    assert all("web" in (imported.removeprefix("aiohttp."), name) for imported, name in server_only), server_only


def test_importing_the_package_imports_neither_aiohttp_nor_botocore() -> None:
    """Cold start is a goal, and each of them costs nearly 200 ms; a call imports what it needs."""
    code = (
        f"import sys, {PACKAGE}; print(sorted({{'aiohttp', 'botocore', 'yarl', 'uuid', 'email'}} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert "[]" == found.stdout.strip()


def test_every_name_at_the_door_is_there() -> None:
    """A name in ``__all__`` that does not resolve breaks ``import *`` and misleads an editor."""
    for name in sagemaker_runtime.__all__:
        assert getattr(sagemaker_runtime, name) is not None, name

    assert sorted(sagemaker_runtime.__all__) == dir(sagemaker_runtime)


def test_the_default_transport_is_at_the_door_but_comes_only_when_asked_for() -> None:
    """It is resolved lazily, so the class must be the same that its own module has."""
    from sagemaker_runtime.transport.aiohttp import AioHTTPClient  # noqa: PLC0415

    assert AioHTTPClient is sagemaker_runtime.AioHTTPClient


def test_an_unknown_name_at_the_door_is_an_attribute_error() -> None:
    """A module with ``__getattr__`` must still say which name is missing, or a typing error becomes a riddle."""
    with pytest.raises(AttributeError, match="'sagemaker_runtime' has no attribute 'Clinet'"):
        sagemaker_runtime.Clinet  # noqa: B018


def test_all_lists_every_name_the_package_imports() -> None:
    """What is imported at the door and not listed there is public for nobody, and dead weight."""
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE
        for alias in node.names
    }

    assert imported == set(sagemaker_runtime.__all__)


def test_all_is_sorted_as_an_index_is() -> None:
    """Constants, classes, functions, each in order: a new name has one place, and two branches seldom collide."""
    names = sagemaker_runtime.__all__

    def key(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    assert sorted(set(names), key=key) == names


def test_every_exception_is_at_the_door() -> None:
    """What a call can raise must be catchable without a search for its module."""
    exceptions = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, BaseException)
    }

    assert exceptions <= set(sagemaker_runtime.__all__)


def test_every_public_list_of_a_submodule_resolves() -> None:
    """A documented submodule's ``__all__`` is what guests may use, so it must be true."""
    for module in MODULES:
        loaded = importlib.import_module(module)
        for name in getattr(loaded, "__all__", ()):
            assert hasattr(loaded, name), f"{module}.{name}"


def test_a_documented_submodule_is_there_without_an_import_of_its_own() -> None:
    """``sagemaker_runtime.errors.ModelError`` must not depend on what was asked for before."""
    code = f"import {PACKAGE} as s; print(s.errors.ModelError.__name__, s.eventstream.Message.__name__)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert "ModelError Message" == found.stdout.strip()
