"""`SyncDuplexStream`: a conversation with a model, for code without an event loop."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar

from sagemaker_runtime import ClientClosedError, ConfigError
from sagemaker_runtime.sync.loop_thread import NotRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime import (
        DuplexMessage,
        DuplexStream,
        InvokeEndpointWithBidirectionalStreamOutput,
        RequestPayloadPart,
        ResponsePayloadPart,
    )
    from sagemaker_runtime.sync.loop_thread import LoopThread

T = TypeVar("T")
P = ParamSpec("P")


class SyncDuplexStream:
    """
    A conversation with a model: one thread may send while another one reads::

        with client.invoke_endpoint_with_bidirectional_stream(params) as stream:
            threading.Thread(target=speak, args=[stream]).start()
            for part in stream:
                print(part.text)

    Leaving the block normally ends the sending, and waits up to 2 s for the model to end; leaving it by an exception ends both
    directions immediately. Any thread may close it; threads that send or read then get a StreamClosedError. A read that is
    interrupted, for example by Ctrl-C, loses nothing.

    The client creates streams. They raise the same errors as a `DuplexStream`.

    Args:
        stream: The asynchronous stream.

        thread: Runs its event loop.
    """

    def __init__(self, stream: DuplexStream, thread: LoopThread) -> None:
        self._stream = stream
        self._thread = thread
        self._released = False  # needs no closing
        self._parts: deque[ResponsePayloadPart | None] = deque()  # read, but not returned yet because of an interrupt
        self._messages: deque[DuplexMessage | None] = deque()

    def send(self, part: str | bytes | bytearray | memoryview | RequestPayloadPart, *, partial: bool = False) -> None:
        """
        Send a part, and wait until the service accepts it.

        Text is sent as UTF8, bytes as BINARY. The errors are those of `DuplexStream.send`.

        Args:
            part: Text, bytes, or a `RequestPayloadPart` with its own headers.

            partial: Whether the message continues in the next part.
        """
        self._run(self._stream.send, part, partial=partial)

    def end(self) -> None:
        """End the sending; the model's parts can still be read. May be called again. Raises like `send`."""
        self._run(self._stream.end)

    def initial_response(self) -> InvokeEndpointWithBidirectionalStreamOutput:
        """Return the head of the response: the variant and the metadata; see `DuplexStream.initial_response`."""
        return self._run(self._stream.initial_response)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ResponsePayloadPart:
        """Return the next part from the model; see `DuplexStream`."""
        if not self._parts:
            self._run(self._read)
        part = self._parts.popleft()  # in the reader's thread, so that an interrupted wait loses none
        if part is None:
            raise StopIteration
        return part

    async def _read(self) -> None:
        self._parts.append(await anext(self._stream, None))

    def messages(self) -> Generator[DuplexMessage]:
        """
        The messages from the model: parts marked PARTIAL are joined with the following ones.

        The errors are those of `DuplexStream.messages`.
        """
        messages = self._stream.messages()

        async def read() -> None:
            self._messages.append(await anext(messages, None))

        while True:
            if not self._messages:
                self._run(read)
            message = self._messages.popleft()
            if message is None:
                return
            yield message

    @property
    def ended(self) -> bool:
        """Whether the model's parts were read to the end."""
        return self._stream.ended

    def close(self) -> None:
        """End both directions immediately. May be called again."""
        if self._released or self._thread.is_inherited:
            return
        self._parts.clear()
        self._messages.clear()
        if self._thread.is_current:
            self._close_soon()
            return
        with suppress(ClientClosedError):  # the client has closed it
            self._run(self._stream.aclose)
        self._released = True

    def _close_soon(self) -> None:
        """Close without waiting, because the garbage collector may call this in any thread, even the loop's."""
        self._released = True
        self._thread.call_soon(self._stream.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._released:
            return
        try:
            if exc_type is None:
                self._run(self._leave)
        finally:
            self.close()

    async def _leave(self) -> None:
        async with self._stream:
            pass

    def __del__(self) -> None:
        if getattr(self, "_released", True) or self._thread.is_inherited:
            return
        self._close_soon()
        warnings.warn(
            f"a {type(self).__name__} was not closed; use it in a 'with'", ResourceWarning, source=self, stacklevel=2
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>"

    def _run(self, function: Callable[P, Coroutine[object, None, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._thread.is_current:
            raise ConfigError(
                "a SyncDuplexStream was used in its client's event loop, which would wait for itself; use it in another thread"
            )
        try:
            return self._thread.run(function, *args, **kwargs)
        except (NotRunError, asyncio.CancelledError):
            raise ClientClosedError(
                "this stream belongs to the parent process; make the call in this process"
                if self._thread.is_inherited
                else "the client of this stream was closed"
            ) from None
