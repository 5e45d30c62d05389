"""
The adaptive mode: the standard one, and a limiter that slows the whole client down when the service throttles it.

Source: AWS SDKs and Tools Reference Guide, "Retry behavior", adaptive mode; the numbers are those of botocore's
``retries/adaptive.py`` and of the Go SDK's ``aws/retry/adaptive_ratelimit.go``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from attr import Factory, field, frozen

from sagemaker_runtime.clock import Clock, SystemClock
from sagemaker_runtime.retry.classification import Failure
from sagemaker_runtime.retry.standard import StandardRetryer

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 0.5  # seconds over which responses are counted
SMOOTHING = 0.8  # weight of the last window in the measured rate
BETA = 0.7  # what is left of the rate after a throttle
SCALE = 0.4  # attempts / s^4, how steeply the rate grows again
MIN_RATE = 0.5  # attempts / s
MAX_GROWTH = 2.0  # of the measured rate
LOOK_AHEAD = 1.0  # seconds within which those who wait ask again, or when the next token comes if that is later
LEAST_WAIT = 0.001  # seconds, what a timer can resolve; a shorter wait may be lost in the rounding of the clock


class RateLimiter:
    """
    A bucket of tokens, one for each attempt, whose fill rate follows how the service responds.

    A throttle lowers the rate to 70 %; what follows raises it along a cubic curve: slowly near the rate that was too
    much, fast beyond it. Until the first throttle everything goes out at once.

    Tasks of one thread use it; nothing here awaits, so no lock is needed.
    """

    __slots__ = (
        "_capacity",
        "_clock",
        "_dealt",
        "_filled_at",
        "_measured",
        "_plateau",
        "_recovery",
        "_responses",
        "_throttled_at",
        "_tokens",
        "_window",
        "enabled",
        "rate",
    )

    def __init__(self, clock: Clock) -> None:
        now = clock.monotonic()
        self._clock = clock
        self.enabled = False
        """Whether there has been a throttle."""
        self.rate = 1.0
        """Attempts that may go out in a second, once it is enabled."""
        self._tokens, self._capacity, self._filled_at = 0.0, 1.0, now
        self._responses, self._measured, self._window = 0, 0.0, float(math.floor(now))
        self._plateau, self._recovery, self._throttled_at = 0.0, 0.0, now
        self._dealt = now

    def take(self) -> float:
        """0.0 if there was a token, and then it is taken; otherwise the seconds after which to ask again."""
        if not self.enabled:
            return 0.0
        now = self._clock.monotonic()
        self._fill(now)
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        # Those who wait are dealt the moments at which the next tokens come: if all woke for the first of them, 1,000
        # who wait for 100 tokens a second would ask 100,000 times a second. Not further ahead than LOOK_AHEAD, because
        # by then the rate is another.
        first = now + (1.0 - self._tokens) / self.rate
        moment = max(first, self._dealt + 1.0 / self.rate)
        self._dealt = moment if moment <= max(first, now + LOOK_AHEAD) else first
        return max(self._dealt - now, LEAST_WAIT)

    def responded(self, *, throttled: bool) -> None:
        """Take note of how an attempt ended."""
        now = self._clock.monotonic()
        measured = self._measure(now)
        if throttled:
            self._plateau = min(measured, self.rate) if self.enabled else measured
            self._recovery = (self._plateau * (1.0 - BETA) / SCALE) ** (1.0 / 3.0)  # seconds until it is reached again
            self._throttled_at = now
            self.enabled = True
            rate = self._plateau * BETA
        else:
            rate = SCALE * (now - self._throttled_at - self._recovery) ** 3 + self._plateau
        rate = min(rate, MAX_GROWTH * measured)
        self._fill(now)  # at the old rate
        self.rate = max(rate, MIN_RATE)
        self._capacity = max(rate, 1.0)
        self._tokens = min(self._tokens, self._capacity)

    def _fill(self, now: float) -> None:
        self._tokens = min(self._tokens + (now - self._filled_at) * self.rate, self._capacity)
        self._filled_at = now

    def _measure(self, now: float) -> float:
        """Count a response; the responses per second, smoothed, as of the last window that is over."""
        self._responses += 1
        window = math.floor(now / WINDOW) * WINDOW
        if window > self._window:
            rate = self._responses / (window - self._window)
            self._measured = rate * SMOOTHING + self._measured * (1.0 - SMOOTHING)
            self._responses, self._window = 0, window
        return self._measured


@frozen(eq=False, kw_only=True)
class AdaptiveRetryer(StandardRetryer):
    """
    The standard mode, with a rate limit: once the service has throttled, every attempt of the client waits for its turn.

    Use it for one endpoint that is throttled by the number of requests. A client that calls several endpoints slows all of
    them down to the slowest, so give each endpoint its own client, or its own ``override(retryer=...)``.

    A model that is not ready does not count as throttling: calling it less often does not make it start sooner, and the
    other models of the client would be slowed down.

    Raises:
        ConfigError: A value is invalid.
    """

    mode: ClassVar[Literal["standard", "adaptive"]] = "adaptive"

    clock: Clock = field(factory=SystemClock, repr=False)
    """The limiter's source of time."""

    limiter: RateLimiter = field(
        default=Factory(lambda self: RateLimiter(self.clock), takes_self=True),
        repr=False,
    )
    """Shared like the quota."""

    def pace(self) -> float:
        """0.0 if an attempt may be made now; its token is then taken. Otherwise the seconds after which to ask again."""
        return self.limiter.take()

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """As in the standard mode. The limiter learns of the failure, whether it is retried or not."""
        self.limiter.responded(throttled=self._classify(failures[-1]) is Failure.THROTTLING)
        return super().delay(failures, elapsed=elapsed, remaining=remaining)

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """As in the standard mode. The limiter learns of the success."""
        self.limiter.responded(throttled=False)
        super().succeeded(failures)
