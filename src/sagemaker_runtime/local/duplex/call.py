"""`DuplexCall`: one duplex call in progress: its stream, its journal entry, and how its errors are sent."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

from sagemaker_runtime.local.duplex.conversation import Part
from sagemaker_runtime.local.duplex.events import exception_of, frame_of
from sagemaker_runtime.local.front.failures import FailureError
from sagemaker_runtime.local.front.front import http_date
from sagemaker_runtime.local.front.journal import ConversationEvent, SentResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from sagemaker_runtime import Clock
    from sagemaker_runtime.local.duplex.conversation import Conversation
    from sagemaker_runtime.local.duplex.stream import H2Stream
    from sagemaker_runtime.local.front.journal import Exchange, Journal

# The duplex operation has its own names for some errors.
_NAMES = {
    "ValidationError": "InputValidationError",
    "InternalFailure": "InternalServerError",
    "ServiceUnavailable": "ServiceUnavailableError",
}
CONTENT_TYPE = "application/vnd.amazon.eventstream"


class DuplexCall:
    """
    One duplex call: its stream, and its entry in the journal.

    Attributes:
        https: Whether it uses TLS.

        skew: Seconds by which the service's clock is ahead for this call.
    """

    def __init__(self, stream: H2Stream, exchange: Exchange, journal: Journal, clock: Clock) -> None:
        self.stream = stream
        self.exchange = exchange
        self.https = dict(stream.headers).get(":scheme") == "https"
        self.skew = 0.0
        self._journal = journal
        self._clock = clock
        self._failure: FailureError | None = None

    def note(self, sender: Literal["caller", "endpoint"], name: str, part: Part | None = None) -> None:
        """Add an event to the journal."""
        response = self.exchange.response
        if response is not None and part is not None and sender == "endpoint":
            response.size += len(part.bytes)
        self._journal.note(self.exchange, ConversationEvent(self._clock.now(), sender, name, part))

    def note_if_watched(self, name: str, body: bytes | None = None) -> None:
        """Add an event of the endpoint, if the journal is watched."""
        if self._journal.watchers:
            self.note("endpoint", name, None if body is None else Part(body))

    async def received(self, parts: AsyncIterator[Part]) -> AsyncGenerator[Part]:
        """The caller's parts, each recorded. An error in them is kept, because a model may swallow it."""
        try:
            async for part in parts:
                self.note("caller", "PayloadPart", part)
                yield part
        except FailureError as error:
            self._failure = error
            if error.code == "InvalidSignatureException":
                self.exchange.signature_holds = False
            raise
        self.note("caller", "end")

    async def frames(self, parts: AsyncGenerator[Part], conversation: Conversation) -> AsyncGenerator[bytes]:
        """The frames of the model's parts, and of an error after the response has begun."""
        try:
            async with aclosing(parts):
                async for part in parts:
                    conversation.accept()
                    yield frame_of(part)
                    self.note("endpoint", "PayloadPart", part)
            if self._failure is not None:
                raise self._failure
        except FailureError as error:
            if self.exchange.status is None:
                raise
            yield self.exception(self._failure or error)

    def exception(self, error: FailureError) -> bytes:
        """The frame of an error, which is recorded."""
        error = _renamed(error)
        name = "ModelStreamError" if error.code == "ModelError" else error.code
        self.exchange.error_code = name
        self.note("endpoint", name or "exception")
        return exception_of(error)

    def head(self, variant: str = "AllTraffic") -> None:
        """Send the head of the response. Does nothing if it has been sent, or if the caller has left."""
        if self.exchange.status is None and not self.stream.lost:
            headers = {"content-type": CONTENT_TYPE, "x-amzn-invoked-production-variant": variant}
            self._head(200, headers)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        date = http_date(int(self._clock.now() + self.skew))
        self.stream.send_head(
            status, [("x-amzn-requestid", self.exchange.request_id), ("date", date), *headers.items()]
        )
        self.exchange.status = status
        if self._journal.watchers:
            self.exchange.response = SentResponse(headers)
        self.note("endpoint", "head")

    async def fail(self, error: FailureError) -> None:
        """Respond with an error, in the stream if the response has begun."""
        if self.exchange.status is not None:
            await self.stream.send(self.exception(error))
            return
        error = _renamed(error)
        self.exchange.error_code = error.code
        headers = {"content-type": "application/json"}
        if error.code is not None:
            headers["x-amzn-errortype"] = error.code
        body = json.dumps(error.document).encode()
        self._head(error.status, {**headers, "content-length": str(len(body))})
        await self.stream.send(body)
        self.note_if_watched("body", body)

    def end(self) -> None:
        """End the response."""
        self.note("endpoint", "end")
        self.stream.end()


def _renamed(error: FailureError) -> FailureError:
    """The error under the duplex operation's name for it."""
    name = _NAMES.get(error.code or "")
    return error if name is None else FailureError(name, error.status, error.document)
