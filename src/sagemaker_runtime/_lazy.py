"""Names of a package that are imported when they are first asked for: few programs need all, and a cold start costs."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False  # as checkers read it; `typing` itself is an import
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


def lazy_names(package: str, homes: Mapping[str, str], submodules: Collection[str] = ()) -> Callable[[str], object]:
    """
    The ``__getattr__`` of a package whose names are defined in its modules.

    Args:
        package: Its ``__name__``.

        homes: Maps a module of the package to the names that it defines, with spaces between them.

        submodules: Modules that are names of the package themselves.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def get(name: str) -> object:
        if name in home_of:
            value: object = getattr(import_module(f"{package}.{home_of[name]}"), name)
        elif name in submodules:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    return get
