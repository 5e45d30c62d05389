"""
OpenTelemetry spans: one for each call, with a child for each attempt.

::

    client = Client(Options(region="eu-west-1", api_options=[Tracing()]))

The names are those of OpenTelemetry's conventions for the AWS SDK (the call) and for HTTP clients (the attempt). Bodies,
headers, custom attributes and the URL's query are never recorded, nor is the text of an error of the service or the model.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

try:
    from opentelemetry import trace
    from opentelemetry.context import attach, create_key, detach, get_value, set_value
    from opentelemetry.trace import (
        INVALID_SPAN,
        Link,
        SpanContext,
        SpanKind,
        StatusCode,
        get_current_span,
        set_span_in_context,
    )
except ImportError as error:
    raise ImportError("traces need OpenTelemetry: pip install 'sagemaker-runtime[opentelemetry]'") from error

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
from sagemaker_runtime.plugins._propagation import CUSTOM_ATTRIBUTES, append_trace_context, x_ray
from sagemaker_runtime.plugins._telemetry import add_once_per_attempt, error_type, is_output, stream_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

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
    from sagemaker_runtime.bulk import BulkInterval, BulkRun
    from sagemaker_runtime.middleware import Handler

__all__ = ["Tracing"]

S = TypeVar("S")

TRACE_ID = "x-amzn-trace-id"
BULK = "SageMaker Runtime bulk run"

# Errors whose text comes from this package and the machine. The text of others may quote the model or a peer.
_SHOWN_ERRORS = (ConnectError, ConnectionLostError, ReadTimeoutError, WriteTimeoutError)


class Tracing:
    """
    Records the spans: give it to a client, or to one call, in ``api_options``. One object serves any number of clients.

    A bulk run has a span too. Its calls are not children of that span, because there may be millions of them: each is a
    separate trace, sampled separately, with a link to the run's span.

    The call's span, such as ``SageMaker Runtime.InvokeEndpoint``, is current while the call runs, and the attempt's while
    the attempt runs, so the spans of other middleware and of the transport become their children. For a response stream,
    both end when the stream ends, is closed, or is abandoned; its first part is an event.

    Each attempt sends its trace in ``X-Amzn-Trace-Id``, unless the request already has that header, as in Lambda.

    Args:
        tracer_provider: None for OpenTelemetry's global one.

        propagate_in_custom_attributes: Whether to send the W3C trace context to the model's container too. Of the
            headers that could carry it, SageMaker forwards only ``X-Amzn-SageMaker-Custom-Attributes``: your own
            attributes come first, and after a comma ``traceparent=…`` and, with ``%`` and ``,`` percent-encoded,
            ``tracestate=…``. What would exceed 1,024 characters is left out, with a warning in the client's log.

        id: The name in the printed stack. Two in one stack need different ids.
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
        self._call = Key["Span"](f"{id}, span of the call")  # private to this object
        self._bulk_run = create_key("sagemaker-runtime-bulk-run")

    def __call__(self, stack: Stack) -> None:
        stack.initialize.add(self, BEFORE)
        add_once_per_attempt(stack, self)

    def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Awaitable[Output]:
        """Once per call."""
        run = get_value(self._bulk_run)
        of_run = isinstance(run, SpanContext) and run == get_current_span().get_span_context()
        span = self._tracer.start_span(
            f"{ctx[SERVICE_ID]}.{ctx[OPERATION]}",
            set_span_in_context(INVALID_SPAN) if of_run else None,
            SpanKind.CLIENT,
            call_attributes(ctx, step.parameters),
            [Link(run)] if isinstance(run, SpanContext) and of_run else None,
        )
        made = span.get_span_context()
        if not made.is_valid or made.span_id == get_current_span().get_span_context().span_id:
            return next(ctx, step)  # without an SDK, a tracer returns an invalid span, or the current one
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
        # A child of the call's span, not of the current one, which may belong to another Tracing.
        span = self._tracer.start_span(
            request.method,
            set_span_in_context(call),
            SpanKind.CLIENT,
            attempt_attributes(ctx, request),
        )
        self._propagate(ctx, request.headers, span)
        return self._run(span, ctx, step, next)

    @contextmanager
    def observe_run(self, run: BulkRun) -> Generator[Callable[[BulkInterval], None]]:
        """
        Record a bulk run as a span. `run_bulk` enters this context manager; the returned function takes each interval.

        Each call is a separate trace, with a link to the run's span.
        """
        span = self._tracer.start_span(
            BULK, attributes={names.ENDPOINT_NAME: run.endpoint, names.BULK_RUN_ID: run.run_id}
        )
        span.set_attribute(names.BULK_RESUMED, run.resumed)
        if run.retry:
            span.set_attribute(names.BULK_RETRY, run.retry)
        records = dead_letters = 0

        def count(interval: BulkInterval) -> None:
            nonlocal records, dead_letters
            failed = sum(interval.failures.values())
            records, dead_letters = records + interval.succeeded + failed, dead_letters + failed

        made = span.get_span_context()
        if not made.is_valid or made.span_id == get_current_span().get_span_context().span_id:
            yield count  # as in handle_initialize
            return
        token = attach(set_value(self._bulk_run, made, set_span_in_context(span)))
        try:
            yield count
        except BaseException as error:
            span.set_attributes({names.BULK_RECORDS: records, names.BULK_DEAD_LETTERS: dead_letters})
            self._fail(span, error)
            raise
        else:
            span.set_attributes({names.BULK_RECORDS: records, names.BULK_DEAD_LETTERS: dead_letters})
            span.end()
        finally:
            detach(token)

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
            # Without the context, which refers to the stream: an abandoned stream must not be kept alive.
            stream.watch(_StreamSpan(span, partial(self._fail, span)))
        return output

    def _fail(self, span: Span, error: BaseException, ctx: Context | None = None) -> None:
        """End *span* with the error, or as much of it as may be shown."""
        if span.is_recording():
            span.set_attribute(names.ERROR_TYPE, error_type(error, ctx))
            span.set_status(StatusCode.ERROR, error.message if isinstance(error, _SHOWN_ERRORS) else None)
            if isinstance(error, SageMakerRuntimeError) and error.metadata is not None:
                span.set_attributes(response_attributes(error.metadata))
        span.end()

    def _propagate(self, ctx: Context, headers: Headers, span: Span) -> None:
        if TRACE_ID not in headers.raw:
            headers.raw[TRACE_ID] = x_ray(span)
        if self._propagates and not append_trace_context(headers, span):
            ctx[LOGGER].warning(
                "%s sends no trace context: it does not fit beside custom attributes of %d characters",
                ctx[OPERATION],
                len(headers.get(CUSTOM_ATTRIBUTES, "")),
                extra={"aws_operation": ctx[OPERATION], "aws_attempt": ctx.get(ATTEMPT, 1)},
            )

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
