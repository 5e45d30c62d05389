"""
The stack, and the middleware in it.

``pipeline`` shows the whole default stack on one page; ``initialize`` … ``deserialize`` contain the middleware of each step.
"""

from __future__ import annotations

from sagemaker_runtime.middleware.places import AFTER, BEFORE, Position, Step
from sagemaker_runtime.middleware.stack import Stack
from sagemaker_runtime.middleware.steps import (
    BuildHandler,
    BuildInput,
    BuildMiddleware,
    DeserializeHandler,
    DeserializeInput,
    DeserializeMiddleware,
    FinalizeHandler,
    FinalizeInput,
    FinalizeMiddleware,
    Handler,
    InitializeHandler,
    InitializeInput,
    InitializeMiddleware,
    Output,
    SerializeHandler,
    SerializeInput,
    SerializeMiddleware,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    serialize_middleware,
)

__all__ = [
    "AFTER",
    "BEFORE",
    "BuildHandler",
    "BuildInput",
    "BuildMiddleware",
    "DeserializeHandler",
    "DeserializeInput",
    "DeserializeMiddleware",
    "FinalizeHandler",
    "FinalizeInput",
    "FinalizeMiddleware",
    "Handler",
    "InitializeHandler",
    "InitializeInput",
    "InitializeMiddleware",
    "Output",
    "Position",
    "SerializeHandler",
    "SerializeInput",
    "SerializeMiddleware",
    "Stack",
    "Step",
    "build_middleware",
    "deserialize_middleware",
    "finalize_middleware",
    "initialize_middleware",
    "serialize_middleware",
]
