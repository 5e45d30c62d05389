"""
Metrics: calls, attempts, errors and durations, under the Go SDK's names.

Here they are read once, at the end. A ``PeriodicExportingMetricReader`` with an OTLP
exporter sends them every minute. Needs ``sagemaker-runtime[opentelemetry]`` and
``opentelemetry-sdk``.
"""

from __future__ import annotations

import asyncio

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from sagemaker_runtime import Client, InvokeEndpointInput, with_api_options
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.plugins.metrics import Metrics


def show(reader: InMemoryMetricReader) -> None:
    data = reader.get_metrics_data()
    assert data is not None
    metrics = data.resource_metrics[0].scope_metrics[0].metrics
    for metric in sorted(metrics, key=lambda metric: metric.name):
        for point in metric.data.data_points:
            value = (
                point.value
                if isinstance(point, NumberDataPoint)
                else f"{point.count} measured"
            )
            print(metric.name, value, (point.attributes or {}).get("error.type", ""))


async def main() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        Client(local.options(), with_api_options(Metrics(provider))) as client,
    ):
        local.fail("echo", call=1, error="ServiceUnavailable")
        for _ in range(3):
            await client.invoke_endpoint(
                InvokeEndpointInput(endpoint_name="echo", body=b"hello")
            )
        show(reader)
    provider.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
