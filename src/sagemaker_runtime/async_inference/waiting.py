"""
Waiting for the result of an asynchronous inference.

InvokeEndpointAsync returns two locations in S3. Eventually an object appears at one of them: the result, or the text of a
failure. Nothing says which, or when, so both are polled at growing intervals until a deadline.
"""

from __future__ import annotations

import asyncio
import math
import random
from typing import TYPE_CHECKING

from attr import field, frozen

from sagemaker_runtime.async_inference import DEFAULT_WAIT
from sagemaker_runtime.async_inference.s3 import S3Object
from sagemaker_runtime.asyncio_only import asyncio_only
from sagemaker_runtime.checks import is_number
from sagemaker_runtime.errors import AsyncInferenceError, ConfigError, ServiceError, WaitTimeoutError
from sagemaker_runtime.retry import Failure, classify

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.async_inference.s3 import S3ObjectReader
    from sagemaker_runtime.clock import Clock

FIRST_INTERVAL = 0.5  # seconds
GROWTH = 1.25  # a result is seen late by about an eighth of the time that it took, until the interval is at its maximum
MAX_INTERVAL = 15.0  # seconds; waiting for an hour takes some 330 rounds, for which S3 charges $0.0003
FAILURE_TEXT = 4_096  # bytes of the failure object in the error's text

_FORBIDDEN = frozenset({"AccessDenied", "403"})  # "403" if a proxy has removed S3's body
_ADVICE = (
    "; S3 returns 403 also for an object that is missing, unless the caller may list the bucket: "
    "grant s3:GetObject on the objects, and s3:ListBucket on the bucket to tell missing objects from forbidden ones"
)


@frozen
class AsyncInferenceResult:
    """The result of an asynchronous inference."""

    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    """The model's response."""

    content_type: str | None
    """MIME type of the body, as set by the container; None without one."""

    location: str
    """Its location in S3."""


@asyncio_only
async def wait_for_output(
    output_location: str,
    failure_location: str | None,
    *,
    s3: S3ObjectReader,
    clock: Clock,
    timeout: float | None = DEFAULT_WAIT,
    max_interval: float = MAX_INTERVAL,
    draw: Callable[[], float] = random.random,
) -> AsyncInferenceResult:
    """
    Wait until an asynchronous inference has ended, and return its result.

    Both objects are requested immediately, and then at intervals that grow from half a second, for the last time at the
    deadline. If both exist, the result counts: the inference was run again after a failure. A request in progress is not
    interrupted at the deadline, so that a large result is not lost; to limit that too, wrap the call in ``asyncio.timeout``.
    No state is kept between calls, so you may wait again after a timeout.

    Args:
        output_location: The location of the result, such as ``s3://bucket/key``.

        failure_location: The location of the failure object. None if the endpoint has none; a failure is then never seen.

        s3: Reads the objects.

        clock: The source of time.

        timeout: Seconds until the deadline; 0 checks once, None waits without a deadline.

        max_interval: The most seconds between two requests.

        draw: Returns a random number in [0, 1), for the jitter.

    Raises:
        AsyncInferenceError: The inference failed.
        WaitTimeoutError: The deadline has passed. The ``__cause__`` is the last error of S3, if there was one.
        ServiceError: S3 refused the request, and would refuse it again.
        ConfigError: A location is not that of an object in S3, or a number is invalid.
        SageMakerRuntimeError: The base of these and all other errors.
    """
    _check(timeout, max_interval)
    started = clock.monotonic()
    deadline = math.inf if timeout is None else started + timeout
    interval = FIRST_INTERVAL
    troubles: dict[str, tuple[int, Exception]] = {}
    cause: Exception | None = None
    looks, last = 0, False
    while True:
        output, failure = await _look_at_both(s3, output_location, failure_location)
        looks += 1
        now = clock.monotonic()
        last = last or now >= deadline
        if isinstance(output, S3Object):
            return AsyncInferenceResult(output.body, output.content_type, output_location)
        if isinstance(failure, S3Object) and (last or not _is_transient(output)):
            raise AsyncInferenceError(_text(failure.body), failure_location)
        for location, seen in ((failure_location, failure), (output_location, output)):
            if isinstance(seen, Exception) and location is not None:
                if not _is_transient(seen) and not _is_forbidden(seen):
                    raise seen
                troubles[location] = looks, seen
                cause = seen  # the latest one; the output's, if both requests failed
        if last:
            error = WaitTimeoutError(_summary(output_location, failure_location, now - started, looks, troubles))
            raise error from cause
        interval = min(interval, max_interval)
        delay = interval * (0.5 + 0.5 * draw())
        interval *= GROWTH
        last = now + delay >= deadline  # decided now, because a clock may wake slightly too early
        await clock.sleep(min(delay, deadline - now))


