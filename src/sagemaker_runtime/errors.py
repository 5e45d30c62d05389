"""
Every exception this package raises, in one tree.

::

    SageMakerRuntimeError                the base of all others
    ├── ConfigError                      invalid options, or an invalid argument
    ├── StackError                       a failed change of a stack, or a broken middleware
    ├── ClientClosedError                a call after ``close()``
    ├── InvalidParamsError               the input violates the API model; nothing was sent
    ├── InvalidHeaderError               a header that HTTP does not allow; nothing was sent
    ├── EndpointError                    no URL to send the request to
    │   └── EndpointNotFoundError        this resolver has none; ``with_endpoint_resolver`` asks the fallback
    ├── CredentialsError                 no credentials were found, or they could not be refreshed
    ├── TransportError                   the HTTP exchange failed
    │   ├── ConnectError                 no connection; nothing was sent
    │   │   ├── ConnectTimeoutError
    │   │   ├── CertificateError         the peer's certificate was refused; not retried
    │   │   ├── ProxyRefusedError        a proxy refused the tunnel (407, 403); not retried
    │   │   └── RefusedStreamError       over HTTP/2: the server did not process the request
    │   ├── ConnectionLostError          lost before the response, or reset within its head
    │   ├── WriteTimeoutError            the peer stopped reading the request; not executed
    │   ├── ReadTimeoutError             sent, but no response in time; may have been executed
    │   └── InvalidResponseError         the response is not HTTP
    │       ├── TruncatedResponseError   the response stopped before its end
    │       └── EventStreamError         the response's event stream is broken, or stopped inside a frame
    ├── StreamClosedError                a duplex stream was used after it was closed or ended
    ├── StreamContentError               a stream does not contain the text or JSON it was read as
    ├── TotalTimeoutError                ``Timeout.total`` has expired
    ├── AsyncInferenceError              an asynchronous inference failed; the text of the failure object
    ├── WaitTimeoutError                 an asynchronous inference had no result in time
    └── ServiceError                     the service returned an error
        ├── ValidationError              400
        │   └── InputValidationError     the same, from the duplex operation
        ├── ModelError                   424: the model's container failed
        ├── ModelNotReadyException       429: the model is still being loaded
        ├── InternalFailure              500
        │   └── InternalServerError      the same, from the duplex operation
        ├── ServiceUnavailable           503
        │   └── ServiceUnavailableError  the same, from the duplex operation
        ├── InternalDependencyException  530
        ├── ModelStreamError             the model's container failed after a stream had begun
        └── InternalStreamFailure        the service failed after a stream had begun

None of the timeouts is a builtin ``TimeoutError``, so you can tell them from an ``asyncio.timeout`` around a call.

All of these exceptions can be pickled, without ``metadata``, which may refer to the live response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from sagemaker_runtime.context import ATTEMPTS, REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagemaker_runtime.context import AttemptRecord, Metadata


__all__ = [
    "AsyncInferenceError",
    "CertificateError",
    "ClientClosedError",
    "ConfigError",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionLostError",
    "CredentialsError",
    "EndpointError",
    "EndpointNotFoundError",
    "EventStreamError",
    "InputValidationError",
    "InternalDependencyException",
    "InternalFailure",
    "InternalServerError",
    "InternalStreamFailure",
    "InvalidHeaderError",
    "InvalidParamsError",
    "InvalidResponseError",
    "ModelError",
    "ModelNotReadyException",
    "ModelStreamError",
    "ProxyRefusedError",
    "ReadTimeoutError",
    "RefusedStreamError",
    "SageMakerRuntimeError",
    "ServiceError",
    "ServiceUnavailable",
    "ServiceUnavailableError",
    "StackError",
    "StreamClosedError",
    "StreamContentError",
    "TotalTimeoutError",
    "TransportError",
    "TruncatedResponseError",
    "ValidationError",
    "WaitTimeoutError",
    "WriteTimeoutError",
]

_BODY_SHOWN = 200  # bytes of an unreadable body in the text of an error


class SageMakerRuntimeError(Exception):
    """
    The base of all exceptions of this package.

    The facts below are attached as the error leaves the call. They are None (or empty) if they are not known, for example
    in an error raised while a client is created.
    """

    operation: str | None = None
    """The operation called, such as ``"InvokeEndpoint"``."""

    attempts: Sequence[AttemptRecord] = ()
    """One record per attempt, oldest first; empty if nothing was sent."""

    request_id: str | None = None
    """The id that the service gave this request; quote it to AWS Support."""

    metadata: Metadata | None = None
    """The metadata that the middleware of the last attempt collected; None without a response, and after unpickling."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)

    @property
    def message(self) -> str:
        """What went wrong, without the facts that ``str()`` adds."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        facts = ", ".join(self._facts())
        text = f"{self._headline()} ({facts})" if facts else self._headline()
        return text.encode(errors="replace").decode()  # a peer's text may have characters that cannot be printed

    def _headline(self) -> str:
        return self.message

    def _facts(self) -> list[str]:
        facts = [] if self.operation is None else [self.operation]
        if self.request_id is not None:
            facts.append(f"request id {self.request_id}")
        if len(self.attempts) > 1:
            facts.append(f"{len(self.attempts)} attempts")
        return facts

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "metadata"}

    def __reduce__(self) -> tuple[object, ...]:
        # BaseException.__reduce__ would pickle all of __dict__, with the live response in the metadata.
        return (type(self), self.args, self.__getstate__())


def attach_facts(
    error: BaseException,
    *,
    operation: str | None = None,
    attempts: Sequence[AttemptRecord] | None = None,
    metadata: Metadata | None = None,
) -> None:
    """
    Attach facts to *error*; None for facts that the caller does not know.

    ResponseErrorWrapper knows the response, the client knows the call, and a stream that breaks knows both. An error that
    is not from this package gets the request id as a note.
    """
    request_id = None if metadata is None else metadata.get(REQUEST_ID)
    if not isinstance(error, SageMakerRuntimeError):
        if request_id is not None:
            error.add_note(f"while reading the response to request id {request_id}")
        return
    if metadata is not None:
        error.metadata, error.request_id = metadata, request_id
        attempts = metadata.get(ATTEMPTS, attempts)
    if operation is not None:
        error.operation = operation
    if attempts is not None:
        error.attempts = tuple(attempts)


class ConfigError(SageMakerRuntimeError):
    """Options, or an argument, are invalid."""


class StackError(SageMakerRuntimeError):
    """A change of a stack failed, or a middleware passed on or returned an object of the wrong type."""


class ClientClosedError(SageMakerRuntimeError):
    """The client was used after ``close()``."""


class InvalidParamsError(SageMakerRuntimeError):
    """The input violates the API model. Nothing was sent."""

    def __init__(self, message: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.args = (message, problems)
        self.problems = problems
        """One line per problem, ``"member: what is wrong"``, without sensitive values."""

    def _headline(self) -> str:
        # A single problem may be the whole message.
        return "".join([self.message, *(f"\n- {problem}" for problem in self.problems if problem != self.message)])

    def __str__(self) -> str:
        return self._headline()


class InvalidHeaderError(SageMakerRuntimeError):
    """A header has a name or value that HTTP does not allow. Nothing was sent."""


class EndpointError(SageMakerRuntimeError):
    """There is no URL to send the request to."""


class EndpointNotFoundError(EndpointError):
    """A resolver has no endpoint for the region; ``with_endpoint_resolver`` then asks the fallback."""


class CredentialsError(SageMakerRuntimeError):
    """No credentials were found, or they could not be refreshed."""


class TransportError(SageMakerRuntimeError):
    """The HTTP exchange failed. The ``__cause__`` is the underlying error, if there is one."""


class ConnectError(TransportError):
    """There was no connection: DNS, refused, TLS. Nothing was sent."""


class ConnectTimeoutError(ConnectError):
    """``Timeout.connect`` has expired. Nothing was sent."""


class CertificateError(ConnectError):
    """The peer's certificate was refused. Nothing was sent; a retry would not help."""


