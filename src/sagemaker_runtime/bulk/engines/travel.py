"""Checks which arguments can be sent to other processes, and names those that cannot."""

from __future__ import annotations

import pickle
from io import BytesIO
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from sagemaker_runtime import Client, ConfigError, Credentials, SyncClient

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAIN = "__main__"


class _RefusedError(Exception):
    """The description of an object that cannot be sent."""


class _Packer(pickle.Pickler):
    def reducer_override(self, obj: object, /) -> Any:
        problem = _problem(obj)
        if problem is not None:
            raise _RefusedError(problem)
        return NotImplemented


def _problem(value: object) -> str | None:
    if isinstance(value, Client | SyncClient):
        return f"a {type(value).__name__}, whose connections and credentials belong to this process"
    if isinstance(value, Credentials) or callable(getattr(value, "retrieve", None)):
        return "credentials; each worker finds its own"
    if isinstance(value, FunctionType | MethodType | type):
        name = f"{value.__module__}.{value.__qualname__}"
        if "<" in name:  # <locals>, <lambda>
            return f"{name}, a function or class within a function"
        if value.__module__ == _MAIN:
            return f"{name}, which workers cannot import from the main program; move it to a module that they have"
    return None


def check_travels(values: Mapping[str, object]) -> None:
    """
    Refuse arguments that cannot be sent to the workers of an engine, or must not be.

    Args:
        values: The arguments by name.

    Raises:
        ConfigError: One of them is, or holds, a client, credentials, a closure, a class of the main program, or anything else
            that cannot be pickled.
    """
    for name, value in values.items():
        try:
            _Packer(BytesIO(), pickle.HIGHEST_PROTOCOL).dump(value)
        except _RefusedError as error:
            problem = str(error)
        except (pickle.PickleError, AttributeError, RecursionError, TypeError, ValueError) as error:
            problem = type(error).__name__
        else:
            continue
        raise ConfigError(f"{name} cannot be sent to the workers of an engine: it has {problem}")
