"""
Validation of an operation's input against the model: every constraint, with all problems in one error.

Nearly all inputs are valid, and a valid input is recognised quickly: from the cache, else by one match for each member
that is set. Only an input that is not recognised is checked in detail, to describe its problems, or to find it valid
after all.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from sagemaker_runtime.bodies import instead_of, is_bytes_like
from sagemaker_runtime.errors import InvalidParamsError
from sagemaker_runtime.headers import header_problem
from sagemaker_runtime.operations.base import bindings, required
from sagemaker_runtime.operations.patterns import from_java
from sagemaker_runtime.stable_members import KnownInputs, stable_members, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sagemaker_runtime.operations.base import Binding, OperationInput, Shape

_VALUE_SHOWN = 64  # characters of an invalid value that the message shows

_PYTHON_TYPES: dict[str, type[str | int]] = {"string": str, "integer": int}


class Validator:
    """
    The constraints of one input class.

    Args:
        input_type: The class; the bindings of its members have the shapes.

        exactly_one_of: Members of which exactly one must be given; empty if there is no such rule.
    """

    def __init__(self, input_type: type[OperationInput], exactly_one_of: tuple[str, ...] = ()) -> None:
        self._input_type = input_type
        self._exactly_one_of = exactly_one_of
        self._members = bindings(input_type)
        self._required = required(input_type)
        self._stable = values_of(stable := stable_members(input_type))
        self._stable_rules = [self._rule(name) for name in stable]
        self._valid = KnownInputs[bool]()
        self._other_rules = [
            (name, _recogniser(binding.shape), name not in self._required)
            for name, binding in self._members.items()
            if name not in stable
        ]

    def validate(self, parameters: OperationInput) -> None:
        """
        Check every constraint of the model.

        Raises:
            InvalidParamsError: Lists all problems; it does not show members that the model marks as sensitive.
        """
        stable = self._stable(parameters)
        try:
            if (stable in self._valid or self._learn(stable)) and self._others_are_valid(parameters):
                return
        except TypeError:  # a value that is not a string, or not hashable
            pass
        problems = tuple(self._problems(parameters))
        if problems:
            count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
            raise InvalidParamsError(f"{count} with {self._input_type.__name__}:", problems)

    def _learn(self, stable: tuple[object, ...]) -> bool:
        """Check the stable members, and cache them if they are valid."""
        for value, rule in zip(stable, self._stable_rules, strict=True):
            if not rule(value):
                return False
        self._valid.keep(stable, result=True)
        return True

    def _others_are_valid(self, parameters: OperationInput) -> bool:
        for name, recognises, optional in self._other_rules:
            value = getattr(parameters, name)
            if not (value is None and optional) and not recognises(value):
                return False
        return not self._exactly_one_of or len(self._given(parameters)) == 1

    def _rule(self, name: str) -> Callable[[Any], bool]:
        recognises = _recogniser(self._members[name].shape)
        if name in self._required:
            return recognises
        return lambda value: value is None or recognises(value)

    def _given(self, parameters: OperationInput) -> list[str]:
        return [name for name in self._exactly_one_of if getattr(parameters, name) is not None]

    def _problems(self, parameters: OperationInput) -> list[str]:
        problems: list[str] = []
        for name, binding in self._members.items():
            value = getattr(parameters, name)
            if value is not None:
                problems.extend(f"{name} {problem}" for problem in _problems(value, binding))
            elif name in self._required:
                problems.append(f"{name} is required, but is None")
        if self._exactly_one_of and len(given := self._given(parameters)) != 1:
            names = " and ".join(self._exactly_one_of)
            problems.append(f"{names}: exactly one of them must be given, but {'both are' if given else 'neither is'}")
        return problems


def _recogniser(shape: Shape) -> Callable[[Any], bool]:
    """A function that returns False for a value that may be invalid; for one of the wrong type it may raise TypeError."""
    low, high = shape.min or 0, shape.max
    if shape.type == "blob":  # its `Shape.max` is not enforced
        return lambda value: type(value) is bytes
    if shape.type == "integer":
        return lambda value: type(value) is int and low <= value and (high is None or value <= high)
    # One expression for the length, for printable ASCII (which is safe in a header), and for the model's pattern.
    length = f"{{{low},{'' if high is None else high}}}"
    # Compiled at the first value: most members are never given, and a client is created much faster.
    match = cache(lambda: re.compile(rf"(?=[\t\x20-\x7e]{length}\Z)(?:{_rest(shape)})", re.ASCII).fullmatch)
    return lambda value: match()(value) is not None


def _rest(shape: Shape) -> str:
    """The model's pattern; one that allows all of ASCII is narrowed to what is safe in a header."""
    pattern = "" if shape.pattern is None else from_java(shape.pattern)
    return r"[\t\x20-\x7e]*" if pattern in ("", r"[\x00-\x7f]*") else pattern


def _problems(value: object, binding: Binding) -> list[str]:
    """The problems with a value, each as the end of a sentence that starts with the member's name."""
    shape = binding.shape
    if shape.type == "blob":
        return [] if is_bytes_like(value) else [f"is of type {type(value).__name__}; it takes bytes{instead_of(value)}"]
    python_type = _PYTHON_TYPES[shape.type]
    if not isinstance(value, python_type) or isinstance(value, bool):
        return [f"is of type {type(value).__name__}; it takes {python_type.__name__}"]
    low, high = shape.min or 0, shape.max
    if isinstance(value, int):
        return [] if low <= value <= (high or value) else [f"is {value:,}; it takes {low:,} to {high:,}"]
    from sagemaker_runtime.names import is_name, name_in, name_problem  # for unusual values only

    if is_name(shape) and (instead := name_in(value)):
        return [instead]
    size = len(value)
    if size < low or (high is not None and size > high):
        limit = f"at least {low:,}" if size < low else f"at most {high:,}"
        return [f"has {size:,} characters; it takes {limit}"]
    problems: list[str] = []
    if binding.location == "header" and (unsafe := header_problem(value)) is not None:
        problems.append(unsafe if not shape.sensitive else "has a character that an HTTP header cannot carry")
    if shape.pattern is not None and re.fullmatch(from_java(shape.pattern), value, re.ASCII) is None:
        shown = "" if shape.sensitive else f": {_shorten(value)}"
        advice = name_problem(value) if is_name(shape) else ""
        problems.append(f"does not match the pattern {shape.pattern}{shown}{advice}")
    return problems


def _shorten(value: str) -> str:
    return repr(value if len(value) <= _VALUE_SHOWN else value[:_VALUE_SHOWN] + "…")


def as_input(input_type: type[OperationInput], given: Iterable[object] = ()) -> str:
    """
    The code that creates an input: ``"InvokeEndpointInput(endpoint_name=..., body=...)"``.

    Args:
        input_type: The class.

        given: Member names that a caller used, perhaps in boto3's spelling (``EndpointName``).
    """
    members = bindings(input_type)
    named = {re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower(): None for name in given if isinstance(name, str)}
    names = [name for name in members if name in named or name in required(input_type)]
    return f"{input_type.__name__}({', '.join(f'{name}=...' for name in names)})"
