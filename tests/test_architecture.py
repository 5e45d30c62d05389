"""Who may import whom, and what the package's door shows."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import sagemaker_runtime
from sagemaker_runtime import errors, operations

PACKAGE = "sagemaker_runtime"
SOURCE = Path(sagemaker_runtime.__file__).parent
MODULES = {
    ".".join((PACKAGE, *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}

# From the ground up; a name stands for the module and all below it. The longest name that fits decides.
ROWS = (
    {
        "_lazy",
        "asyncio_only",
        "bodies",
        "checks",
        "clock",
        "context",
        "custom_attributes",
        "dates",
        "errors",
        "escapes",
        "extras",
        "headers",
        "known_keys",
        "log_mode",
        "redaction",
        "threads",
        "url",
        "version",
        "wire",
    },
    {
        "operations",
        "body_limits",
        "error_responses",
        "protocol",
        "names",
        "stable_members",
        "validation",
        "streams",
        "retry",
        "credentials",
        "shared_files",
        "clock_skew",
        "endpoints",
        "event_signing",
        "signing",
        "user_agent",
        "verification",
    },
    {
        "middleware",
        "middleware.advice",
        "middleware.contract",
        "middleware.steps",
        "middleware.places",
        "middleware.stack",
    },
    {
        "middleware.initialize",
        "middleware.serialize",
        "middleware.build",
        "middleware.finalize",
        "middleware.deserialize",
        "middleware.attempts",
        "middleware.duplex",
        "middleware.total_timeout",
        "transport",
    },
    {
        "settings",
        "option_rules",
        "options",
        "overrides",
        "mistakes",
        "pipeline",
        "plans",
        "call",
        "config",
        "duplex_call",
        "duplex_pipeline",
        "forking",
        "client",
        "async_inference",
    },
)
GUESTS = {
    "__main__",
    "bulk",
    "cli",
    "local",
    "plugins",
    "predictor",
    "sync",
    "testing",
}  # above all rows, and above them the door, which names them all
BOTOCORE = {f"{PACKAGE}.{name}" for name in ("credentials", "endpoints", "shared_files", "local")}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


def row_of(module: str) -> int:
    """The number of a module's row, 0 for the words; guests stand above all rows, and the package itself above them."""
    inside = module.removeprefix(PACKAGE).removeprefix(".")
    if not inside:
        return len(ROWS) + 1
    if inside.partition(".")[0] in GUESTS:
        return len(ROWS)
    candidates = [
        (len(name), number)
        for number, row in enumerate(ROWS)
        for name in row
        if inside == name or (name != "middleware" and inside.startswith(f"{name}."))
    ]
    assert candidates, f"{module} has no place in the rows of this test; say where it belongs"
    return max(candidates)[1]


def is_guest(module: str) -> bool:
    """Whether it is written as a user would write it, with public names: those of the door too."""
    return module.removeprefix(f"{PACKAGE}.").partition(".")[0] in GUESTS


def imports_of(module: str) -> list[tuple[str, str | None]]:
    """Each import of a module, the lazy ones and those for checkers too, as (module, name)."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(tree_of(module)):
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
        if imported.partition(".")[0] == PACKAGE
        and row_of(imported) > row
        and not (imported == PACKAGE and is_guest(module))
    ]

    assert [] == offences


GUEST_MODULES = [module for module in MODULES if is_guest(module)]


@pytest.mark.parametrize("module", GUEST_MODULES)
def test_a_guest_imports_public_names_only(module: str) -> None:
    """If a guest of ours needed a private name, a user could not write that guest."""
    home = ".".join(module.split(".")[:2])
    names = [
        (imported, name)
        for imported, name in imports_of(module)
        if imported.partition(".")[0] == PACKAGE and imported != home and not imported.startswith(f"{home}.")
    ]

    offences = [
        (imported, name)
        for imported, name in names
        if name is None or name not in getattr(importlib.import_module(imported), "__all__", ())
    ]

    assert [] == offences


@cache
def private_names_of(home: str) -> set[str]:
    """The private names that the modules below *home* define: of attributes, functions and classes."""
    found: set[str] = set()
    for module in MODULES:
        if module == home or module.startswith(f"{home}."):
            for node in ast.walk(tree_of(module)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    found.add(node.name)
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    found.add(node.id)
                elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node.value):
                    found.add(node.attr)
    return {name for name in found if name.startswith("_") and not name.startswith("__")}


def is_own(value: ast.expr) -> bool:
    """Whether it is the object that a method belongs to, its class, or its base."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


