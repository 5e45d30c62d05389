"""The instruments of `metrics`: their names, units and buckets, and how many values an attribute may have."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from opentelemetry.metrics import get_meter

from sagemaker_runtime import __version__
from sagemaker_runtime.plugins._telemetry import SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider, Observation

# Seconds. The first are OpenTelemetry's for HTTP, extended to the minute that a model may take; the second are smaller, for
# work that waits for nothing.
WAITING = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0)
WORKING = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1.0)


OTHER = "_OTHER"  # OpenTelemetry's name for all other values; semantic conventions, error.type


class BoundedValues:
    """
    Keeps the first *bound* values of an attribute, and replaces all others by `OTHER`.

    It keeps the first, not the latest: the SDK never forgets a time series, so to evict a value here would save nothing.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._values: set[str] = set()
        self._lock = Lock()  # calls may come from several threads

    def bounded(self, value: str) -> str:
        """*value*, or `OTHER`."""
        if value in self._values:
            return value
        with self._lock:
            if len(self._values) < self._bound:
                self._values.add(value)
                return value
        return OTHER


class Instruments:
    """
    The instruments of one `Metrics`.

    Args:
        id: The id of the `Metrics`. It distinguishes these instruments from those of another one with the same provider.

        meter_provider: None for the global one.

        observe_quota: Called to read the current retry quota.
    """

    def __init__(
        self,
        id: str,
        meter_provider: MeterProvider | None,
        observe_quota: Callable[[CallbackOptions], Iterable[Observation]],
    ) -> None:
        meter = get_meter(SCOPE, __version__, meter_provider, attributes={"id": id})

        def seconds(name: str, description: str, bounds: tuple[float, ...]) -> Histogram:
            return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=bounds)

        self.duration = seconds("client.call.duration", "A call with its retries", WAITING)
        self.attempt_duration = seconds("client.call.attempt_duration", "One attempt of a call", WAITING)
        self.first_byte = seconds("client.http.time_to_first_byte", "Until the head of the response", WAITING)
        self.first_part = seconds("client.call.time_to_first_part", "Until the first part of a stream", WAITING)
        self.serialization = seconds("client.call.serialization_duration", "Writing the request", WORKING)
        self.resolution = seconds("client.call.resolve_endpoint_duration", "Finding the URL", WORKING)
        self.signing = seconds("client.call.auth.signing_duration", "Signing the request", WORKING)
        self.attempts = meter.create_counter("client.call.attempts", "{attempt}", "Attempts of calls")
        self.errors = meter.create_counter("client.call.errors", "{error}", "Errors of attempts and of calls")
        self.in_flight = meter.create_up_down_counter("client.call.in_flight", "{call}", "Calls that have not ended")
        self.connections = meter.create_up_down_counter(
            "client.http.connections.usage", "{connection}", "Connections acquired or waited for"
        )
        self.bulk_records = meter.create_counter(
            "client.bulk.records", "{record}", "Records with a result or a dead letter"
        )
        self.bulk_dead_letters = meter.create_counter("client.bulk.dead_letters", "{record}", "Records that failed")
        self.bulk_limit = meter.create_up_down_counter("client.bulk.limit", "{call}", "How many calls may run at once")
        self.bulk_in_flight = meter.create_up_down_counter("client.bulk.in_flight", "{request}", "Requests in flight")
        meter.create_observable_gauge(
            "client.retry_quota.available", [observe_quota], "{token}", "Tokens left in the retry quota"
        )
