"""
The members of an input that mostly have the values of the call before, so that what follows from them can be kept.

Validation keeps whether they are valid, the protocol what they look like in a request.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from sagemaker_runtime.operations.base import bindings

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.operations.base import OperationInput

T = TypeVar("T")

INPUTS_KNOWN = 256  # different inputs, but for the body, that are remembered; one that is not costs 3 µs more


def stable_members(input_type: type[OperationInput]) -> list[str]:
    """
    The names of the stable members of an input class.

    They are the strings, because of other types unequal values can be equal (``True == 1``); and no sensitive ones,
    because what is looked up is kept.
    """
    return [
        name
        for name, binding in bindings(input_type).items()
        if binding.shape.type == "string" and not binding.shape.sensitive
    ]


def values_of(names: list[str]) -> Callable[[object], tuple[Any, ...]]:
    """From an object to a tuple of its attributes *names*: attrgetter gives no tuple for one name, and needs one."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda members: tuple(getattr(members, name) for name in names)


class KnownInputs(dict[tuple[object, ...], T]):
    """What was worked out for the values of stable members, by these values; at most `INPUTS_KNOWN` of them."""

    __slots__ = ()

    def keep(self, values: tuple[object, ...], result: T) -> None:
        """Keep *result*, unless a value is of a class of its own: it may be equal to another text."""
        if all(value is None or type(value) is str for value in values):
            if len(self) >= INPUTS_KNOWN:
                self.clear()
            self[values] = result
