"""Deserialize: once per attempt, from the response to a result or an error."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sagemaker_runtime.clock_skew import SKEW_CODES, service_time, skew_of_refusal
from sagemaker_runtime.context import (
    ATTEMPT,
    CLOCK,
    LOGGER,
    OPENED,
    OPERATION,
    RAW_RESPONSE,
    REQUEST_ID,
    TIMEOUT,
    TIMING,
    Key,
    Metadata,
    ResponseTiming,
)
from sagemaker_runtime.credentials import CREDENTIALS, SIGNED_WITH
from sagemaker_runtime.credentials.refusal import may_be_renewed, renewed
from sagemaker_runtime.errors import ServiceError, TransportError, attach_facts
from sagemaker_runtime.log_mode import ClientLogMode
from sagemaker_runtime.middleware.steps import Output
from sagemaker_runtime.middleware.total_timeout import IN_FORCE, check_total
from sagemaker_runtime.operations.base import TRAITS
from sagemaker_runtime.redaction import Secrets
from sagemaker_runtime.wire import SUCCESS, check_delimited, read_error

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime.clock_skew import ClockSkew
    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import DeserializeHandler, DeserializeInput
    from sagemaker_runtime.protocol import Marshaller
    from sagemaker_runtime.streams.frames import Message
    from sagemaker_runtime.streams.response_stream import ResponseStream
    from sagemaker_runtime.transport import HTTPClient
    from sagemaker_runtime.wire import Request, Response

_LOG_EVENT: Key[Callable[[Message], None]] = Key("log event")
"""Logs a message of a stream. Set by RequestResponseLogger if the log mode includes them."""

_LONGEST_ID = 36  # characters: AWS sends a UUID. A longer one may quote the request, so it is redacted
_LOGGED = 65_536  # bytes of a body; searching megabytes for secrets would block the event loop for seconds

REQUEST_ID_HEADERS = ("x-amzn-requestid", "x-amz-request-id", "x-amz-requestid")


def transport_handler(http_client: HTTPClient) -> DeserializeHandler:
    """The end of the stack: send the request with *http_client*, within the call's `TIMEOUT`."""

    async def send(ctx: Context, step: DeserializeInput) -> Output:
        opened, timeout = ctx[OPENED], ctx[TIMEOUT]
        if opened.response is not None:
            opened.close()  # a middleware called next again
        if timeout is not ctx.get(IN_FORCE):
            check_total(ctx)
        try:
            response = await http_client.send(step.request, timeout=timeout)
        except Exception as error:
            secrets_of(ctx, step.request).redact_error(error)
            raise
        opened.append(response)
        opened.response = response
        opened.metadata = metadata = Metadata()
        metadata[RAW_RESPONSE] = response
        return Output(None, metadata, response)

    return send


class CloseResponseBody:
    """Release the connection after success, and after any error. A stream that succeeds is left open for its reader."""

    id = "CloseResponseBody"

    def __init__(self, *, streams: bool = False) -> None:
        self.streams = streams

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        opened = ctx[OPENED]
        try:
            output = await next(ctx, step)
        except BaseException:
            opened.close()
            raise
        received, returned = opened.response, output.raw_response  # different if a middleware has created one
        if self.streams:
            if received is not None and received is not returned:
                received.close()
            return output
        opened.close()
        if returned is not None and returned is not received:
            returned.close()
        return output


class ResponseErrorWrapper:
    """
    Attach the facts of the response to an error: the request id, the other metadata, and whether our clock is wrong.

    If the response refuses the credentials, their provider is asked for new ones. If the size of the body may be the reason,
    a note states the size and the known limits.

    Args:
        skew: Adjusted by each response that refuses a signature because of its time; None to ignore the service's clock.
    """

    id = "ResponseErrorWrapper"

    def __init__(self, skew: ClockSkew | None) -> None:
        self.skew = skew

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        try:
            return await next(ctx, step)
        except Exception as error:
            from sagemaker_runtime.body_limits import note_size  # for an error only

            note_size(error, ctx[TRAITS], step.request.body)
            opened = ctx[OPENED]
            if opened.metadata is not None:
                attach_facts(error, metadata=opened.metadata)
                if self.skew is not None and isinstance(error, ServiceError) and error.code in SKEW_CODES:
                    error.clock_skew = skew_of_refusal(self.skew, step.request, opened.metadata)
            if not isinstance(error, ServiceError | TransportError):  # from a middleware, and may quote a response
                secrets_of(ctx, step.request, opened.response).redact_error(error)
            refused = ctx.get(SIGNED_WITH)
            if refused is not None and isinstance(error, ServiceError) and may_be_renewed(error, refused):
                error.credentials_renewed = await renewed(ctx[CREDENTIALS], refused, error)
            raise


class OperationDeserializer:
    """Read the body, and return the output, or raise the error that the service sent."""

    id = "OperationDeserializer"

    def __init__(self, marshaller: Marshaller) -> None:
        self.marshaller = marshaller

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        output = await next(ctx, step)
        response = output.raw_response
        if response is None or output.result is not None:
            if response is not None:
                response.close()  # a middleware below has provided the result
            return output
        try:
            if response.status not in SUCCESS:  # the model names one status, but any 2xx is accepted
                body = await read_error(response.body)
                raise self.marshaller.error(response.status, response.headers, body)
            if self.marshaller.operation.streams:
                stream = self._stream(ctx, step.request, response, output.metadata)
                output.result = self.marshaller.deserialize(response.headers, stream, output.metadata)
            else:
                body = await response.body.read()
                if not response.body.delimited:
                    check_delimited(response.body)
                output.result = self.marshaller.deserialize(response.headers, body, output.metadata)
        except BaseException as error:
            response.close()
            secrets = secrets_of(ctx, step.request, response)
            secrets.redact_error(error)
            if REQUEST_ID in output.metadata:
                output.metadata[REQUEST_ID] = secrets.redact(output.metadata[REQUEST_ID])
            raise
        return output

    def _stream(self, ctx: Context, request: Request, response: Response, metadata: Metadata) -> ResponseStream:
        from sagemaker_runtime.streams.response_stream import ResponseStream  # 7 ms, for streams only

        name = self.marshaller.operation.name
        secrets = secrets_of(ctx, request, response)
        stream = ResponseStream(response.body, self.marshaller.event, metadata, name, ctx.get(_LOG_EVENT), secrets)
        ctx[OPENED].replace(response, stream)  # so that an error closes the stream, not only the response
        return stream


