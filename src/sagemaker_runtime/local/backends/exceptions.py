"""What a user's code may raise, which is anything: told from the leaving of our own caller, and put into words."""

from __future__ import annotations

import asyncio


def is_ours(error: BaseException) -> bool:
    """
    Whether it was the local endpoint that ended the user's code, for a caller that left or an endpoint that stops.

    All else is the code's own, even SystemExit, and even the CancelledError of something that it waited for.
    """
    if not isinstance(error, asyncio.CancelledError | GeneratorExit):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:  # there is no event loop any more, and what hung in it is thrown away
        return True
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def text_of(error: BaseException) -> str:
    """What it says, or the name of its type if it says nothing, or fails at that too."""
    try:
        return str(error) or type(error).__name__
    except BaseException:  # noqa: BLE001 - it is the user's
        return type(error).__name__
