"""Names of a package that are imported on first use: few programs need all of them, and imports slow a cold start."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False  # type checkers take it for true; `typing` would be one more import
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


def lazy_names(package: str, homes: Mapping[str, str], submodules: Collection[str] = ()) -> Callable[[str], object]:
    """
    The ``__getattr__`` of a package whose names are defined in its modules.

    Args:
        package: Its ``__name__``.

        homes: Maps each module of the package to the names that it defines, separated by spaces.

        submodules: Modules that can themselves be used as names of the package.
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
