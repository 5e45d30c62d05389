"""
The members of an input that rarely change from call to call, so that results computed from them can be cached.

Validation caches whether they are valid, the protocol how they are written in a request.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from sagemaker_runtime.operations.base import bindings

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.operations.base import OperationInput

T = TypeVar("T")

INPUTS_KNOWN = 256  # cached inputs, without their bodies; a call whose input is not cached costs 3 µs more


def stable_members(input_type: type[OperationInput]) -> list[str]:
    """
    The names of the stable members of an input class.

    These are the strings: values of other types may compare equal although they differ (``True == 1``). Sensitive members
    are excluded, because the cache keeps their values.
    """
    return [
        name
        for name, binding in bindings(input_type).items()
        if binding.shape.type == "string" and not binding.shape.sensitive
    ]


def values_of(names: list[str]) -> Callable[[object], tuple[Any, ...]]:
    """A function from an object to the tuple of its attributes *names*, also for one name or none, unlike attrgetter."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda members: tuple(getattr(members, name) for name in names)


class KnownInputs(dict[tuple[object, ...], T]):
    """Cached results by the values of the stable members; at most `INPUTS_KNOWN` of them."""

    __slots__ = ()

    def keep(self, values: tuple[object, ...], result: T) -> None:
        """Cache *result*, unless a value is of a subclass of str, which may compare equal to a different string."""
        if all(value is None or type(value) is str for value in values):
            if len(self) >= INPUTS_KNOWN:
                self.clear()
            self[values] = result
