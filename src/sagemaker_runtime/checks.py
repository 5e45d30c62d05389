"""Checks of types at run time, because not every caller uses a type checker."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from sagemaker_runtime.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


def checked(value: object, kind: type[T], name: str, takes: str) -> T:
    """
    Return *value* if it is of type *kind*.

    Args:
        value: A value from a caller or a middleware.

        kind: The class that it must be an instance of.

        name: The name of the value in the error, such as ``"Options.timeout"``.

        takes: The end of the error, such as ``"a Timeout, such as Timeout(read=5)"``.

    Raises:
        ConfigError: It is of another type. The error shows the type, not the value, which may be a secret in the wrong
            place.
    """
    if not isinstance(value, kind):
        raise ConfigError(f"{name} is of type {type(value).__name__}; it takes {takes}")
    return value


def is_number(value: object) -> bool:
    """Whether *value* is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def plain(text: str) -> str:
    """*text* as a plain ``str``: a subclass, such as a member of an enum, may format as something else."""
    return str.__str__(text)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether *value* is a list, of any objects."""
    return isinstance(value, list)


def is_str_dict(value: object) -> TypeGuard[dict[str, object]]:
    """Whether *value* is a dict. For values from JSON and configuration files, whose keys are always strings."""
    return isinstance(value, dict)


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """The end of an error's text, such as ``" Did you mean 'Signing'?"``; empty if no known name is similar."""
    near = nearest(given, known)
    return "" if near is None else f" Did you mean {near!r}?"


def nearest(given: object, known: Iterable[str]) -> str | None:
    """The known name that is most similar to *given*; None if none is similar."""
    from difflib import get_close_matches  # for an error only

    if not isinstance(given, str):
        return None
    names = {_plainly(name): name for name in known}
    near = get_close_matches(_plainly(given), names, n=1, cutoff=0.5)
    return names[near[0]] if near else None


def _plainly(name: str) -> str:
    return name.replace("_", "").lower()