class RequestIDRetriever:
    """Record the request id, in the metadata."""

    id = "RequestIDRetriever"

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        output = await next(ctx, step)
        if output.raw_response is not None:
            headers, usual = output.raw_response.headers.raw, REQUEST_ID_HEADERS[0]
            request_id = headers[usual] if usual in headers else _request_id(output.raw_response)
            if request_id is not None:
                if request_id[_LONGEST_ID:]:
                    request_id = secrets_of(ctx, step.request, output.raw_response).redact(request_id)
                output.metadata[REQUEST_ID] = request_id
        return output


def _request_id(response: Response) -> str | None:
    headers = response.headers.raw
    return next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), None)


class RecordResponseTiming:
    """Record when the response arrived, and how far the service's clock is ahead of ours."""

    id = "RecordResponseTiming"

    def __init__(self, skew: ClockSkew) -> None:
        self.skew = skew

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        clock = ctx[CLOCK]
        sent = clock.now()
        output = await next(ctx, step)
        received = clock.now()
        date, response = None, output.raw_response
        if response is not None:
            date = response.headers.raw.get("date")
            if date is not None and date != self.skew.date:
                self._measure(date, response, sent, received)
        output.metadata[TIMING] = ResponseTiming(sent, received, date)
        return output

    def _measure(self, date: str, response: Response, sent: float, received: float) -> None:
        seconds = service_time(response)
        if seconds is not None:
            self.skew.date = date
            self.skew.measure(seconds, sent=sent, received=received)


class RequestResponseLogger:
    """Log the request as it is sent and the response as it arrives, according to the log mode."""

    id = "RequestResponseLogger"

    def __init__(self, log_mode: ClientLogMode, *, streams: bool = False) -> None:
        self.log_mode = log_mode
        self.streams = streams

    @property
    def has_nothing_to_do(self) -> bool:
        """Whether `Step.compile` leaves it out of the handler."""
        return not self.log_mode

    def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Awaitable[Output]:
        return self._log(ctx, step, next) if self.log_mode else next(ctx, step)

    async def _log(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        mode, logger, operation, request = self.log_mode, ctx[LOGGER], ctx[OPERATION], step.request
        call: dict[str, object] = {"aws_operation": operation, "aws_attempt": ctx.get(ATTEMPT, 1)}
        facts = call | {"http_method": request.method, "http_url": request.url}
        if ClientLogMode.REQUEST_WITH_BODY in mode:
            logger.debug("%s request: %r, body %r", operation, request, request.body, extra=facts)
        elif ClientLogMode.REQUEST in mode:
            logger.debug("%s request: %r", operation, request, extra=facts)
        if ClientLogMode.RESPONSE_EVENT_MESSAGE in mode:
            log: Callable[[Message], None] = partial(_log_event, logger, call, secrets_of(ctx, request))
            ctx[_LOG_EVENT] = log
        output = await next(ctx, step)
        response = output.raw_response
        if response is None:
            return output
        secrets = secrets_of(ctx, request, response)
        head, request_id = secrets.redact(repr(response)), _request_id(response)
        facts = call | {"http_status": response.status, "aws_request_id": request_id and secrets.redact(request_id)}
        # A stream's body is not logged: to log the whole body would mean to wait for its end.
        if ClientLogMode.RESPONSE_WITH_BODY in mode and not (self.streams and response.status in SUCCESS):
            try:
                body = await response.body.read()
                shown, more = secrets.redact_bytes(body[:_LOGGED]), max(len(body) - _LOGGED, 0)
                rest = f" and {more:,} more bytes" if more else ""
                logger.debug("%s response: %s, body %r%s", operation, head, shown, rest, extra=facts)
            except TransportError as error:  # OperationDeserializer's read will raise it again
                secrets.redact_error(error)
                logger.debug("%s response: %s, and its body was cut off: %s", operation, head, error, extra=facts)
        elif mode & (ClientLogMode.RESPONSE | ClientLogMode.RESPONSE_WITH_BODY):
            logger.debug("%s response: %s", operation, head, extra=facts)
        return output


def _log_event(logger: logging.Logger, call: dict[str, object], secrets: Secrets, message: Message) -> None:
    kind = secrets.redact(str(message.headers.get(":event-type") or message.headers.get(":exception-type")))
    facts = call | {"aws_event_type": kind, "aws_event_bytes": len(message.payload)}
    logger.debug("%s event: %s", call["aws_operation"], secrets.redact(repr(message)), extra=facts)


def secrets_of(ctx: Context, request: Request, response: Response | None = None) -> Secrets:
    """The secrets of the exchange, to be redacted in the peer's texts, which may quote them."""
    credentials, sent_to_proxy = ctx.get(SIGNED_WITH), None if response is None else response.proxy_headers
    return Secrets(
        request.headers.raw,
        *(() if sent_to_proxy is None else (sent_to_proxy,)),
        body=request.body,
        others=() if credentials is None else (credentials.secret_access_key,),
    )
