"""What is raised where no event loop of asyncio runs, such as under trio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar, cast

from sagemaker_runtime.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, object]])


def without_asyncio(error: BaseException) -> ConfigError | None:
    """Our exception for one that came because no event loop of asyncio runs; None for any other."""
    # asyncio raises the one, and trio the other for what asyncio yields to it.
    if isinstance(error, RuntimeError | TypeError):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return ConfigError(
                "sagemaker_runtime needs asyncio, and no event loop of asyncio is running: await this in a coroutine "
                "that asyncio.run() runs, and not under trio, for example"
            )
    return None


def asyncio_only(function: F) -> F:
    """A coroutine function that raises `without_asyncio`. It adds a coroutine, so a hot one does without."""

    @wraps(function)
    async def converted(*args: object, **kwargs: object) -> object:
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            if (failure := without_asyncio(error)) is None:
                raise
            raise failure from error

    return cast("F", converted)  # the checkers have different types for a coroutine
