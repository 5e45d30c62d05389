"""Finalize: Retry, and below it, once per attempt, what makes the request ready for the wire."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from sagemaker_runtime.context import (
    ATTEMPT,
    ATTEMPTS,
    DEADLINE,
    LOGGER,
    OPERATION,
    PAYLOAD_HASH,
    SIGNING_NAME,
    SIGNING_REGION,
    STREAMS,
    AttemptRecord,
)
from sagemaker_runtime.credentials import AnonymousCredentialsProvider, Credentials, CredentialsProvider
from sagemaker_runtime.errors import (
    ConfigError,
    CredentialsError,
    SageMakerRuntimeError,
    ServiceError,
    StackError,
    TotalTimeoutError,
)
from sagemaker_runtime.headers import REDACTED, SENSITIVE_HEADERS, amz_date_of, utc
from sagemaker_runtime.log_mode import ClientLogMode
from sagemaker_runtime.middleware.steps import FinalizeInput, Output
from sagemaker_runtime.signing import SigV4Signer
from sagemaker_runtime.wire import is_number

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sagemaker_runtime.clock import Clock, ClockSkew
    from sagemaker_runtime.context import Closeable, Context
    from sagemaker_runtime.middleware.steps import FinalizeHandler
    from sagemaker_runtime.retry import Retryer
    from sagemaker_runtime.signing import HTTPSignerV4
    from sagemaker_runtime.wire import Request

_NO_LOG = ClientLogMode(0)
_END_OF_TIME = 253_402_300_800  # seconds since 1970; what a header of a hostile server, or a limit of 1e12 s, can pass


def _pace_of(retryer: Retryer) -> Callable[[], float] | None:
    """The retryer's `PacedRetryer.pace`; None if it has none."""
    pace: object = getattr(retryer, "pace", None)
    return cast("Callable[[], float]", pace) if callable(pace) else None


