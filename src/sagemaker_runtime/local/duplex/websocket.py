"""`bridged`: passes a conversation to a container's WebSocket and back, frame by frame."""

from __future__ import annotations

import asyncio
import codecs
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from sagemaker_runtime.extras import missing
from sagemaker_runtime.local.backends.backends import ModelFailure
from sagemaker_runtime.local.duplex.conversation import Part
from sagemaker_runtime.local.front.failures import failure

try:
    from wsproto import ConnectionType, WSConnection
    from wsproto.events import (
        AcceptConnection,
        BytesMessage,
        CloseConnection,
        Ping,
        Pong,
        RejectConnection,
        RejectData,
        Request,
        TextMessage,
    )
    from wsproto.utilities import LocalProtocolError, RemoteProtocolError
except ImportError as error:
    raise missing("wsproto", "local-duplex", "a duplex call to a container") from error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sagemaker_runtime import Clock
    from sagemaker_runtime.local.duplex.conversation import Conversation

PATH = "invocations-bidirectional-stream"
PING_INTERVAL = 60.0  # seconds
PINGS = 5  # that may remain unanswered
_READ = 65_536  # bytes
_NORMAL = 1000
_NO_STATUS = 0  # the service's status for a container that sent no response


async def bridged(
    conversation: Conversation, url: str, *, accept_timeout: float, close_timeout: float, clock: Clock
) -> AsyncGenerator[Part]:
    """
    The parts that a container sends.

    Args:
        conversation: What the caller sends.

        url: The container's URL, to whose path that of the WebSocket is appended.

        accept_timeout: Seconds that it has to accept the WebSocket.

        close_timeout: Seconds that it has to close it after the caller's last part.

        clock: Measures the time between pings, and the time to close.

    Raises:
        FailureError: The caller sent something that a WebSocket cannot transport.
        ModelFailure: The container did not accept the WebSocket, closed it first, or dropped it.
    """
    try:
        async with asyncio.timeout(accept_timeout):
            socket = await _WebSocket.open(url, conversation.path or PATH, conversation.query)
    except TimeoutError:
        raise ModelFailure(
            f"The container did not accept the WebSocket within {accept_timeout * 1000:g} ms.", _NO_STATUS
        ) from None
    except OSError as error:
        raise ModelFailure(f"The container cannot be reached: {error}", _NO_STATUS) from error
    conversation.accept()
    beside = [
        asyncio.create_task(socket.carry(conversation, close_timeout, clock)),
        asyncio.create_task(socket.ping(clock)),
    ]
    for task in beside:
        task.add_done_callback(socket.ended)
    try:
        async with aclosing(socket.parts()) as parts:
            async for part in parts:
                yield part
    finally:
        for task in beside:
            task.cancel()
        socket.drop()
        await asyncio.wait(beside)


