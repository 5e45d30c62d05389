"""The types of a model of duplex calls: `Conversation`, `Part`, and the backend `Duplex`, which calls a function."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from attrs import field, frozen

from sagemaker_runtime import ConfigError, Headers
from sagemaker_runtime.extras import require
from sagemaker_runtime.local.backends.backends import Backend, ModelFailure
from sagemaker_runtime.local.backends.outline import Outline, name_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable
    from typing import Self

    from sagemaker_runtime.local.backends.invocation import Answer, Invocation


def _length(data: bytes) -> str:
    return f"<{len(data)} bytes>"


@frozen
class Part:
    """One part of a conversation, which is one frame of a container's WebSocket."""

    bytes: builtins.bytes = field(repr=_length)
    """The content of the part. No log shows it."""

    is_text: bool = False
    """Whether it is text: its ``DataType`` is ``UTF8``."""

    partial: bool = False
    """Whether the message continues in the next part: its ``CompletionState`` is ``PARTIAL``."""

    @property
    def text(self) -> str:
        """
        The bytes, decoded as UTF-8.

        Raises:
            UnicodeDecodeError: They are not UTF-8. A partial part may end inside a character.
        """
        return self.bytes.decode()


class Conversation(AsyncIterator[Part]):
    """
    The caller's side of a conversation: its parts, as they arrive, until the caller has sent the last one.

    A part is read when the model asks for it; a caller who sends faster has to wait. The response begins, with status 200,
    when the model first reads or yields a part: if the model fails before that, the call fails with a ModelError.

    Args:
        parts: The caller's parts.

        accepted: Called when the response should begin.

        endpoint_name: The endpoint called.

        target_variant: Name of the requested production variant; None for any.

        path: The path of the container's WebSocket, without a slash before it; None for the usual one.

        query: The query of the container's WebSocket; None for none.

        headers: All headers, as received; None for none.

    Attributes:
        invoked_production_variant: Name of the variant that responds, for the head of the response.
    """

    def __init__(
        self,
        parts: AsyncIterator[Part],
        accepted: Callable[[], object],
        *,
        endpoint_name: str,
        target_variant: str | None = None,
        path: str | None = None,
        query: str | None = None,
        headers: Headers | None = None,
    ) -> None:
        self.endpoint_name = endpoint_name
        self.target_variant = target_variant
        self.path = path
        self.query = query
        self.headers = Headers() if headers is None else headers
        self.invoked_production_variant = "AllTraffic"
        self._parts = parts
        self._accepted: Callable[[], object] | None = accepted

    def accept(self) -> None:
        """Let the response begin. Later calls have no effect."""
        accepted, self._accepted = self._accepted, None
        if accepted is not None:
            accepted()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Part:
        self.accept()
        return await anext(self._parts)

    async def messages(self) -> AsyncGenerator[str | bytes]:
        """
        Whole messages, each joined from its parts. The last one is incomplete if the caller did not finish it.

        Raises:
            UnicodeDecodeError: A text is not UTF-8.
        """
        held: list[bytes] = []
        is_text = False
        async for part in self:
            is_text = is_text if held else part.is_text
            held.append(part.bytes)
            if not part.partial:
                yield _message(held, is_text=is_text)
                held.clear()
        if held:
            yield _message(held, is_text=is_text)

    def __repr__(self) -> str:
        return f"<Conversation with {self.endpoint_name!r}>"


def _message(held: list[bytes], *, is_text: bool) -> str | bytes:
    data = b"".join(held)
    return data.decode() if is_text else data


@runtime_checkable
class DuplexBackend(Backend, Protocol):
    """A `Backend` that also serves InvokeEndpointWithBidirectionalStream."""

    def converse(self, conversation: Conversation) -> AsyncIterator[Part]:
        """
        The parts of the response, as they are made. The iterator is closed when the caller leaves.

        Raises:
            FailureError: The platform itself refuses the call.
            Exception: The model failed: a ModelError before `Conversation.accept`, then a ModelStreamError.
        """
        ...


DuplexModel: TypeAlias = Callable[[Conversation], AsyncIterable[str | bytes | Part]]
"""
A model of duplex calls: an asynchronous generator, or any callable that returns an asynchronous iterable.

It yields ``str`` for text, ``bytes`` for binary data, or a `Part` for a part of a message.
"""


class Duplex:
    """
    A Python function that serves InvokeEndpointWithBidirectionalStream::

        async def shout(conversation: Conversation) -> AsyncIterator[str]:
            async for part in conversation:
                yield part.text.upper()


        LocalEndpoint({"shout": Duplex(shout)})

    It runs in the event loop, and is closed when the caller leaves. Its exceptions become a ModelError before it has read
    or yielded a part, and a ModelStreamError from then on. A `ModelFailure` may have an error code.

    Args:
        model: The function.

    Raises:
        ConfigError: It cannot be called, or h2 is not installed.
    """

    def __init__(self, model: DuplexModel) -> None:
        if not callable(model) or inspect.iscoroutinefunction(model):
            raise ConfigError(
                "Duplex takes an asynchronous generator, or a callable that returns an asynchronous iterator, not "
                + ("a coroutine function: let it yield" if callable(model) else f"{type(model).__name__}")
            )
        require("h2", "local-duplex", "Duplex")  # here, and not when a connection is made
        self._model = model

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    async def invoke(self, invocation: Invocation) -> Answer:
        """Refuse the request: the model serves duplex calls only."""
        raise ModelFailure(
            f"{invocation.endpoint_name} serves InvokeEndpointWithBidirectionalStream only: its model is a Duplex", 405
        )

    def outline(self) -> Outline:
        """The function's name."""
        return Outline(name=name_of(self._model), duplex=True)

    async def converse(self, conversation: Conversation) -> AsyncGenerator[Part]:
        """The function's parts."""
        given = self._model(conversation)
        if not _is_iterable(given):
            raise TypeError(f"the model returned {type(given).__name__}; it must return an asynchronous iterator")
        parts = aiter(given)
        try:
            async for part in parts:
                yield _as_part(part)
        finally:
            close: Callable[[], Awaitable[object]] | None = getattr(parts, "aclose", None)
            if close is not None:
                await close()


def _is_iterable(given: object) -> bool:
    """Checked at run time, because a user's code may not be type-checked."""
    return isinstance(given, AsyncIterable)


def _as_part(given: object) -> Part:
    if isinstance(given, Part):
        return given
    if isinstance(given, str):
        return Part(given.encode(), is_text=True)
    if isinstance(given, bytes):
        return Part(given)
    raise TypeError(f"the model yielded a part of type {type(given).__name__}; each must be str, bytes or a Part")
