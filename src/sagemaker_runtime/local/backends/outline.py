"""`outline_of`: a description of the backends of an endpoint, for the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from attrs import field, frozen


@frozen(kw_only=True)
class Outline:
    """A backend, and the backends within it."""

    name: str
    """The name of a function, with its module; the URL of a container; or the class of another backend."""

    member: str | None = None
    """The member of an input that chooses one of the parts, such as ``"target_variant"``; None if it has no parts."""

    parts: Mapping[str, Outline | None] = field(factory=dict[str, "Outline | None"])
    """The backends within it, by the name that chooses them; None for a model that is not loaded."""

    weights: Mapping[str, float] | None = None
    """The weight of each part; None if requests are not distributed by weight."""

    sessions: bool = False
    """Whether it has sessions."""

    duplex: bool = False
    """Whether it accepts only duplex calls."""


@runtime_checkable
class _Outlined(Protocol):
    """A backend that describes itself."""

    def outline(self) -> Outline: ...


def outline_of(backend: object) -> Outline:
    """The outline of any backend; one that does not describe itself has only its class."""
    return backend.outline() if isinstance(backend, _Outlined) else Outline(name=type(backend).__name__)


def name_of(function: object) -> str:
    """A function's name, with its module."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    return f"{module}.{name}" if module and name else type(function).__name__