def _check(timeout: float | None, max_interval: float) -> None:
    if timeout is not None and not (is_number(timeout) and timeout >= 0):
        raise ConfigError(f"wait_for_output(timeout={timeout!r}): it takes a number of seconds, 0 or more, or None")
    if not (is_number(max_interval) and max_interval > 0):
        raise ConfigError(f"wait_for_output(max_interval={max_interval!r}): it takes a number of seconds above 0")


Seen = S3Object | Exception | None


async def _look_at_both(s3: S3ObjectReader, output_location: str, failure_location: str | None) -> tuple[Seen, Seen]:
    async with asyncio.TaskGroup() as looks:  # leaves no task behind, however it ends
        output = looks.create_task(_look(s3, output_location))
        failure = looks.create_task(_look(s3, failure_location))
    return output.result(), failure.result()


async def _look(s3: S3ObjectReader, location: str | None) -> Seen:
    """Read one location. An error is returned, because its meaning depends on the other location."""
    if location is None:
        return None
    try:
        return _checked_object(await s3.read(location))
    except Exception as error:  # noqa: BLE001 - raised later, unless the other location has the result
        return error


def _checked_object(found: object) -> S3Object | None:
    """The object that a reader, perhaps a user's, returned."""
    if found is not None and not isinstance(found, S3Object):
        raise ConfigError(f"the S3 reader returned {type(found).__name__}; it must return an S3Object, or None")
    return found


def _is_transient(seen: Seen) -> bool:
    """Whether the error may go away. Reading changes nothing, so it may always be repeated."""
    return isinstance(seen, Exception) and classify(seen) is not Failure.PERMANENT


def _is_forbidden(error: Exception) -> bool:
    """Whether S3 may have returned the error for a missing object, because the caller may not list the bucket."""
    return isinstance(error, ServiceError) and error.code in _FORBIDDEN


def _text(body: bytes) -> str:
    text = body[:FAILURE_TEXT].decode(errors="replace").strip()
    if len(body) > FAILURE_TEXT:
        text = text.rstrip("\N{REPLACEMENT CHARACTER}") + f"... ({len(body)} bytes in all)"
    return text or "the failure object is empty"


def _summary(
    output_location: str,
    failure_location: str | None,
    elapsed: float,
    looks: int,
    troubles: dict[str, tuple[int, Exception]],
) -> str:
    times = "1 check" if looks == 1 else f"{looks} checks"
    text = f"no result after {elapsed:.1f} s and {times}; the inference may still be running"
    for location in (output_location, failure_location):
        if location is None:
            text += "; no failure location was given, so a failure would not be seen"
        elif location not in troubles:
            text += f"; {location.partition('?')[0]} does not exist yet"
        else:
            look, error = troubles[location]
            text += f"; check {look} of {location.partition('?')[0]} failed with {type(error).__name__}: {error}"
    forbidden = any(_is_forbidden(error) for _, error in troubles.values())
    return text + _ADVICE if forbidden else text
