"""
Event streams, ``application/vnd.amazon.eventstream``: bytes to messages and back. No I/O.

A frame, all numbers big-endian: total length (4 bytes), length of the headers (4), CRC-32 of these eight bytes (4), the
headers, the payload, CRC-32 of all before (4). A header: length of the name (1), name, type (1), value.

Source: Smithy 2.0, "Event stream encoding specification: application/vnd.amazon.eventstream".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias
from zlib import crc32

from attr import define

from sagemaker_runtime.errors import EventStreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

__all__ = ["MAX_PAYLOAD", "Decoder", "HeaderValue", "Int8", "Int16", "Int32", "Message", "Timestamp", "encode"]

MAX_PAYLOAD = 24 * 2**20  # bytes; botocore's limit, of which the service uses a fraction
_MAX_HEADERS = 128 * 2**10  # bytes
_MAX_VALUE = 2**15 - 1  # bytes
_MAX_NAME = 255  # bytes
_PRELUDE = Struct(">III")
_CHECKSUM = Struct(">I")
_checksum_at = _CHECKSUM.unpack_from
_SMALLEST = _PRELUDE.size + _CHECKSUM.size
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_LARGE = 4096  # bytes; a longer frame that comes in pieces is not joined, which would be one copy of its payload more
_HEAD_KEPT = 512  # bytes; a longer head is not remembered
_HEADS_KEPT = 256
_OBJECT = 64  # bytes; what a piece weighs beside its contents
_PIECES_FREE = 1024


class Int8(int):
    """A header's value of one byte, signed."""


class Int16(int):
    """A header's value of two bytes, signed."""


class Int32(int):
    """A header's value of four bytes, signed."""


class Timestamp(int):
    """A header's time in milliseconds since 1970, given for one that `datetime` cannot hold: before 1, after 9999."""


HeaderValue: TypeAlias = "bool | int | bytes | str | datetime | UUID"
"""
A header's value. There is one Python type for each type on the wire, so that what was decoded is encoded the same:
``bool`` for true and false; `Int8`, `Int16`, `Int32`; a plain ``int`` has eight bytes; ``bytes``; ``str``; ``datetime``,
aware and in UTC, to the millisecond, or `Timestamp`; ``uuid.UUID``. Values compare as Python's do: ``Int8(1) == True``.
"""


@define(repr=False)
class Message:
    """One message. Decoded headers are read-only: messages with equal headers share them."""

    headers: Mapping[str, HeaderValue]
    """By name. Those of the protocol begin with a colon, such as ``":event-type"``."""

    payload: bytes = b""

    def __repr__(self) -> str:
        # Only the protocol's own values: the payload, and what a model puts beside it, may be sensitive.
        headers = ", ".join(
            f"{name!r}: {value!r}" if name.startswith(":") else f"{name!r}: ..." for name, value in self.headers.items()
        )
        return f"<Message {{{headers}}}, payload of {len(self.payload)} bytes>"


def encode(message: Message) -> bytes:
    """
    The frame of a message.

    A time is rounded down to the millisecond.

    Raises:
        TypeError: A header has a value of a type the wire does not know.

        ValueError: A name, a value, the headers or the payload is beyond the protocol's limits, or a time has no zone.
    """
    block = b"".join(_encode_header(name, value) for name, value in message.headers.items())
    payload = message.payload
    if len(block) > _MAX_HEADERS:
        raise ValueError(f"the headers have {len(block)} bytes; {_MAX_HEADERS} are allowed")
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"the payload has {len(payload)} bytes; {MAX_PAYLOAD} are allowed")
    lengths = (_SMALLEST + len(block) + len(payload)).to_bytes(4) + len(block).to_bytes(4)
    prelude = lengths + _CHECKSUM.pack(crc32(lengths))
    checksum = crc32(payload, crc32(block, crc32(prelude)))
    return b"".join((prelude, block, payload, _CHECKSUM.pack(checksum)))


