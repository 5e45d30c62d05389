"""
AWS Signature Version 4 for the events of a request's stream: each signature covers the one before it.

Each encoded event is the payload of an outer message with the headers ``:date`` and ``:chunk-signature``. The signature
of the request is the seed of the chain; a signed message without a payload ends it.

Source: Smithy, "Event stream signing"; smithy-go ``aws-http-auth/sigv4``, aws-c-auth ``test_event_signing.c``.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from zlib import crc32

from sagemaker_runtime.context import Key
from sagemaker_runtime.dates import amz_date_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.credentials import Credentials
    from sagemaker_runtime.signing import SigningKey
    from sagemaker_runtime.wire import Request

__all__ = ["EVENT_SIGNER", "EVENT_STREAM", "STREAMING_EVENTS", "EventSigner", "EventSignerV4", "EventsSigner"]

EVENT_STREAM = "application/vnd.amazon.eventstream"
"""The content type of a request whose body is a stream of signed events."""

STREAMING_EVENTS = "STREAMING-AWS4-HMAC-SHA256-EVENTS"
"""The payload hash of such a request, also sent as ``X-Amz-Content-SHA256``."""

_ALGORITHM = "AWS4-HMAC-SHA256-PAYLOAD"
_DATE = b"\x05:date\x08"  # length of the name, name, type (a time in milliseconds)
_SIGNATURE = b"\x10:chunk-signature\x06\x00\x20"  # length of the name, name, type (bytes), and their number, 32
_HEADERS_LENGTH = len(_DATE) + 8 + len(_SIGNATURE) + 32
_HEADERS_LENGTH_BYTES = _HEADERS_LENGTH.to_bytes(4)
_OVERHEAD = 16 + _HEADERS_LENGTH  # bytes of a frame without its payload
_checksum = Struct(">I").pack


class EventsSigner(Protocol):
    """Signs the chain of events that follow a signed request."""

    def sign(self, event: bytes, milliseconds: int) -> bytes:
        """
        Return the frame of the outer message around *event*, as it is sent.

        Args:
            event: The frame of the event; empty for the message that ends the stream.

            milliseconds: The event's time by the service's clock, in milliseconds since 1970.
        """
        ...


EVENT_SIGNER: Key[EventsSigner] = Key("event signer")
"""
Signs the events of the attempt, starting from its signature. Set by Signing in a duplex call. A middleware that replaces
Signing must set it too; a signed request without it raises ConfigError.
"""


@runtime_checkable
class EventSignerV4(Protocol):
    """A signer that can also sign the events that follow a request; ``http_signer_v4`` of duplex calls must be one."""

    def sign_events(self, request: Request, *, credentials: Credentials, service: str, region: str) -> EventsSigner:
        """
        Return the signer of the events that follow *request*.

        Args:
            request: Already signed by ``sign_http``, with the same credentials, service and region.

            credentials: The keys to sign with.

            service: Signing name, ``"sagemaker"``.

            region: Signing region.
        """
        ...


class EventSigner:
    """
    Signs the events of one attempt, in the order in which they are sent. It is an `EventsSigner`.

    Args:
        seed: The signature of the request, in hex.

        key_of: Returns the signing key of a day, given as ``20261130``; a stream may last past midnight.
    """

    __slots__ = ("_day", "_key", "_key_of", "prior")

    def __init__(self, seed: str, key_of: Callable[[str], SigningKey]) -> None:
        self.prior = seed
        """The previous signature, in hex."""

        self._key_of = key_of
        self._day = ""
        self._key: SigningKey | None = None

    def sign(self, event: bytes, milliseconds: int) -> bytes:
        """Return the frame of the outer message around *event*, as `EventsSigner.sign` does."""
        date = _DATE + milliseconds.to_bytes(8, signed=True)
        signature = self.next_signature(date, event, milliseconds // 1000)
        prelude = (_OVERHEAD + len(event)).to_bytes(4) + _HEADERS_LENGTH_BYTES
        head = b"".join((prelude, _checksum(crc32(prelude)), date, _SIGNATURE, signature))
        return b"".join((head, event, _checksum(crc32(event, crc32(head)))))

    def next_signature(self, headers: bytes, payload: bytes, seconds: int) -> bytes:
        """
        Return the next signature of the chain, as 32 bytes.

        Args:
            headers: The encoded ``:date`` header.

            payload: The payload of the outer message.

            seconds: The time in that header, in seconds since 1970.
        """
        text = self.string_to_sign(headers, payload, seconds)
        self.prior = self._key.sign(text) if self._key is not None else ""
        return bytes.fromhex(self.prior)

    def string_to_sign(self, headers: bytes, payload: bytes, seconds: int) -> str:
        """Return the text that the signing key of the day is applied to; the arguments are those of `next_signature`."""
        timestamp = amz_date_of(seconds)
        if timestamp[:8] != self._day or self._key is None:
            self._day = timestamp[:8]
            self._key = self._key_of(self._day)
        digests = f"{sha256(headers).hexdigest()}\n{sha256(payload).hexdigest()}"
        return f"{_ALGORITHM}\n{timestamp}\n{self._key.scope}\n{self.prior}\n{digests}"
