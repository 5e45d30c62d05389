"""The middleware that only duplex calls have: the payload's headers, the signer of events, the writer, the transport."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sagemaker_runtime.context import (
    ATTEMPT,
    CLOCK,
    LOGGER,
    OPENED,
    OPERATION,
    PAYLOAD_HASH,
    RAW_RESPONSE,
    SIGNING_NAME,
    SIGNING_REGION,
    TIMEOUT,
    Metadata,
)
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.event_signing import EVENT_SIGNER, EVENT_STREAM, STREAMING_EVENTS, EventSignerV4
from sagemaker_runtime.log_mode import ClientLogMode
from sagemaker_runtime.middleware.deserialize import secrets_of
from sagemaker_runtime.middleware.finalize import Signing
from sagemaker_runtime.middleware.steps import Output
from sagemaker_runtime.middleware.total_timeout import IN_FORCE, check_total
from sagemaker_runtime.streams.frames import Decoder
from sagemaker_runtime.streams.outgoing import OUTGOING, STREAM_WRITER, AttemptWriter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime.clock_skew import ClockSkew
    from sagemaker_runtime.context import Context
    from sagemaker_runtime.credentials import Credentials
    from sagemaker_runtime.middleware.steps import (
        BuildHandler,
        BuildInput,
        DeserializeHandler,
        DeserializeInput,
        FinalizeHandler,
        FinalizeInput,
    )
    from sagemaker_runtime.transport import DuplexHTTPClient
    from sagemaker_runtime.wire import Request

_NO_LOG = ClientLogMode(0)


class StreamingEventsPayload:
    """Declare the body as a stream of signed events, instead of setting a length and a hash."""

    id = "StreamingEventsPayload"

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        headers = step.request.headers.raw
        headers["content-type"] = EVENT_STREAM
        headers["x-amz-content-sha256"] = ctx[PAYLOAD_HASH] = STREAMING_EVENTS
        return next(ctx, step)


class DuplexSigning(Signing):
    """Sign the request, and put the signer of the events that follow into the context."""

    def _sign(self, ctx: Context, request: Request, credentials: Credentials) -> None:
        signer = self.signer
        if not isinstance(signer, EventSignerV4):
            raise ConfigError(
                f"the signer {type(signer).__name__} has no sign_events, which a duplex call needs to sign each event. "
                "Use SigV4Signer, or add that method (see EventSignerV4)"
            )
        super()._sign(ctx, request, credentials)
        ctx[EVENT_SIGNER] = signer.sign_events(
            request, credentials=credentials, service=ctx[SIGNING_NAME], region=ctx[SIGNING_REGION]
        )


class InitializeStreamWriter:
    """
    Create the writer that sends the call's events in this attempt.

    Args:
        skew: How far the service's clock is ahead, which corrects the times of events; None for this machine's clock.

        log_mode: Whether the events are logged.
    """

    id = "InitializeStreamWriter"

    def __init__(self, skew: ClockSkew | None, log_mode: ClientLogMode = _NO_LOG) -> None:
        self.skew = skew
        self.log_mode = log_mode

    def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        clock, skew, signer = ctx[CLOCK], self.skew, ctx.get(EVENT_SIGNER)
        if signer is None and "authorization" in step.request.headers.raw:
            raise ConfigError(
                "the request is signed, but its events would not be: a middleware that replaces Signing must set "
                "EVENT_SIGNER, from sagemaker_runtime.event_signing"
            )
        ahead = 0.0 if skew is None or skew.seconds is None else skew.seconds
        now = clock.now if not ahead else lambda: clock.now() + ahead
        log = partial(_log_event, ctx) if ClientLogMode.REQUEST_EVENT_MESSAGE in self.log_mode else None
        ctx[STREAM_WRITER] = AttemptWriter(ctx[OUTGOING], signer, now, log)
        return next(ctx, step)


def _log_event(ctx: Context, event: bytes) -> None:
    """Log an event that is sent: only the protocol's headers, and none of the payload."""
    decoder = Decoder()
    decoder.feed(event)
    message = decoder.take()
    facts: dict[str, object] = {"aws_operation": ctx[OPERATION], "aws_attempt": ctx.get(ATTEMPT, 1)}
    facts["aws_event_bytes"] = 0 if message is None else len(message.payload)
    ctx[LOGGER].debug("%s sent event: %r", ctx[OPERATION], "end" if message is None else message, extra=facts)


def duplex_transport_handler(http_client: Callable[[], DuplexHTTPClient]) -> DeserializeHandler:
    """
    The end of a duplex call's stack: open an exchange, attach it to the writer, and wait for the response's head.

    Args:
        http_client: Returns the transport. It is called at the first call, because a stack can be printed without one.
    """

    async def send(ctx: Context, step: DeserializeInput) -> Output:
        opened, timeout = ctx[OPENED], ctx[TIMEOUT]
        if opened:
            opened.close()  # a middleware called next again
        if timeout is not ctx.get(IN_FORCE):
            check_total(ctx)
        try:
            exchange = await http_client().open(step.request, timeout=timeout)
            opened.append(exchange)
            ctx[STREAM_WRITER].attach(exchange)
            response = await exchange.response()
        except Exception as error:
            secrets_of(ctx, step.request).redact_error(error)
            raise
        opened.append(response)
        opened.response = response
        opened.metadata = metadata = Metadata()
        metadata[RAW_RESPONSE] = response
        return Output(None, metadata, response)

    return send
