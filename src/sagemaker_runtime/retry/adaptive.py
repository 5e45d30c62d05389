"""
Adaptive mode: standard mode plus a rate limiter that slows the whole client down when the service throttles it.

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
BETA = 0.7  # the factor by which throttling reduces the rate
SCALE = 0.4  # attempts / s^4, how steeply the rate grows again
MIN_RATE = 0.5  # attempts / s
MAX_GROWTH = 2.0  # of the measured rate
LOOK_AHEAD = 1.0  # seconds; a waiting call asks again within this time, or when the next token comes if that is later
LEAST_WAIT = 0.001  # seconds, the resolution of a timer; a shorter wait may be lost in the clock's rounding


class RateLimiter:
    """
    A token bucket, one token per attempt, whose fill rate follows the service's responses.

    Throttling lowers the rate to 70 %; later responses raise it along a cubic curve: slowly near the rate that was too
    high, fast beyond it. Until the first throttling, attempts are not limited.

    Only the tasks of one thread may use it. Nothing here awaits, so it needs no lock.

    Args:
        clock: The source of time.
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
        """Whether the service has throttled the client; until then attempts are not limited."""
        self.rate = 1.0
        """The limit, in attempts per second, once the limiter is enabled."""
        self._tokens, self._capacity, self._filled_at = 0.0, 1.0, now
        self._responses, self._measured, self._window = 0, 0.0, float(math.floor(now))
        self._plateau, self._recovery, self._throttled_at = 0.0, 0.0, now
        self._dealt = now

    def take(self) -> float:
        """Take a token and return 0.0; if there is none, return the seconds to wait before asking again."""
        if not self.enabled:
            return 0.0
        now = self._clock.monotonic()
        self._fill(now)
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        # Each waiting call gets the moment of a different token: if all woke for the first one, 1,000 calls waiting for
        # 100 tokens per second would ask 100,000 times per second. No further ahead than LOOK_AHEAD, because the rate
        # will have changed by then.
        first = now + (1.0 - self._tokens) / self.rate
        moment = max(first, self._dealt + 1.0 / self.rate)
        self._dealt = moment if moment <= max(first, now + LOOK_AHEAD) else first
        return max(self._dealt - now, LEAST_WAIT)

    def responded(self, *, throttled: bool) -> None:
        """Adjust the rate after an attempt, *throttled* or not."""
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
        """Count a response, and return the smoothed responses per second as of the last complete window."""
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
    Standard mode with a rate limit: once the service has throttled the client, every attempt waits for its turn.

    Use it for one endpoint that limits the number of requests. A client that calls several endpoints would slow all of
    them down to the slowest, so give each endpoint its own client, or its own ``override(retryer=...)``.

    ``ModelNotReadyException`` does not count as throttling: calling a model less often does not make it start sooner,
    and would slow down the client's calls to other models.

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
    """Shared by all calls through this retryer, and through those created from it by ``with_…``."""

    def pace(self) -> float:
        """
        Take a token and return 0.0 if an attempt may be made now; otherwise return the seconds to wait before asking
        again.
        """
        return self.limiter.take()

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """As in standard mode. Every failure, retried or not, also adjusts the rate."""
        self.limiter.responded(throttled=self._classify(failures[-1]) is Failure.THROTTLING)
        return super().delay(failures, elapsed=elapsed, remaining=remaining)

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """As in standard mode. The success also adjusts the rate."""
        self.limiter.responded(throttled=False)
        super().succeeded(failures)
