"""The difference between the service's clock and ours, and whether it is the reason for a refused signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.context import RAW_RESPONSE, TIMING
from sagemaker_runtime.dates import amz_seconds, http_date

if TYPE_CHECKING:
    from sagemaker_runtime.clock import Clock
    from sagemaker_runtime.context import Metadata
    from sagemaker_runtime.wire import Request, Response

# The errors for a signature whose time differs from the service's. Source: Go SDK, aws/retry/middleware.go.
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
_RESOLUTION = 1.0  # seconds, of a ``Date`` header
_EARLIEST = 946_684_800.0  # seconds since 1970: the year 2000
_LATEST = 32_503_680_000.0  # the year 3000


class ClockSkew:
    """
    How far the service's clock is ahead of ours, according to its responses. There is one for each client.

    The service writes ``Date`` at some time between our sending the request and our receiving the response, which for a
    slow model may be minutes apart. If the date lies between the two, as corrected so far, the correction stays: a slow
    response neither creates a correction nor removes one. A date outside is compared with the time of receiving, because
    a server dates the response when it sends the head, which is when the model is done.
    """

    __slots__ = ("date", "seconds")

    def __init__(self) -> None:
        self.date: str | None = None
        """The last ``Date`` header measured. It changes once a second, so an unchanged one need not be measured again."""

        self.seconds: float | None = None
        """Seconds to add to our time to get the service's; None before the first response."""

    def measure(self, date: float, *, sent: float, received: float, refused: bool = False) -> None:
        """
        Adjust the correction by the ``Date`` of a response.

        Args:
            date: The response's ``Date``, in seconds since 1970.

            sent: `Clock.now` when the request was sent.

            received: `Clock.now` when the response was received.

            refused: Whether the response refuses a signature because of its time: then the current correction is wrong,
                even if it agrees with the date.
        """
        if not _EARLIEST < date < _LATEST:  # an absurd date would make every later signature fail
            return
        least, most = date - received - _RESOLUTION, date - sent + _RESOLUTION
        if self.seconds is None or refused or not least <= self.seconds <= most:
            self.seconds = 0.0 if least <= 0.0 <= most else date - received


class CorrectedClock:
    """A clock whose wall time is the service's, as far as it is known."""

    def __init__(self, clock: Clock, skew: ClockSkew) -> None:
        self._clock = clock
        self._skew = skew
        self.monotonic = clock.monotonic
        self.sleep = clock.sleep

    def now(self) -> float:
        """Wall time, corrected."""
        return self._clock.now() + (self._skew.seconds or 0.0)


def skew_of_refusal(skew: ClockSkew, request: Request, metadata: Metadata) -> float | None:
    """
    Seconds by which the service's clock was ahead of the signature, if that explains a refusal; otherwise None.

    If it does, *skew* is measured again: the date measured before may be the wrong one.

    Args:
        skew: The correction for the next attempt.

        request: The request as it was sent.

        metadata: The metadata of the refusal.
    """
    signed = amz_seconds(request.headers.get("x-amz-date", ""))
    response, timing = metadata.get(RAW_RESPONSE), metadata.get(TIMING)
    date = None if response is None else service_time(response)
    if signed is None or timing is None or date is None or abs(date - signed) <= SKEW_TOLERATED:
        return None
    skew.measure(date, sent=timing.sent, received=timing.received, refused=True)
    return date - signed


def service_time(response: Response) -> float | None:
    """When the service wrote the response, in seconds since 1970; None without a date, or if it came from a cache."""
    headers = response.headers.raw
    if "age" in headers:
        return None
    return http_date(headers.get("date", ""))
