"""
One trace from the caller into the model's container, which reads the ``traceparent``
that it receives.

SageMaker passes no tracing headers on, so the client puts it into the custom
attributes, where `caller_of` reads it. The rest stands in for a container, in any
framework.
"""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sagemaker_runtime import Client, InvokeEndpointInput, with_api_options
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.tracing import Tracing

# in reality, each process has its own
provider = TracerProvider(shutdown_on_exit=False)
tracer = provider.get_tracer("container")


def caller_of(custom_attributes: str) -> Context:
    """Read the ``context`` of the first span in X-Amzn-SageMaker-Custom-Attributes."""
    pairs = (field.partition("=") for field in custom_attributes.split(","))
    carrier = {
        name: unquote(value)
        for name, _, value in pairs
        if name in ("traceparent", "tracestate")
    }
    return TraceContextTextMapPropagator().extract(carrier, Context())


def container(invocation: Invocation) -> bytes:
    with tracer.start_as_current_span(
        "predict", caller_of(invocation.custom_attributes or "")
    ) as span:
        return f"{span.get_span_context().trace_id:032x}".encode()


async def main() -> None:
    tracing = Tracing(provider, propagate_in_custom_attributes=True)
    async with (
        LocalEndpoint({"echo": container}) as local,
        Client(local.options(), with_api_options(tracing)) as client,
    ):
        with tracer.start_as_current_span("request") as span:
            params = InvokeEndpointInput(
                endpoint_name="echo", body=b"hello", custom_attributes="tenant=acme"
            )
            output = await client.invoke_endpoint(params)
        print(
            "one trace:",
            f"{span.get_span_context().trace_id:032x}" == output.body.decode(),
        )
        invocation = local.journal.of("echo")[-1].invocation
        assert invocation is not None
        print((invocation.custom_attributes or "").partition("-")[0])


if __name__ == "__main__":
    asyncio.run(main())