class Decoder:
    """
    Takes the messages out of one stream, whatever chunks it comes in.

    It holds what was fed and not taken yet, and the heads of frames it has seen, of which it keeps a bounded number.

    Args:
        max_payload: Bytes; a frame with a longer payload is an error, known from its first twelve bytes.
    """

    def __init__(self, *, max_payload: int = MAX_PAYLOAD) -> None:
        self._max_payload = max_payload
        self._buffer = b""
        self._at = 0  # where in the buffer the next frame begins
        self._offset: int = 0  # where in the stream the buffer begins
        # What follows the buffer. Pieces of an unfinished frame are joined once, when all are there: a frame of 20 MB
        # that comes in 64 KiB costs one copy, not three hundred.
        self._pieces: list[bytes] = []
        self._held = 0  # bytes in the pieces
        self._need = 0  # bytes of the frame without which nothing can be done
        self._failure: tuple[str, int] | None = None
        # Most frames of a stream begin as one before did. By the prelude: the head (prelude and headers), its length,
        # its CRC-32, its headers, the frame's length.
        self._heads: dict[bytes, tuple[bytes, int, int, Mapping[str, HeaderValue], int]] = {}

    def feed(self, data: bytes) -> None:
        """
        Add the next bytes of the stream, as many or few as there are.

        Raises:
            EventStreamError: `take` has raised before; again the same.
        """
        if self._failure is not None:
            raise EventStreamError(*self._failure)
        if self._at == len(self._buffer) and not self._pieces:
            self._offset += self._at
            self._buffer = data
            self._at = 0
            return
        self._pieces.append(data)
        self._held += len(data)
        if self._held >= self._need > 0 and not self._buffer:
            self._join()
        # A peer that sends byte by byte must not have us keep an object for each. Joined only after growing by a part
        # of its own size, what is held is copied a bounded number of times.
        elif (len(self._pieces) - _PIECES_FREE) * _OBJECT > self._held:
            self._pieces = [b"".join(self._pieces)]

    def take(self) -> Message | None:
        """
        The next message, or None when more bytes are needed first.

        Raises:
            EventStreamError: The next frame is broken. All before it were given out, nothing after it will be.
        """
        taken = self.take_apart()
        return None if taken is None else Message(*taken)

    def take_apart(self) -> tuple[Mapping[str, HeaderValue], bytes] | None:
        """What `take` gives, as headers and payload: a fifth quicker, for streams of very many messages."""
        # The hot path; what a stream costs is here. Slices of bytes are faster than views, and to compare with a head
        # seen before is faster than to look at its parts: 0.7 µs where the plain way takes 1.
        at = self._at
        buffer = self._buffer
        seen = self._heads.get(buffer[at : at + 12])
        if seen is None:
            return self._take_unseen()
        head, length, checksum, headers, total = seen
        end = at + total
        start = at + length
        if end > len(buffer):
            if total > _LARGE:
                if buffer[at:start] != head:
                    return self._take_unseen()
                return self._take_scattered(total, length, checksum, headers)
            return self.take_apart() if self._gather(total) else None
        payload = buffer[start : end - 4]
        if buffer[at:start] != head or crc32(payload, checksum) != _checksum_at(buffer, end - 4)[0]:
            return self._take_unseen()
        self._at = end
        return headers, payload

    def end(self) -> None:
        """
        Say that the stream has ended, after `take` has given None.

        Raises:
            EventStreamError: It stopped inside a frame, or `take` has raised before.
        """
        if self._failure is not None:
            raise EventStreamError(*self._failure)
        held = len(self._buffer) - self._at + self._held
        if held:
            need = max(self._need, _PRELUDE.size)
            raise self._broken(f"the stream stopped inside the frame, after {held} of at least {need} bytes")

    def _take_unseen(self) -> tuple[Mapping[str, HeaderValue], bytes] | None:
        """`take` for a frame that begins as none before, is large, broken, or not all there."""
        if self._failure is not None:
            raise EventStreamError(*self._failure)
        if self._at == len(self._buffer) and not self._pieces:
            self._let_go()
            return None
        if not self._gather(_PRELUDE.size):
            return None
        total, headers_length = self._lengths()
        payload_at = _PRELUDE.size + headers_length
        if total > _LARGE and self._gather(payload_at) and len(self._buffer) - self._at < total:
            head = self._buffer[self._at : self._at + payload_at]
            checksum = crc32(head)
            headers = self._headers(head)
            self._remember(head, checksum, headers, total)
            return self._take_scattered(total, payload_at, checksum, headers)
        if not self._gather(total):
            return None

        end = self._at + total
        with memoryview(self._buffer) as buffer, buffer[self._at : end] as frame:
            if crc32(frame[:-4]) != _checksum_at(frame, total - 4)[0]:
                raise self._broken("the message does not match its checksum")
            head = bytes(frame[:payload_at])
            payload = bytes(frame[payload_at:-4])
        headers = self._headers(head)
        self._remember(head, crc32(head), headers, total)
        self._at = end
        if end == len(self._buffer):
            self._let_go()
        return headers, payload

    def _take_scattered(
        self, total: int, payload_at: int, checksum: int, headers: Mapping[str, HeaderValue]
    ) -> tuple[Mapping[str, HeaderValue], bytes] | None:
        """
        `take` for a large frame whose head is in the buffer, and its end not: the payload is copied once, out of the pieces.

        Args:
            total: Bytes of the frame.

            payload_at: Bytes of it before the payload.

            checksum: Of those.

            headers: In those.
        """
        self._need = total
        excess = len(self._buffer) - self._at + self._held - total
        if excess < 0:
            return None
        last, begun = self._pieces[-1], self._offset + self._at
        end = len(last) - excess
        if end < _CHECKSUM.size:  # cut in the checksum; or complete before the last piece came, and nobody asked
            self._gather(total)
            return self._take_unseen()
        end_of_payload = end - _CHECKSUM.size
        payload = b"".join(
            (
                memoryview(self._buffer)[self._at + payload_at :],
                *self._pieces[:-1],
                memoryview(last)[:end_of_payload],
            )
        )
        if crc32(payload, checksum) != _checksum_at(last, end_of_payload)[0]:
            raise self._broken("the message does not match its checksum")
        self._buffer, self._at, self._offset = last, end, begun + total - end
        self._pieces = []
        self._held = self._need = 0
        if not excess:
            self._let_go()
        return headers, payload

    def _remember(self, head: bytes, checksum: int, headers: Mapping[str, HeaderValue], total: int) -> None:
        if len(head) <= _HEAD_KEPT:
            if len(self._heads) == _HEADS_KEPT:
                self._heads.clear()
            self._heads[head[: _PRELUDE.size]] = (head, len(head), checksum, headers, total)

    def _headers(self, head: bytes) -> Mapping[str, HeaderValue]:
        """The headers in the first bytes of a frame, which end where its payload begins."""
        try:
            return (_decode_headers if len(head) > _HEAD_KEPT else _remembered_headers)(head[_PRELUDE.size :])
        except ValueError as problem:
            raise self._broken(str(problem)) from None

    def _lengths(self) -> tuple[int, int]:
        """Total length and length of the headers, checked: a wrong one must not be waited for, nor allocated."""
        total, headers, checksum = _PRELUDE.unpack_from(self._buffer, self._at)
        payload = total - headers - _SMALLEST
        if checksum != crc32(self._buffer[self._at : self._at + 8]):
            raise self._broken("the prelude does not match its checksum")
        if total < _SMALLEST:
            raise self._broken(f"the total length is {total} bytes, and no frame is shorter than {_SMALLEST}")
        if payload < 0:
            raise self._broken(f"the headers have {headers} bytes in a frame of {total}")
        if headers > _MAX_HEADERS:
            raise self._broken(f"the headers have {headers} bytes; {_MAX_HEADERS} are allowed")
        if payload > self._max_payload:
            raise self._broken(f"the payload has {payload} bytes; {self._max_payload} are allowed (max_payload)")
        return total, headers

    def _gather(self, need: int) -> bool:
        """Whether *need* bytes of the frame are in the buffer, when the pieces were joined to it if they suffice."""
        if len(self._buffer) - self._at >= need:
            return True
        self._let_go()
        self._need = max(need, self._need)
        if self._held < self._need:
            return False
        self._join()
        return True

    def _join(self) -> None:
        self._buffer = b"".join(self._pieces)
        self._pieces = []
        self._held = self._need = 0

    def _let_go(self) -> None:
        """Free the buffer; what is left in it becomes the first piece."""
        rest = self._buffer[self._at :]
        if rest:
            self._pieces.insert(0, rest)
            self._held += len(rest)
        self._offset += self._at
        self._buffer = b""
        self._at = 0

    def _broken(self, problem: str) -> EventStreamError:
        """The error of the frame at hand, which ends the stream."""
        self._failure = (problem, self._offset + self._at)
        self._buffer = b""
        self._pieces = []
        self._at = self._held = self._need = 0
        return EventStreamError(*self._failure)


