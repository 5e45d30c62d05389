"""`ReadAhead`: reads the events of a stream in advance, so that one switch between threads delivers many."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakSet

from sagemaker_runtime import PayloadPart

if TYPE_CHECKING:
    from sagemaker_runtime import ResponseStream, ResponseStreamEvent

_EVENTS_AHEAD = 64  # events that are read in advance
_BYTES_AHEAD = 262_144  # the limit of their bytes

_READING: WeakSet[ReadAhead] = WeakSet()
_INHERITED: list[ReadAhead] = []
"""Streams opened by the parent process. They are kept, because their end would close the parent's connections."""


class ReadAhead:
    """
    Reads events in advance, up to a limit. Created and used in the loop's thread, except for ``events``.

    Attributes:
        events: The events that have been read, the next one first.
    """

    def __init__(self, stream: ResponseStream) -> None:
        self.events: deque[ResponseStreamEvent] = deque()
        self._stream = stream
        self._task: asyncio.Task[None] | None = None  # None before the first `wait`
        self._some, self._room = asyncio.Event(), asyncio.Event()
        _READING.add(self)

    async def wait(self) -> None:
        """Wait until there is an event, or the end. Raises the stream's error after all earlier events have been taken."""
        if self._task is None:
            self._task = asyncio.create_task(self._read(), name="read ahead")
            self._task.add_done_callback(_forget_error)
        while not self.events and not self._task.done():
            self._room.set()
            self._some.clear()
            await self._some.wait()
        if not self.events:
            await self._task

    def close(self) -> None:
        """Stop reading, and close the stream."""
        if self._task is not None:
            self._task.cancel()
        self._stream.close()  # here too, because a task that is cancelled before its first step runs none of its code

    async def aclose(self) -> None:
        """Stop reading, close the stream, and wait until the reading has ended."""
        self.close()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _read(self) -> None:
        size = 0
        try:
            async for event in self._stream:
                self.events.append(event)
                self._some.set()
                size += len(event.bytes if isinstance(event, PayloadPart) else event.payload)
                if size >= _BYTES_AHEAD or len(self.events) >= _EVENTS_AHEAD:
                    self._room.clear()
                    await self._room.wait()
                    size = 0
        finally:
            self._stream.close()
            self._some.set()


def _forget_error(task: asyncio.Task[None]) -> None:
    """Mark the exception as retrieved, so that asyncio does not log it if the reader has stopped."""
    if not task.cancelled():
        task.exception()


def _keep_inherited() -> None:
    """Right after a fork, in the child, before its garbage collector could close the parent's streams."""
    _INHERITED.extend(_READING)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_inherited)
