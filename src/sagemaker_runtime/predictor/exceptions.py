"""The errors of this package. None of them shows a value, or the content of a response."""

from __future__ import annotations

from pathlib import PurePath
from traceback import walk_tb
from typing import TYPE_CHECKING, TypeVar

from sagemaker_runtime import ATTEMPTS, REQUEST_ID, SageMakerRuntimeError
from sagemaker_runtime.predictor.media_types import advice

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime import Metadata

T = TypeVar("T")


class EncodeError(SageMakerRuntimeError):
    """A codec cannot encode the value. Nothing was sent. The message names the type and the place in the value."""


class DecodeError(SageMakerRuntimeError):
    """The model ran, but its response is not in the codec's format. The message names the problem and its place."""


class SessionError(SageMakerRuntimeError):
    """The container did not open a session."""


class UnreadableError(ValueError):
    """
    A body cannot be read. A function that reads one raises this, with a text that shows nothing of the body.

    `decoded` turns it into a `DecodeError`.
    """


def decoded(
    read: Callable[[bytes], T],
    body: bytes,
    content_type: str | None,
    format: str,
) -> T:
    """
    Read the body of a response, with errors that do not show it.

    Args:
        read: Reads the body. If it raises `UnreadableError`, the text of that is shown; that of any other exception is not.

        body: The body.

        content_type: The content type of the response; None if it has none.

        format: The format that it is read as, such as ``"application/json"``. If another codec reads the content type of the
            response, the error names that codec.

    Raises:
        DecodeError: *read* raised. The error has no cause or context, because those may hold the content.
    """
    with Caught() as caught:  # any exception, which a hook, or a library that reads a hostile body, may raise
        return read(body)
    error = caught.error
    if isinstance(error, DecodeError):
        raise error
    problem = str(error) if isinstance(error, UnreadableError) else named(error)
    size = "1 byte" if len(body) == 1 else f"{len(body)} bytes"
    kind = "no type" if content_type is None else f"type {content_type}"
    raise DecodeError(
        f"the response, {size} of {kind}, cannot be read as {format}: {problem}{advice(content_type, format)}"
    )


class Caught:
    """
    A context manager that stops any `Exception` and keeps it.

    An error that is raised after it has no ``__context__``, unlike one that is raised in an ``except``: an exception that holds
    the content of a response must not travel along with the error about it.
    """

    def __init__(self) -> None:
        self.error = Exception()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(exc, Exception):
            return False
        self.error = exc
        return True


def named(error: BaseException) -> str:
    """The class of an exception and where it was raised, without its text."""
    name = type(error).__name__
    frames = list(walk_tb(error.__traceback__))
    if not frames:
        return name
    frame, line = frames[-1]
    return f"{name} at {PurePath(frame.f_code.co_filename).name}:{line}"


def with_facts(error: SageMakerRuntimeError, operation: str, metadata: Metadata) -> SageMakerRuntimeError:
    """*error*, with the facts of its call."""
    error.operation, error.metadata = operation, metadata
    error.request_id, error.attempts = metadata.get(REQUEST_ID), metadata.get(ATTEMPTS, ())
    return error
