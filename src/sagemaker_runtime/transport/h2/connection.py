"""One HTTP/2 connection: h2 implements the protocol; this has the socket, the streams and the keep-alive."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from sagemaker_runtime.transport.aiohttp.failures import NotConnected
from sagemaker_runtime.transport.h2.exchange import Exchange
from sagemaker_runtime.transport.h2.frame_writer import FrameWriter
from sagemaker_runtime.transport.h2.goaway import GoAwaySplitter
from sagemaker_runtime.transport.h2.keep_alive import KeepAlive

if TYPE_CHECKING:
    from collections.abc import Callable

    from h2.events import Event

    from sagemaker_runtime.transport.aiohttp.connecting import Route
    from sagemaker_runtime.wire import Timeout

WINDOW = 131_072  # bytes of one stream that the peer may send before they are read
_CONNECTION_WINDOW = 2**30  # bytes of all streams, so that a stream that nobody reads does not block the others
_MAX_HEAD = 65_536  # bytes
_LAST_ID = 2**30  # no stream of a connection has a higher number
_MOST_UNREAD = 2**24  # bytes; data stops far below this, but each PING of the peer is acknowledged
_SHOWN = 200  # characters of a protocol error


class Connection(asyncio.Protocol):
    """
    A connection and its streams.

    Args:
        route: The scheme, the host and the proxy.

        keep_alive: Seconds within which a peer that no longer responds is detected while a stream is open.

        changed: Called when there may be a place for another stream, or when the connection has ended.

    Attributes:
        exchanges: The open streams, by id.

        reserved: Places that are reserved, but not used yet.

        settled: Done when the peer's settings have arrived and allow a stream. Until then its limit of streams is unknown; and
            for a short time, a peer may allow none (RFC 9113, section 6.5.2).

        writer: Writes the frames, and signals when to wait.

        idle_since: When the last stream ended, by the loop's clock.
    """

    def __init__(self, route: Route, keep_alive: float, changed: Callable[[Connection], None]) -> None:
        self.route = route
        self.exchanges: dict[int, Exchange] = {}
        self.reserved = 0
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self.settled: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.idle_since = self._loop.time()
        self._process = os.getpid()
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.writer = FrameWriter(self._h2, self._write)
        self._splitter = GoAwaySplitter()
        self._open = False
        self._going_away = False
        self._has_settings = False
        self._watch = KeepAlive(keep_alive, ping=self._ping, dead=self._end)
        self._transport: asyncio.Transport

    # Used by the pool.

    @property
    def places(self) -> int:
        """The number of further streams that may be opened now."""
        if not self._open or self._going_away:
            return 0
        return self._h2.remote_settings.max_concurrent_streams - len(self.exchanges) - self.reserved

    @property
    def allows_none(self) -> bool:
        """Whether the peer's settings have come, and allow no stream."""
        return self._open and self._h2.remote_settings.max_concurrent_streams == 0

    @property
    def usable(self) -> bool:
        """Whether it is open, and accepts further streams once there is a place."""
        return self._open and not self._going_away

    @property
    def alpn(self) -> str | None:
        """The protocol negotiated in TLS; None without TLS, or without agreement."""
        tls = self._transport.get_extra_info("ssl_object")
        return None if tls is None else tls.selected_alpn_protocol()

    def open(self, fields: list[tuple[str, str]], host: str, timeout: Timeout) -> Exchange:
        """Begin a stream with the head in *fields*, in a reserved place."""
        self.reserved -= 1
        id = self._h2.get_next_available_stream_id()
        if id >= _LAST_ID:
            self._going_away = True
        self._h2.send_headers(id, fields)
        exchange = self.exchanges[id] = Exchange(self, id, host, timeout)
        self.writer.flush_soon(0)
        self._watch.start()
        return exchange

    def close(self) -> None:
        """Close the connection and its streams: the client is closed, or the connection has been idle for too long."""
        for exchange in list(self.exchanges.values()):
            exchange.client_closed()
        if self._open and os.getpid() == self._process:
            with suppress(H2Error):
                self._h2.close_connection()
            self.writer.flush()
            self._open = False
            self._transport.close()  # sends TLS's close_notify
            self._transport.abort()  # does not wait for the peer's

    # Used by the streams.

    def room(self, id: int) -> int:
        """The number of bytes that may be sent on the stream now, in one frame."""
        if self.writer.paused:
            return 0
        return min(self._h2.local_flow_control_window(id), self._h2.max_outbound_frame_size)

    def send_at_once(self, id: int, data: bytes, *, end: bool) -> bool:
        """Send *data* in one frame if the windows allow all of it; whether they did."""
        if self.writer.paused or len(data) > self.room(id):
            return False
        self.send_data(id, data, end=end)
        return True

    def send_data(self, id: int, data: bytes, *, end: bool = False) -> None:
        """Send *data*, of no more bytes than `room` allows."""
        self._h2.send_data(id, data, end_stream=end)
        self.writer.flush_soon(len(data))

    def acknowledge(self, size: int, id: int) -> None:
        """Let the peer send *size* more bytes, because as many of the stream have been read."""
        if size and self._open:
            self._h2.acknowledge_received_data(size, id)
            self.writer.flush_soon(0)

    def forget(self, exchange: Exchange, *, reset: bool) -> None:
        """Remove a stream that has ended; with *reset*, tell the peer."""
        if self.exchanges.pop(exchange.id, None) is None:
            return
        if self._open and reset and os.getpid() == self._process:
            with suppress(H2Error):
                self._h2.reset_stream(exchange.id, ErrorCodes.CANCEL)
            self.writer.flush_soon(0)
        if not self.exchanges:
            self._watch.stop()
            self.idle_since = self._loop.time()
            if self._going_away:
                self.close()
        self._changed(self)

    # asyncio's side.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self._transport = transport
        self._open = True
        self._h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: _MAX_HEAD,
            },
        )
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_CONNECTION_WINDOW)
        self.writer.flush()

    def data_received(self, data: bytes) -> None:
        self._watch.received()
        data, goaways = self._splitter.split(data)
        if not self.settled.done() and data.startswith(b"HTTP/1"):
            self._end("it speaks HTTP/1, not HTTP/2")
            return
        try:
            events = self._h2.receive_data(data) if data else ()
        except H2Error as error:
            self.writer.flush()
            self._end(f"it sent data that is not HTTP/2: {str(error)[:_SHOWN]}")
            return
        widened: set[int] = set()
        for event in events:
            self._handle(event, widened)
        if self._has_settings and not self.settled.done() and not self.allows_none:  # by the last of several settings
            self.settled.set_result(None)
        # Only after the last event: if they include the reset of a stream, h2 has already closed it.
        for exchange in list(self.exchanges.values()) if 0 in widened else map(self.exchanges.get, widened):
            if exchange is not None:
                exchange.pump()
        for goaway in goaways:
            self._go_away(goaway.last_stream_id)
        self.writer.flush_soon(0)

    def pause_writing(self) -> None:
        self.writer.pause()

    def resume_writing(self) -> None:
        self.writer.resume()
        for exchange in list(self.exchanges.values()):
            exchange.pump()

    def eof_received(self) -> None:
        self._end("the peer closed it")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("the peer closed it" if exc is None else str(exc) or type(exc).__name__)
        if not self.ended.done():
            self.ended.set_result(None)

    # Inside.

    def _handle(self, event: Event, widened: set[int]) -> None:
        """Pass an event on. Add a stream that may now send more to *widened*, or 0 for all streams."""
        match event:
            case DataReceived(data=data, stream_id=id):
                exchange = self.exchanges.get(id)
                if exchange is None:  # data of a stream that we have cancelled
                    self.acknowledge(event.flow_controlled_length or 0, id)
                else:
                    exchange.data(data or b"", event.flow_controlled_length or 0)
            case WindowUpdated(stream_id=id):
                widened.add(id or 0)
            case ResponseReceived(stream_id=id):
                if (exchange := self.exchanges.get(id or 0)) is not None:
                    exchange.head(event.headers or ())
            case StreamEnded(stream_id=id):
                if (exchange := self.exchanges.get(id or 0)) is not None:
                    exchange.end()
            case StreamReset(stream_id=id):  # by the peer, or by h2 after a stream error
                if (exchange := self.exchanges.get(id)) is not None:
                    exchange.reset(int(event.error_code or 0))
            case RemoteSettingsChanged():
                self._has_settings = True
                widened.add(0)  # the settings include the initial window
                self._changed(self)
            case _:  # acknowledgements, trailers, 1xx, extensions
                pass

    def _go_away(self, last_stream_id: int) -> None:
        """Handle a GOAWAY: the peer accepts no further streams, but streams up to *last_stream_id* continue."""
        self._going_away = True
        for exchange in [each for each in self.exchanges.values() if each.id > last_stream_id]:
            exchange.refused()
        if not self.exchanges:
            self.close()
        self._changed(self)

    def _end(self, problem: str) -> None:
        """End the connection and all its streams because of *problem*."""
        if self._open:
            self._open = False
            self._transport.abort()
        self._watch.stop()
        if not self.settled.done():
            self.settled.set_exception(NotConnected(problem))
            self.settled.exception()  # nobody may be waiting
        for exchange in list(self.exchanges.values()):
            exchange.lost(problem)
        self._changed(self)

    def _ping(self) -> None:
        self._h2.ping(b"alive???")
        self.writer.flush()

    def _write(self, data: bytes) -> None:
        if self._open and os.getpid() == self._process:
            self._transport.write(data)
            if self.writer.paused and self._transport.get_write_buffer_size() > _MOST_UNREAD:
                self._end("it requests more data than it reads")
