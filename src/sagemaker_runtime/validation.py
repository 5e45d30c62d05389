"""
Validation of an operation's input against the model: every constraint, and all problems at once.

A valid input, which nearly all are, is recognised by one match for each member that is set. Only what that does not
recognise is looked at more closely, to be told what is wrong with it, or to be found valid after all.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sagemaker_runtime.errors import InvalidParamsError
from sagemaker_runtime.headers import header_problem
from sagemaker_runtime.operations.base import bindings, from_java, required

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.operations.base import Binding, OperationInput, Shape

_VALUES_KNOWN = 256  # valid values of one member that are kept
_VALUE_SHOWN = 64  # characters of a refused value that its message repeats

_HINTS: dict[type, str] = {
    str: "; encode it first, as in text.encode()",
    bytearray: "; pass bytes(...), because it must not change while it is sent",
    memoryview: "; pass bytes(...), because it must not change while it is sent",
}


class Validator:
    """The constraints of one input class."""

    def __init__(self, input_type: type[OperationInput]) -> None:
        self._input_type = input_type
        self._members = bindings(input_type)
        self._required = required(input_type)
        self._values = values_of(list(self._members))
        self._recognisers = [_recogniser(binding.shape) for binding in self._members.values()]
        self._required_values = values_of(sorted(self._required))

    def validate(self, parameters: OperationInput) -> None:
        """
        Check every constraint of the model.

        Raises:
            InvalidParamsError: With all problems at once; no value the model calls sensitive is repeated.
        """
        try:
            for value, recognised in zip(self._values(parameters), self._recognisers, strict=True):
                if value is not None and recognised(value) is None:
                    break
            else:
                if None not in self._required_values(parameters):
                    return
        except TypeError:  # a pattern was given what is no string
            pass
        problems = tuple(self._problems(parameters))
        if problems:
            count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
            raise InvalidParamsError(f"{count} with {self._input_type.__name__}:", problems)

    def _problems(self, parameters: OperationInput) -> list[str]:
        problems: list[str] = []
        for name, binding in self._members.items():
            value = getattr(parameters, name)
            if value is not None:
                problems.extend(f"{name} {problem}" for problem in _problems(value, binding))
            elif name in self._required:
                problems.append(f"{name} is required, and is None")
        return problems


def values_of(names: list[str]) -> Callable[[object], tuple[Any, ...]]:
    """From an object to the values of its attributes; attrgetter itself gives no tuple for one name, and takes not none."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda members: tuple(getattr(members, name) for name in names)


class _Known(dict[str, object]):
    """
    Values found valid before: most members have the same value in call after call, and are then found by their hash.

    A value that is not known goes to *match*, which gives None for one that may be invalid.
    """

    def __init__(self, match: Callable[[str], object]) -> None:
        super().__init__()
        self._match = match

    def __missing__(self, value: str) -> object:
        valid = self._match(value)
        if valid is not None:
            if len(self) >= _VALUES_KNOWN:
                self.clear()
            self[value] = True
        return valid


def _recogniser(shape: Shape) -> Callable[[Any], object]:
    """A function that gives None for a value that may be invalid; it may raise TypeError for one of another type."""
    low, high = shape.min or 0, shape.max
    if shape.type == "blob":
        return lambda value: True if type(value) is bytes and (high is None or len(value) <= high) else None
    # In one go: the length, printable ASCII (which is safe in a header), and the model's pattern.
    pattern = "" if shape.pattern is None else from_java(shape.pattern).pattern
    rest = r"[\t\x20-\x7e]*" if pattern in ("", r"[\x00-\x7f]*") else pattern
    length = f"{{{low},{'' if high is None else high}}}"
    match = re.compile(rf"(?=[\t\x20-\x7e]{length}\Z)(?:{rest})", re.ASCII).fullmatch
    return match if shape.sensitive else _Known(match).__getitem__


def _problems(value: object, binding: Binding) -> list[str]:
    """What is wrong with a value, each as the end of a sentence that starts with the member."""
    shape = binding.shape
    python_type: type[bytes | str] = bytes if shape.type == "blob" else str
    if not isinstance(value, python_type):
        hint = _HINTS.get(type(value), "") if python_type is bytes else ""
        return [f"is of type {type(value).__name__}, and takes {python_type.__name__}{hint}"]
    low, high, size = shape.min or 0, shape.max, len(value)
    if size < low or (high is not None and size > high):
        unit = "characters" if isinstance(value, str) else "bytes"
        limit = f"at least {low:,}" if size < low else f"at most {high:,}"
        return [f"has {size:,} {unit}, and takes {limit}"]
    if isinstance(value, bytes):
        return []
    problems: list[str] = []
    if binding.location == "header" and (unsafe := header_problem(value)) is not None:
        problems.append(unsafe if not shape.sensitive else "has a character that an HTTP header cannot carry")
    if shape.pattern is not None and from_java(shape.pattern).fullmatch(value) is None:
        shown = "" if shape.sensitive else f": {_shorten(value)}"
        problems.append(f"does not match the pattern {shape.pattern}{shown}")
    return problems


def _shorten(value: str) -> str:
    return repr(value if len(value) <= _VALUE_SHOWN else value[:_VALUE_SHOWN] + "…")
