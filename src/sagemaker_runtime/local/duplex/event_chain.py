"""
`EventChain`: checks the signed events of a request. Each signature covers the one before it.

It is a second implementation of the specification, for the same reason as `sigv4`.

Source: Smithy, "Event stream signing".
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from sagemaker_runtime.local.front.signature import SERVICE, SKEW
from sagemaker_runtime.local.front.sigv4 import signing_key
from sagemaker_runtime.streams.frames import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256-PAYLOAD"
_EPOCH = datetime.fromtimestamp(0, UTC)
_HEADERS = {":date", ":chunk-signature"}


def date_header(date: datetime) -> bytes:
    """The ``:date`` header as sent: its name, its type, and milliseconds since 1970."""
    return b"\x05:date\x08" + ((date - _EPOCH) // timedelta(milliseconds=1)).to_bytes(8, signed=True)


class ChainError(Exception):
    """An event does not continue the chain. The text tells the caller why."""


class EventChain:
    """
    Checks the events of one request, in order.

    Args:
        seed: The signature of the request, in hex.

        credentials: The keys that they must be signed with.

        region: The region that they must be signed for.

        now: The service's time.
    """

    def __init__(self, seed: str, *, credentials: Credentials, region: str, now: Callable[[], float]) -> None:
        self._prior = seed
        self._secret = credentials.secret_access_key
        self._region = region
        self._now = now
        self._number = 0

    def check(self, message: Message) -> bytes:
        """
        The event within a signed message; empty for the one that ends the stream.

        Raises:
            ChainError: It is not signed correctly.
        """
        self._number += 1
        date, signature = message.headers.get(":date"), message.headers.get(":chunk-signature")
        if not isinstance(date, datetime) or not isinstance(signature, bytes) or set(message.headers) != _HEADERS:
            raise self._wrong("it must have the headers ':date', a time, and ':chunk-signature', bytes, and no others")
        now = datetime.fromtimestamp(self._now(), UTC)
        if abs(date - now) > SKEW:
            raise self._wrong(f"its date is {date:%Y%m%dT%H%M%SZ}, and it is now {now:%Y%m%dT%H%M%SZ}")
        timestamp = f"{date:%Y%m%dT%H%M%SZ}"
        scope = f"{timestamp[:8]}/{self._region}/{SERVICE}/aws4_request"
        text = "\n".join(
            (
                _ALGORITHM,
                timestamp,
                scope,
                self._prior,
                sha256(date_header(date)).hexdigest(),
                sha256(message.payload).hexdigest(),
            )
        )
        expected = hmac.digest(signing_key(self._secret, scope), text.encode(), "sha256")
        if not hmac.compare_digest(expected, signature):
            raise self._wrong(
                "its signature differs from the one calculated: an event was changed, lost, repeated or sent out of order, "
                "or the chain did not begin with the signature of this request"
            )
        self._prior = expected.hex()
        return message.payload

    def _wrong(self, problem: str) -> ChainError:
        return ChainError(f"The signature of event {self._number} of the request is not valid: {problem}.")
