"""The service's constraints on the members of a request, from the bindings of its operation."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from sagemaker_runtime.local.front.failures import failure
from sagemaker_runtime.operations import bindings, from_java, operation as known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime.operations import Binding

MAX_BODY = 6_291_456  # bytes; service-2.json, shape BodyBlob
MAX_NUMBER = 2**31 - 1  # for an integer that the model does not limit
MAX_TEXT = 8_192  # characters, for a text that the model does not limit: the longest header line


@frozen
class Constraint:
    """The constraint on a member that is text."""

    member: str
    """The name in the API model, as in the service's messages."""

    header: str
    """The header that carries it; empty for the endpoint's name, which is in the path."""

    pattern: str
    """The regular expression for the whole text, in the model's dialect, Java's, as in the service's messages."""

    max: int
    """The maximum number of characters."""

    min: int = 0
    sensitive: bool = False
    """Whether the message must not repeat the text."""

    def problem(self, value: str) -> str | None:
        """What is wrong with *value*, in the service's words, or None."""
        if len(value) > self.max:
            broken = f"Member must have length less than or equal to {self.max}"
        elif len(value) < self.min:
            broken = f"Member must have length greater than or equal to {self.min}"
        elif re.fullmatch(from_java(self.pattern), value, re.ASCII) is None:
            broken = f"Member must satisfy regular expression pattern: {self.pattern}"
        else:
            return None
        shown = "" if self.sensitive else f" '{value}'"
        return f"Value{shown} at '{self.member}' failed to satisfy constraint: {broken}"


@frozen
class Range:
    """The constraint on a member that is a number, or on the length of a member."""

    member: str
    """The name in the API model, as in the service's messages."""

    header: str
    """The header that carries it; empty for the size of the body, in bytes."""

    min: int
    max: int
    measured: str = "value"
    """What the number measures: the member's value, or its length."""

    sensitive: ClassVar[bool] = False

    def problem(self, value: str) -> str | None:
        """What is wrong with *value*, in the service's words, or None."""
        if re.fullmatch("-?[0-9]{1,18}", value) is None:
            broken = "Member must be a whole number"
        elif int(value) > self.max:
            broken = f"Member must have {self.measured} less than or equal to {self.max}"
        elif int(value) < self.min:
            broken = f"Member must have {self.measured} greater than or equal to {self.min}"
        else:
            return None
        shown = f" '{value}'" if self.header else ""
        return f"Value{shown} at '{self.member}' failed to satisfy constraint: {broken}"


_TEXT = r"\p{ASCII}*"  # where the model has no pattern: what a header can carry
_ACRONYMS = {"ttl": "TTL"}  # in the names of the model


@cache
def constraints_of(operation: str) -> dict[str, Constraint | Range]:
    """The constraints on the operation's labels and headers, by attribute name."""
    return {
        attribute: _constraint(attribute, binding)
        for attribute, binding in bindings(known(operation).input_type).items()
        if binding.location in ("label", "header")
    }


@cache
def body_of(operation: str) -> Range:
    """The constraint on the size of the operation's body."""
    for attribute, binding in bindings(known(operation).input_type).items():
        if binding.location == "payload":
            return Range(_member(attribute), "", 0, binding.shape.max or MAX_BODY, measured="length")
    return Range("body", "", 0, 0, measured="length")


def _constraint(attribute: str, binding: Binding) -> Constraint | Range:
    shape = binding.shape
    member, header = _member(attribute), binding.name.lower() if binding.location == "header" else ""
    if shape.type == "integer":
        return Range(member, header, shape.min or 0, MAX_NUMBER if shape.max is None else shape.max)
    return Constraint(member, header, shape.pattern or _TEXT, shape.max or MAX_TEXT, shape.min or 0, shape.sensitive)


def _member(attribute: str) -> str:
    """The name of a member in the service's messages."""
    first, *words = attribute.split("_")
    return first + "".join(_ACRONYMS.get(word, word.capitalize()) for word in words)


def check(operation: str, members: Mapping[str, str], body: bytes) -> None:
    """
    Check a request against the constraints of its operation.

    Raises:
        FailureError: At least one member breaks its constraint; the message names all of them.
    """
    limits = constraints_of(operation)
    problems = [
        problem
        for problem in (
            *(limits[member].problem(value) for member, value in members.items() if not limits[member].header),
            body_of(operation).problem(str(len(body))),
            *(limits[member].problem(value) for member, value in members.items() if limits[member].header),
        )
        if problem is not None
    ]
    if problems:
        count = "1 validation error" if len(problems) == 1 else f"{len(problems)} validation errors"
        raise failure("ValidationError", f"{count} detected: {'; '.join(problems)}")
