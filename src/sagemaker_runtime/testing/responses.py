"""What a `StubHTTPClient` answers with: `respond`, `respond_stream` and `respond_error` write it down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from sagemaker_runtime import Headers, Response, ServiceError, TransportError
from sagemaker_runtime.streams.frames import Message, encode
from sagemaker_runtime.testing.failures import anew

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Source: service-2.json; the last one is in no model.
STATUSES = {
    "ValidationError": 400,
    "ModelError": 424,
    "ModelNotReadyException": 429,
    "InternalFailure": 500,
    "ServiceUnavailable": 503,
    "InternalDependencyException": 530,
    "ThrottlingException": 400,
}
EVENT_STREAM = "application/vnd.amazon.eventstream"


@define(eq=False)
class StubBody:
    """The body of a response, in memory. It gives its pieces, then its end or an error."""

    pieces: list[bytes] = field(repr=False)
    error: Exception | None = None
    delimited: bool = True
    closed: bool = False
    """Whether it was closed, or read to its end, which lets go of a connection as well."""

    _read: bytes | None = field(default=None, init=False, repr=False)

    async def read(self) -> bytes:
        """The whole body; asked again, the same bytes."""
        if self._read is None:
            data = b""
            while piece := await self.chunk():
                data += piece
            self._read = data
        return self._read

    async def chunk(self) -> bytes:
        """The next piece; empty at the end."""
        if self.pieces:
            return self.pieces.pop(0)
        self.closed = True
        if self.error is not None:
            raise anew(self.error)
        return b""

    def close(self) -> None:
        """Let go."""
        self.closed = True


@frozen(eq=False)
class StubResponse:
    """An answer as a script has it; each time it is its turn, a fresh `Response` is made of it."""

    status: int
    headers: Headers
    pieces: tuple[bytes, ...] = field(repr=False)
    error: Exception | None = None
    delay: float = 0.0
    """Seconds on the stub's clock until its head is there."""

    def after(self, seconds: float) -> StubResponse:
        """
        The same answer, *seconds* later on the stub's clock.

        Where that is beyond ``Timeout.read``, it does not come, and the call gets a `ReadTimeoutError` after that time.
        """
        return evolve(self, delay=seconds)

    def body(self) -> StubBody:
        """The body, unread."""
        return StubBody(list(self.pieces), self.error)

    def response(self) -> Response:
        """The response, unread."""
        return Response(self.status, self.headers.copy(), self.body())


def respond(
    body: bytes = b"",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    error: TransportError | None = None,
) -> StubResponse:
    """
    An answer with a body.

    Args:
        body: All of it.

        status: HTTP status.

        headers: Beside the ``Content-Length``.

        error: Raised when the body has been read so far: a `TruncatedResponseError`, say.

    Raises:
        InvalidHeaderError: A header cannot be sent.
    """
    return StubResponse(status, Headers({"content-length": str(len(body)), **(headers or {})}), (body,), error)


def respond_stream(
    parts: Iterable[bytes],
    *,
    headers: Mapping[str, str] | None = None,
    error: ServiceError | TransportError | None = None,
) -> StubResponse:
    """
    An answer to InvokeEndpointWithResponseStream: real frames of an event stream, one for each part.

    Args:
        parts: What each `PayloadPart` holds.

        headers: Beside the ``Content-Type``, which is the stream's own.

        error: Where the stream ends. A `ServiceError`, such as a `ModelStreamError`, is told in the stream, as the
            service does it; a `TransportError` is raised.

    Raises:
        InvalidHeaderError: A header cannot be sent.
    """
    pieces = [
        encode(
            Message(
                {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"},
                part,
            )
        )
        for part in parts
    ]
    broken = None
    if isinstance(error, ServiceError):
        head = {":message-type": "exception", ":exception-type": error.code, ":content-type": "application/json"}
        pieces.append(encode(Message(head, _document(error))))
    else:
        broken = error
    return StubResponse(200, Headers({"content-type": EVENT_STREAM, **(headers or {})}), tuple(pieces), broken)


def respond_error(
    error: str | ServiceError, message: str = "", *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> StubResponse:
    """
    The service's answer that a call failed: ``respond_error("ThrottlingException", "Rate exceeded")``.

    Args:
        error: The error's name; or an error, whose name, message and members are told: ``ModelError("no memory")``.

        message: The text, where the error is given by its name.

        status: HTTP status. None for the error's own, where it is one of the API model or a ``ThrottlingException``.

        headers: Beside those that any error has, such as ``{"x-amz-retry-after": "1500"}``.

    Raises:
        ValueError: No status is given, and none is known for the name.
        InvalidHeaderError: A header cannot be sent.
    """
    if isinstance(error, str):
        code, document = error, _json({"Message": message})
    else:
        code, document = error.code, _document(error)
    if status is None:
        status = STATUSES.get(code) if isinstance(error, str) else error.status or STATUSES.get(code)
    if status is None:
        raise ValueError(f"no status is known for the error {code!r}: give one, or use one of {', '.join(STATUSES)}")
    kind = {"content-type": "application/json", "x-amzn-errortype": code}
    return respond(document, status=status, headers={**kind, **(headers or {})})


def _document(error: ServiceError) -> bytes:
    """What the service writes of an error: its message, and the members that are set."""
    members = {name: getattr(error, attribute) for name, (attribute, _) in error.members.items()}
    told = {name: value for name, value in members.items() if value is not None}
    return _json({"Message": error.message, **told})


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document).encode()
