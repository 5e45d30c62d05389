"""JSON documents: read into values of a type, and written from any value."""

from __future__ import annotations

import codecs
import json
from builtins import type as type_of
from collections.abc import Callable
from contextlib import suppress
from dataclasses import is_dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, get_origin, is_typeddict, runtime_checkable

import attrs

from sagemaker_runtime import ConfigError
from sagemaker_runtime.predictor.exceptions import Caught, EncodeError, UnreadableError, named
from sagemaker_runtime.predictor.kinds import is_dict, is_kind, is_sequence, name_of
from sagemaker_runtime.predictor.type_problems import problem_of

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

ObjectHook: TypeAlias = Callable[[dict[str, object]], object]
DefaultHook: TypeAlias = Callable[[object], object]


@runtime_checkable
class DocumentValidator(Protocol[T_co]):
    """An object that reads JSON and Python values into a type, such as a `pydantic.TypeAdapter`."""

    def validate_json(self, data: bytes, /) -> T_co: ...

    def validate_python(self, object: object, /) -> T_co: ...


@runtime_checkable
class DocumentModel(Protocol[T_co]):
    """A class that reads JSON and Python values into its instances, such as a subclass of `pydantic.BaseModel`."""

    def model_validate_json(self, json_data: bytes, /) -> T_co: ...

    def model_validate(self, obj: object, /) -> T_co: ...


@runtime_checkable
class DocumentDecoder(Protocol[T_co]):
    """An object that reads JSON into a type, such as a `msgspec.json.Decoder`."""

    def decode(self, buf: bytes, /) -> T_co: ...


DocumentType: TypeAlias = DocumentValidator[T] | DocumentModel[T] | DocumentDecoder[T] | Callable[[object], T]
"""Turns a JSON document into a value. A callable gets what `json.loads` returns."""


class DocumentReader(Generic[T]):
    """
    Reads a JSON document into a type.

    Args:
        type: The type. None for what `json.loads` returns.

        object_hook: Converts each object in the document, like the argument of `json.loads`. None for no conversion.

    Raises:
        ConfigError: The type cannot read JSON.
    """

    def __init__(self, type: DocumentType[T] | None, object_hook: ObjectHook | None = None) -> None:
        self._type = type
        self._object_hook = object_hook
        self._convert = self._reader_of(type)

    def read(self, body: bytes) -> T:
        """
        Read a document in UTF-8; a byte order mark is skipped.

        Raises:
            UnreadableError: It is not JSON, or not of the type. The error has no cause or context that holds the content.
        """
        with Caught() as caught:  # any exception of the caller's type, whose text may contain the content
            return self._convert(body.removeprefix(codecs.BOM_UTF8))
        raise UnreadableError(self._problem(caught.error))

    def _problem(self, error: Exception) -> str:
        match error:
            case UnreadableError():
                return str(error)
            case UnicodeDecodeError():
                return f"{error.reason} at byte {error.start}; JSON must be UTF-8"
            case json.JSONDecodeError():
                return f"{error.msg} at line {error.lineno} column {error.colno}"
            case RecursionError():
                return "it is nested too deeply"
            case _:
                return problem_of(error, self._type)

    def read_line(self, line: bytes, number: int) -> T:
        """
        Read the document on a line of JSON Lines, without its line feed.

        Raises:
            UnreadableError: As by `read`; the text names the line.
        """
        try:
            return self.read(line)
        except UnreadableError as found:
            problem = str(found).replace(" at line 1 column ", " at column ")
        raise UnreadableError(f"line {number}: {problem}")

    def _reader_of(self, type: DocumentType[T] | None) -> Callable[[bytes], T]:
        if type is None:
            return self._plain
        hooked = self._object_hook is not None
        if isinstance(type, DocumentValidator):
            return self._converter(type.validate_python) if hooked else type.validate_json
        if isinstance(type, DocumentModel):
            return self._converter(type.model_validate) if hooked else type.model_validate_json
        if callable(type):
            return self._converter(_checked(type))
        if hasattr(type, "decode"):
            if hooked:
                raise ConfigError(
                    f"{type_of(type).__name__} reads the bytes itself, so it cannot be used with object_hook"
                )
            return type.decode
        raise ConfigError(
            f"type is of type {type_of(type).__name__}; it takes a pydantic TypeAdapter or model, a msgspec.json.Decoder, "
            "or a callable that gets what json.loads returns"
        )

    def _converter(self, convert: Callable[[object], T]) -> Callable[[bytes], T]:
        return partial(self._converted, convert)  # not a closure, which could not be pickled

    def _converted(self, convert: Callable[[object], T], body: bytes) -> T:
        return convert(self._document(body))

    def _plain(self, body: bytes) -> T:
        value: T = self._document(body)
        return value

    def _document(self, body: bytes) -> Any:
        text = body.decode()
        try:
            return json.loads(text, object_hook=self._object_hook)
        except json.JSONDecodeError:
            raise
        except ValueError as error:  # a number with thousands of digits; or from the caller's hook, with any text
            problem = "a number has too many digits" if self._object_hook is None else named(error)
        raise UnreadableError(problem)


