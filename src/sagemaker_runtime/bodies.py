"""The body of a request: bytes or a bytes-like object, and advice for anything else."""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterable
from typing import TypeAlias, TypeGuard

from sagemaker_runtime.errors import ConfigError

BytesLike: TypeAlias = bytes | bytearray | memoryview
"""Types that are sent unchanged, including subclasses of bytes, and memoryviews of any format and layout, in C order."""


def is_bytes_like(body: object) -> TypeGuard[BytesLike]:
    """Whether *body* can be sent."""
    return isinstance(body, bytes | bytearray | memoryview)


def as_bytes(body: object) -> bytes:
    """
    The bytes of a body. A body that could change is copied.

    The body is hashed once and sent once for each attempt, so a change in between would break the signature.

    Raises:
        ConfigError: It is not `BytesLike`, or it is a memoryview that was released.
    """
    if type(body) is bytes:
        return body
    if not is_bytes_like(body):
        raise ConfigError(f"the request's body is of type {type(body).__name__}; it must be bytes{instead_of(body)}")
    try:
        return memoryview(body).tobytes()  # bytes(body) would call the __bytes__ of a subclass
    except ValueError:
        raise ConfigError("the request's body is a memoryview that was released") from None


def size_of(body: BytesLike) -> int:
    """The number of bytes that will be sent; 0 for a memoryview that was released."""
    try:
        return memoryview(body).nbytes
    except ValueError:
        return 0


def instead_of(value: object) -> str:
    """What to pass as a body instead of *value*, as the end of an error's text."""
    advice = _advice(value)
    return f"; {advice}" if advice else ""


def _advice(value: object) -> str:
    if isinstance(value, str):
        return "encode it first, as in text.encode()"
    if isinstance(value, os.PathLike):
        return "read the file first, as in path.read_bytes()"
    if inspect.iscoroutine(value):
        value.close()  # otherwise Python would also warn that it was never awaited
        return "await it first: body=await ..."
    if inspect.isawaitable(value):
        return "await it first: body=await ..."
    if callable(read := getattr(value, "read", None)):
        if inspect.iscoroutinefunction(read):
            return "read it first, as in await file.read()"
        return "read it first, as in file.read(), of a file opened in binary mode"
    if hasattr(value, "__array__") or callable(
        getattr(value, "tobytes", None)
    ):  # NumPy's, pandas', torch's, the array module's
        return (
            "encode it first: array.tobytes() for the raw numbers, or what the model reads, such as the file that "
            "numpy.save writes, or CSV"
        )
    if isinstance(value, AsyncIterable) or hasattr(value, "__next__"):
        return 'a body is sent whole, so join the pieces first, as in b"".join(pieces)'
    if isinstance(value, dict | list | tuple | set | int | float | None):
        return 'encode it first, as in json.dumps(value).encode() with content_type="application/json"'
    if isinstance(value, type):
        return "it is a class, not an object"
    return "encode it first, as the model's content_type says"
