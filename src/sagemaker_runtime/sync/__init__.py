"""For code without an event loop: `LoopThread` keeps one in a thread."""

from __future__ import annotations

from sagemaker_runtime.sync.loop_thread import LoopThread

__all__ = ["LoopThread"]
