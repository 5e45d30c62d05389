"""`Kind`: the type of a column, inferred from its values."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from attrs import define, field

from sagemaker_runtime.bulk.json_texts import is_list, is_object, json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_DEEP = 32  # levels of lists and objects; anything deeper becomes JSON
_WIDE = 1_000  # keys of an object; if there are more, they are data rather than columns
_NAMES: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "text", list: "list", dict: "struct"}


@define
class Kind:
    """The type of the values seen so far."""

    name: str = "null"
    """``null``, ``bool``, ``int``, ``float``, ``text``, ``list``, ``struct``, or ``json`` for values that fit no other."""

    is_promoted: bool = False
    """Whether it is a float although some values were integers."""

    item: Kind | None = None
    """The type of a list's elements."""

    fields: dict[str, Kind] = field(factory=dict[str, "Kind"])
    """The types of a struct's fields."""

    def see(self, values: Iterable[object], depth: int = 0) -> None:
        """Take more values into account, of a column or nested in one."""
        present = [value for value in values if value is not None]
        for kind in {*map(type, present)}:
            self._become(_NAMES[kind])
        if self.name == "int" and present:
            bounds: list[int] = [each(value for value in present if isinstance(value, int)) for each in (min, max)]
            if bounds[0] < -(2**63) or bounds[1] >= 2**63:
                self.name = "json"
        elif self.name == "list":
            self._see_lists([value for value in present if is_list(value)], depth)
        elif self.name == "struct":
            self._see_structs([value for value in present if is_object(value)], depth)

    def settle(self) -> None:
        """Call this when all values have been seen: a struct without fields, which Parquet cannot store, becomes JSON."""
        if self.item is not None:
            self.item.settle()
        for kind in self.fields.values():
            kind.settle()
        if self.name == "struct" and not self.fields:
            self.name = "json"

    def converter(self) -> Callable[[object], object] | None:
        """The function that converts a value to this type; None if all values fit as they are."""
        if self.name == "json":
            return _json
        if self.name == "float" and self.is_promoted:
            return _float
        if self.name == "list" and self.item is not None and (convert := self.item.converter()) is not None:
            return lambda value: [convert(each) for each in value] if is_list(value) else None
        if self.name == "struct":
            converters = {key: kind.converter() or _same for key, kind in self.fields.items()}
            if any(convert is not _same for convert in converters.values()):
                return lambda value: (
                    {key: convert(value.get(key)) for key, convert in converters.items()} if is_object(value) else None
                )
        return None

    def _become(self, name: str) -> None:
        if self.name in ("null", name):
            self.name = name
        elif {self.name, name} == {"int", "float"}:
            self.name, self.is_promoted = "float", True
        else:
            self.name = "json"

    def _see_lists(self, values: list[list[object]], depth: int) -> None:
        if depth >= _DEEP:
            self.name = "json"
            return
        self.item = self.item or Kind()
        self.item.see(chain.from_iterable(values), depth + 1)

    def _see_structs(self, values: list[dict[str, object]], depth: int) -> None:
        keys = dict.fromkeys(chain.from_iterable(values))
        new = keys.keys() - self.fields.keys()
        if depth >= _DEEP or len(self.fields) + len(new) > _WIDE or not all(map(_is_text, new)):
            self.name = "json"
            return
        for key in keys:
            self.fields.setdefault(key, Kind()).see([value.get(key) for value in values], depth + 1)


def scrubbed(value: object) -> object:
    """A value whose strings can be encoded: half of a surrogate pair becomes its JSON escape."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if is_list(value):
        return [scrubbed(each) for each in value]
    if is_object(value):
        return {key: scrubbed(each) for key, each in value.items()}
    return value


def _is_text(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json(value: object) -> str | None:
    return None if value is None else json_text(value).decode()


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _same(value: object) -> object:
    return value
