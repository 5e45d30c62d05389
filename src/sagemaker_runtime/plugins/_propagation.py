"""How a trace is passed on: in AWS X-Ray's header, and as a W3C trace context in the custom attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sagemaker_runtime.plugins.custom_attributes import MAX_LENGTH, joined

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_TRACE_CONTEXT = TraceContextTextMapPropagator()


def x_ray(span: Span) -> str:
    """The trace as AWS X-Ray writes it."""
    context = span.get_span_context()
    trace_id = f"{context.trace_id:032x}"
    return f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={context.span_id:016x};Sampled={context.trace_flags & 1}"


def with_trace_context(own: str, span: Span) -> str | None:
    """
    Custom attributes with the trace context after them; None if it does not fit.

    Args:
        own: The call's custom attributes. If they have a trace context already, they are returned as they are.

        span: The span whose context is added.
    """
    if any(attribute.strip().startswith("traceparent=") for attribute in own.split(",")):
        return own
    carrier: dict[str, str] = {}
    _TRACE_CONTEXT.inject(carrier, set_span_in_context(span))
    fields = [f"{name}={value.replace('%', '%25').replace(',', '%2C')}" for name, value in carrier.items()]
    # The last field, tracestate, is dropped first: the others are useful without it.
    for count in range(len(fields), 0, -1):
        merged = joined(own, *fields[:count])
        if len(merged) <= MAX_LENGTH:
            return merged
    return None
