"""
The messages of an event stream, ``application/vnd.amazon.eventstream``, and their encoding. `frames` decodes streams.

A frame, all numbers big-endian: total length (4 bytes), length of the headers (4), CRC-32 of these eight bytes (4), the
headers, the payload, CRC-32 of everything before (4). A header: length of the name (1), name, type (1), value.

Source: Smithy 2.0, "Event stream encoding specification: application/vnd.amazon.eventstream".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias
from zlib import crc32

from attr import define

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

MAX_PAYLOAD = 24 * 2**20
"""The maximum size of a message's payload, in bytes; botocore's limit, of which the service uses a fraction."""

MAX_HEADERS = 128 * 2**10  # bytes
PRELUDE = Struct(">III")
CHECKSUM = Struct(">I")
SMALLEST_FRAME = PRELUDE.size + CHECKSUM.size  # bytes
_MAX_VALUE = 2**15 - 1  # bytes
_MAX_NAME = 255  # bytes
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Int8(int):
    """A header's value of one byte, signed."""


class Int16(int):
    """A header's value of two bytes, signed."""


class Int32(int):
    """A header's value of four bytes, signed."""


class Timestamp(int):
    """A header's time in milliseconds since 1970, used for times before year 1 or after 9999, unlike `datetime`."""


HeaderValue: TypeAlias = "bool | int | bytes | str | datetime | UUID"
"""
A header's value. There is one Python type for each type on the wire, so that a decoded value is encoded the same way:
``bool`` for true and false; `Int8`, `Int16`, `Int32`; a plain ``int`` for eight bytes; ``bytes``; ``str``; ``datetime``,
aware and in UTC, to the millisecond, or `Timestamp`; ``uuid.UUID``. Values compare as in Python: ``Int8(1) == True``.
"""


@define(repr=False)
class Message:
    """One message. Decoded headers are read-only: messages with equal headers share them."""

    headers: Mapping[str, HeaderValue]
    """Values by name. Names of the protocol begin with a colon, such as ``":event-type"``."""

    payload: bytes = b""
    """The content."""

    def __repr__(self) -> str:
        # Only the protocol's own values: the payload and the model's headers may be sensitive.
        headers = ", ".join(
            f"{name!r}: {value!r}" if name.startswith(":") else f"{name!r}: ..." for name, value in self.headers.items()
        )
        return f"<Message {{{headers}}}, payload of {len(self.payload)} bytes>"


def encode(message: Message) -> bytes:
    """
    Return the frame of a message. Times are rounded down to the millisecond.

    Raises:
        TypeError: The type of a header's value has no encoding.

        ValueError: A name, a value, the headers or the payload exceed the protocol's limits, or a time has no time zone.
    """
    block = encode_headers(message.headers)
    payload = message.payload
    if len(block) > MAX_HEADERS:
        raise ValueError(f"the headers have {len(block)} bytes; {MAX_HEADERS} are allowed")
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"the payload has {len(payload)} bytes; {MAX_PAYLOAD} are allowed")
    lengths = (SMALLEST_FRAME + len(block) + len(payload)).to_bytes(4) + len(block).to_bytes(4)
    prelude = lengths + CHECKSUM.pack(crc32(lengths))
    checksum = crc32(payload, crc32(block, crc32(prelude)))
    return b"".join((prelude, block, payload, CHECKSUM.pack(checksum)))


def _to_time(raw: bytes) -> datetime | Timestamp:
    milliseconds = Timestamp.from_bytes(raw, signed=True)
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return milliseconds


def _to_uuid(raw: bytes) -> UUID:
    from uuid import UUID  # 4 ms of import; streams of this service contain none

    return UUID(bytes=raw)


# By the type on the wire: the bytes of a value (None if its length precedes it), and its decoder.
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


def decode_headers(block: bytes) -> Mapping[str, HeaderValue]:
    """The headers, in order; the last one of a name wins. Raises ValueError, whose text shows no values."""
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
            raise ValueError(f"header {name!r} has type {kind}; the types are 0 to {len(_DECODERS) - 1}")
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


def encode_headers(headers: Mapping[str, HeaderValue]) -> bytes:
    """
    Encode the headers of a frame.

    Raises:
        TypeError: The type of a header's value has no encoding.

        ValueError: A name or a value exceeds the protocol's limits, or a time has no time zone.
    """
    return b"".join(_encode_header(name, value) for name, value in headers.items())


def _encode_header(name: str, value: HeaderValue) -> bytes:
    raw = _to_utf8(name, name)
    if not 0 < len(raw) <= _MAX_NAME:
        raise ValueError(f"header name {name!r} has {len(raw)} bytes; 1 to {_MAX_NAME} are allowed")
    kind, encoded = _encode_value(name, value)
    return bytes((len(raw),)) + raw + bytes((kind,)) + encoded


def _encode_value(name: str, value: object) -> tuple[int, bytes]:
    """The type on the wire, and the encoded value."""
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
            raise ValueError(f"header {name!r} is a time without a time zone")
        return 8, ((value - _EPOCH) // _MILLISECOND).to_bytes(8, signed=True)

    from uuid import UUID

    if not isinstance(value, UUID):
        raise TypeError(f"header {name!r} is of type {type(value).__name__}, which has no encoding in an event stream")
    return 9, value.bytes


def _to_utf8(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"header {name!r} has a lone surrogate, which UTF-8 cannot encode") from None
