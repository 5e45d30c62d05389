"""The errors of this package. None of them shows a value, or what was in a response."""

from __future__ import annotations

from pathlib import PurePath
from traceback import walk_tb
from typing import TYPE_CHECKING, TypeVar

from sagemaker_runtime import ATTEMPTS, REQUEST_ID, SageMakerRuntimeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime import Metadata

T = TypeVar("T")


class EncodeError(SageMakerRuntimeError):
    """A codec cannot encode the value. Nothing was sent. The message names the type and the place in the value."""


class DecodeError(SageMakerRuntimeError):
    """The model ran, and its response is not in the codec's format. The message names the problem and the place in it."""


class SessionError(SageMakerRuntimeError):
    """The container did not open a session."""


class UnreadableError(ValueError):
    """
    What is wrong with a body, in words that do not show it. What reads a body raises it.

    `decoded` makes a `DecodeError` of it.
    """


def decoded(
    read: Callable[[bytes], T],
    body: bytes,
    content_type: str | None,
    format: str,
) -> T:
    """
    What *read* makes of the body of a response.

    Args:
        read: Raises `UnreadableError`, whose text is shown, or any other exception, whose text is not.

        body: The body.

        content_type: What the response says it is.

        format: What it is read as, such as ``"application/json"``.

    Raises:
        DecodeError: *read* raised. No exception is its cause or context: those hold the content.
    """
    with Caught() as caught:  # of any kind, which a hook, or a library that reads a hostile body, may raise
        return read(body)
    error = caught.error
    if isinstance(error, DecodeError):
        raise error
    problem = str(error) if isinstance(error, UnreadableError) else named(error)
    size = "1 byte" if len(body) == 1 else f"{len(body)} bytes"
    kind = "no type" if content_type is None else f"type {content_type}"
    raise DecodeError(f"the response, {size} of {kind}, cannot be read as {format}: {problem}")


class Caught:
    """
    A context that ends with any `Exception` inside, and keeps it.

    What is raised behind it has no context of its own, unlike what is raised in an ``except``: an exception that holds the
    content of a response must not travel along with the error that is about it.
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
    """*error*, which says what call it is about."""
    error.operation, error.metadata = operation, metadata
    error.request_id, error.attempts = metadata.get(REQUEST_ID), metadata.get(ATTEMPTS, ())
    return error