BY_NAME = {"getattr", "hasattr", "setattr", "delattr", "attrgetter", "methodcaller"}


def reaches_of(module: str) -> set[str]:
    """The private names that a module reaches for in what may be another's: by a dot, or by a text."""
    found: set[str] = set()
    own = private_names_of(".".join(module.split(".")[:2]))
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Attribute) and not is_own(node.value):
            found.add(node.attr)
            if node.attr == "unwrap":
                found.add("_unwrap")
        elif isinstance(node, ast.ImportFrom) and any(alias.name == "unwrap" for alias in node.names):
            found.add("_unwrap")
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in BY_NAME:
                texts = [
                    part.value
                    for argument in node.args
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant)
                ]
                found |= {part for text in texts if isinstance(text, str) for part in text.split(".")}
    return {name for name in found if name.startswith("_")} - (own - {"_"}) - {"__name__"}


_SNAPSHOT = "it compares all that any object holds before and after a call, as Python's own copy and pickle look"
REACHES: dict[tuple[str, str], str] = {
    ("bulk.engines.travel", "__module__"): "whether another process can import a function or class",
    ("bulk.engines.travel", "__qualname__"): "likewise, and its name for an error",
    ("local.backends.backends", "__call__"): "Python's name for what makes an object a function",
    ("local.backends.outline", "__module__"): "the full name of a function, to show it",
    ("local.backends.outline", "__qualname__"): "the full name of a function, to show it",
    ("local.cli", "_exit"): "of os: the only way to leave where a model's thread never ends",
    ("local.backends.multi_model", "__contains__"): "Python's names for what a mapping does",
    ("local.backends.multi_model", "__getitem__"): "Python's names for what a mapping does",
    ("testing.recording", "__mro__"): "of a class: the public error that an exception is a kind of",
    (
        "predictor.documents",
        "__struct_fields__",
    ): "how msgspec's structs are told from other classes, without importing it",
    (
        "predictor.exceptions",
        "__traceback__",
    ): "where a caller's function raised, for an error that cannot show its text",
    ("predictor.kinds", "__module__"): "the full name of a class, for an error",
    ("predictor.kinds", "__qualname__"): "the full name of a class, for an error",
    ("predictor.type_problems", "__notes__"): "where cattrs says which field it was at",
    **{
        ("testing.snapshot", name): _SNAPSHOT
        for name in ("__closure__", "__dict__", "__func__", "__get__", "__module__", "__mro__", "__self__")
    },
}
"""What guests may reach for all the same, by module and name, with the reason."""


@pytest.mark.parametrize("module", GUEST_MODULES)
def test_a_guest_reaches_into_nothing_private(module: str) -> None:
    """What a guest of ours digs out of an object, a user's could not rely on; the stack and the context have it all."""
    known = {name for (where, name) in REACHES if where == module.removeprefix(f"{PACKAGE}.")}

    assert known == reaches_of(module), "reached for, and not in the list; or in the list, and not reached for any more"


@pytest.mark.parametrize(
    "code",
    [
        "def f(stack): return stack._places",
        "def f(m): return getattr(m, '_retryer')",
        "def f(m): return hasattr(m, f'_{m.id}')",
        "from operator import attrgetter\nf = attrgetter('handle._self')",
        "import inspect\nf = inspect.unwrap",
        "from inspect import unwrap",
        "def f(m): return m.handle_finalize.__self__",
    ],
)
def test_the_search_for_private_names_finds_each_way_to_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str
) -> None:
    """Or the test above would hold for the wrong reason."""
    (tmp_path / "guest.py").write_text(code)
    monkeypatch.setitem(MODULES, f"{PACKAGE}.plugins.guest", tmp_path / "guest.py")

    assert set() != reaches_of(f"{PACKAGE}.plugins.guest")


