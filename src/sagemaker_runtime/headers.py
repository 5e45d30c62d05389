"""HTTP headers: case-insensitive names, and values that can be sent."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import TypeVar, overload

from sagemaker_runtime.checks import plain
from sagemaker_runtime.errors import InvalidHeaderError
from sagemaker_runtime.redaction import REDACTED, SENSITIVE_HEADERS

D = TypeVar("D")

CONTROLS = bytes([*range(9), *range(10, 32), 127])
"""Bytes that no header line may contain: the control characters except the tab. For `bytes.translate`."""

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")  # RFC 9110, section 5.6.2
_NAMES_KEPT = 1_024


def lower_name(name: str) -> str:
    """The name of a header in lower case; raises InvalidHeaderError if HTTP does not allow it."""
    lower = name.lower()
    if not lower or not name.isascii() or not _TOKEN.issuperset(lower):
        raise InvalidHeaderError(f"{name!r} cannot be the name of an HTTP header; use letters, digits and hyphens")
    return lower


class LowerNames(dict[str, str]):
    """What `lower_name` returns for each name, kept: a subscription takes half the time of a call of an lru_cache."""

    __slots__ = ()

    def __missing__(self, name: str) -> str:
        lower = lower_name(name)
        if len(self) >= _NAMES_KEPT:
            self.clear()
        self[name] = lower
        return lower


LOWER_NAMES = LowerNames()
"""The names of headers in lower case, by any spelling, of type ``str`` itself; raises errors as `lower_name` does."""


def header_problem(value: str) -> str | None:
    """
    Why *value* cannot be sent as a header, as the end of a sentence; None if it can.

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
    A mapping from header names, which are case-insensitive, to values.

    Names are stored in lower case, as the signature needs them. A name and its value are checked when they are set.

    Raises:
        InvalidHeaderError: A name or a value cannot be sent.
    """

    __slots__ = ("raw",)

    raw: dict[str, str]
    """
    The underlying dict from lower-case names to values, for code that runs in every call.

    It checks nothing: write only lower-case names, and only values that are known to be valid.
    """

    def __init__(self, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self.raw = {}
        if headers:
            self.update(headers)

    def __setitem__(self, name: str, value: str) -> None:
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers are not always checked
            raise InvalidHeaderError(f"the value of header {name!r} is of type {type(value).__name__}; it takes str")
        if type(value) is not str:  # for example a member of a StrEnum, which formats as its name
            value = plain(value)
        if not (value.isascii() and value.isprintable()):
            problem = header_problem(value)
            if problem is not None:
                raise InvalidHeaderError(f"the value of header {name!r} {problem}")
        # A subclass of str may be equal to a name that is kept, and have another text.
        self.raw[LOWER_NAMES[name if type(name) is str else plain(name)]] = value

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

    # The dict's own views: those of MutableMapping would look up each value again, in Python.

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
        """Set *name*, or append *value* to its present value, after a comma (RFC 9110, section 5.3)."""
        before = self.get(name)
        self[name] = value if before is None else f"{before},{value}"

    def copy(self) -> Headers:
        """An independent copy."""
        copy = Headers.__new__(Headers)
        copy.raw = self.raw.copy()
        return copy

    @classmethod
    def of_raw(cls, raw: dict[str, str]) -> Headers:
        """Headers over *raw* itself, unchecked and not copied: lower-case names, and values that can be sent."""
        headers = cls.__new__(cls)
        headers.raw = raw
        return headers

    @classmethod
    def received(cls, pairs: Collection[tuple[str, str]]) -> Headers:
        """Headers that a peer sent: unchecked; the values of a repeated name are joined by a comma."""
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
