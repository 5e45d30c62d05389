"""What is raised where no asyncio event loop is running, such as under trio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar, cast

from sagemaker_runtime.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, object]])


def without_asyncio(error: BaseException) -> ConfigError | None:
    """Our exception for one that came because no asyncio event loop is running; None for any other."""
    # asyncio raises the first; trio raises the second when it gets what asyncio yields.
    if isinstance(error, RuntimeError | TypeError):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return ConfigError(
                "sagemaker_runtime needs asyncio, but no asyncio event loop is running: run it with asyncio.run(), also in a "
                "process that was forked within a coroutine; with anyio, use the asyncio backend, not trio; without async, "
                "use SyncClient"
            )
    return None


def asyncio_only(function: F) -> F:
    """Let a coroutine function raise `without_asyncio`. Not for a hot one: it costs another coroutine."""

    @wraps(function)
    async def converted(*args: object, **kwargs: object) -> object:
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            if (failure := without_asyncio(error)) is None:
                raise
            raise failure from error

    return cast("F", converted)  # the checkers have different types for a coroutine
