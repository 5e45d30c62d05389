"""
Traces on the console: a span for each call, and below it one for each attempt.

With an OTLP exporter instead of the console, they go to Jaeger, X-Ray or another
collector. Needs ``sagemaker-runtime[opentelemetry]`` and ``opentelemetry-sdk``.
"""

from __future__ import annotations

import asyncio
import sys

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from sagemaker_runtime import Client, InvokeEndpointInput, with_api_options
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.plugins.tracing import Tracing


def on_one_line(span: ReadableSpan) -> str:
    """Without it, the console shows everything as JSON."""
    found = span.attributes or {}
    shown = (
        "aws.sagemaker.endpoint_name",
        "operation.attempt",
        "http.response.status_code",
        "error.type",
    )
    return f"{span.name} {[found[name] for name in shown if name in found]}\n"


async def main() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = ConsoleSpanExporter(out=sys.stdout, formatter=on_one_line)
    # use a BatchSpanProcessor for many calls
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        Client(local.options(), with_api_options(Tracing(provider))) as client,
    ):
        local.fail("echo", call=1, error="ServiceUnavailable")
        await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="echo", body=b"hello")
        )
    provider.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
