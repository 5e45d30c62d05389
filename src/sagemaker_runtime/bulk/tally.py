"""`Tally`: what the records of a part were counted as. Absolute numbers, so that one replaces another and several add up."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, TypeGuard

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sagemaker_runtime.bulk.journal import Counts

_STEPS = 8  # of the histogram to a doubling: a percentile is right within 9 %
_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


@define
class Tally:
    """Counts of records and requests."""

    rows: int = 0
    """Records that have a result."""

    dead: int = 0
    """Records that became dead letters."""

    requests: int = 0
    """Requests that got a response, or failed for good; a batch that is halved has several."""

    attempts: int = 0
    """Attempts of them."""

    throttled: int = 0
    """Attempts that were throttled."""

    seconds: float = 0.0
    """How long it took, from write to write."""

    codes: Counter[str] = field(factory=Counter[str])
    """Dead letters by the code of their error."""

    latencies: dict[str, Counter[int]] = field(factory=dict[str, Counter[int]])
    """Requests by the production variant that responded, "" if none did, and by the time of their last attempt, in steps."""

    def took(self, variant: str, seconds: float) -> None:
        """Count the time of a request."""
        counts = self.latencies.get(variant)
        if counts is None:
            counts = self.latencies[variant] = Counter()
        counts[round(_STEPS * math.log2(max(seconds, 1e-6)))] += 1

    def percentiles(self, variant: str | None = None) -> Mapping[str, float | None]:
        """
        The seconds in which half, 90 % and 99 % of the requests were done, and all, within 9 %.

        Args:
            variant: Of which variant; None for all.
        """
        steps = Counter[int]()
        for name, counts in self.latencies.items():
            if variant is None or name == variant:
                steps.update(counts)
        return {name: _within(steps, share) for name, share in _SHARES.items()}

    def to_json(self) -> Counts:
        """All of it, as JSON has it."""
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
        """The sum of what `to_json` gave."""
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
