"""
A fork waits for imports that other threads have begun.

A call imports some modules when it first needs them. A child that is forked meanwhile has the lock of the import, and not the
thread that would release it, so its own first call would wait forever.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module

WHEN_NEEDED = (
    *("fcntl", "html", "importlib.util", "termios", "uuid"),
    "sagemaker_runtime.body_limits",
    "sagemaker_runtime.escapes",
    "sagemaker_runtime.middleware.contract",
    "sagemaker_runtime.names",
    "sagemaker_runtime.operations.events",
    "sagemaker_runtime.operations.invoke_endpoint_async",
    "sagemaker_runtime.operations.invoke_endpoint_with_response_stream",
    "sagemaker_runtime.streams.response_stream",
    "sagemaker_runtime.transport.aiohttp.upload",
    "sagemaker_runtime.transport.chunked",
)
"""What any call may import. A test compares this with the imports in functions."""

_PACKAGES = ("sagemaker_runtime.", "botocore.")


def finish_imports() -> None:
    """
    Import what any call may import, which waits for the threads that are doing so, and wait for other imports of ours.

    Modules of other packages are not waited for: a program may run within the import of its main module.
    """
    for name in (*WHEN_NEEDED, *(name for name in list(sys.modules) if name.startswith(_PACKAGES))):
        with suppress(Exception):  # the call gets it too
            import_module(name)
