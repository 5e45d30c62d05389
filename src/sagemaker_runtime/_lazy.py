"""Names of a package that are imported when they are first asked for, because a cold start is paid by a caller."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False  # as a checker reads it; `typing` itself costs an import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """
    The ``__getattr__`` of a package whose names come from its modules.

    Args:
        package: Its ``__name__``.

        homes: Maps the name of a module in the package to the names in it, with spaces between; a module with no names is
            a name itself.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split() or [home]}

    def get(name: str) -> object:
        home = home_of.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{home}")
        value: object = module if name == home else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return get
