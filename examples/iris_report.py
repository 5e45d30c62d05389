"""The results of the demo, and how they are printed."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sagemaker_runtime import ATTEMPTS, InvokeEndpointOutput, Stack
from sagemaker_runtime.plugins.waterfall import WATERFALL

if TYPE_CHECKING:
    from iris_classifier import Iris


class Call(NamedTuple):
    """One flower, the output of its call, and the seconds that the call took."""

    iris: Iris
    output: InvokeEndpointOutput
    seconds: float


class Report(NamedTuple):
    """The stack of the calls, the statuses of the attempts as CountAttempts saw them, and the calls, in order."""

    stack: Stack
    statuses: Counter[int | None]
    calls: list[Call]

    @property
    def retried(self) -> list[Call]:
        """The calls that took more than one attempt."""
        return [call for call in self.calls if len(call.output.result_metadata[ATTEMPTS]) > 1]


def accuracy(calls: list[Call]) -> float:
    """The share of the calls with the right species, from 0 to 1."""
    return sum(call.output.body.decode() == call.iris.species for call in calls) / len(calls)


def show(report: Report, *, picture: str | None = None) -> None:
    """Print the report for a first-time reader, and draw the waterfall into the file *picture*."""
    statuses = ", ".join(f"{count} x {status}" for status, count in report.statuses.most_common())
    tenants = ", ".join({call.output.custom_attributes or "no tenant" for call in report.calls})
    latencies = [call.seconds * 1000 for call in report.calls]
    cuts = statistics.quantiles(latencies, n=100, method="inclusive")
    print(
        f"Each call passes through this stack, with TagTenant, CountAttempts and Waterfall added to it:\n\n{report.stack}\n"
    )
    for call in report.retried:
        waterfall = call.output.result_metadata[WATERFALL]
        print(f"The call that got a 503, among {len(report.calls)} at once:\n\n{waterfall}\n")
        if picture is not None:
            Path(picture).write_text(waterfall.svg())
    print(f"calls      {len(report.calls)} at once; TagTenant told the container: {tenants}")
    print(f"attempts   {report.statuses.total()}; CountAttempts saw {statuses}")
    for call in report.retried:
        for attempt in call.output.result_metadata[ATTEMPTS]:
            outcome = "success" if attempt.error is None else f"{attempt.error_type}, status {attempt.status}"
            wait = "" if attempt.delay is None else f", then a wait of {attempt.delay * 1000:.0f} ms"
            print(f"retried    attempt {attempt.number}: {outcome}, after {attempt.seconds * 1000:.0f} ms{wait}")
    print(f"accuracy   {accuracy(report.calls[1::2]):.1%} on the 75 flowers that the classifier was not fitted on,")
    print(f"           {accuracy(report.calls[::2]):.1%} on the 75 that it was fitted on")
    print(
        f"latency    p50 {cuts[49]:.0f} ms, p90 {cuts[89]:.0f} ms, p99 {cuts[98]:.0f} ms, max {max(latencies):.0f} ms,"
    )
    print("           with all calls at once, and client and server in one process")
