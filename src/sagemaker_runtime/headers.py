"""HTTP headers: names in any case, and values that can be sent."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from functools import lru_cache
from typing import TypeVar, overload

from sagemaker_runtime.checks import plain
from sagemaker_runtime.errors import InvalidHeaderError
from sagemaker_runtime.redaction import REDACTED, SENSITIVE_HEADERS

D = TypeVar("D")

CONTROLS = bytes([*range(9), *range(10, 32), 127])
"""What no line of a head may hold, but for its end: the control characters without the tab. For `bytes.translate`."""

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")  # RFC 9110, section 5.6.2


@lru_cache(maxsize=1024)
def lower_name(name: str) -> str:
    """The name of a header in lower case; raises InvalidHeaderError for what cannot be one."""
    lower = name.lower()
    if not lower or not name.isascii() or not _TOKEN.issuperset(lower):
        raise InvalidHeaderError(f"{name!r} cannot be the name of an HTTP header; use letters, digits and hyphens")
    return lower


def header_problem(value: str) -> str | None:
    """
    What keeps *value* from being sent as a header, or None.

    Control characters end a header line early (request smuggling), and lone surrogates have no UTF-8 form. Other
    characters beyond ASCII are sent, and signed, as UTF-8.
    """
    if value.isascii() and value.isprintable():  # nearly every value; two C calls
        return None
    for position, character in enumerate(value):
        if (character < " " and character != "\t") or character == "\x7f" or "\ud800" <= character <= "\udfff":
            return f"has the character {character!r} at position {position}, which an HTTP header cannot carry"
    return None


class Headers(MutableMapping[str, str]):
    """
    Header names, in any case, to values.

    The names are kept in lower case, so iteration gives what the signature needs. A value is checked when it is set.

    Raises:
        InvalidHeaderError: The name or the value cannot be sent.
    """

    __slots__ = ("raw",)

    raw: dict[str, str]
    """
    The values by their lower-case names: the quick way in for code on the path of every call.

    Nothing is checked here. Who writes to it writes lower-case names, and values that it has made itself.
    """

    def __init__(self, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self.raw = {}
        if headers:
            self.update(headers)

    def __setitem__(self, name: str, value: str) -> None:
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers are not always checked
            raise InvalidHeaderError(f"the value of header {name!r} is of type {type(value).__name__}; it takes str")
        if type(value) is not str:  # an enum's member, say, whose own text is another than its value
            value = plain(value)
        if not (value.isascii() and value.isprintable()):
            problem = header_problem(value)
            if problem is not None:
                raise InvalidHeaderError(f"the value of header {name!r} {problem}")
        self.raw[lower_name(name)] = value

    def __getitem__(self, name: str) -> str:
        return self.raw[name.lower()]

    def __delitem__(self, name: str) -> None:
        del self.raw[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self.raw

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str, /) -> str: ...
    @overload
    def get(self, name: str, default: D, /) -> str | D: ...
    def get(self, name: str, default: object = None, /) -> object:
        """The value of *name*, or *default*."""
        return self.raw.get(name.lower(), default)

    # The views of the dict itself: the mapping's own would look each value up again, in Python.

    def keys(self) -> KeysView[str]:
        """The names, in lower case."""
        return self.raw.keys()

    def items(self) -> ItemsView[str, str]:
        """The names, in lower case, with their values."""
        return self.raw.items()

    def values(self) -> ValuesView[str]:
        """The values."""
        return self.raw.values()

    def add(self, name: str, value: str) -> None:
        """Set *name*, or append to the value it has, after a comma (RFC 9110, section 5.3)."""
        before = self.get(name)
        self[name] = value if before is None else f"{before},{value}"

    def copy(self) -> Headers:
        """A second Headers with the same values."""
        copy = Headers.__new__(Headers)
        copy.raw = self.raw.copy()
        return copy

    @classmethod
    def of_raw(cls, raw: dict[str, str]) -> Headers:
        """Headers that have *raw* itself; see there what it must be."""
        headers = cls.__new__(cls)
        headers.raw = raw
        return headers

    @classmethod
    def received(cls, pairs: Collection[tuple[str, str]]) -> Headers:
        """What a peer sent: unchecked, and a name that comes twice has its values joined by a comma."""
        raw = {name.lower(): value for name, value in pairs}
        if len(raw) < len(pairs):
            raw.clear()
            for name, value in pairs:
                lower = name.lower()
                raw[lower] = value if lower not in raw else f"{raw[lower]}, {value}"
        return cls.of_raw(raw)

    def __repr__(self) -> str:
        shown = {name: REDACTED if name in SENSITIVE_HEADERS else value for name, value in self.items()}
        return f"Headers({shown!r})"
