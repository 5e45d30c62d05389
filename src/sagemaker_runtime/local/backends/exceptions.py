"""Exceptions from a user's code, which may raise anything: whether we caused them, and their text."""

from __future__ import annotations

import asyncio
from contextlib import suppress


def is_ours(error: BaseException) -> bool:
    """
    Whether the local endpoint ended the user's code, because a caller left or the endpoint is stopping.

    Anything else is the code's own error, even SystemExit, and even the CancelledError of something that it awaited.
    """
    if not isinstance(error, asyncio.CancelledError | GeneratorExit):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:  # the event loop is gone, and its generators are being discarded
        return True
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def text_of(error: BaseException) -> str:
    """The error's text, or the name of its type if the text is empty or cannot be made."""
    with suppress(BaseException):  # its `__str__` is the user's code too
        return str(error) or type(error).__name__
    return type(error).__name__
