"""`Tally`: counts of a part's records and requests. They are totals: a later one replaces an earlier one, and parts add up."""

from __future__ import annotations

import math
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sagemaker_runtime import AttemptRecord
    from sagemaker_runtime.bulk.journal import Counts

Request: TypeAlias = "tuple[str, int | None, float, int, int]"
"""
The facts of a request that are counted: the production variant that responded, "" if none did; the time of its last attempt, as
a step of the histogram and in seconds; its attempts, and how many of them were throttled. Without an attempt, the step is None.

Many wait to be counted, and the garbage collector does not visit tuples of plain values.
"""

_THROTTLED = 429  # HTTP status
_STEPS = 8  # of the histogram per doubling, which makes a percentile exact to within 9 %
_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


@define
class Tally:
    """Counts of records and requests."""

    rows: int = 0
    """Records that have a result."""

    dead: int = 0
    """Records that became dead letters."""

    requests: int = 0
    """Requests that got a response, or failed for good; a batch that was halved has several."""

    attempts: int = 0
    """Their attempts."""

    throttled: int = 0
    """Attempts that were throttled."""

    seconds: float = 0.0
    """How long the work took, from write to write."""

    codes: Counter[str] = field(factory=Counter[str])
    """Dead letters by error code."""

    latencies: dict[str, Counter[int]] = field(factory=dict[str, Counter[int]])
    """For each production variant ("" for requests without a response), a histogram of the times of their last attempts."""

    def count(self, requests: Sequence[Request]) -> None:
        """Add requests. Adding many together takes a third of the time."""
        self.requests += len(requests)
        self.attempts += sum(map(_ATTEMPTS, requests))
        self.throttled += sum(map(_THROTTLES, requests))
        for (variant, step), number in Counter(map(_TIME, requests)).items():
            if step is not None:
                self.latencies.setdefault(variant, Counter())[step] += number

    def percentiles(self, variant: str | None = None) -> Mapping[str, float | None]:
        """
        The median, 90th and 99th percentile and maximum of the request times, in seconds, within 9 %; None without requests.

        Args:
            variant: The production variant; None for all.
        """
        steps = Counter[int]()
        for name, counts in self.latencies.items():
            if variant is None or name == variant:
                steps.update(counts)
        return {name: _within(steps, share) for name, share in _SHARES.items()}

    def to_json(self) -> Counts:
        """All counts, as JSON values."""
        return {
            "rows": self.rows,
            "dead": self.dead,
            "requests": self.requests,
            "attempts": self.attempts,
            "throttled": self.throttled,
            "seconds": round(self.seconds, 3),
            "codes": dict(self.codes),
            "latencies": {
                variant: {str(step): number for step, number in steps.items()}
                for variant, steps in self.latencies.items()
            },
        }

    @classmethod
    def of(cls, counts: Iterable[Mapping[str, object]]) -> Tally:
        """The sum of tallies in the form that `to_json` returns."""
        tally = cls()
        for each in counts:
            tally.rows += _int(each.get("rows"))
            tally.dead += _int(each.get("dead"))
            tally.requests += _int(each.get("requests"))
            tally.attempts += _int(each.get("attempts"))
            tally.throttled += _int(each.get("throttled"))
            seconds = each.get("seconds")
            tally.seconds += seconds if isinstance(seconds, float | int) else 0.0
            tally.codes.update(_counts(each.get("codes")))
            latencies = each.get("latencies")
            for variant, steps in latencies.items() if _is_dict(latencies) else ():
                counted = {int(step): number for step, number in _counts(steps).items()}
                tally.latencies.setdefault(str(variant), Counter()).update(counted)
        return tally


_TIME, _ATTEMPTS, _THROTTLES = itemgetter(0, 1), itemgetter(3), itemgetter(4)


def request_of(variant: str | None, attempts: Sequence[AttemptRecord]) -> Request:
    """
    The facts of a request that are counted.

    Args:
        variant: The production variant that responded; None if none did.

        attempts: All its attempts; none if a middleware has responded instead.
    """
    if not attempts:
        return variant or "", None, 0.0, 0, 0
    seconds = attempts[-1].seconds
    is_plain = variant is not None and len(attempts) == 1  # its one attempt succeeded
    throttled = 0 if is_plain else sum(map(_is_throttled, attempts))
    return variant or "", round(_STEPS * math.log2(max(seconds, 1e-6))), seconds, len(attempts), throttled


def _is_throttled(attempt: AttemptRecord) -> bool:
    kind = attempt.error_type or ""
    return "Throttl" in kind or (attempt.status == _THROTTLED and kind != "ModelNotReadyException")


def _within(steps: Counter[int], share: float) -> float | None:
    left = share * steps.total()
    for step in sorted(steps):
        left -= steps[step]
        if left <= 0:
            return float(2 ** (step / _STEPS))
    return None


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _counts(value: object) -> dict[str, int]:
    return {str(key): number for key, number in value.items() if isinstance(number, int)} if _is_dict(value) else {}


def _is_dict(value: object) -> TypeGuard[dict[object, object]]:
    return isinstance(value, dict)