class ProxyRefusedError(ConnectError):
    """A proxy refused the tunnel with a 4xx, such as 407. Nothing was sent; a retry might lock the account."""


class RefusedStreamError(ConnectError):
    """Over HTTP/2, the server refused the stream, or ended the connection, before it processed the request."""


class ConnectionLostError(TransportError):
    """The connection was lost before the response, or was reset within its head. The request may have been sent."""


class WriteTimeoutError(TransportError):
    """``Timeout.write`` has expired: the peer stopped reading the request, so it was not executed."""


class ReadTimeoutError(TransportError):
    """``Timeout.read`` has expired. The request was sent, and the model may still be computing."""


class InvalidResponseError(TransportError):
    """The response is not HTTP, or stopped after its first byte."""


class TruncatedResponseError(InvalidResponseError):
    """The response stopped before its end, or its end cannot be told from a truncation."""


class EventStreamError(InvalidResponseError):
    """
    The event stream is broken, stopped inside a frame, or was iterated again after it had ended or was closed.

    All events before the error have been delivered.
    """

    def __init__(self, message: str = "", offset: int | None = None) -> None:
        super().__init__(message)
        self.args = (message, offset)
        self.offset = offset
        """Where the faulty frame begins in the stream, in bytes from 0; None if no frame is at fault."""

    def _headline(self) -> str:
        return self.message if self.offset is None else f"frame at byte {self.offset} of the stream: {self.message}"


class StreamClosedError(SageMakerRuntimeError):
    """A duplex stream was used after it was closed or ended, or the model has ended the conversation."""


class StreamContentError(SageMakerRuntimeError):
    """A stream does not contain the text or JSON it was read as. Everything before the error has been delivered."""


class TotalTimeoutError(SageMakerRuntimeError):
    """``Timeout.total`` has expired. ``attempts`` lists the attempts made until then."""


