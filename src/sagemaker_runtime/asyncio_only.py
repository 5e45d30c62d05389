"""The error if no asyncio event loop is running, for example under trio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar, cast

from sagemaker_runtime.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, object]])


def without_asyncio(error: BaseException) -> ConfigError | None:
    """A ConfigError if *error* was raised because no asyncio event loop is running; otherwise None."""
    # asyncio raises RuntimeError; trio raises TypeError when it receives what asyncio yields.
    if isinstance(error, RuntimeError | TypeError):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return ConfigError(
                "sagemaker_runtime needs asyncio, but no asyncio event loop is running: use asyncio.run(), also in a "
                "process that was forked inside a coroutine; with anyio, use the asyncio backend, not trio; in synchronous "
                "code, use SyncClient"
            )
    return None


def asyncio_only(function: F) -> F:
    """Make a coroutine function raise the error of `without_asyncio`. It costs one more coroutine per call."""

    @wraps(function)
    async def converted(*args: object, **kwargs: object) -> object:
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            if (failure := without_asyncio(error)) is None:
                raise
            raise failure from error

    return cast("F", converted)  # mypy and pyright type the coroutine differently