def _to_time(raw: bytes) -> datetime | Timestamp:
    milliseconds = Timestamp.from_bytes(raw, signed=True)
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return milliseconds


def _to_uuid(raw: bytes) -> UUID:
    from uuid import UUID  # 4 ms of import; no stream of this service has one

    return UUID(bytes=raw)


# By the type on the wire: bytes of a value, None where a length stands before it, and what makes a value of them.
_DECODERS: tuple[tuple[int | None, Callable[[bytes], HeaderValue]], ...] = (
    (0, lambda _: True),
    (0, lambda _: False),
    (1, lambda raw: Int8.from_bytes(raw, signed=True)),
    (2, lambda raw: Int16.from_bytes(raw, signed=True)),
    (4, lambda raw: Int32.from_bytes(raw, signed=True)),
    (8, lambda raw: int.from_bytes(raw, signed=True)),
    (None, bytes),
    (None, bytes.decode),
    (8, _to_time),
    (16, _to_uuid),
)
_NUMBERS = {Int8: (2, 1), Int16: (3, 2), Int32: (4, 4), int: (5, 8), Timestamp: (8, 8)}


def _decode_headers(block: bytes) -> Mapping[str, HeaderValue]:
    """The headers in their order; of two with one name the last. Raises ValueError, without any value in its text."""
    headers: dict[str, HeaderValue] = {}
    at = 0
    while at < len(block):
        start = at + 1
        at = start + block[at]
        if at == start:
            raise ValueError("a header's name is empty")
        if at >= len(block):
            raise ValueError("a header's name runs past the end of the headers")
        try:
            name = block[start:at].decode()
        except UnicodeDecodeError:
            raise ValueError("a header's name is not UTF-8") from None
        kind = block[at]
        at += 1
        if kind >= len(_DECODERS):
            raise ValueError(f"header {name!r} has type {kind}; there are 0 to {len(_DECODERS) - 1}")
        size, decode = _DECODERS[kind]
        if size is None:
            size = int.from_bytes(block[at : at + 2])
            at += 2
            if size > _MAX_VALUE:
                raise ValueError(f"header {name!r} has {size} bytes; {_MAX_VALUE} are allowed")
        if at + size > len(block):
            raise ValueError(f"header {name!r} runs past the end of the headers")
        try:
            headers[name] = decode(block[at : at + size])
        except UnicodeDecodeError:
            raise ValueError(f"header {name!r} is not UTF-8") from None
        at += size
    return MappingProxyType(headers)


