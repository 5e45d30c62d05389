"""How far the service's clock is from ours, and when that is why a signature was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.dates import amz_seconds, http_date

if TYPE_CHECKING:
    from sagemaker_runtime.clock import Clock
    from sagemaker_runtime.context import ResponseTiming
    from sagemaker_runtime.wire import Request, Response

# With which services refuse a signature whose time is not theirs. Source: Go SDK, aws/retry/middleware.go.
SKEW_CODES = frozenset(
    {
        "AccessDeniedException",
        "AuthFailure",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
SKEW_TOLERATED = 240.0  # seconds; the service allows 300, and a refusal below this has another reason
SKEW_ROUND_TRIP = 900.0  # seconds; after a longer round trip the Date header says nothing of the skew
_EARLIEST = 946_684_800.0  # seconds since 1970: the year 2000
_LATEST = 32_503_680_000.0  # the year 3000


class ClockSkew:
    """
    How far the service's clock is ahead of ours, by its last response. One for each client.

    Measured against the middle of the round trip, the best guess of when the service wrote the ``Date`` header.
    """

    __slots__ = ("date", "seconds")

    def __init__(self) -> None:
        self.date: str | None = None
        """The ``Date`` header last measured. It changes once a second, and so often is worth a look."""

        self.seconds: float | None = None
        """Seconds to add to our time to get the service's; None until a response has shown it."""

    def measure(self, date: float, *, sent: float, received: float) -> None:
        """
        Take note of a response.

        Args:
            date: The response's ``Date``, in seconds since 1970.

            sent: `Clock.now` when the request was sent.

            received: `Clock.now` when the response came.
        """
        if _EARLIEST < date < _LATEST:  # or there would be no time to sign with, and so no response to put it right
            self.seconds = date - (sent + received) / 2


class CorrectedClock:
    """A clock whose wall time is the service's, as far as that is known."""

    def __init__(self, clock: Clock, skew: ClockSkew) -> None:
        self._clock = clock
        self._skew = skew
        self.monotonic = clock.monotonic
        self.sleep = clock.sleep

    def now(self) -> float:
        """Wall time, corrected."""
        return self._clock.now() + (self._skew.seconds or 0.0)


def skew_of_refusal(request: Request, response: Response, timing: ResponseTiming | None) -> float | None:
    """
    Seconds by which the service's clock was ahead of the signature, where that explains a refusal; None elsewhere.

    Args:
        request: As it was sent.

        response: The refusal.

        timing: When it came; None if that is not known.
    """
    signed = amz_seconds(request.headers.get("x-amz-date", ""))
    if signed is None or timing is None:
        return None
    date = service_time(response, timing.sent, timing.received)
    if date is None:
        return None
    skew = date - signed
    return skew if abs(skew) > SKEW_TOLERATED else None


def service_time(response: Response, sent: float, received: float) -> float | None:
    """When the service wrote the response, in seconds since 1970; None if it does not say, or a cache wrote it before."""
    headers = response.headers.raw
    if "age" in headers or received - sent > SKEW_ROUND_TRIP:
        return None
    return http_date(headers.get("date", ""))
