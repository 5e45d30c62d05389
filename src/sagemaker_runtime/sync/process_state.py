"""`ProcessState`: the state of a `SyncClient` in one process."""

from __future__ import annotations

from contextlib import asynccontextmanager
from threading import RLock
from typing import TYPE_CHECKING

from sagemaker_runtime.sync.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sagemaker_runtime import Client


class ProcessState:
    """
    The thread of a client in one process. A forked child has its own state.

    Attributes:
        thread: None before the first call.

        lock: Held while the thread is started. Reentrant, because a signal handler or a finalizer that interrupts the holder
            may close the client, or make a call.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.thread: LoopThread | None = None

    def open(self, client: Client) -> None:
        """Start the thread; the caller holds the lock."""
        thread = LoopThread(self._keep(client), name="sagemaker-runtime")
        try:
            thread.open()
            if self.thread is None:
                self.thread = thread
        finally:
            if self.thread is not thread:  # interrupted, perhaps by a handler whose call has opened another thread
                thread.close_soon()

    def close(self) -> None:
        """End the thread, and wait for its end."""
        with self.lock:
            thread = self.thread
        if thread is not None:
            thread.close()

    @asynccontextmanager
    async def _keep(self, client: Client) -> AsyncGenerator[None]:
        """Close the client at the end of the thread, unless the thread was discarded."""
        try:
            yield
        finally:
            if self.thread is not None and self.thread.is_current:
                await client.close()
