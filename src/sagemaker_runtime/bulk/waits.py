"""`Waits`: which of many waits for asynchronous inferences poll S3, and when."""

from __future__ import annotations

from asyncio import Semaphore
from collections import deque
from math import inf
from typing import TYPE_CHECKING

from sagemaker_runtime import ConfigError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime import AsyncInferenceResult, Clock, InvokeEndpointAsyncOutput, S3Object, S3ObjectReader

AT_ONCE = 16  # results to poll for; the others, which were submitted later, wait for their turn
FORBIDDEN_FOR = 900.0  # seconds during which a 403 of S3 may mean that the result is not there yet
LONGEST_DELAY = 600.0  # seconds before the first poll, at most
MAX_INTERVAL = 15.0  # seconds between two polls, at most
_SHARE = 8  # the interval between polls is at least this fraction of the time so far: an eighth
_SOONER = 0.9  # what a delay counts for if the result was already there
_RECENT = 7  # waits; a median of more would follow changes too slowly
_FORBIDDEN = 403  # HTTP status


class Waits:
    """
    Decides which waits poll S3, and when. Only the 16 that were submitted first do; an endpoint works in that order.

    Before its first poll, each waits as long as recent ones had to: the median of the last seven, where a delay after which the
    result was already there counts for a tenth less. The first poll reads only the result, not the failure; from then on, the
    interval is at least an eighth of the time so far. Measured with 200 results of the local endpoint: 1.3 reads per result at
    5 ms each, and 2.2 at 100 ms; with the 16 turns alone 2.5 and 8.4, with all polling concurrently 7.4 and 19.

    Args:
        clock: Tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns = Semaphore(AT_ONCE)  # first come, first served
        self._delay = 0.0
        self._recent = deque[float](maxlen=_RECENT)  # seconds of the last waits

    async def run(
        self,
        submitted: InvokeEndpointAsyncOutput,
        s3: S3ObjectReader,
        wait: Callable[[S3ObjectReader], Awaitable[AsyncInferenceResult]],
    ) -> AsyncInferenceResult:
        """
        Call *wait* when it is this submission's turn.

        Args:
            submitted: The submission.

            s3: Reads objects.

            wait: Waits for the result, with the reader that it is given.
        """
        async with self._turns:
            began, delay = self._clock.monotonic(), self._delay
            if delay:
                await self._clock.sleep(delay)
            reader = _Reader(s3, self._clock, submitted.failure_location, began)
            try:
                return await wait(reader)
            finally:
                took = self._clock.monotonic() - began
                self._recent.append(took if reader.looks > 1 else delay * _SOONER)
                self._delay = min(sorted(self._recent)[len(self._recent) // 2], LONGEST_DELAY)


class _Reader:
    """
    The reader of one wait.

    It skips polls that come too soon after the last one, relative to the time waited so far: the interval of `wait_for_output`
    starts at half a second, however long the delay before was.
    """

    def __init__(self, s3: S3ObjectReader, clock: Clock, failure_location: str | None, began: float) -> None:
        self._s3 = s3
        self._clock = clock
        self._failure_location = failure_location
        self._began = began
        self._looked_at = -inf
        self._looks_now = False
        self.looks = 0

    async def read(self, location: str) -> S3Object | None:
        now = self._clock.monotonic()
        if location != self._failure_location:
            self._looks_now = now - self._looked_at >= min((now - self._began) / _SHARE, MAX_INTERVAL)
            if self._looks_now:
                self._looked_at = now
                self.looks += 1
        if not self._looks_now or (location == self._failure_location and self.looks <= 1):
            return None
        try:
            return await self._s3.read(location)
        except ServiceError as error:
            if error.status == _FORBIDDEN and now - self._began >= FORBIDDEN_FOR:
                raise ConfigError(
                    f"S3 has refused access to {location} for {FORBIDDEN_FOR / 60:.0f} minutes: grant s3:GetObject on results "
                    "and failures, and s3:ListBucket on their bucket; without the latter, S3 also refuses a missing object"
                ) from error
            raise
