"""What can answer for an endpoint: `Backend`, and the one that asks a Python function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol, TypeVar, cast, runtime_checkable

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.invocation import Answer
from sagemaker_runtime.local.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sagemaker_runtime.local.constraints import Constraint
    from sagemaker_runtime.local.invocation import Body, Invocation, Model

A = TypeVar("A")
R = TypeVar("R")


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
        self._workers = Workers()

    async def start(self) -> None:
        """Forget calls of an event loop that has ended: nobody waits for them, and none of them will be told."""
        self._workers = Workers()

    async def stop(self) -> None:
        """Nothing to do."""

    async def invoke(self, invocation: Invocation) -> Answer:
        """What the function gives, as an `Answer`."""
        return _as_answer(await result_of(self._model, invocation, in_thread=self._workers.run))


class Backends:
    """
    Several backends by name, started and stopped together.

    Args:
        models: What answers, by its name.

        constraint: What a name must be.

    Raises:
        ConfigError: There is none, or a name is not one that can be asked for.
    """

    def __init__(self, models: Mapping[str, Model | Backend], constraint: Constraint) -> None:
        if not models:
            raise ConfigError(f"there is nothing that {constraint.member} could name; give one model at least")
        for name in models:
            problem = constraint.problem(name)
            if problem is not None:
                raise ConfigError(f"{name!r} could never be asked for: {problem}")
        self._backends = {name: as_backend(model) for name, model in models.items()}
        self._started = AsyncExitStack()

    async def start(self) -> None:
        """Start all, one after another; if one fails, those before it are stopped."""
        async with AsyncExitStack() as started:
            for backend in self._backends.values():
                await backend.start()
                started.push_async_callback(backend.stop)
            self._started = started.pop_all()

    async def stop(self) -> None:
        """Stop all that run, the last one first."""
        await self._started.aclose()

    def get(self, name: str) -> Backend | None:
        """The one of that name, if there is one."""
        return self._backends.get(name)


def as_backend(model: Model | Backend) -> Backend:
    """*model* if it is a backend, else one that asks it."""
    return model if isinstance(model, Backend) else FunctionBackend(model)


async def result_of(
    function: Callable[[A], R | Awaitable[R]],
    argument: A,
    *,
    in_thread: Callable[[Callable[[], object]], Awaitable[object]] = asyncio.to_thread,
) -> R:
    """What a user's function gives: in a thread, or in the event loop if it is a coroutine function."""

    def call() -> R | Awaitable[R]:
        try:
            return function(argument)
        except StopIteration as error:  # a future takes no StopIteration, and would be waited for without end
            raise RuntimeError("the model raised StopIteration") from error

    given = call() if _is_coroutine_function(function) else await in_thread(call)
    return cast("R", await given if inspect.isawaitable(given) else given)


def _is_coroutine_function(function: Callable[[A], object]) -> bool:
    """Whether it is one, or an object whose ``__call__`` is one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _as_answer(given: object) -> Answer:
    if isinstance(given, Answer):
        return given
    if isinstance(given, bytes | Iterator | AsyncIterator):
        return Answer(body=cast("Body", given))
    raise TypeError(f"the model gave {type(given).__name__}; it must give bytes, an iterator of bytes or an Answer")
