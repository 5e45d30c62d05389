"""`outline_of`: what stands behind an endpoint, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from attrs import field, frozen


@frozen(kw_only=True)
class Outline:
    """A backend, and the backends within it."""

    name: str
    """Of a function, with its module; of a container, its URL; of another backend, its class."""

    member: str | None = None
    """The member of an input that chooses among the parts, such as ``"target_variant"``; None without parts."""

    parts: Mapping[str, Outline | None] = field(factory=dict[str, "Outline | None"])
    """By the name to choose them by; None for a model that is not loaded."""

    weights: Mapping[str, float] | None = None
    """Of each part, if they share requests out by weight."""

    sessions: bool = False
    """Whether it has sessions."""

    duplex: bool = False
    """Whether it takes nothing but duplex calls."""


@runtime_checkable
class _Outlined(Protocol):
    """A backend that can tell."""

    def outline(self) -> Outline: ...


def outline_of(backend: object) -> Outline:
    """The outline of a backend, of whatever class."""
    return backend.outline() if isinstance(backend, _Outlined) else Outline(name=type(backend).__name__)


def name_of(function: object) -> str:
    """What a function is called, as it would be imported."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    return f"{module}.{name}" if module and name else type(function).__name__
