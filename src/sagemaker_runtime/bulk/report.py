"""`BulkReport`: what a run has done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import asdict, evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagemaker_runtime.bulk.execution import Noted
    from sagemaker_runtime.bulk.rounds import Rounds


def _without_record(letter: bytes) -> Mapping[str, object]:
    facts: dict[str, object] = json.loads(letter)
    del facts["input"], facts["at"]
    return facts


@frozen
class BulkReport:
    """What a run has done, from its beginning, however often it was stopped and went on. ``report.json`` has the same."""

    endpoint: str
    """The endpoint."""

    output: str
    """Where results are."""

    records: int
    """Records of the input: ``succeeded`` and ``failed`` together."""

    succeeded: int
    """Records with a result."""

    failed: int
    """Records that are dead letters now."""

    failures: Mapping[str, int]
    """The same by the code of their error; with those that a later try has saved."""

    requests: int
    """Requests that had a response or an error, the halves of those that failed among them."""

    attempts: int
    """Attempts of those. What a kill has made undone is not among them."""

    throttled: int
    """Attempts that were throttled."""

    seconds: float
    """How long the run took, without the time between its processes; of a process that was killed, until it last wrote."""

    records_per_second: float
    """Records by those seconds."""

    latency: Mapping[str, float | None]
    """Seconds of the last attempt of a request: ``p50``, ``p90``, ``p99`` and ``max``, within 9 %. None without requests."""

    variants: Mapping[str, Mapping[str, float | None]]
    """The same by the production variant that responded, and how many ``requests`` it had."""

    limit: Sequence[tuple[float, int]]
    """Calls at once: since the beginning of the last process, in seconds, and the limit from then on."""

    slowest: Sequence[Mapping[str, object]]
    """The ten slowest requests of the last process: seconds, file and first record."""

    first_failures: Sequence[Mapping[str, object]]
    """The first ten dead letters of the last process, without their records."""

    @classmethod
    def of(cls, endpoint: str, output: str, rounds: Rounds, noted: Noted) -> BulkReport:
        """
        The report of a run.

        Args:
            endpoint: The endpoint.

            output: Where results are.

            rounds: What the journal says.

            noted: What this process has seen.
        """
        tally, failed, seconds = rounds.tally(), rounds.failed(), rounds.tally().seconds
        records = tally.rows + failed
        return cls(
            endpoint=endpoint,
            output=output,
            records=records,
            succeeded=tally.rows,
            failed=failed,
            failures=dict(tally.codes),
            requests=tally.requests,
            attempts=tally.attempts,
            throttled=tally.throttled,
            seconds=round(seconds, 3),
            records_per_second=round(records / seconds, 1) if seconds else 0.0,
            latency=tally.percentiles(),
            variants={
                name: {"requests": counts.total(), **tally.percentiles(name)}
                for name, counts in sorted(tally.latencies.items())
                if name
            },
            limit=noted.limits,
            slowest=[
                {"seconds": round(seconds, 4), "file": file, "first_record": first}
                for seconds, file, first in sorted(noted.slowest, reverse=True)
            ],
            first_failures=[_without_record(letter) for letter in noted.first_failures],
        )

    def with_details_of(self, text: bytes) -> BulkReport:
        """
        This report with the details that the journal does not keep: ``limit``, ``slowest`` and ``first_failures``.

        Args:
            text: An earlier report of the same run, as `to_json` makes it. One that cannot be read changes nothing.
        """
        try:
            earlier: dict[str, Any] = json.loads(text)
            return evolve(
                self,
                limit=[(seconds, calls) for seconds, calls in earlier["limit"]],
                slowest=list(earlier["slowest"]),
                first_failures=list(earlier["first_failures"]),
            )
        except (ValueError, LookupError, TypeError):  # it is a file that anyone may have edited
            return self

    def to_json(self) -> bytes:
        """As ``report.json`` has it."""
        return json.dumps(asdict(self), indent=2).encode() + b"\n"