# Frames whose payloads differ in length have preludes of their own, and mostly the same headers.
_remembered_headers = lru_cache(maxsize=64)(_decode_headers)


def _encode_header(name: str, value: HeaderValue) -> bytes:
    raw = _to_utf8(name, name)
    if not 0 < len(raw) <= _MAX_NAME:
        raise ValueError(f"header name {name!r} has {len(raw)} bytes; 1 to {_MAX_NAME} are allowed")
    kind, encoded = _encode_value(name, value)
    return bytes((len(raw),)) + raw + bytes((kind,)) + encoded


def _encode_value(name: str, value: object) -> tuple[int, bytes]:
    """The type on the wire, and what follows it."""
    if isinstance(value, bool):
        return (0 if value else 1), b""
    if isinstance(value, int):
        kind, size = _NUMBERS.get(type(value), _NUMBERS[int])
        try:
            return kind, value.to_bytes(size, signed=True)
        except OverflowError:
            raise ValueError(f"header {name!r} does not fit into {size} bytes, signed") from None
    if isinstance(value, (bytes, str)):
        kind, raw = (6, value) if isinstance(value, bytes) else (7, _to_utf8(name, value))
        if len(raw) > _MAX_VALUE:
            raise ValueError(f"header {name!r} has {len(raw)} bytes; {_MAX_VALUE} are allowed")
        return kind, len(raw).to_bytes(2) + raw
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"header {name!r} is a time without a zone")
        return 8, ((value - _EPOCH) // _MILLISECOND).to_bytes(8, signed=True)

    from uuid import UUID  # as in _to_uuid

    if not isinstance(value, UUID):
        raise TypeError(f"header {name!r} is of type {type(value).__name__}, which the wire does not know")
    return 9, value.bytes


def _to_utf8(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"header {name!r} has a lone surrogate, which UTF-8 cannot carry") from None
