"""What kind of value something is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeGuard


def is_kind(value: object, *kinds: type) -> bool:
    """`isinstance` for what callers without a checker may give: to a checker, the value stays what it is declared to be."""
    return isinstance(value, kinds)


def is_dict(value: object) -> TypeGuard[dict[object, object]]:
    """Whether it is a dict; of what is not known."""
    return isinstance(value, dict)


def is_sequence(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    """Whether it is a list or a tuple; of what is not known."""
    return isinstance(value, list | tuple)


def is_iterable(value: object) -> TypeGuard[Iterable[object]]:
    """Whether it can be iterated; over what is not known."""
    return isinstance(value, Iterable)


def name_of(value: object) -> str:
    """The name of its class, ``dict`` for what is built in, else with the module: ``numpy.int64``."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
