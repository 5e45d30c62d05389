"""`H2Connection`: the server's side of one HTTP/2 connection. It knows streams and windows, but not SageMaker."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from h2.config import H2Configuration
from h2.connection import H2Connection as Machine
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from sagemaker_runtime.local.duplex.stream import H2Stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from h2.events import Event

WINDOW = 131_072  # bytes that the peer may send on a stream before they are read: the back-pressure
_CONNECTION_WINDOW: Final = 2**30  # large, or one unread stream would starve all others
_NO_LIMIT: Final = 2**31 - 1


class H2Connection(asyncio.Protocol):
    """
    Serves the streams of one connection, each in its own task.

    Args:
        handle: Serves a stream. It is cancelled when the peer resets the stream, or the connection is lost.

        max_streams: Concurrent streams, as announced to the peer; further ones are refused with REFUSED_STREAM.

        lost: Called when the connection is lost.

    Attributes:
        newest: The number of the last stream that it began to serve.
    """

    def __init__(
        self,
        handle: Callable[[H2Stream], Awaitable[None]],
        *,
        max_streams: int,
        lost: Callable[[H2Connection], object] = lambda _: None,
    ) -> None:
        self._handle = handle
        self._max_streams = max_streams
        self._lost = lost
        self._machine = Machine(H2Configuration(client_side=False, header_encoding="latin-1"))
        self._streams: dict[int, H2Stream] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._last: int | None = None  # the last stream that is served; None before a GOAWAY
        self.newest = 0
        self._silent = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the settings, and open the window of the connection."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        machine = self._machine
        announced = {
            SettingCodes.MAX_CONCURRENT_STREAMS: self._max_streams,
            SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
            SettingCodes.ENABLE_PUSH: 0,
        }
        machine.local_settings = Settings(client=False, initial_values=announced)
        machine.initiate_connection()
        # The machine would close the connection because of one stream too many, so it must not know the limit.
        unlimited = announced | {SettingCodes.MAX_CONCURRENT_STREAMS: _NO_LIMIT}
        machine.local_settings = Settings(client=False, initial_values=unlimited)
        machine.increment_flow_control_window(_CONNECTION_WINDOW)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Process what has arrived. A peer that violates the protocol loses the connection."""
        if self._silent:
            return
        try:
            events = self._machine.receive_data(data)
        except (H2Error, ValueError):  # hpack and hyperframe raise errors of their own, and ValueErrors
            self.flush()
            self.close()
            return
        for event in events:
            self._take(event)
        self.flush()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(number), headers=list(headers)):
                self._open(number, [(str(name), str(value)) for name, value in headers])
            case DataReceived(stream_id=int(number), data=data, flow_controlled_length=length):
                if (stream := self._streams.get(number)) is None:
                    self._machine.acknowledge_received_data(length or 0, number)
                else:
                    stream.fed(bytes(data or b""), length or 0)
            case StreamEnded(stream_id=int(number)):
                if (stream := self._streams.get(number)) is not None:
                    stream.fed(None, 0)
            case StreamReset(stream_id=int(number)):
                self._forget(number)
            case WindowUpdated() | RemoteSettingsChanged():
                for stream in self._streams.values():
                    stream.window.set()
            case ConnectionTerminated():
                self.close()
            case _:
                pass

    def _open(self, number: int, headers: list[tuple[str, str]]) -> None:
        if self._last is not None and number > self._last:
            return  # the peer has had a GOAWAY, or will have, and tries again elsewhere
        if len(self._streams) >= self._max_streams:
            self.reset(number, ErrorCodes.REFUSED_STREAM)
            return
        self.newest = number
        stream = self._streams[number] = H2Stream(self, number, headers)
        task = asyncio.get_running_loop().create_task(self._serve(stream))
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    async def _serve(self, stream: H2Stream) -> None:
        try:
            await self._handle(stream)
        finally:
            self._streams.pop(stream.number, None)
            stream.close()
            self.flush()
            if self._last is not None and not self._streams:
                self.close()

    def _forget(self, number: int) -> None:
        """Cancel the task of a stream that is gone."""
        stream, task = self._streams.pop(number, None), self._tasks.get(number)
        if stream is not None:
            stream.lose()
        if task is not None:
            task.cancel()

    def send_head(self, number: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send the head of a response."""
        self._machine.send_headers(number, list(headers))
        self.flush()

    async def send(self, stream: H2Stream, data: bytes) -> None:
        """
        Send a part of a body, no faster than the peer's windows allow.

        Raises:
            ConnectionResetError: The stream is gone.
        """
        left = memoryview(data)
        while left:
            room = 0 if stream.lost else self._room(stream.number)
            if room <= 0:
                stream.window.clear()
                await stream.window.wait()
                stream.check()
                continue
            self._machine.send_data(stream.number, bytes(left[:room]))
            left = left[room:]
            self.flush()
            await self._writable.wait()
            stream.check()

    def _room(self, number: int) -> int:
        return min(self._machine.local_flow_control_window(number), self._machine.max_outbound_frame_size)

    def end(self, number: int) -> None:
        """End the body of a response."""
        with suppress(H2Error):
            self._machine.end_stream(number)
        self.flush()

    def reset(self, number: int, code: int) -> None:
        """Reset a stream. Does nothing if it has ended."""
        with suppress(H2Error):
            self._machine.reset_stream(number, code)
        self.flush()

    def taken(self, number: int, size: int) -> None:
        """Let the peer send as much as has been read: on this stream, or if that is gone, on others."""
        with suppress(H2Error, ValueError):
            self._machine.acknowledge_received_data(size, number)
        self.flush()

    def go_away(self, last: int, code: int = ErrorCodes.NO_ERROR) -> None:
        """
        Announce that no stream after *last* is served. Those up to it continue.

        The frame is not sent through the machine, whose own GOAWAY would end every stream.
        """
        self._last = last if self._last is None else min(last, self._last)
        self.flush()
        if self.transport is not None and not self._silent:
            self.transport.write(GoAwayFrame(0, last_stream_id=last, error_code=code).serialize())
        for number in [each for each in self._streams if each > self._last]:
            self._forget(number)

    def fall_silent(self) -> None:
        """Stop reading and writing, even responses to PINGs, as if the cable were cut."""
        self._silent = True

    def flush(self) -> None:
        """Write what the machine has for the peer."""
        data = self._machine.data_to_send()
        if data and self.transport is not None and not self._silent:
            self.transport.write(data)

    def pause_writing(self) -> None:
        """Wait: the peer does not keep up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Continue: the peer keeps up again."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """End all streams."""
        del exc  # they end whatever it was
        self._writable.set()
        for number in list(self._streams):
            self._forget(number)
        self._lost(self)

    def close(self) -> None:
        """Close the connection after all that was written has been sent."""
        if self.transport is not None:
            self.transport.close()

    async def stop(self, grace: float) -> None:
        """End all streams, and close the connection. Their tasks have *grace* seconds to end."""
        self.go_away(0)
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        if self.transport is not None:
            self.transport.abort()
