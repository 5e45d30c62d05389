"""The responses of a `StubHTTPClient`: `respond`, `respond_stream` and `respond_error` make them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from sagemaker_runtime import Headers, Response, ServiceError, TransportError
from sagemaker_runtime.streams.frames import Message, encode
from sagemaker_runtime.testing.failures import fresh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Source: service-2.json, except for the last, which is in no model.
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
    """The body of a response, in memory: its pieces, then its end or an error."""

    pieces: list[bytes] = field(repr=False)
    error: Exception | None = None
    delimited: bool = True
    closed: bool = False
    """Whether it was closed, or read to its end, which releases a connection too."""

    _read: bytes | None = field(default=None, init=False, repr=False)

    async def read(self) -> bytes:
        """The whole body; the same bytes at each call."""
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
            raise fresh(self.error)
        return b""

    def close(self) -> None:
        """Mark it as closed."""
        self.closed = True


@frozen(eq=False)
class StubResponse:
    """A response in a script. Each time it is used, it makes a new `Response`."""

    status: int
    """HTTP status."""

    headers: Headers
    """The headers of the response."""

    pieces: tuple[bytes, ...] = field(repr=False)
    """The body, in the pieces in which it is read."""

    error: Exception | None = None
    """Raised after the last piece; None for a body that ends normally."""

    delay: float = 0.0
    """Seconds on the stub's clock until its head arrives."""

    def after(self, seconds: float) -> StubResponse:
        """
        The same response, *seconds* later on the stub's clock.

        If *seconds* exceeds ``Timeout.read``, the response never arrives: the call gets a `ReadTimeoutError` after
        ``Timeout.read``.
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
    A response with a body.

    Args:
        body: The whole body.

        status: HTTP status.

        headers: In addition to ``Content-Length``.

        error: Raised after the body has been read; a `TruncatedResponseError`, for example.

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
    A response to InvokeEndpointWithResponseStream: real frames of an event stream, one for each part.

    Args:
        parts: The bytes of each `PayloadPart`.

        headers: In addition to ``Content-Type``, which is that of event streams.

        error: What ends the stream. A `ServiceError`, such as a `ModelStreamError`, is sent in the stream, as the service
            does; a `TransportError` is raised.

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
    The service's response to a call that failed: ``respond_error("ThrottlingException", "Rate exceeded")``.

    Args:
        error: The name of the error; or an error, whose name, message and members are sent: ``ModelError("no memory")``.

        message: The error's message, if *error* is a name.

        status: HTTP status. None for the error's own; the errors of the API model and ``ThrottlingException`` have one.

        headers: In addition to those of every error, such as ``{"x-amz-retry-after": "1500"}``.

    Raises:
        ValueError: *status* is None, and none is known for the name.
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
    """The JSON that the service sends for an error: its message, and the members that are set."""
    members = {name: getattr(error, attribute) for name, (attribute, _) in error.members.items()}
    given = {name: value for name, value in members.items() if value is not None}
    return _json({"Message": error.message, **given})


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document).encode()
