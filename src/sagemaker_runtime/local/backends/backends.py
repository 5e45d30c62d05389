"""`Backend`: what serves an endpoint; and the backend that calls a Python function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from contextvars import copy_context
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable
from weakref import WeakKeyDictionary

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.backends.invocation import Answer
from sagemaker_runtime.local.backends.outline import Outline, name_of, outline_of
from sagemaker_runtime.local.backends.workers import Workers, model_executor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeGuard

    from sagemaker_runtime.local.backends.invocation import Body, Invocation, Model
    from sagemaker_runtime.local.front.constraints import Constraint, Range

A = TypeVar("A")
R = TypeVar("R")


class ModelFailure(Exception):  # noqa: N818 - the service calls it a failure of the model, and turns it into a ModelError
    """
    Raise this in a model or a backend to fail with a certain status. Any other exception means 500.

    Args:
        message: The caller's ``OriginalMessage``.

        status: The caller's ``OriginalStatusCode``.

        error_code: The ``error_code`` in a duplex call. None for ``StreamBroken``.

    Raises:
        TypeError: The message is not a str, or the status not an int.
    """

    def __init__(self, message: str, status: int = 500, *, error_code: str | None = None) -> None:
        if not _are_text_and_number(message, status):
            raise TypeError(f"ModelFailure takes a str and an int, not {(message, status)!r:.200}")
        super().__init__(message)
        self.message = message
        self.status = status
        self.error_code = error_code


def _are_text_and_number(message: object, status: object) -> bool:
    """Checked at run time, because a user's code may not be type-checked."""
    return isinstance(message, str) and isinstance(status, int)


@runtime_checkable
class Backend(Protocol):
    """
    Serves an endpoint: all its requests, concurrently.

    Pass an object, not its class, and use it in one place at a time: until it has been stopped, it cannot be started in
    another place, whether in the same local endpoint or in another one.
    """

    async def start(self) -> None:
        """Get ready. Called when the local endpoint starts, perhaps again after `stop`."""
        ...

    async def stop(self) -> None:
        """Release everything. May be called several times."""
        ...

    async def invoke(self, invocation: Invocation) -> Answer:
        """
        Respond to one request. It is cancelled when the caller leaves.

        Raises:
            FailureError: The platform itself refuses the request, for example because a variant does not exist.
            Exception: The model failed.
        """
        ...


class FunctionBackend:
    """Calls a Python function: in a thread, or in the event loop if it is a coroutine function."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._workers: WeakKeyDictionary[asyncio.AbstractEventLoop, Workers] = WeakKeyDictionary()

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    async def invoke(self, invocation: Invocation) -> Answer:
        """Call the function, and return its result as an `Answer`."""
        return _as_answer(await result_of(self._model, invocation, in_thread=self._in_thread))

    def outline(self) -> Outline:
        """The function's name."""
        return Outline(name=name_of(self._model))

    async def _in_thread(self, function: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        workers = self._workers.get(loop)
        if workers is None:
            workers = self._workers[loop] = Workers(await model_executor())
        await workers.run(function)


class Backends:
    """
    Several backends by name, started and stopped together.

    Args:
        models: Models by name.

        constraint: The constraint on the names.

    Raises:
        ConfigError: There is no model, or a name is one that no request can have.
    """

    def __init__(self, models: Mapping[str, Model | Backend], constraint: Constraint | Range) -> None:
        if not models:
            raise ConfigError(f"there is no model for {constraint.member} to name; give at least one")
        for name in models:
            problem = constraint.problem(name)
            if problem is not None:
                raise ConfigError(f"no request can name {name!r}: {problem}")
        self._backends = {name: as_backend(model) for name, model in models.items()}
        self._started = AsyncExitStack()

    async def start(self) -> None:
        """Start all backends, one after the other. If one fails, those before it are stopped."""
        async with AsyncExitStack() as started:
            for backend in self._backends.values():
                await begin(backend)
                started.push_async_callback(end, backend)
            self._started = started.pop_all()

    async def stop(self) -> None:
        """Stop all running backends, the last one first."""
        await self._started.aclose()

    def get(self, name: str) -> Backend | None:
        """The backend of that name; None if there is none."""
        return self._backends.get(name)

    def outlines(self) -> dict[str, Outline]:
        """The outline of each backend."""
        return {name: outline_of(backend) for name, backend in self._backends.items()}


def as_backend(model: Model | Backend) -> Backend:
    """
    *model* itself if it is a backend, otherwise a backend that calls it.

    Raises:
        ConfigError: It is neither a backend nor callable, or it is the class of a backend.
    """
    if isinstance(model, Backend):
        _refuse_class(model)
        return model
    if not callable(model):
        raise ConfigError(f"an object of type {type(model).__name__} is neither a callable nor a backend")
    return FunctionBackend(model)


def _refuse_class(backend: object) -> None:
    if inspect.isclass(backend):
        raise ConfigError(f"{backend.__name__} is a class; give an instance of it, such as {backend.__name__}()")


# Keyed by identity, since a backend need not be hashable. The second item is the event loop that it runs in.
_at_work: dict[int, tuple[Backend, asyncio.AbstractEventLoop]] = {}


async def begin(backend: Backend) -> None:
    """
    Start a backend. Each place needs its own: otherwise one place would stop it while the other uses it.

    Raises:
        ConfigError: It is in use in another place.
    """
    ours = (backend, asyncio.get_running_loop())
    claim = _at_work.setdefault(id(backend), ours)  # atomic, since other threads may do the same
    if claim is not ours and not claim[1].is_closed():  # a closed loop may have left backends running
        raise ConfigError(f"{backend!r} is in use in another place; give each place its own object")
    _at_work[id(backend)] = ours
    try:
        await backend.start()
    except BaseException:
        del _at_work[id(backend)]
        raise


async def end(backend: Backend) -> None:
    """Stop a backend that was started by `begin`."""
    try:
        await backend.stop()
    finally:
        _at_work.pop(id(backend), None)


async def result_of(
    function: Callable[[A], R | Awaitable[R]],
    argument: A,
    *,
    in_thread: Callable[[Callable[[], None]], Awaitable[None]] | None = None,
) -> R:
    """Call a user's function in a thread, or in the event loop if it is a coroutine function, and return its result."""
    results: list[R | Awaitable[R]] = []

    def call() -> None:
        try:
            results.append(function(argument))
        except StopIteration as error:  # a future refuses StopIteration, and its caller would wait forever
            raise RuntimeError("the model raised StopIteration") from error

    if _is_coroutine_function(function):
        call()
    else:
        await (_in_thread if in_thread is None else in_thread)(call)
    result = results.pop()
    if inspect.isawaitable(result):
        return await result
    return result


async def _in_thread(function: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(await model_executor(), copy_context().run, function)


def _is_coroutine_function(function: object) -> bool:
    """Whether *function* is a coroutine function, or an object whose ``__call__`` is one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _as_answer(given: object) -> Answer:
    if isinstance(given, Answer):
        return given
    if _is_body(given):
        return Answer(body=given)
    raise TypeError(
        f"the model returned {type(given).__name__}; it must return bytes, an iterator of bytes or an Answer"
    )


def _is_body(given: object) -> TypeGuard[Body]:
    return isinstance(given, bytes | Iterator | AsyncIterator)
