"""What a type checker cannot promise, because not every caller uses one: that a value is of the type it should be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from sagemaker_runtime.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


def checked(value: object, kind: type[T], name: str, takes: str) -> T:
    """
    *value*, which is of type *kind*.

    Args:
        value: What a caller, or a middleware, has given.

        kind: What it must be an instance of.

        name: What the error calls the value, such as ``"Options.timeout"``.

        takes: What may stand there, such as ``"a Timeout, such as Timeout(read=5)"``.

    Raises:
        ConfigError: It is of another type. The error names the type and not the value, which may be a secret in the wrong
            place.
    """
    if not isinstance(value, kind):
        raise ConfigError(f"{name} is of type {type(value).__name__}; it takes {takes}")
    return value


def is_number(value: object) -> bool:
    """Whether *value* is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def plain(text: str) -> str:
    """The text itself, as a ``str`` and nothing else: an f-string may show a member of an enum by its name."""
    return str.__str__(text)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether it is a list; of what is not known."""
    return isinstance(value, list)


def is_str_dict(value: object) -> TypeGuard[dict[str, object]]:
    """Whether it is a dict, of those that JSON and configuration files give: all their keys are strings."""
    return isinstance(value, dict)


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """The end of an error's text, such as ``" Did you mean 'Signing'?"``; empty where nothing known is like *given*."""
    near = nearest(given, known)
    return "" if near is None else f" Did you mean {near!r}?"


def nearest(given: object, known: Iterable[str]) -> str | None:
    """The known name that *given* most likely stands for; None where none is like it."""
    from difflib import get_close_matches  # for an error only

    if not isinstance(given, str):
        return None
    names = {_plainly(name): name for name in known}
    near = get_close_matches(_plainly(given), names, n=1, cutoff=0.5)
    return names[near[0]] if near else None


def _plainly(name: str) -> str:
    return name.replace("_", "").lower()