class Retry:
    """Run everything below again, with a fresh copy of the request, until it succeeds or the policy gives up."""

    id = "Retry"

    def __init__(self, retryer: Retryer, clock: Clock, log_mode: ClientLogMode = _NO_LOG) -> None:
        self.retryer = retryer
        self.clock = clock
        self.log_mode = log_mode
        self._pace = _pace_of(retryer)

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        failures: list[Exception] | None = None  # made when there is one: calls that wait are many, those that fail few
        records: list[AttemptRecord] = []
        ctx[ATTEMPTS] = records
        opened = ctx.get(STREAMS)
        streams: list[Closeable] | None = None
        try:
            if self._pace is not None:
                await self._room(self._pace, ctx, [])
            started = attempt_started = self.clock.monotonic()
            while True:
                attempt_ctx = ctx.for_attempt()
                attempt_ctx[ATTEMPT] = len(records) + 1
                if opened is not None:
                    streams = attempt_ctx[STREAMS] = []  # of this attempt alone, and of none beside it
                try:
                    output = await next(attempt_ctx, FinalizeInput(step.request.copy()))
                    if not isinstance(output, Output):  # pyright: ignore[reportUnnecessaryIsInstance] - a middleware's
                        raise _no_output(ctx, output)
                except Exception as error:
                    _close(streams)
                    if failures is None:
                        failures = []
                    failures.append(error)
                    delay = self._after(failures, records, ctx, started, attempt_started)
                    if delay is None:
                        raise
                else:
                    records.append(AttemptRecord(len(records) + 1, self.clock.monotonic() - attempt_started))
                    self.retryer.succeeded([] if failures is None else failures)
                    output.metadata[ATTEMPTS] = tuple(records)
                    if opened is not None and streams is not None:
                        opened.extend(streams)
                        streams = None
                    return output
                await self.clock.sleep(delay)
                if self._pace is not None:
                    await self._room(self._pace, ctx, failures)
                attempt_started = self.clock.monotonic()
        finally:
            _close(streams)  # of an attempt that was cancelled
            if failures is not None:
                failures.clear()  # or an error, its traceback and this list would keep one another and the request alive

    def _after(
        self,
        failures: list[Exception],
        records: list[AttemptRecord],
        ctx: Context,
        started: float,
        attempt_started: float,
    ) -> float | None:
        """What the policy says to the last failure: seconds to wait, or None to give up."""
        now = self.clock.monotonic()
        deadline = ctx.get(DEADLINE)
        remaining = None if deadline is None else deadline - now
        delay = self.retryer.delay(failures, elapsed=now - started, remaining=remaining)
        if delay is not None:
            _check_wait(delay, "delay")
        number = len(records) + 1
        records.append(_record(failures[-1], number=number, seconds=now - attempt_started, delay=delay))
        self._log(ctx, records[-1])
        return delay

    async def _room(self, pace: Callable[[], float], ctx: Context, failures: list[Exception]) -> None:
        """Wait until the retryer has room for an attempt."""
        while True:
            wait = pace()
            _check_wait(wait, "pace")
            if wait == 0:
                return
            deadline = ctx.get(DEADLINE)
            left = math.inf if deadline is None else deadline - self.clock.monotonic()
            if wait >= left:
                told = f"the retryer has no room for {wait:.3f} s, and Timeout.total ends in {left:.3f} s"
                if not failures:
                    raise TotalTimeoutError(f"not sent: {told}")
                failures[-1].add_note(f"not retried: {told}")
                raise failures.pop()
            if ClientLogMode.RETRIES in self.log_mode:
                facts = {"aws_operation": ctx[OPERATION], "aws_attempt": len(failures) + 1}
                ctx[LOGGER].debug("%s waits %.3f s for room", ctx[OPERATION], wait, extra=facts)
            await self.clock.sleep(wait)

    def _log(self, ctx: Context, record: AttemptRecord) -> None:
        if ClientLogMode.RETRIES in self.log_mode:
            what = f"retrying in {record.delay:.3f} s" if record.delay is not None else "not retrying"
            facts = {
                "aws_operation": ctx[OPERATION],
                "aws_attempt": record.number,
                "aws_error_code": record.error_type,
                "http_status": record.status,
                "aws_retry_delay": record.delay,
            }
            ctx[LOGGER].debug(
                "%s attempt %d failed, %s: %s", ctx[OPERATION], record.number, what, _on_one_line(record), extra=facts
            )


def _close(streams: Sequence[Closeable] | None) -> None:
    for response in streams or ():
        response.close()


def _check_wait(seconds: float, asked: str) -> None:
    """Refuse what would break the timers of the event loop, or never end; a user's retryer may give anything."""
    if not is_number(seconds) or seconds < 0:
        raise ConfigError(f"the retryer's {asked}() gave {seconds!r}; it must give seconds, 0 or more")


def _no_output(ctx: Context, output: object) -> StackError:
    return StackError(
        f"below Retry, {ctx[OPERATION]} got {type(output).__name__}; a middleware must return what next(ctx, step) "
        "gives, or an Output of its own"
    )


def _on_one_line(record: AttemptRecord) -> str:
    """The error as a log may show it: a peer's line end would begin a line of its own there."""
    text = record.error or ""
    return text if text.isprintable() else repr(text)


def _record(error: Exception, *, number: int, seconds: float, delay: float | None) -> AttemptRecord:
    answer = error if isinstance(error, ServiceError) else None
    return AttemptRecord(
        number=number,
        seconds=seconds,
        # Not the repr, which for some exceptions holds what they failed on.
        error=str(error) if isinstance(error, SageMakerRuntimeError) else f"{type(error).__name__}: {error}",
        error_type=type(error).__name__ if answer is None else answer.code,
        status=None if answer is None else answer.status,
        delay=delay,
    )