OPERATION_NAMES = set(operations.OPERATIONS)


@pytest.mark.parametrize("module", [module for module in GUEST_MODULES if ".plugins." in module])
def test_no_plugin_knows_an_operation_by_its_name(module: str) -> None:
    """Whether an operation streams, or may be repeated, can be read from the stack and the context, of the next one too."""
    compared = {
        part.value
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Compare)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant)
    }

    assert set() == compared & OPERATION_NAMES


def test_no_plugin_takes_a_clock_of_its_own() -> None:
    """One that differed from the client's would mistake the end of a call's time for a caller who left."""
    takers = {
        module
        for module in GUEST_MODULES
        if ".plugins" in module
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
        for argument in (*node.args.args, *node.args.kwonlyargs)
        if argument.arg == "clock"
    }

    assert set() == takers


def test_botocore_is_imported_only_by_those_who_ask_it_something() -> None:
    """It is asked for credentials, configuration and endpoint data, never subclassed, and costs 180 ms to import."""
    homes = {".".join(module.split(".")[:2]) for module in importers_of("botocore")}

    assert homes <= BOTOCORE


def test_the_client_half_of_aiohttp_is_imported_by_the_transport_alone() -> None:
    """Another transport can take its place only if nothing else knows it; the local endpoint needs the server half."""
    importers = {module for module in importers_of("aiohttp") if not module.startswith(f"{PACKAGE}.transport.aiohttp")}
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
    code = f"import sys, {PACKAGE}; print(sorted({{'aiohttp', 'botocore', 'h2', 'yarl', 'uuid', 'email'}} & set(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert "[]" == found.stdout.strip()


def test_what_runs_elsewhere_is_imported_only_when_it_is_asked_for() -> None:
    """Ray takes a second and 400 MB; who runs on one machine, or has not installed it, must not notice that there is such."""
    code = f"import sys, {PACKAGE}.bulk, {PACKAGE}.cli.bulk, {PACKAGE}.bulk.engines.choosing; print(sorted({{'dask', 'distributed', 'numpy', 'pandas', 'pyarrow', 'ray', 'tqdm'}} & set(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert "[]" == found.stdout.strip()


def test_every_name_at_the_door_is_there() -> None:
    """A name in ``__all__`` that does not resolve breaks ``import *`` and misleads an editor."""
    for name in sagemaker_runtime.__all__:
        assert getattr(sagemaker_runtime, name) is not None, name

    assert sorted(sagemaker_runtime.__all__) == dir(sagemaker_runtime)


def test_the_default_transport_is_at_the_door_but_comes_only_when_asked_for() -> None:
    """It is resolved lazily, so the class must be the same that its own module has."""
    from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient

    assert AioHTTPClient is sagemaker_runtime.AioHTTPClient


def test_an_unknown_name_at_the_door_is_an_attribute_error() -> None:
    """A module with ``__getattr__`` must still say which name is missing, or a typing error becomes a riddle."""
    with pytest.raises(AttributeError, match="'sagemaker_runtime' has no attribute 'Clinet'"):
        sagemaker_runtime.Clinet  # noqa: B018


def test_a_checker_finds_each_name_where_the_package_does() -> None:
    """What is imported for checkers alone, and what is found at run time, are two lists of the same names."""
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    imported = {
        (node.module.removeprefix(f"{PACKAGE}."), alias.name, alias.asname)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith(f"{PACKAGE}.")
        for alias in node.names
        if alias.name != "lazy_names"
    }

    homes = sagemaker_runtime._HOMES
    assert imported == {(home, name, name) for home, names in homes.items() for name in names.split()}
    assert len(imported) == len(sagemaker_runtime.__all__)


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
    code = f"import {PACKAGE} as s; print(s.errors.ModelError.__name__, s.wire.Request.__name__)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert "ModelError Request" == found.stdout.strip()
