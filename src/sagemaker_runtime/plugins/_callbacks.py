"""Callbacks of the user, which a plugin calls when something changes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, ParamSpec

from sagemaker_runtime import ConfigError
from sagemaker_runtime.context import LOGGER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime import Context

P = ParamSpec("P")


def check_callback(plugin: str, callback: object) -> None:
    """Raise ConfigError if *callback* is async: nobody would await it."""
    if inspect.iscoroutinefunction(callback):
        raise ConfigError(f"{plugin}: on_change is async, and would never run; make it a plain function")


def call_back(
    plugin: str, ctx: Context, callback: Callable[P, object] | None, *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call *callback*, unless it is None. An exception is logged, and does not affect the call."""
    if callback is not None:
        try:
            callback(*args, **kwargs)
        except Exception:  # noqa: BLE001 - a user's error, which must not fail the call
            ctx[LOGGER].exception("%s: on_change failed; the call continues", plugin)
