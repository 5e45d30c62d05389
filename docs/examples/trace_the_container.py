"""
One trace from the caller into the model's container: how a container reads the
``traceparent`` that it is sent.

No header for traces reaches a container, so the client writes it among the custom
attributes, and `caller_of` reads it there. The rest stands for a container, which may
be written with any framework.
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

# in truth, two processes have one each
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