class _WebSocket:
    """The platform's side of a WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._machine = WSConnection(ConnectionType.CLIENT)
        self._failure: BaseException | None = None
        self._closing = False
        self._unanswered = 0

    @classmethod
    async def open(cls, url: str, path: str, query: str | None) -> _WebSocket:
        """
        Connect, and request the WebSocket.

        Raises:
            OSError: The container cannot be reached.
            ModelFailure: The container refuses.
        """
        from urllib.parse import urlsplit

        base = urlsplit(url)
        secure = base.scheme == "https"
        reader, writer = await asyncio.open_connection(
            base.hostname, base.port or (443 if secure else 80), ssl=secure or None
        )
        socket = cls(reader, writer)
        target = f"{base.path.rstrip('/')}/{path}" + ("" if query is None else f"?{query}")
        try:
            await socket._ask(base.netloc, target)
        except BaseException:
            socket.drop()
            raise
        return socket

    async def _ask(self, host: str, target: str) -> None:
        self._writer.write(self._machine.send(Request(host=host, target=target)))
        status, said = None, b""
        while True:
            data = await self._reader.read(_READ)
            try:
                self._machine.receive_data(data or None)
            except RemoteProtocolError as error:
                raise ModelFailure(f"The container does not speak WebSocket: {error}", _NO_STATUS) from error
            for event in self._machine.events():  # later events are for `parts`: they may have arrived with the first
                match event:
                    case AcceptConnection():
                        return
                    case RejectConnection():
                        status = event.status_code
                        if not event.has_body:
                            raise _rejected(status, b"")
                    case RejectData():
                        said += event.data
                        if event.body_finished:
                            raise _rejected(status or _NO_STATUS, said)
                    case _:
                        pass
            if not data:
                raise ModelFailure("The container hung up before it accepted the WebSocket.", status or _NO_STATUS)

    async def carry(self, conversation: Conversation, close_timeout: float, clock: Clock) -> None:
        """Send the caller's parts, then a Close frame, and wait for the container's own, and for its parts before that."""
        await self._send_all(conversation)
        self._closing = True
        self._write(CloseConnection(code=_NORMAL))
        await clock.sleep(close_timeout)
        raise ModelFailure(f"The container did not close the WebSocket within {close_timeout:g} s.")

    async def _send_all(self, conversation: Conversation) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")()
        is_text: bool | None = None
        async for part in conversation:
            if is_text is not None and is_text != part.is_text:
                raise failure("InputValidationError", "The parts of one message must have one DataType.")
            is_text = part.is_text if part.partial else None
            if part.is_text:
                try:  # a character that is cut in two goes into the second frame
                    text = decoder.decode(part.bytes, final=not part.partial)
                except UnicodeDecodeError as error:
                    raise failure("InputValidationError", f"A text is not UTF-8: {error.reason}.") from None
                self._write(TextMessage(data=text, message_finished=not part.partial))
            else:
                self._write(BytesMessage(data=part.bytes, message_finished=not part.partial))
            await self._writer.drain()

    async def ping(self, clock: Clock) -> None:
        """Ping the container regularly. If it answers none of several pings, it has failed."""
        while True:
            await clock.sleep(PING_INTERVAL)
            if self._unanswered >= PINGS:
                raise ModelFailure(f"The container answered none of {PINGS} pings.", error_code="StreamBroken")
            self._unanswered += 1
            self._write(Ping())

    async def parts(self) -> AsyncGenerator[Part]:
        """The container's frames, each as a whole. Raises the error that ends the conversation early."""
        held: list[str | bytes | bytearray] = []
        lost = False
        while True:
            for event in self._machine.events():
                match event:
                    case TextMessage() | BytesMessage():
                        held.append(event.data)
                        if event.frame_finished:
                            yield _part(
                                held, is_text=isinstance(event, TextMessage), partial=not event.message_finished
                            )
                            held = []
                    case Ping():
                        self._write(event.response())
                    case Pong():
                        self._unanswered = 0
                    case CloseConnection():
                        self._close(event, lost=lost)
                        return
                    case _:
                        pass
            data = await self._receive()
            lost = not data
            self._machine.receive_data(data or None)

    async def _receive(self) -> bytes:
        try:
            data = await self._reader.read(_READ)
        except OSError:
            data = b""
        if self._failure is not None:
            raise self._failure
        return data

    def _close(self, event: CloseConnection, *, lost: bool) -> None:
        if lost:
            raise ModelFailure("The container dropped the WebSocket.", error_code="StreamBroken")
        if self._closing:
            return
        self._write(event.response())
        reason = f": {event.reason}" if event.reason else ""
        raise ModelFailure(
            f"The container closed the WebSocket with the code {int(event.code)}{reason}",
            error_code=f"{int(event.code)}",
        )

    def _write(self, event: Ping | Pong | CloseConnection | TextMessage | BytesMessage) -> None:
        with suppress(LocalProtocolError):  # the container has closed, which `parts` will see
            self._writer.write(self._machine.send(event))

    def ended(self, task: asyncio.Task[None]) -> None:
        """Let `parts` raise the error of another task."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failure = error
            self.drop()
            self._reader.feed_eof()

    def drop(self) -> None:
        """Close the connection."""
        self._writer.close()


def _part(held: list[str | bytes | bytearray], *, is_text: bool, partial: bool) -> Part:
    data = b"".join(piece.encode() if isinstance(piece, str) else piece for piece in held)
    return Part(data, is_text=is_text, partial=partial)


def _rejected(status: int, said: bytes) -> ModelFailure:
    return ModelFailure(said.decode(errors="replace"), status)
