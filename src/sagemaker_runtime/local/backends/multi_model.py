"""`MultiModel`: many models behind one endpoint, loaded on demand and unloaded to make room for others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, TypeAlias

from attrs import define, evolve

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.backends.backends import Backend, ModelFailure, as_backend, begin, end, result_of
from sagemaker_runtime.local.backends.exceptions import is_ours, text_of
from sagemaker_runtime.local.backends.invocation import Answer, Body, Invocation, Model
from sagemaker_runtime.local.backends.outline import Outline, outline_of
from sagemaker_runtime.local.backends.pieces import pieces_of
from sagemaker_runtime.local.front.failures import failure

if TYPE_CHECKING:
    from typing import Self

    from sagemaker_runtime.local.front.failures import FailureError

logger = logging.getLogger("sagemaker_runtime.local")

Loaded: TypeAlias = "Backend | FailureError | ModelFailure"
"""A loaded model, or why it could not be loaded."""

Load: TypeAlias = Callable[[str], Model | Backend | Awaitable[Model | Backend]]
"""Returns the model of that name. A plain function runs in a thread. It raises KeyError or FileNotFoundError for none."""


class MultiModel:
    """
    Calls the model that ``target_model`` names.

    A request for a model that is not loaded starts loading it, and fails with ModelNotReadyException, as do all requests
    until it is loaded. (The service first waits for it, up to 60 s.) At full capacity, the least recently used model is
    unloaded, but never one that is running: if all are running, nothing is loaded for now. If loading fails, the next
    request gets that error, and the one after it starts loading again.

    Args:
        load: Models by name, or a function that returns them. The function may use names as paths: it is not called with
            one that leads out of a folder, such as ``../other``.

        capacity: How many models can be loaded at the same time.

    Raises:
        ConfigError: *capacity* is below 1.
    """

    def __init__(self, load: Load | Mapping[str, Model | Backend], *, capacity: int) -> None:
        if capacity < 1:
            raise ConfigError(f"capacity is {capacity}; it takes a number of models above 0")
        self._load: Load = load if callable(load) else load.__getitem__
        self._may_be: Callable[[str], bool] = _stays_inside if callable(load) else load.__contains__
        self._known: list[str] = [] if callable(load) else list(load)
        self._capacity = capacity
        self._slots: dict[str, _Slot] = {}  # the least recently used one first
        self._unloading: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Do nothing: models are loaded on demand."""

    async def stop(self) -> None:
        """Unload all models, and cancel those that are loading."""
        slots, self._slots = list(self._slots.values()), {}
        for slot in slots:
            slot.loading.cancel()
        await asyncio.gather(*(slot.loading for slot in slots), return_exceptions=True)
        await asyncio.gather(*self._unloading, *(slot.unload() for slot in slots))

    async def invoke(self, invocation: Invocation) -> Answer:
        """
        The response of the model that the request names.

        Raises:
            FailureError: The request names no model, or one that does not exist, or is not loaded yet.
            ModelFailure: The model could not be loaded.
        """
        name = invocation.target_model
        if name is None:
            raise failure("ValidationError", "The request is missing a target model header.")
        slot = self._slots.pop(name, None)
        if slot is None:
            self._begin(name)
            raise failure("ModelNotReadyException")
        loaded = slot.loading.result() if slot.loading.done() else None
        if isinstance(loaded, Exception):
            raise loaded
        self._slots[name] = slot  # now the most recently used one
        if loaded is None:
            raise failure("ModelNotReadyException")
        return await slot.serve(loaded, invocation)

    def outline(self) -> Outline:
        """The models whose names are known, and those that are loaded."""
        parts: dict[str, Outline | None] = dict.fromkeys(self._known)
        for name, slot in self._slots.items():
            loaded = None if not slot.loading.done() or slot.loading.cancelled() else slot.loading.result()
            parts[name] = None if loaded is None or isinstance(loaded, Exception) else outline_of(loaded)
        return Outline(name="MultiModel", member="target_model", parts=parts)

    def _begin(self, name: str) -> None:
        if not self._may_be(name):
            raise _not_found(name)
        if len(self._slots) == self._capacity:
            idle = next((other for other, slot in self._slots.items() if not slot.busy), None)
            if idle is None:
                return
            unloading = asyncio.create_task(self._slots.pop(idle).unload())
            self._unloading.add(unloading)
            unloading.add_done_callback(self._unloading.discard)
        self._slots[name] = _Slot(asyncio.create_task(self._loaded(name)))

    async def _loaded(self, name: str) -> Loaded:
        if self._unloading:  # the model that makes room, or this one itself, if it was requested again
            await asyncio.wait(self._unloading)  # they continue if this is cancelled
        try:
            backend = as_backend(await result_of(self._load, name))
            await begin(backend)
        except BaseException as error:
            if is_ours(error):
                raise
            logger.exception("the model %r could not be loaded", name)
            if isinstance(error, KeyError | FileNotFoundError):
                return _not_found(name)
            return ModelFailure(f"the model could not be loaded: {text_of(error)}")
        return backend


@define(eq=False)
class _Slot:
    """The place of one model."""

    loading: asyncio.Task[Loaded]
    serving: int = 0
    """Requests that the model is serving."""

    @property
    def busy(self) -> bool:
        """Whether it cannot be unloaded now."""
        return self.serving > 0 or not self.loading.done()

    async def serve(self, backend: Backend, invocation: Invocation) -> Answer:
        """The model's response. The model is busy until the end of the body."""
        self.serving += 1
        try:
            answer = await backend.invoke(invocation)
        except BaseException:
            self._served()
            raise
        if isinstance(answer.body, bytes):
            self._served()
            return answer
        return evolve(answer, body=_Watched(answer.body, self._served))

    def _served(self) -> None:
        self.serving -= 1

    async def unload(self) -> None:
        """Stop the model, if there is one. Its errors are logged, for its author."""
        loaded = None if self.loading.cancelled() else self.loading.result()
        if loaded is None or isinstance(loaded, Exception):
            return
        try:
            await end(loaded)
        except BaseException as error:
            if is_ours(error):
                raise
            logger.exception("a model failed when it was unloaded")


class _Watched(AsyncIterator[bytes]):
    """A body that reports its end."""

    def __init__(self, body: Body, ended: Callable[[], None]) -> None:
        self._pieces = pieces_of(body)
        self._ended = ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        try:
            await self._pieces.aclose()
        finally:
            self._ended()


def _stays_inside(name: str) -> bool:
    path = PureWindowsPath(name)  # it knows slashes, backslashes and drives
    return not path.anchor and ".." not in path.parts


def _not_found(name: str) -> FailureError:
    return failure(
        "ValidationError",
        f"Failed to download model data (key: {name}). Please ensure that there is an object located at the URL and "
        "that the role passed to CreateModel has permissions to download the model.",
    )
