"""Checks of the types of values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeGuard


def is_kind(value: object, *kinds: type) -> bool:
    """`isinstance` for values from callers without a type checker; for a checker, the value keeps its declared type."""
    return isinstance(value, kinds)


def is_dict(value: object) -> TypeGuard[dict[object, object]]:
    """Whether it is a dict, whatever it contains."""
    return isinstance(value, dict)


def is_sequence(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    """Whether it is a list or a tuple, whatever it contains."""
    return isinstance(value, list | tuple)


def is_iterable(value: object) -> TypeGuard[Iterable[object]]:
    """Whether it can be iterated, whatever it yields."""
    return isinstance(value, Iterable)


def name_of(value: object) -> str:
    """The name of its class, with the module unless it is built in: ``dict``, ``numpy.int64``."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
