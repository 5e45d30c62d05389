"""The forms of the faults: the kinds with their parameters, and the fault that a filled form describes."""

from __future__ import annotations

import inspect
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeGuard, get_args, get_type_hints

from attrs import NOTHING, asdict, fields

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.faults.kinds import DuplexFault, Fault, FrameFault
from sagemaker_runtime.local.front.failures import KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

KINDS: Mapping[str, type[Fault]] = {kind.__name__: kind for kind in get_args(Fault)}
MAX_TIMES = 1_000  # requests in a row
_MAX_NUMBER = 2**31 - 1
_FAILURES = range(400, 600)  # HTTP statuses
# For parameters that have no default, because a test should name them.
_SUGGESTED: Mapping[tuple[str, str], float] = {
    ("Latency", "seconds"): 2.0,
    ("SlowBody", "seconds"): 0.2,
    ("ClockSkew", "seconds"): 3600.0,
}
_WANTED: Mapping[type, str] = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
_CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("ErrorAnswer", "error"): tuple(KNOWN),
    ("StreamError", "error"): ("ModelStreamError", "InternalStreamFailure"),
}


def forms() -> list[dict[str, object]]:
    """Each kind of fault, in order: its name, its description, the calls that it affects, and its parameters."""
    return [
        {
            "kind": name,
            "what": _first_sentence(inspect.getdoc(kind) or ""),
            "meets": "duplex calls"
            if kind in get_args(DuplexFault)
            else "streams"
            if kind in get_args(FrameFault)
            else "all",
            "parameters": _parameters(kind),
        }
        for name, kind in KINDS.items()
    ]


def _parameters(kind: type[Fault]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for name, (of_type, optional) in _types(kind).items():
        default: object = next(each.default for each in fields(kind) if each.name == name)
        key = kind.__name__, name
        found.append(
            {
                "name": name,
                "type": of_type.__name__,
                "optional": optional,
                "default": _SUGGESTED.get(key) if default is NOTHING else default,
                "choices": _CHOICES.get(key, ()),
            }
        )
    return found


def _types(kind: type[Fault]) -> dict[str, tuple[type, bool]]:
    """The type of each parameter, and whether it may be None."""
    hints: dict[str, object] = get_type_hints(kind)
    found: dict[str, tuple[type, bool]] = {}
    for each in fields(kind):
        hint = hints[each.name]
        types = [of_type for of_type in (get_args(hint) or (hint,)) if isinstance(of_type, type)]
        found[each.name] = types[0], type(None) in types
    return found


def _first_sentence(text: str) -> str:
    return " ".join(re.split(r"(?<=\.)\s", text.strip(), maxsplit=1)[0].replace("`", "").split())


def written(fault: Fault) -> str:
    """A fault as it would be written in a test, without its defaults."""
    kind = type(fault)
    values: dict[str, object] = asdict(fault, recurse=False)
    given = [f"{each.name}={values[each.name]!r}" for each in fields(kind) if values[each.name] != each.default]
    return f"{kind.__name__}({', '.join(given)})"


def kind_of(name: object) -> type[Fault]:
    """
    The class of the fault of that name.

    Raises:
        ConfigError: There is none.
    """
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ConfigError(f"there is no fault {name!r:.60}.{_hint(name, KINDS)}")
    return kind


def fault_of(name: object, parameters: object) -> Fault:
    """
    The fault that a form describes.

    Args:
        name: The name of its class.

        parameters: The values that were filled in, by name, as received.

    Raises:
        ConfigError: There is no such fault, or a parameter is unknown, missing or invalid.
    """
    kind = kind_of(name)
    if not is_object(parameters):
        raise ConfigError(f"the parameters of {kind.__name__} are not a JSON object")
    types = _types(kind)
    given: dict[str, object] = {}
    for parameter, value in parameters.items():
        if parameter not in types:
            raise ConfigError(
                f"{kind.__name__} has no parameter {parameter!r:.60}; it takes {', '.join(types) or 'none'}."
                f"{_hint(parameter, types)}"
            )
        of_type, optional = types[parameter]
        given[parameter] = _checked(kind.__name__, parameter, value, of_type, optional=optional)
    missing = [each.name for each in fields(kind) if each.default is NOTHING and each.name not in given]
    if missing:
        raise ConfigError(f"{kind.__name__} needs {', '.join(missing)}")
    _check_answer(given)
    return _maker(kind)(**given)


def is_object(document: object) -> TypeGuard[dict[str, object]]:
    """Whether parsed JSON is an object."""
    return isinstance(document, dict)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER


def _hint(name: object, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1) if isinstance(name, str) else []
    return f" Did you mean {near[0]!r}?" if near else ""


def _maker(kind: type[Fault]) -> Callable[..., Fault]:
    """The class, typed for arguments whose types were checked. It checks their values itself."""
    return kind


def _checked(kind: str, parameter: str, value: object, of_type: type, *, optional: bool) -> object:
    if value is None and optional:
        return None
    if of_type is float and _is_number(value):
        return value
    if of_type is int and isinstance(value, int) and _is_number(value):
        return value
    if of_type in (str, bool) and isinstance(value, of_type):
        return value
    raise ConfigError(f"{kind}({parameter}={value!r:.60}): it takes {_WANTED[of_type]}")


def _check_answer(given: Mapping[str, object]) -> None:
    """Check the values that would go into the head of a response."""
    error, status = given.get("error"), given.get("status")
    if isinstance(error, str) and re.fullmatch(r"[A-Za-z][\w.]{0,99}", error, re.ASCII) is None:
        raise ConfigError(f"{error!r:.60} cannot be the name of an error: write letters and digits")
    if isinstance(status, int) and status not in _FAILURES:
        raise ConfigError(f"status={status}: the status of an error is 400 to 599")


def times_of(value: object) -> int | None:
    """
    How many requests a fault should affect; None for all.

    Raises:
        ConfigError: *value* is not such a number.
    """
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_TIMES:
        return value
    raise ConfigError(f"times={value!r:.60}: it takes 1 to {MAX_TIMES:,}, or null for all calls")
