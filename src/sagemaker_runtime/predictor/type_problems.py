"""
Describes what is wrong with a document without showing anything of it.

Validators put content into the texts of their errors: the wrong value, a key. Only the safe parts are used here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeGuard

from sagemaker_runtime.predictor.exceptions import named
from sagemaker_runtime.predictor.kinds import is_dict, is_sequence, name_of

_SHOWN = 3  # problems of one document
_PLAIN_MSGSPEC = ("Expected `", "JSON is malformed", "Input data was truncated", "Object missing required field `")


def problem_of(error: Exception, type: object) -> str:
    """
    The text for an exception that *type* raised.

    Args:
        error: An exception of pydantic, msgspec, cattrs or anything else.

        type: The type that the document was read into.
    """
    module = name_of(error).partition(".")[0]
    if module.startswith("pydantic") and hasattr(error, "errors"):
        return _of_pydantic(error, type)
    text = str(error)
    if module == "msgspec" and text.startswith(_PLAIN_MSGSPEC):
        return text  # made of the type's own names and limits; other texts quote the content
    if is_group(error):
        return _of_group(error)
    return named(error)


def _of_pydantic(error: Any, type: object) -> str:
    """The kind and place of each problem. A place is shown where it is an index, or a field that the schema names."""
    problems = error.errors(include_url=False, include_input=False)
    fields = set(_fields(_schema(type)))
    texts: list[str] = []
    for problem in problems[:_SHOWN]:
        if problem["type"] == "json_invalid":
            return f"{problem['ctx']['error']}"
        place = "".join(
            f"[{step}]" if isinstance(step, int) else f".{step}" if step in fields else ".*" for step in problem["loc"]
        ).removeprefix(".")
        texts.append(f"{place or 'the document'}: {problem['type']}")
    more = len(problems) - _SHOWN
    return "; ".join(texts) + (f"; and {more} more" if more > 0 else "")


def _schema(type: object) -> object:
    make = getattr(type, "json_schema", None) or getattr(type, "model_json_schema", None)
    with suppress(Exception):  # there are types without a JSON schema; then no field is known
        return None if make is None else make()
    return None


def _fields(schema: object) -> Iterator[str]:
    """The names of all properties in a JSON schema."""
    left = [schema]
    while left:
        item = left.pop()
        if is_dict(item):
            properties = item.get("properties")
            if is_dict(properties):
                yield from map(str, properties)
            left.extend(item.values())
        elif is_sequence(item):
            left.extend(item)


def is_group(error: Exception) -> TypeGuard[ExceptionGroup[Exception]]:
    """Whether it is a group, whatever it contains."""
    return isinstance(error, ExceptionGroup)


def _of_group(error: ExceptionGroup[Exception]) -> str:
    """The path to the first exception of nested groups, from the notes that cattrs leaves."""
    path = ""
    first: Exception = error
    while is_group(first):
        first = first.exceptions[0]
        for note in getattr(first, "__notes__", ()):
            name, index = getattr(note, "name", None), getattr(note, "index", None)
            path += f".{name}" if isinstance(name, str) else f"[{index}]" if isinstance(index, int) else ""
    where = re.sub(r"^\.", "", path) or "the document"
    return f"{where}: {type(first).__name__}"
