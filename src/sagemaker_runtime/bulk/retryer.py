"""`PatientRetryer`: what retries the records of a bulk run."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from sagemaker_runtime import ConnectError, Retryer, TransportError
from sagemaker_runtime.retry import BASE_DELAY, THROTTLING_BASE_DELAY, Failure, back_off, classify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONGEST_WAIT = 5.0  # seconds; with the 20 of a single call, a run takes twice as long to recover from an outage
UNREACHABLE_AFTER = 60.0  # seconds without a response of any kind, from the first attempt on
_WITHOUT_END = {
    Failure.CONNECTION_LOST: BASE_DELAY,
    Failure.MODEL_NOT_READY: THROTTLING_BASE_DELAY,
    Failure.THROTTLING: THROTTLING_BASE_DELAY,
    Failure.TRANSIENT: BASE_DELAY,
}


class PatientRetryer:
    """
    Tries a record again for as long as the endpoint is overloaded, unavailable, or not ready: without a quota and without end.

    A run of many records has nobody who waits for one of them, and its concurrency is what gives way (`KneeLimit`). What
    is the record's own, or may have been executed, is decided by the client's policy. An endpoint that has not responded
    to any call and cannot be reached for a minute is given up: it is most likely misspelt.

    Args:
        policy: The client's.

        draw: A number in [0, 1): the jitter.
    """

    def __init__(self, policy: Retryer, *, draw: Callable[[], float] = random.random) -> None:
        self.policy = policy
        self._draw = draw
        self._has_responded = False

    @property
    def max_attempts(self) -> int:
        """What the service is shown: the policy's."""
        return self.policy.max_attempts

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """Seconds to wait before the next attempt, or None to give up."""
        error = failures[-1]
        base = _WITHOUT_END.get(classify(error))
        if not isinstance(error, TransportError):
            self._has_responded = True
        if base is None:
            own = [
                failure for failure in failures if classify(failure) not in _WITHOUT_END
            ]  # the others cost it nothing
            return self.policy.delay(own, elapsed=elapsed, remaining=remaining)
        if isinstance(error, ConnectError) and not self._has_responded and elapsed >= UNREACHABLE_AFTER:
            error.add_note(f"given up: there was no response to any call in {elapsed:.0f} s")
            return None
        wait = back_off(len(failures), base=base, ceiling=LONGEST_WAIT, draw=self._draw)
        asked = getattr(error, "retry_after", None)
        if isinstance(asked, float | int):
            wait = min(max(wait, asked), LONGEST_WAIT)
        return None if remaining is not None and wait >= remaining else wait

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """Take note that there is an endpoint. The policy's quota is left alone: these retries have cost none of it."""
        self._has_responded = True
        if not failures:
            self.policy.succeeded(failures)
