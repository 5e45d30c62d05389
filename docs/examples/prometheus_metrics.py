"""
Metrics for Prometheus: durations, outcomes and retries of calls.

Each value of a label is a time series that is kept forever, so both labels are bounded:
the endpoints by a list, the outcomes by the classes of errors. The duration of a stream
ends with its head. For OpenTelemetry, use the plugin ``Metrics``.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from sagemaker_runtime import (
    ATTEMPTS,
    BEFORE,
    Client,
    Context,
    InitializeHandler,
    InitializeInput,
    InvokeEndpointInput,
    ModelError,
    Output,
    Stack,
    with_api_options,
)
from sagemaker_runtime.local import LocalEndpoint


class PrometheusMetrics:
    id = "PrometheusMetrics"

    def __init__(self, registry: CollectorRegistry, endpoints: set[str]) -> None:
        self.endpoints = endpoints
        labels = ["endpoint", "outcome"]
        self.calls = Histogram("sagemaker_seconds", "Calls.", labels, registry=registry)
        self.retries = Counter("sagemaker_retries", "Retries.", registry=registry)

    def __call__(self, stack: Stack) -> None:
        stack.initialize.add(self, BEFORE)

    async def handle_initialize(
        self, ctx: Context, step: InitializeInput, next: InitializeHandler
    ) -> Output:
        name = str(getattr(step.parameters, "endpoint_name", None))
        endpoint = name if name in self.endpoints else "other"
        started, outcome = time.perf_counter(), "ok"
        try:
            return await next(ctx, step)
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self.calls.labels(endpoint, outcome).observe(time.perf_counter() - started)
            self.retries.inc(max(0, len(ctx.get(ATTEMPTS, ())) - 1))


async def main() -> None:
    registry = CollectorRegistry()
    add = with_api_options(PrometheusMetrics(registry, endpoints={"iris"}))
    async with (
        LocalEndpoint({name: lambda _: b"setosa" for name in ("iris", "b")}) as local,
        Client(local.options(), add) as client,
    ):
        local.fail("iris", call=1)
        local.fail("b", call=1, error="ModelError")
        for name in ("iris", "b"):
            params = InvokeEndpointInput(endpoint_name=name, body=b"1,2")
            with suppress(ModelError):
                await client.invoke_endpoint(params)
    for line in generate_latest(registry).decode().splitlines():
        if line.startswith(("sagemaker_seconds_count", "sagemaker_retries_total")):
            print(line)


if __name__ == "__main__":
    asyncio.run(main())
