"""
OpenTelemetry spans: one for each call, and below it one for each attempt.

::

    client = Client(Options(region="eu-west-1", api_options=[Tracing()]))

The names are those of OpenTelemetry's conventions for the AWS SDK (the call) and for HTTP clients (the attempt). Bodies,
headers, custom attributes and the URL's query are never recorded, nor is what the service or the model says in an error.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import (
    SpanKind,
    StatusCode,
    get_current_span,
    set_span_in_context,
)

from sagemaker_runtime import (
    BEFORE,
    ConnectError,
    ConnectionLostError,
    Key,
    ReadTimeoutError,
    SageMakerRuntimeError,
    WriteTimeoutError,
    __version__,
)
from sagemaker_runtime.context import ATTEMPT, LOGGER, OPERATION, SERVICE_ID
from sagemaker_runtime.plugins import _telemetry as names
from sagemaker_runtime.plugins._attributes import attempt_attributes, call_attributes, response_attributes
from sagemaker_runtime.plugins._propagation import with_trace_context, x_ray
from sagemaker_runtime.plugins._telemetry import add_once_per_attempt, error_type, is_output, stream_of
from sagemaker_runtime.plugins.custom_attributes import HEADER as CUSTOM_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from opentelemetry.trace import Span, TracerProvider

    from sagemaker_runtime import (
        Context,
        FinalizeHandler,
        FinalizeInput,
        Headers,
        InitializeHandler,
        InitializeInput,
        Output,
        ResponseStream,
        Stack,
    )
    from sagemaker_runtime.middleware import Handler

__all__ = ["Tracing"]

S = TypeVar("S")

TRACE_ID = "x-amzn-trace-id"

# Errors whose text is ours and the machine's. That of others may hold what the model, or a peer, has answered.
_TOLD = (ConnectError, ConnectionLostError, ReadTimeoutError, WriteTimeoutError)


class Tracing:
    """
    Adds the spans to a stack: give it to a client, or to one call, in ``api_options``. One serves any number of clients.

    The call's span, such as ``SageMaker Runtime.InvokeEndpoint``, is the current one while the call runs, and the
    attempt's while the attempt does, so that the spans of other middleware and of the transport stand below them. With
    a response stream both end when the stream does, is closed, or is abandoned; its first part is an event.

    Each attempt tells its trace in ``X-Amzn-Trace-Id``, unless the request has that header already, as it has in Lambda.

    Args:
        tracer_provider: None for OpenTelemetry's global one.

        propagate_in_custom_attributes: Whether to send the W3C trace context to the model's container too. Of the
            headers that could carry it, the platform hands on ``X-Amzn-SageMaker-Custom-Attributes`` alone: your own
            attributes stay in front, and after a comma come ``traceparent=…`` and, with ``%`` and ``,`` percent-encoded,
            ``tracestate=…``. What makes more than 1,024 characters is left out, with a warning in the client's log.

        id: The name in the printed stack. Two of them need two ids.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        *,
        propagate_in_custom_attributes: bool = False,
        id: str = "Tracing",
    ) -> None:
        self.id = id
        self._tracer = trace.get_tracer(names.SCOPE, __version__, tracer_provider)
        self._propagates = propagate_in_custom_attributes
        self._call = Key["Span"](f"{id}, span of the call")  # of this object alone

    def __call__(self, stack: Stack) -> None:
        stack.initialize.add(self, BEFORE)
        add_once_per_attempt(stack, self)

    def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Awaitable[Output]:
        """Once per call."""
        span = self._tracer.start_span(
            f"{ctx[SERVICE_ID]}.{ctx[OPERATION]}",
            kind=SpanKind.CLIENT,
            attributes=call_attributes(ctx, step.parameters),
        )
        made = span.get_span_context()
        if not made.is_valid or made.span_id == get_current_span().get_span_context().span_id:
            return next(ctx, step)  # without an SDK, a tracer gives the span of nobody, or the one that is current
        ctx[self._call] = span
        return self._run(span, ctx, step, next)

    def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        """Once per attempt."""
        call = ctx.get(self._call)
        if call is None:
            return next(ctx, step)
        request = step.request
        if not call.is_recording():
            self._propagate(ctx, request.headers, call)
            return next(ctx, step)
        # Below the span of the call, not the current one, which may be that of another Tracing.
        span = self._tracer.start_span(
            request.method,
            set_span_in_context(call),
            SpanKind.CLIENT,
            attempt_attributes(ctx, request),
        )
        self._propagate(ctx, request.headers, span)
        return self._run(span, ctx, step, next)

    async def _run(self, span: Span, ctx: Context, step: S, next: Handler[S]) -> Output:
        token = attach(set_span_in_context(span))
        try:
            output = await next(ctx, step)
        except BaseException as error:
            self._fail(span, error, ctx)
            raise
        finally:
            detach(token)
        if span.is_recording() and is_output(output):
            span.set_attributes(response_attributes(output.metadata))
        stream = stream_of(ctx, output)
        if stream is None:
            span.end()
        else:
            # Without the context, which knows the stream: an abandoned one must not be kept.
            stream.watch(_StreamSpan(span, partial(self._fail, span)))
        return output

    def _fail(self, span: Span, error: BaseException, ctx: Context | None = None) -> None:
        """End *span* with what went wrong, as far as that may be shown."""
        if span.is_recording():
            span.set_attribute(names.ERROR_TYPE, error_type(error, ctx))
            span.set_status(StatusCode.ERROR, error.message if isinstance(error, _TOLD) else None)
            if isinstance(error, SageMakerRuntimeError) and error.metadata is not None:
                span.set_attributes(response_attributes(error.metadata))
        span.end()

    def _propagate(self, ctx: Context, headers: Headers, span: Span) -> None:
        if TRACE_ID not in headers.raw:
            headers.raw[TRACE_ID] = x_ray(span)
        if self._propagates:
            own = headers.get(CUSTOM_ATTRIBUTES, "")
            merged = with_trace_context(own, span)
            if merged is None:
                ctx[LOGGER].warning(
                    "%s sends no trace context: there is no room beside custom attributes of %d characters",
                    ctx[OPERATION],
                    len(own),
                    extra={"aws_operation": ctx[OPERATION], "aws_attempt": ctx.get(ATTEMPT, 1)},
                )
            else:
                headers[CUSTOM_ATTRIBUTES] = merged

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r}>"


class _StreamSpan:
    """Keeps a span until its stream is closed."""

    def __init__(self, span: Span, fail: Callable[[BaseException], None]) -> None:
        self.span = span
        self.fail = fail

    def first_event(self, _: ResponseStream) -> None:
        self.span.add_event(names.FIRST_PART)

    def closed(self, stream: ResponseStream, error: BaseException | None) -> None:
        self.span.set_attribute(names.STREAM_ENDED, stream.ended)
        self.span.set_attribute(names.HTTP_RESPONSE_BODY_SIZE, stream.bytes_received)
        if error is None:
            self.span.end()
        else:
            self.fail(error)
