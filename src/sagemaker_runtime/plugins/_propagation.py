"""Trace propagation: in AWS X-Ray's header, and as a W3C trace context in the custom attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sagemaker_runtime import InvalidParamsError, append_custom_attributes

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from sagemaker_runtime import Headers

CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"

_TRACE_CONTEXT = TraceContextTextMapPropagator()


def x_ray(span: Span) -> str:
    """The span's trace, in the format of AWS X-Ray's header."""
    context = span.get_span_context()
    trace_id = f"{context.trace_id:032x}"
    return f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={context.span_id:016x};Sampled={context.trace_flags & 1}"


def append_trace_context(headers: Headers, span: Span) -> bool:
    """
    Append the trace context to the custom attributes; return False if it does not fit beside the call's own.

    Args:
        headers: The request's headers. If their custom attributes already contain a trace context, nothing is appended.

        span: The span whose context is appended.
    """
    attributes = headers.get(CUSTOM_ATTRIBUTES, "").split(",")
    if any(attribute.strip().startswith("traceparent=") for attribute in attributes):
        return True
    carrier: dict[str, str] = {}
    _TRACE_CONTEXT.inject(carrier, set_span_in_context(span))
    fields = [f"{name}={value.replace('%', '%25').replace(',', '%2C')}" for name, value in carrier.items()]
    # The last field, tracestate, is dropped first: the others are useful without it.
    for count in range(len(fields), 0, -1):
        try:
            append_custom_attributes(headers, ",".join(fields[:count]))
        except InvalidParamsError:
            continue
        return True
    return False
