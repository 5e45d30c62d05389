"""`PatientRetryer`: the retryer of a bulk run."""

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
    Retries a record for as long as the endpoint is overloaded, unavailable or not ready, without a quota or a limit of attempts.

    In a run of many records nobody waits for a single one, so the run reduces its concurrency (`KneeLimit`) instead of giving
    up. The client's own retryer decides about all other errors: those of the record itself, and those after which the call
    may have been executed, such as a read timeout. If no call has had a response and the endpoint cannot be reached for a
    minute, this gives up: the name is most likely misspelt.

    Args:
        policy: The client's own retryer.

        draw: Returns a number in [0, 1), for the jitter.
    """

    def __init__(self, policy: Retryer, *, draw: Callable[[], float] = random.random) -> None:
        self.policy = policy
        self._draw = draw
        self._has_responded = False

    @property
    def max_attempts(self) -> int:
        """The maximum that is reported to the service: the policy's. It does not limit the retries made here."""
        return self.policy.max_attempts

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """Seconds to wait before the next attempt, or None to give up."""
        error = failures[-1]
        base = _WITHOUT_END.get(classify(error))
        if not isinstance(error, TransportError):
            self._has_responded = True
        if base is None:
            own = [failure for failure in failures if classify(failure) not in _WITHOUT_END]  # the others do not count
            return self.policy.delay(own, elapsed=elapsed, remaining=remaining)
        if isinstance(error, ConnectError) and not self._has_responded and elapsed >= UNREACHABLE_AFTER:
            error.add_note(f"gave up: there was no response to any call in {elapsed:.0f} s")
            return None
        wait = back_off(len(failures), base=base, ceiling=LONGEST_WAIT, draw=self._draw)
        asked = getattr(error, "retry_after", None)
        if isinstance(asked, float | int):
            wait = min(max(wait, asked), LONGEST_WAIT)
        return None if remaining is not None and wait >= remaining else wait

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """
        Note that the endpoint responds.

        The policy hears only of calls without a failure: the retries made here took nothing from its quota, so nothing is
        returned to it.
        """
        self._has_responded = True
        if not failures:
            self.policy.succeeded(failures)
