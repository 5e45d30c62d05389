"""Snapshots of an object's state, to compare it at two moments."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Mapping, Set as AbstractSet
from types import CellType, FunctionType, MethodType, SimpleNamespace
from typing import TypeGuard

_DEPTH = 8  # objects within objects; what lies deeper is compared by identity
_VALUES = (type(None), bool, int, float, complex, str, bytes, enum.Enum)


class _Same:
    """An object that is compared by identity. It is kept alive, so that no other object gets its address."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._value is self._value

    def __hash__(self) -> int:
        return id(self._value)


def snapshot(value: object) -> dict[str, object]:
    """
    The attributes of *value* by name, those of its class included, each in a form that can be compared.

    Containers, functions, and objects of the package that *value* comes from are compared by content; any other object,
    such as a logger or a tracer, by identity.
    """
    home = _home(value)
    shared = {name: held for name, held in vars(type(value)).items() if _is_state(name, held)}
    return {name: _look(held, home, (id(value),)) for name, held in {**shared, **_attributes(value)}.items()}


def changes(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """The names of the attributes that differ."""
    return sorted(name for name in {*before, *after} if before.get(name, ...) != after.get(name, ...))


def _home(value: object) -> str:
    """The package that *value* comes from; if it is a function made into a middleware, the function's."""
    own = (held for name, held in _attributes(value).items() if name.startswith("handle_") and callable(held))
    module: object = getattr(next(own, type(value)), "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


def _is_state(name: str, value: object) -> bool:
    """Whether an attribute of a class is a value that all its objects share."""
    return not name.startswith("__") and not callable(value) and not hasattr(type(value), "__get__")


def _attributes(value: object) -> dict[str, object]:
    found: dict[str, object] = {}
    for cls in type(value).__mro__:
        slots: str | tuple[str, ...] = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                found[name] = getattr(value, name)
    found.update(getattr(value, "__dict__", {}))
    found.pop("__weakref__", None)
    found.pop("__dict__", None)
    return found


def _look(value: object, home: str, above: tuple[int, ...]) -> object:
    if isinstance(value, _VALUES):
        return type(value), value
    if id(value) in above or len(above) > _DEPTH:
        return _Same(value)
    inside = (*above, id(value))
    kind: type[object] = type(value)
    if _is_sequence(value):
        return kind, tuple(_look(item, home, inside) for item in value)
    if _is_mapping(value):
        return kind, tuple((_look(key, home, inside), _look(held, home, inside)) for key, held in value.items())
    if _is_set(value):
        return kind, frozenset(_look(item, home, inside) for item in value)
    if isinstance(value, MethodType):
        return _Same(value.__func__), _look(value.__self__, home, inside)
    if isinstance(value, FunctionType):
        cells = [_look(_contents(cell), home, inside) for cell in value.__closure__ or ()]
        return _Same(value), tuple(cells), _look(value.__dict__, home, inside)
    if isinstance(value, SimpleNamespace) or kind.__module__.partition(".")[0] == home:
        return _Same(value), _look(_attributes(value), home, inside)
    return _Same(value)


def _is_sequence(value: object) -> TypeGuard[list[object] | tuple[object, ...] | deque[object]]:
    return isinstance(value, (list, tuple, deque))


def _is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(value, Mapping)


def _is_set(value: object) -> TypeGuard[AbstractSet[object]]:
    return isinstance(value, AbstractSet)


def _contents(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # nothing in it yet
        return None
