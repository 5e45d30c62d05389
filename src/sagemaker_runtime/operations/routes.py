"""The service's view of a request: to which operation it belongs, and the members in its path and headers."""

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
    """The operation that a method and a path belong to."""

    operation: Operation[OperationInput, OperationOutput]
    prefix: str
    """The part of the path before the operation's own path; often empty."""

    labels: dict[str, str]
    """The members in the path, percent-decoded, by attribute name."""

    def members(self, headers: Headers) -> dict[str, str]:
        """The members that were sent in the path and in *headers*, as text, by attribute name."""
        found = dict(self.labels)
        for name, binding in bindings(self.operation.input_type).items():
            value = headers.get(binding.name) if binding.location == "header" else None
            if value is not None:
                found[name] = value
        return found


def route(method: str, path: str, names: Iterable[str] | None = None) -> Route | None:
    """
    The operation that a request belongs to; None if it belongs to none of *names*.

    Args:
        method: The HTTP method of the request.

        path: The path of the request.

        names: The operations to consider, such as ``DUPLEX_OPERATIONS``; None for ``OPERATIONS``.
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
    """A pattern of the operation's paths: a group for the prefix, then one for each label."""
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
