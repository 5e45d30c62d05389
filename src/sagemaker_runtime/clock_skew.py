"""How far the service's clock is from ours, and when that is why a signature was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.context import RAW_RESPONSE, TIMING
from sagemaker_runtime.dates import amz_seconds, http_date

if TYPE_CHECKING:
    from sagemaker_runtime.clock import Clock
    from sagemaker_runtime.context import Metadata
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
_RESOLUTION = 1.0  # seconds, that of a ``Date`` header
_EARLIEST = 946_684_800.0  # seconds since 1970: the year 2000
_LATEST = 32_503_680_000.0  # the year 3000


class ClockSkew:
    """
    How far the service's clock is ahead of ours, by its responses. One for each client.

    The service writes ``Date`` somewhere between our sending and our receiving, which for a slow model are minutes
    apart. So while a date lies between the two, the clocks agree, and while it does so by the correction in force, that
    one stays: a slow response neither makes a correction nor takes one away. A date outside them is taken as of the
    moment of receiving, because a response is dated with its head, and its head comes when the model is done.
    """

    __slots__ = ("date", "seconds")

    def __init__(self) -> None:
        self.date: str | None = None
        """The ``Date`` header last measured. It changes once a second, and so often is worth a look."""

        self.seconds: float | None = None
        """Seconds to add to our time to get the service's; None until a response has shown it."""

    def measure(self, date: float, *, sent: float, received: float, refused: bool = False) -> None:
        """
        Take note of a response.

        Args:
            date: The response's ``Date``, in seconds since 1970.

            sent: `Clock.now` when the request was sent.

            received: `Clock.now` when the response came.

            refused: Whether it refuses a signature for its time: then the correction in force is wrong, even if the
                date could be read by it.
        """
        if not _EARLIEST < date < _LATEST:  # or there would be no time to sign with, and no response to put it right
            return
        least, most = date - received - _RESOLUTION, date - sent + _RESOLUTION
        if self.seconds is None or refused or not least <= self.seconds <= most:
            self.seconds = 0.0 if least <= 0.0 <= most else date - received


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


def skew_of_refusal(skew: ClockSkew, request: Request, metadata: Metadata) -> float | None:
    """
    Seconds by which the service's clock was ahead of the signature, where that explains a refusal; None elsewhere.

    Where it does, *skew* is measured anew: a date that was measured before may be the one that made it wrong.

    Args:
        skew: By which the next attempt is signed.

        request: As it was sent.

        metadata: Of the refusal; what it lacks is not known.
    """
    signed = amz_seconds(request.headers.get("x-amz-date", ""))
    response, timing = metadata.get(RAW_RESPONSE), metadata.get(TIMING)
    date = None if response is None else service_time(response)
    if signed is None or timing is None or date is None or abs(date - signed) <= SKEW_TOLERATED:
        return None
    skew.measure(date, sent=timing.sent, received=timing.received, refused=True)
    return date - signed


def service_time(response: Response) -> float | None:
    """When the service wrote the response, in seconds since 1970; None if it does not say, or a cache wrote it before."""
    headers = response.headers.raw
    if "age" in headers:
        return None
    return http_date(headers.get("date", ""))
