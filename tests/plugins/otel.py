"""OpenTelemetry in memory: what was traced and measured, for a test to look at."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

from attrs import define, field
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from sagemaker_runtime import finalize_middleware

CALL = "SageMaker Runtime.InvokeEndpoint"
STREAMED_CALL = "SageMaker Runtime.InvokeEndpointWithResponseStream"
ATTEMPT = "POST"
PARENT = SpanContext(0x5F84C7A1E7D1852DB8C4FD35D88BF49A, 0x53995C3F42CD8AD8, is_remote=True, trace_flags=TraceFlags(1))
UNAVAILABLE = (
    b"HTTP/1.1 503 X\r\nx-amzn-ErrorType: ServiceUnavailable\r\nx-amzn-RequestId: r-1\r\nContent-Length: 2\r\n\r\n{}"
)


def traced_by(*tracings, **changes):
    """The options of a client with these plugins."""
    return {"api_options": list(tracings), **changes}


def under(span_context):
    """As in a program that was called by another one, whose span this is."""
    return use_span(NonRecordingSpan(span_context))


def returning(output):
    """An api_option: a middleware that returns *output* in the service's stead."""

    async def stand_in(ctx, step, next):
        return output

    return lambda stack: stack.finalize.add(finalize_middleware("StandIn")(stand_in))


@define(eq=False)
class Spans:
    """A tracer provider, and the spans that have ended."""

    sampler: Sampler = ALWAYS_ON
    exporter: InMemorySpanExporter = field(factory=InMemorySpanExporter)
    provider: TracerProvider = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.provider = TracerProvider(sampler=self.sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        """In the order they ended."""
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def text(self) -> str:
        """All that an exporter would send."""
        return "".join(span.to_json() for span in self.all)


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    return span.context.span_id


@define(eq=False)
class Measures:
    """A meter provider, and what was measured."""

    reader: InMemoryMetricReader = field(factory=InMemoryMetricReader)
    provider: MeterProvider = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def collect(self, scope: str | None = None) -> dict[str, SimpleNamespace]:
        """Each metric by its name: its unit, and its points. *scope* is the id of one of several Metrics."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: SimpleNamespace(unit=metric.unit, points=list(metric.data.data_points))
            for resource in (data.resource_metrics if data else ())
            for scoped in resource.scope_metrics
            if scope is None or (scoped.scope.attributes or {}).get("id") == scope
            for metric in scoped.metrics
        }

    def value(self, name: str, attributes: Mapping[str, str] | None = None, scope: str | None = None) -> float:
        """The sum of the points of *name* that have these attributes; of a histogram, the number of what was recorded."""
        metric = self.collect(scope).get(name)
        return sum(
            getattr(point, "count", None) or getattr(point, "value", 0)
            for point in (metric.points if metric else ())
            if (attributes or {}).items() <= dict(point.attributes).items()
        )
