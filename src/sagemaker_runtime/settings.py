"""`Setting`: where the environment and the shared files have the value of an option, and how its text is parsed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from sagemaker_runtime.endpoints import Endpoint
from sagemaker_runtime.errors import ConfigError

T = TypeVar("T")


class Setting(NamedTuple, Generic[T]):
    """One value: how its text is parsed, and its sources. The argument comes first, then the environment, then the files."""

    read: Callable[[str], T]
    """Parses the text; raises ConfigError if it is invalid."""

    variables: tuple[str, ...] = ()
    """Environment variables, in order of precedence."""

    key: str | None = None
    """The key in the shared files; None if it has none."""

    argument: str = ""
    """The argument of `load_config`; empty if it has none."""

    kind: type = str
    """The argument's type."""


def one_of(values: Mapping[str, T]) -> Callable[[str], T]:
    """A parser of the words in *values*, ignoring case."""

    def read(text: str) -> T:
        if text.lower() not in values:
            raise ConfigError(f"{text!r} is not one of {', '.join(values)}")
        return values[text.lower()]

    return read


switch = one_of({"true": True, "false": False})


def count(text: str) -> int:
    """A whole number, 1 or more."""
    if re.fullmatch(r"0*[1-9][0-9]{0,8}", text) is None:
        raise ConfigError(f"{text!r} is not a whole number above 0")
    return int(text)


def url(text: str) -> str:
    """A URL that a request can be sent to."""
    return Endpoint(text).url


def certificates(text: str) -> str:
    """A file or a directory of certificates."""
    if not os.path.exists(text):  # noqa: PTH110
        raise ConfigError(f"{text!r} is neither a file nor a directory")
    return text
