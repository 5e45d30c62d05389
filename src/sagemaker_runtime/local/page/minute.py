"""`Minute`: the statistics of the last sixty seconds."""

from __future__ import annotations

from collections import deque

from attrs import define, field

from sagemaker_runtime.wire import SUCCESS

SECONDS = 60
MAX_TIMED = 200  # calls per second whose durations are kept, for the quantiles
_REFUSALS = range(400, 500)  # HTTP statuses


@define
class _Second:
    at: int
    ok: int = 0
    refused: int = 0
    failed: int = 0
    durations: list[float] = field(factory=list[float])


class Minute:
    """
    Counts the calls that have ended.

    They are classified by what the caller can do: ``ok``; ``refused``, a 4xx, which needs another request; ``failed``, a
    5xx or an incomplete response.
    """

    def __init__(self) -> None:
        self._seconds: deque[_Second] = deque(maxlen=SECONDS)

    def add(self, now: float, *, status: int | None, whole: bool, seconds: float) -> None:
        """
        Count a call.

        Args:
            now: When it ended, in seconds since 1970.

            status: The response's HTTP status; None if there was no response.

            whole: Whether the response was sent to its end, without an error in it.

            seconds: How long the call took.
        """
        second = self._second(int(now))
        if whole and status in SUCCESS:
            second.ok += 1
        elif whole and status in _REFUSALS:
            second.refused += 1
        else:
            second.failed += 1
        if len(second.durations) < MAX_TIMED:
            second.durations.append(max(seconds, 0.0))

    def _second(self, at: int) -> _Second:
        if not self._seconds or self._seconds[-1].at < at:
            self._seconds.append(_Second(at))
        return self._seconds[-1]  # also if the clock was set back

    def numbers(self, now: float) -> dict[str, object]:
        """The counts of each second, the oldest first, and the quantiles of the durations in milliseconds."""
        last = int(now)
        recent = [second for second in self._seconds if 0 <= last - second.at < SECONDS]
        bars = [[0, 0, 0] for _ in range(SECONDS)]
        for second in recent:
            bars[SECONDS - 1 - (last - second.at)] = [second.ok, second.refused, second.failed]
        durations = sorted(duration for second in recent for duration in second.durations)
        return {
            "bars": bars,
            "calls": sum(map(sum, bars)),
            "failed": sum(refused + failed for _, refused, failed in bars),
            "p50": _quantile(durations, 0.5),
            "p95": _quantile(durations, 0.95),
        }


def _quantile(values: list[float], share: float) -> float | None:
    """The quantile in milliseconds; None if there are no values."""
    if not values:
        return None
    return round(values[min(int(share * len(values)), len(values) - 1)] * 1000, 2)