def _checked(type: Callable[[object], T]) -> Callable[[object], T]:
    """Refuse types that would check nothing: calling one takes the whole document as its first field, or as it is."""
    name = _record_name(type)
    if name is not None:
        raise ConfigError(
            f"type={name} does not read a document into its fields; pass something that does: "
            f"a TypeAdapter({name}), a msgspec.json.Decoder({name}), or a function"
        )
    return type


def _record_name(type: Any) -> str | None:
    """The name of a type that has fields, or is only a hint for type checkers; None for any other."""
    if get_origin(type) is not None:
        return str(type)
    if not is_kind(type, type_of):
        return None
    name: str = type.__name__
    marks = [is_dataclass(type), attrs.has(type), hasattr(type, "__struct_fields__"), is_typeddict(type)]
    return name if any(marks) or (type is not tuple and issubclass(type, tuple)) else None


def is_blank(line: bytes) -> bool:
    """Whether a line of JSON Lines holds no document."""
    return not line.removeprefix(codecs.BOM_UTF8).strip(b" \t\r")


class DocumentWriter:
    """
    Writes JSON documents: UTF-8, no spaces, ``NaN`` and ``Infinity`` as Python writes them.

    Args:
        default: Converts what `json.dumps` cannot write, like its argument. None for no conversion.
    """

    def __init__(self, default: DefaultHook | None) -> None:
        self._default = default

    def write(self, value: object, place: str = "") -> bytes:
        """
        A value as a JSON document.

        Args:
            value: The value.

            place: Where in the caller's value it is, for the error.

        Raises:
            EncodeError: The value, or something in it, cannot be written.
        """
        with suppress(Exception):  # any exception: it may hold or quote the value, and does not say where
            return self._dumps(value).encode()
        found, problem = self._first_problem(value)
        raise EncodeError(f"the value cannot be written as JSON: {place + found or 'it'} {problem}")

    def _dumps(self, value: object) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=self._default)

    def _first_problem(self, value: object) -> tuple[str, str]:
        """The place of the first thing that cannot be written, and why not. `json.dumps` does not say where."""
        left: list[tuple[object, str, tuple[int, ...]]] = [(value, "", ())]
        while left:
            item, place, above = left.pop()
            if id(item) in above:
                return place, "contains itself"
            if len(above) > _DEEP:
                break
            inside = (*above, id(item))
            if is_dict(item):
                for key in item:
                    if not isinstance(key, str | int | float | None):
                        return (
                            place,
                            f"has a key of type {name_of(key)}; a key is text, a number, a bool or None",
                        )
                    if (problem := self._scalar_problem(key)) is not None:
                        return place, f"has a key that {problem}"
                children = [(child, f"{place}[{_shown(key)}]", inside) for key, child in item.items()]
                left.extend(reversed(children))
            elif is_sequence(item):
                children = [(child, f"{place}[{index}]", inside) for index, child in enumerate(item)]
                left.extend(reversed(children))
            elif isinstance(item, str | int | float | None):
                if (problem := self._scalar_problem(item)) is not None:
                    return place, problem
            elif self._default is None:
                return place, f"is of type {name_of(item)}; convert it, or give the codec a default= that does"
            else:
                with Caught() as caught:
                    left.append((self._default(item), place, inside))
                    continue
                return place, f"is of type {name_of(item)}, and default= raised {named(caught.error)}"
        return "", "is nested too deeply"

    def _scalar_problem(self, value: str | float | None) -> str | None:
        try:
            (value if isinstance(value, str) else json.dumps(value)).encode()
        except UnicodeEncodeError as error:
            return f"has half of a surrogate pair at character {error.start}, which is not Unicode text"
        except ValueError:
            return "is a number with too many digits"
        return None


_DEEP = 1_000  # levels; as deep as Python's own recursion


def _shown(key: object) -> str:
    """A key, of at most 40 characters."""
    text = json.dumps(key)
    return text if len(text) <= _KEY_SHOWN else text[: _KEY_SHOWN - 3] + "..."


_KEY_SHOWN = 40  # characters
