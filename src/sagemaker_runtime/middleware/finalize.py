"""Finalize: Retry, and below it, once per attempt, the middleware that make the request ready to send."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from sagemaker_runtime.context import (
    ATTEMPT,
    CLOCK,
    DEADLINE,
    LOGGER,
    OPERATION,
    PAYLOAD_HASH,
    SIGNING_NAME,
    SIGNING_REGION,
    TIMEOUT,
)
from sagemaker_runtime.credentials import (
    CREDENTIALS,
    SIGNED_WITH,
    AnonymousCredentialsProvider,
    Credentials,
    checked_credentials,
    checked_provider,
    tells_current,
)
from sagemaker_runtime.dates import amz_date_of, utc
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.log_mode import ClientLogMode
from sagemaker_runtime.middleware.attempts import Attempts
from sagemaker_runtime.middleware.steps import FinalizeInput
from sagemaker_runtime.middleware.total_timeout import IN_FORCE, check_total, within_total
from sagemaker_runtime.redaction import REDACTED, SENSITIVE_HEADERS
from sagemaker_runtime.retry import RETRYER
from sagemaker_runtime.signing import SigV4Signer

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sagemaker_runtime.clock_skew import ClockSkew
    from sagemaker_runtime.context import Context
    from sagemaker_runtime.credentials import CachingCredentialsProvider, CredentialsProvider
    from sagemaker_runtime.middleware.steps import FinalizeHandler, Output
    from sagemaker_runtime.signing import HTTPSignerV4
    from sagemaker_runtime.wire import Request

_NO_LOG = ClientLogMode(0)
_END_OF_TIME = 253_402_300_800  # seconds since 1970: the year 10000, which a hostile server's date may exceed


class Retry:
    """Run everything below again, with a fresh copy of the request, until it succeeds or the retryer gives up."""

    id = "Retry"

    def __init__(self, log_mode: ClientLogMode = _NO_LOG) -> None:
        self.log_mode = log_mode

    def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        if ctx[TIMEOUT] is ctx.get(IN_FORCE):
            return self.handle_each_attempt(ctx, step, next)
        return within_total(ctx, partial(self.handle_each_attempt, ctx, step, next))  # a middleware has set TIMEOUT

    async def handle_each_attempt(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        """Make attempts until one succeeds, or the retryer gives up."""
        attempts = Attempts(ctx, self.log_mode)
        try:
            while True:
                if attempts.pace is not None:
                    await attempts.wait_for_turn(attempts.pace)
                try:
                    output = await next(attempts.begin(), FinalizeInput(step.request.copy()))
                except Exception as error:
                    delay = attempts.failed(error)
                    if delay is None:
                        raise
                else:
                    return attempts.succeeded(output)
                await attempts.wait(delay)
        finally:
            attempts.close()


class RetryMetricsHeader:
    """
    Send the number of the attempt, and the time until which we wait for a response: ``ttl=…; attempt=2; max=3``.

    The ttl is by the service's clock, so it is sent only after a response has shown that clock.
    """

    id = "RetryMetricsHeader"

    def __init__(self, skew: ClockSkew) -> None:
        self.skew = skew

    def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        value = f"attempt={ctx.get(ATTEMPT, 1)}; max={ctx[RETRYER].max_attempts}"
        if self.skew.seconds is not None:
            clock, deadline = ctx[CLOCK], ctx.get(DEADLINE)
            try:
                left = ctx[TIMEOUT].read
            except AttributeError:
                check_total(ctx)  # raises ConfigError for the wrong object that a middleware has set
                raise
            if deadline is not None:
                left = min(left, deadline - clock.monotonic())
            until = clock.now() + left + self.skew.seconds  # by the service's clock
            if until < _END_OF_TIME:
                value = f"ttl={amz_date_of(int(until))}; {value}"
        step.request.headers.raw["amz-sdk-request"] = value
        return next(ctx, step)


class Signing:
    """
    Sign the request, with fresh credentials and the current time for each attempt.

    With `AnonymousCredentialsProvider`, nothing is signed.

    Args:
        signer: Writes the signature.

        skew: How far the service's clock is ahead; None to sign with the time of this machine.

        log_mode: Whether the canonical request is logged.
    """

    id = "Signing"

    def __init__(self, signer: HTTPSignerV4, skew: ClockSkew | None, log_mode: ClientLogMode = _NO_LOG) -> None:
        self.signer = signer
        self.skew = skew
        self.log_mode = log_mode
        self._logs = bool(log_mode)

    def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        provider = ctx[CREDENTIALS]
        credentials = cast("CachingCredentialsProvider", provider).current() if tells_current(type(provider)) else None
        if credentials is None:
            if isinstance(provider, AnonymousCredentialsProvider):
                return next(ctx, step)
            return self._retrieve(checked_provider(provider), ctx, step, next)
        self._sign(ctx, step.request, credentials)
        return next(ctx, step)

    async def _retrieve(
        self, provider: CredentialsProvider, ctx: Context, step: FinalizeInput, next: FinalizeHandler
    ) -> Output:
        self._sign(ctx, step.request, await provider.retrieve())
        return await next(ctx, step)

    def _sign(self, ctx: Context, request: Request, credentials: Credentials) -> None:
        region = ctx[SIGNING_REGION]
        if not region:
            raise ConfigError("no region to sign for: set Options.region, or signing_region on the endpoint")
        now = ctx[CLOCK].now()
        if self.skew is not None and self.skew.seconds is not None:
            now += self.skew.seconds
        self.signer.sign_http(
            request,
            credentials=credentials if type(credentials) is Credentials else checked_credentials(credentials),
            payload_hash=ctx[PAYLOAD_HASH],
            service=ctx[SIGNING_NAME],
            region=region,
            signing_time=utc(int(now + 0.5)),  # the nearest second, at most half a second off
        )
        ctx[SIGNED_WITH] = credentials
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