class AsyncInferenceError(SageMakerRuntimeError):
    """An asynchronous inference failed. The message is the text of its failure object in S3."""

    def __init__(self, message: str = "", failure_location: str | None = None) -> None:
        super().__init__(message)
        self.args = (message, failure_location)
        self.failure_location = failure_location
        """The S3 URI of the failure object."""


class WaitTimeoutError(SageMakerRuntimeError):
    """An asynchronous inference has neither succeeded nor failed within the timeout. It may still do so."""


class ServiceError(SageMakerRuntimeError):
    """
    The service, or something between the client and the service, returned an error.

    This class itself is used for errors that the API model does not list: ``ThrottlingException``,
    ``AccessDeniedException``, a proxy's error page.
    """

    code: str = "UnknownError"
    """The error's name, such as ``"ThrottlingException"``; the HTTP status in digits if the response has none."""

    fault: ClassVar[Literal["client", "server"] | None] = None
    """Who is at fault according to the API model; None if the model does not list the error."""

    members: ClassVar[Mapping[str, tuple[str, type[str | int]]]] = {}
    """The members other than the message: a mapping from the JSON name to the attribute and its type."""

    error_code: str | None = None
    """A more specific code in addition to the name (``ErrorCode``); None if the service sent none."""

    status: int | None = None
    """HTTP status of the response."""

    body: bytes = b""
    """The start of the response's body, at most 4,096 bytes. The error's text shows some of it if it is not JSON."""

    retry_after: float | None = None
    """How many seconds the service asked to wait (``x-amz-retry-after``), or None."""

    clock_skew: float | None = None
    """Seconds by which the signature's time was off, if that explains why the service refused it; otherwise None."""

    credentials_renewed: bool = False
    """Whether the service refused the credentials and their provider now has new ones, so that a retry may succeed."""

    def _headline(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code

    def _facts(self) -> list[str]:
        facts = super()._facts()
        if self.status is not None:
            facts.insert(1 if self.operation else 0, f"HTTP {self.status}")
        start = self.body[:_BODY_SHOWN].decode(errors="replace").strip()
        in_message = self.message and (
            start.startswith(self.message) or self.message.startswith(start.rstrip("\N{REPLACEMENT CHARACTER}"))
        )
        if start and not start.startswith("{") and not in_message:
            facts.append(f"the body starts {start!r}")
        if self.error_code:
            facts.append(f"error code {self.error_code}")
        return facts


class ValidationError(ServiceError):
    """The service refused the request (400)."""

    code = "ValidationError"
    fault = "client"


class InputValidationError(ValidationError):
    """The service refused the request of a duplex call (400)."""

    code = "InputValidationError"


class ModelError(ServiceError):
    """The model's container failed, or did not respond in time (424). Not retried, because the model would fail again."""

    code = "ModelError"
    fault = "client"
    members: ClassVar[Mapping[str, tuple[str, type[str | int]]]] = {
        "OriginalStatusCode": ("original_status_code", int),
        "OriginalMessage": ("original_message", str),
        "LogStreamArn": ("log_stream_arn", str),
    }

    original_status_code: int | None = None
    """The HTTP status that the container returned."""

    original_message: str | None = None
    """The text that the container returned."""

    log_stream_arn: str | None = None
    """ARN of the CloudWatch Logs stream of the container."""

    def _facts(self) -> list[str]:
        facts = super()._facts()
        if self.original_status_code is not None:
            facts.append(f"original status {self.original_status_code}")
        if self.original_message and self.original_message not in self.message:
            facts.append(f"original message {self.original_message!r}")
        if self.log_stream_arn:
            facts.append(f"log stream {self.log_stream_arn}")
        return facts


class ModelNotReadyException(ServiceError):
    """The model of a serverless or multi-model endpoint is still being loaded (429). Retried for a limited time."""

    code = "ModelNotReadyException"
    fault = "client"


class InternalFailure(ServiceError):
    """The service failed (500). Retried."""

    code = "InternalFailure"
    fault = "server"


class InternalServerError(InternalFailure):
    """The service failed in a duplex call (500). Retried as long as no event has arrived."""

    code = "InternalServerError"


class ServiceUnavailable(ServiceError):
    """The service is unavailable (503). Retried."""

    code = "ServiceUnavailable"
    fault = "server"


class ServiceUnavailableError(ServiceUnavailable):
    """The service is unavailable for a duplex call (503). Retried as long as no event has arrived."""

    code = "ServiceUnavailableError"


class InternalDependencyException(ServiceError):
    """A dependency of the service failed (530). Retried."""

    code = "InternalDependencyException"
    fault = "server"


class ModelStreamError(ServiceError):
    """The model's container failed after the stream had begun. The parts before it are valid."""

    code = "ModelStreamError"
    fault = "client"
    members: ClassVar[Mapping[str, tuple[str, type[str | int]]]] = {"ErrorCode": ("error_code", str)}

    error_code: str | None = None
    """``"ModelInvocationTimeExceeded"``, or ``"StreamBroken"`` if the model dropped the connection."""


class InternalStreamFailure(ServiceError):
    """The service failed after the stream had begun. The parts before it are valid."""

    code = "InternalStreamFailure"
    fault = "server"
