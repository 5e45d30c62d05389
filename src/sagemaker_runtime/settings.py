"""`Setting`: where the environment and the shared files hold the value of an option, and how its text is read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from sagemaker_runtime.endpoints import Endpoint
from sagemaker_runtime.errors import ConfigError

T = TypeVar("T")


class Setting(NamedTuple, Generic[T]):
    """One value: how its text is read, and the places where it may stand, the argument before the environment."""

    read: Callable[[str], T]
    """Raises ConfigError for a text that it does not take."""

    variables: tuple[str, ...] = ()
    """Environment variables, the first one first."""

    key: str | None = None
    """The key in the shared files; None for none."""

    argument: str = ""
    """The argument of `load_config`; empty for none."""

    kind: type = str
    """The argument's type."""


def one_of(values: Mapping[str, T]) -> Callable[[str], T]:
    """What a word stands for; upper and lower case are the same."""

    def read(text: str) -> T:
        if text.lower() not in values:
            raise ConfigError(f"{text!r} is not one of {', '.join(values)}")
        return values[text.lower()]

    return read


switch = one_of({"true": True, "false": False})


def count(text: str) -> int:
    """A whole number from 1 on."""
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
