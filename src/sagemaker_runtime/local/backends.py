"""What can answer for an endpoint: `Backend`, and the one that asks a Python function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from sagemaker_runtime.local.invocation import Answer

if TYPE_CHECKING:
    from sagemaker_runtime.local.invocation import Body, Invocation, Model


class ModelFailure(Exception):  # noqa: N818 - the service calls it a failure of the model, and makes a ModelError of it
    """
    Raised by a model, or by what stands for one, to say with which status it failed; any other exception says 500.

    Args:
        message: What the caller sees as ``OriginalMessage``.

        status: What the caller sees as ``OriginalStatusCode``.
    """

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@runtime_checkable
class Backend(Protocol):
    """Answers for an endpoint. One serves all its requests, many at once."""

    async def start(self) -> None:
        """Get ready; called when the local endpoint starts, perhaps again after `stop`."""
        ...

    async def stop(self) -> None:
        """Let go of everything; may be called again."""
        ...

    async def invoke(self, invocation: Invocation) -> Answer:
        """
        The answer to one request. It is cancelled when the caller leaves.

        Raises:
            FailureError: What the platform refuses by itself, such as a variant that does not exist.
            Exception: The model failed.
        """
        ...


class FunctionBackend:
    """Asks a Python function: in a thread, or in the event loop where it is a coroutine function."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    async def invoke(self, invocation: Invocation) -> Answer:
        """What the function gives, as an `Answer`."""
        model = self._model
        if inspect.iscoroutinefunction(model):
            return _as_answer(await model(invocation))
        given = await asyncio.to_thread(_call, model, invocation)
        return _as_answer(await given if inspect.isawaitable(given) else given)


def as_backend(model: Model | Backend) -> Backend:
    """*model* if it is a backend, else one that asks it."""
    return model if isinstance(model, Backend) else FunctionBackend(model)


def _call(model: Model, invocation: Invocation) -> object:
    try:
        return model(invocation)
    except StopIteration as error:  # a future takes no StopIteration, and would be waited for without end
        raise RuntimeError("the model raised StopIteration") from error


def _as_answer(given: object) -> Answer:
    if isinstance(given, Answer):
        return given
    if isinstance(given, bytes | Iterator | AsyncIterator):
        return Answer(body=cast("Body", given))
    raise TypeError(f"the model gave {type(given).__name__}; it must give bytes, an iterator of bytes or an Answer")
