"""A trace as it is told to others: in AWS X-Ray's header, and in W3C's words among the custom attributes."""

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
    """Custom attributes with the trace context behind them; None if there is no room. One that is there is kept."""
    if any(attribute.strip().startswith("traceparent=") for attribute in own.split(",")):
        return own
    carrier: dict[str, str] = {}
    _TRACE_CONTEXT.inject(carrier, set_span_in_context(span))
    fields = [f"{name}={value.replace('%', '%25').replace(',', '%2C')}" for name, value in carrier.items()]
    # The state of vendors is the first to go: the rest is of use without it.
    for count in range(len(fields), 0, -1):
        merged = joined(own, *fields[:count])
        if len(merged) <= MAX_LENGTH:
            return merged
    return None