class RetryMetricsHeader:
    """
    Tell the service which attempt this is and until when its answer is awaited: ``attempt=2; max=3; ttl=…``.

    The ttl is on the service's clock, so it is sent only once an answer has told what that is.
    """

    id = "RetryMetricsHeader"

    def __init__(self, max_attempts: int, read_timeout: float, clock: Clock, skew: ClockSkew) -> None:
        self.max_attempts = max_attempts
        self.read_timeout = read_timeout
        self.clock = clock
        self.skew = skew

    def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        value = f"attempt={ctx.get(ATTEMPT, 1)}; max={self.max_attempts}"
        if self.skew.seconds is not None:
            until = self._until(ctx, self.skew.seconds)
            if until < _END_OF_TIME:
                value = f"ttl={amz_date_of(int(until))}; {value}"
        step.request.headers.raw["amz-sdk-request"] = value
        return next(ctx, step)

    def _until(self, ctx: Context, skew: float) -> float:
        deadline = ctx.get(DEADLINE)
        left = self.read_timeout if deadline is None else min(self.read_timeout, deadline - self.clock.monotonic())
        return self.clock.now() + skew + left


def _current_of(provider: CredentialsProvider) -> Callable[[], Credentials | None]:
    """What asks the provider for credentials without waiting: a cache can tell them, and spares the call a coroutine."""
    # Both methods of one class: who has changed retrieve alone means it to be asked.
    owner = next((cls for cls in type(provider).__mro__ if "retrieve" in vars(cls)), None)
    return getattr(provider, "current", _none) if owner is not None and "current" in vars(owner) else _none


def _none() -> None:
    return None


class Signing:
    """
    Sign the request, with credentials and a time that are fresh for each attempt.

    The clock is the service's, as far as its answers have told: see `signing_clock`. With `AnonymousCredentialsProvider`
    nothing is signed.
    """

    id = "Signing"

    def __init__(
        self,
        signer: HTTPSignerV4,
        credentials: CredentialsProvider,
        clock: Clock,
        log_mode: ClientLogMode = _NO_LOG,
    ) -> None:
        self.signer = signer
        self.credentials = credentials
        self.clock = clock
        self.log_mode = log_mode
        self._logs = bool(log_mode)
        self._current = _current_of(credentials)

    def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        credentials = self._current()
        if credentials is None:
            if isinstance(self.credentials, AnonymousCredentialsProvider):
                return next(ctx, step)
            return self._retrieve(ctx, step, next)
        self._sign(ctx, step.request, credentials)
        return next(ctx, step)

    async def _retrieve(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        self._sign(ctx, step.request, await self.credentials.retrieve())
        return await next(ctx, step)

    def _sign(self, ctx: Context, request: Request, credentials: Credentials) -> None:
        region = ctx[SIGNING_REGION]
        if not region:
            raise ConfigError("no region to sign for: set Options.region, or signing_region on the endpoint")
        if not isinstance(credentials, Credentials):  # pyright: ignore[reportUnnecessaryIsInstance] - a provider's
            raise CredentialsError(
                f"the credentials provider gave {type(credentials).__name__}, and must give Credentials"
            )
        self.signer.sign_http(
            request,
            credentials=credentials,
            payload_hash=ctx[PAYLOAD_HASH],
            service=ctx[SIGNING_NAME],
            region=region,
            signing_time=utc(int(self.clock.now())),
        )
        if self._logs:
            self._log(ctx, request)

    def _log(self, ctx: Context, request: Request) -> None:
        if ClientLogMode.SIGNING in self.log_mode and isinstance(self.signer, SigV4Signer):
            shown = request.copy()
            for name in SENSITIVE_HEADERS.intersection(shown.headers):
                shown.headers[name] = REDACTED
            canonical = self.signer.canonical_request(shown, ctx[PAYLOAD_HASH])
            facts = {"aws_operation": ctx[OPERATION], "aws_attempt": ctx.get(ATTEMPT, 1)}
            ctx[LOGGER].debug("%s canonical request:\n%s", ctx[OPERATION], canonical, extra=facts)
