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
    """What a run has done since its beginning, however often it was stopped. ``report.json`` has the same fields."""

    endpoint: str
    """The endpoint."""

    output: str
    """Where results are."""

    records: int
    """Records of the input so far: ``succeeded`` plus ``failed``."""

    succeeded: int
    """Records with a result."""

    failed: int
    """Records that are dead letters now."""

    failures: Mapping[str, int]
    """Errors of records by code, including those of records that *retry_dead* has since saved or tried again."""

    requests: int
    """Requests with a response or an error, including the halves of failed ones."""

    attempts: int
    """Their attempts, retries included. Work that was lost when the process was killed is not counted."""

    throttled: int
    """Attempts that were throttled."""

    seconds: float
    """How long the run took, without the pauses between its processes. A killed process counts until it last wrote."""

    records_per_second: float
    """``records`` divided by ``seconds``."""

    latency: Mapping[str, float | None]
    """Seconds that the last attempt of a request took: ``p50``, ``p90``, ``p99`` and ``max``, within 9 %. None without requests."""

    variants: Mapping[str, Mapping[str, float | None]]
    """The same for each production variant that responded, with its number of ``requests``."""

    limit: Sequence[tuple[float, int]]
    """Concurrent calls in the last process that did any work: pairs of seconds since it began and the limit from then on."""

    slowest: Sequence[Mapping[str, object]]
    """The ten slowest requests of that process: seconds, file and first record."""

    first_failures: Sequence[Mapping[str, object]]
    """The first ten dead letters of that process, without their records."""

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
        Add the details that the journal does not keep: ``limit``, ``slowest`` and ``first_failures``.

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
