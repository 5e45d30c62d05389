"""The service's side of a request's path: which operation it is of, and what its labels and headers say."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from sagemaker_runtime import operations
from sagemaker_runtime.operations.base import bindings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagemaker_runtime.headers import Headers
    from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput

__all__ = ["Route", "route"]


class Route(NamedTuple):
    """What a method and a path lead to."""

    operation: Operation[OperationInput, OperationOutput]
    prefix: str
    """What stands in the path before the operation's own; empty for nothing."""

    labels: dict[str, str]
    """The members in the path, by the names of their attributes, decoded."""

    def members(self, headers: Headers) -> dict[str, str]:
        """The members that were sent in the path and in *headers*, by the names of their attributes, as text."""
        found = dict(self.labels)
        for name, binding in bindings(self.operation.input_type).items():
            value = headers.get(binding.name) if binding.location == "header" else None
            if value is not None:
                found[name] = value
        return found


def route(method: str, path: str, names: Iterable[str] | None = None) -> Route | None:
    """
    The operation that a request is of; None for one of none of them.

    Args:
        method: The request's.

        path: The request's.

        names: The operations to look among, such as ``DUPLEX_OPERATIONS``; None for ``OPERATIONS``.
    """
    for name in operations.OPERATIONS if names is None else names:
        operation = operations.operation(name)
        found = _pattern(name).fullmatch(path) if method == operation.method else None
        if found is not None:
            prefix, *labels = found.groups()
            return Route(operation, prefix, dict(zip(_labels(name), map(unquote, labels), strict=True)))
    return None


_LABEL = re.compile(r"\{(\w+)\}")


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """What the operation's paths look like: the prefix, then a group for each label."""
    text, *rest = _LABEL.split(operations.operation(name).path)
    return re.compile(
        "(|/.*)" + re.escape(text) + "".join(f"([^/?]*){re.escape(text)}" for text in rest[1::2]), re.DOTALL
    )


@cache
def _labels(name: str) -> tuple[str, ...]:
    """The attributes of the labels, in the order of the path."""
    operation = operations.operation(name)
    attributes = {
        binding.name: attribute
        for attribute, binding in bindings(operation.input_type).items()
        if binding.location == "label"
    }
    return tuple(attributes[label] for label in _LABEL.findall(operation.path))
