"""Deserialize: once per attempt, from the response to a result or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

from sagemaker_runtime.context import LOGGER, OPERATION, RAW_RESPONSE, REQUEST_ID, TIMING, Key, Metadata, ResponseTiming
from sagemaker_runtime.errors import SageMakerRuntimeError, TransportError, TruncatedResponseError
from sagemaker_runtime.headers import http_date
from sagemaker_runtime.log_mode import ClientLogMode
from sagemaker_runtime.middleware.steps import Output
from sagemaker_runtime.operations.response_stream import ResponseStream

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sagemaker_runtime.clock import Clock, ClockSkew
    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import DeserializeHandler, DeserializeInput
    from sagemaker_runtime.protocol import Codec
    from sagemaker_runtime.transport import HTTPClient
    from sagemaker_runtime.wire import Response, Timeout

RECEIVED = Key[Output]("received")
"""What the transport brought, for those who must clean up after a failure: an exception carries no Output."""

REQUEST_ID_HEADERS = ("x-amzn-requestid", "x-amz-request-id", "x-amz-requestid")
EVENT_STREAM = "application/vnd.amazon.eventstream"
SKEW_ROUND_TRIP = 900.0  # seconds; after a longer round trip the Date header says nothing of the skew


def transport_handler(http_client: HTTPClient, timeout: Timeout) -> DeserializeHandler:
    """The end of the stack: hand the request to *http_client*."""

    async def send(ctx: Context, step: DeserializeInput) -> Output:
        before = ctx.get(RECEIVED)
        if before is not None and before.raw_response is not None:
            before.raw_response.close()  # a middleware has called next again
        response = await http_client.send(step.request, timeout=timeout)
        metadata = Metadata()
        metadata[RAW_RESPONSE] = response
        ctx[RECEIVED] = output = Output(None, metadata, response)
        return output

    return send


@frozen
class CloseResponseBody:
    """Let go of the connection, whoever fails and however; of a stream that succeeds, the stream's owner does."""

    streams: bool = False
    id: str = "CloseResponseBody"

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        try:
            output = await next(ctx, step)
        except BaseException:
            received = ctx.get(RECEIVED)
            if received is not None:
                _close(received)
            raise
        if output.raw_response is not None and not self.streams:
            output.raw_response.close()
        received = ctx.get(RECEIVED)
        if received is not None and received is not output and received.raw_response is not output.raw_response:
            _close(received)  # a middleware has answered in the service's stead
        return output


def _close(output: Output) -> None:
    if output.raw_response is not None:
        output.raw_response.close()


@frozen
class ResponseErrorWrapper:
    """Attach to an error what the response told: the request id and the other metadata."""

    id: str = "ResponseErrorWrapper"

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        try:
            return await next(ctx, step)
        except Exception as error:
            received = ctx.get(RECEIVED)
            if received is not None:
                _attach(error, received)
            raise


def _attach(error: Exception, received: Output) -> None:
    request_id = received.metadata.get(REQUEST_ID)
    if isinstance(error, SageMakerRuntimeError):
        error.metadata = received.metadata
        error.request_id = request_id
    elif request_id is not None:
        error.add_note(f"while reading the answer to request id {request_id}")


@frozen
class OperationDeserializer:
    """Read the body; give the output, or raise the error the service answered with."""

    codec: Codec
    id: str = "OperationDeserializer"

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        output = await next(ctx, step)
        response = output.raw_response
        if response is None or output.result is not None:
            return output  # a middleware below has answered in the service's stead
        try:
            if not 200 <= response.status < 300:  # noqa: PLR2004 - the model's status is one of the successful ones
                raise self.codec.error(response.status, response.headers, await _error_body(response))
            body = self._stream(response, output.metadata) if self.codec.streams else await _whole_body(response)
            output.result = self.codec.deserialize(response.headers, body, output.metadata)
        except BaseException:
            response.close()
            raise
        return output

    def _stream(self, response: Response, metadata: Metadata) -> ResponseStream:
        return ResponseStream(response.body, self.codec.event, metadata, self.codec.operation.name)


async def _whole_body(response: Response) -> bytes:
    body = await response.body.read()
    if not response.body.delimited:
        raise TruncatedResponseError(
            "the answer has neither a Content-Length nor chunked coding, so a cut could not be told from its end"
        )
    return body


async def _error_body(response: Response) -> bytes:
    """The body of an error; nothing if it breaks off, because the status and the headers say enough."""
    try:
        return await response.body.read()
    except TransportError:
        return b""


@frozen
class RequestIDRetriever:
    """Note what the service calls the request."""

    id: str = "RequestIDRetriever"

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        output = await next(ctx, step)
        if output.raw_response is not None:
            headers = output.raw_response.headers.raw
            for name in REQUEST_ID_HEADERS:
                request_id = headers.get(name)
                if request_id is not None:
                    output.metadata[REQUEST_ID] = request_id
                    break
        return output


@frozen
class RecordResponseTiming:
    """Note when the answer came, and how far the service's clock is from ours."""

    clock: Clock
    skew: ClockSkew
    id: str = "RecordResponseTiming"

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        sent = self.clock.now()
        output = await next(ctx, step)
        received = self.clock.now()
        date = None
        if output.raw_response is not None:
            headers = output.raw_response.headers.raw
            date = headers.get("date")
            if date is not None and date != self.skew.date:
                self._measure(date, headers, sent, received)
        output.metadata[TIMING] = ResponseTiming(sent, received, date)
        return output

    def _measure(self, date: str, headers: dict[str, str], sent: float, received: float) -> None:
        seconds = http_date(date)
        if seconds is not None and "age" not in headers and received - sent <= SKEW_ROUND_TRIP:
            self.skew.date = date
            self.skew.measure(seconds, sent=sent, received=received)


@frozen
class RequestResponseLogger:
    """Log the request as it is sent and the response as it comes, as far as the log mode says."""

    log_mode: ClientLogMode
    id: str = "RequestResponseLogger"
    _off: bool = field(init=False, repr=False, default=Factory(lambda self: not self.log_mode, takes_self=True))

    def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Awaitable[Output]:
        return next(ctx, step) if self._off else self._log(ctx, step, next)

    async def _log(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        mode, logger, operation = self.log_mode, ctx[LOGGER], ctx[OPERATION]
        if ClientLogMode.REQUEST_WITH_BODY in mode:
            logger.debug("%s request: %r, body %r", operation, step.request, step.request.body)
        elif ClientLogMode.REQUEST in mode:
            logger.debug("%s request: %r", operation, step.request)
        output = await next(ctx, step)
        response = output.raw_response
        if response is not None and ClientLogMode.RESPONSE_WITH_BODY in mode and not _is_event_stream(response):
            try:
                logger.debug("%s response: %r, body %r", operation, response, await response.body.read())
            except TransportError as error:  # which OperationDeserializer's own read meets again
                logger.debug("%s response: %r, and its body broke off: %s", operation, response, error)
        elif response is not None and mode & (ClientLogMode.RESPONSE | ClientLogMode.RESPONSE_WITH_BODY):
            logger.debug("%s response: %r", operation, response)
        return output


def _is_event_stream(response: Response) -> bool:
    """Whether the body is for its reader alone: to log it whole would be to wait for its end."""
    return response.headers.get("content-type", "").partition(";")[0].strip().lower() == EVENT_STREAM
