"""A client of the duplex operation on bare h2, so that the local endpoint is not tested by the client it is for."""

from __future__ import annotations

import asyncio
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)

from sagemaker_runtime import EventStreamError
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.local.duplex.event_chain import date_header
from sagemaker_runtime.local.front.sigv4 import signature_of, signing_key
from sagemaker_runtime.streams.frames import Decoder, Message, encode

STREAMING = "STREAMING-AWS4-HMAC-SHA256-EVENTS"
EMPTY_HEADERS: Mapping[str, str] = {}


def event(data: bytes, data_type: str | None = None, state: str | None = None, name: str = "PayloadPart") -> bytes:
    """An event, not signed yet."""
    headers = {":message-type": "event", ":event-type": name}
    headers |= {} if data_type is None else {"DataType": data_type}
    headers |= {} if state is None else {"CompletionState": state}
    return encode(Message(headers, data))


class Stream:
    """One duplex call, and what has come of its response."""

    def __init__(self, peer: Peer, number: int, seed: str, scope: str) -> None:
        self.peer, self.number, self.prior, self.scope = peer, number, seed, scope
        self.head: dict[str, str] | None = None
        self.body = b""
        self.messages: list[Message] = []
        self.ended = False
        self.reset: int | None = None
        self._decoder = Decoder()
        self._broken = False

    @property
    def status(self) -> int | None:
        return None if self.head is None else int(self.head[":status"])

    @property
    def error(self) -> tuple[str, Any]:
        """Name and document of an error in place of the response."""
        assert self.head is not None
        return self.head["x-amzn-errortype"], json.loads(self.body)

    @property
    def said(self) -> list[str]:
        """The parts of the response; text as it is, bytes with a ``b`` before, and a ``+`` after a partial one."""
        shown = []
        for each in self.messages:
            kind = each.headers[":message-type"]
            if kind == "event":
                text = each.payload.decode(errors="replace")
                shown.append(
                    ("" if each.headers["DataType"] == "UTF8" else "b:")
                    + text
                    + ("+" if each.headers["CompletionState"] == "PARTIAL" else "")
                )
            else:
                document = json.loads(each.payload)
                shown.append(f"{each.headers[':exception-type']}: {document.get('ErrorCode')}: {document['Message']}")
        return shown

    def fed(self, data: bytes) -> None:
        self.body += data
        if self.status == 200 and not self._broken:
            self._decoder.feed(data)
            try:
                while (message := self._decoder.take()) is not None:
                    self.messages.append(message)
            except EventStreamError:  # see `check`
                self._broken = True

    def check(self) -> None:
        """Raise what is wrong with the stream of the response."""
        self._decoder.end()

    def signed(self, payload: bytes, *, at: datetime | None = None, secret: str | None = None) -> bytes:
        """The frame of a signed event; the next one of the chain."""
        date = (at or self.peer.now()).replace(microsecond=0)
        text = "\n".join(
            (
                "AWS4-HMAC-SHA256-PAYLOAD",
                f"{date:%Y%m%dT%H%M%SZ}",
                self.scope,
                self.prior,
                sha256(date_header(date)).hexdigest(),
                sha256(payload).hexdigest(),
            )
        )
        key = signing_key(secret or self.peer.local.credentials.secret_access_key, self.scope)
        signature = hmac.digest(key, text.encode(), "sha256")
        self.prior = signature.hex()
        return encode(Message({":date": date, ":chunk-signature": signature}, payload))

    def send(self, *parts: str | bytes, end: bool = False) -> None:
        """Send parts, each as one event; and the end of the stream."""
        for part in parts:
            text = isinstance(part, str)
            self.write(self.signed(event(part.encode() if isinstance(part, str) else part, "UTF8" if text else None)))
        if end:
            self.write(self.signed(b""))
            self.peer.h2.end_stream(self.number)
        self.peer.flush()

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.peer.h2.send_data(self.number, data)
        self.peer.flush()

    async def until(self, *said: str) -> None:
        """Wait until the response has these parts."""
        await self.peer.until(lambda: self.said == list(said), lambda: f"{self.status} {self.said} {self.body!r}")

    async def done(self) -> None:
        """Wait until the response has ended, or was reset."""
        await self.peer.until(lambda: self.ended or self.reset is not None or self.peer.lost)


class Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, local: LocalEndpoint) -> None:
        self.local = local
        self.h2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.streams: dict[int, Stream] = {}
        self.lost = False
        self.pongs = 0
        self.last_stream: int | None = None
        self.transport: asyncio.Transport
        self.now = lambda: datetime.now(UTC)
        self.reading = True
        self.graceful = False  # whether a GOAWAY is kept from h2, which would end all streams
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(2**30)
        self.flush()

    def data_received(self, data: bytes) -> None:
        if self.graceful:
            data = self._without_goaway(data)
        for each in self.h2.receive_data(data):
            match each:
                case ResponseReceived():
                    self.streams[each.stream_id].head = dict(each.headers)
                case DataReceived():
                    self.streams[each.stream_id].fed(each.data)
                    if self.reading:
                        self.h2.acknowledge_received_data(each.flow_controlled_length, each.stream_id)
                case StreamEnded():
                    self.streams[each.stream_id].ended = True
                case StreamReset():
                    self.streams[each.stream_id].reset = int(each.error_code)
                case ConnectionTerminated():
                    self.last_stream = each.last_stream_id
                case PingAckReceived():
                    self.pongs += 1
                case _:
                    pass
        self.flush()
        self._news.set()

    def _without_goaway(self, data: bytes) -> bytes:
        """The same without GOAWAY frames, which are noted; each frame must have come whole, as it does on loopback."""
        kept, at = b"", 0
        while at < len(data):
            end = at + 9 + int.from_bytes(data[at : at + 3])
            if data[at + 3] == 7:
                self.last_stream = int.from_bytes(data[at + 9 : at + 13])
            else:
                kept += data[at:end]
            at = end
        return kept

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._news.set()

    def flush(self) -> None:
        self.transport.write(self.h2.data_to_send())

    async def until(self, condition: Any, shown: Any = lambda: "") -> None:
        try:
            async with asyncio.timeout(10):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"it did not come to that: {shown()}") from None

    def call(
        self,
        endpoint: str = "it",
        *,
        headers: Mapping[str, str] = EMPTY_HEADERS,
        change: Mapping[str, str] = EMPTY_HEADERS,
        query: str = "",
        path: str = "invocations-bidirectional-stream",
        at: datetime | None = None,
        secret: str | None = None,
    ) -> Stream:
        """Open a stream. *headers* are signed; those of *change* are changed after that."""
        keys, url = self.local.credentials, urlsplit(self.local.url)
        timestamp = f"{at or self.now():%Y%m%dT%H%M%SZ}"
        scope = f"{timestamp[:8]}/{self.local.region}/sagemaker/aws4_request"
        target = f"/endpoints/{endpoint}/{path}{query}"
        given = {
            "host": url.netloc,
            "content-type": "application/vnd.amazon.eventstream",
            "x-amz-content-sha256": STREAMING,
            "x-amz-date": timestamp,
            **headers,
        }
        names = sorted(given)
        seed = signature_of(
            "POST",
            target,
            given.items(),
            signed_headers=names,
            payload_hash=given["x-amz-content-sha256"],
            timestamp=timestamp,
            scope=scope,
            secret_access_key=secret or keys.secret_access_key,
        )
        given["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={keys.access_key_id}/{scope}, SignedHeaders={';'.join(names)}, Signature={seed}"
        )
        given |= change
        host = given.pop("host")
        number = self.h2.get_next_available_stream_id()
        pseudo = {":method": "POST", ":scheme": url.scheme, ":authority": host, ":path": target}
        self.h2.send_headers(number, [*pseudo.items(), *given.items()])
        self.flush()
        stream = self.streams[number] = Stream(self, number, seed, scope)
        return stream


@asynccontextmanager
async def connected(local: LocalEndpoint) -> AsyncIterator[Peer]:
    """A connection to a local endpoint."""
    url = urlsplit(local.url)
    context = None
    if local.ca_bundle is not None:
        context = ssl.create_default_context(cafile=str(local.ca_bundle))
        context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_connection(lambda: Peer(local), url.hostname, url.port, ssl=context)
    try:
        yield peer
    finally:
        peer.transport.close()
        await peer.until(lambda: peer.lost)
