"""For code without an event loop: `SyncClient` has the calls without ``await``, `LoopThread` runs a loop in a thread."""

from __future__ import annotations

from sagemaker_runtime.sync.client import SyncClient
from sagemaker_runtime.sync.loop_thread import LoopThread
from sagemaker_runtime.sync.streams import SyncResponseStream, SyncResponseStreamOutput

__all__ = ["LoopThread", "SyncClient", "SyncResponseStream", "SyncResponseStreamOutput"]
