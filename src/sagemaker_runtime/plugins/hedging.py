"""
Hedged requests: a second attempt if the first is slower than usual. The first response wins.

Hedged calls run the model twice. For a deterministic model with cheap calls, this shortens the tail: Dean and
Barroso, "The tail at scale", 2013.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from threading import Lock
from typing import TYPE_CHECKING

from attrs import define, field

from sagemaker_runtime import ConfigError, FinalizeInput, Key
from sagemaker_runtime.context import CLOCK
from sagemaker_runtime.plugins._telemetry import is_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime import Context, FinalizeHandler, Output, Stack

__all__ = ["HEDGED", "Hedging"]

HEDGED = Key[bool]("hedged")
"""True if a second attempt was sent. Metadata; `Hedging` sets it only then."""

WINDOW = 200  # latencies kept for each endpoint
ENDPOINTS = 256  # kept, 7 KB each; the one that responded longest ago goes first
MAX_CREDIT = 10.0  # hedges that can be saved up
PERCENT = 100


@define(eq=False)
class _Endpoint:
    latencies: deque[float] = field(factory=lambda: deque[float](maxlen=WINDOW))
    credit: float = 0.0


class Hedging:
    """
    Send a second attempt when the first takes longer than *percentile* % of the last 200 calls to its endpoint did.

    It is just below Retry, so each hedge has its own request and signature. The slower attempt is cancelled, which
    closes its connection; the model may continue to run. A first attempt that fails before the hedge is left to Retry. If
    both fail, the error is the first attempt's. Only repeatable operations are hedged, that is, InvokeEndpoint: a stream
    would begin twice, and a queue would run both.

    Args:
        percentile: The percentile of the latencies to wait before the second attempt; above 0 and at most 100.

        budget: The share of the calls that may be hedged, from 0 to 1, so that hedging cannot double an overload.

        min_samples: Responses that an endpoint must have given before its calls are hedged.

    Raises:
        ConfigError: A number is out of its range.
    """

    id = "Hedging"

    def __init__(self, *, percentile: float = 95.0, budget: float = 0.1, min_samples: int = 20) -> None:
        if not (0 < percentile <= PERCENT and 0 <= budget <= 1 and 1 <= min_samples <= WINDOW):
            raise ConfigError(
                f"{percentile=}, {budget=}, {min_samples=}; Hedging takes 0 < percentile <= 100, 0 <= budget <= 1 and "
                f"1 <= min_samples <= {WINDOW}"
            )
        self._rank = percentile / PERCENT
        self._budget = budget
        self._min_samples = min_samples
        self._endpoints: OrderedDict[str, _Endpoint] = OrderedDict()
        self._lock = Lock()  # calls may come from several threads

    def __call__(self, stack: Stack) -> None:
        if stack.operation.repeatable:
            stack.finalize.insert(self, after="Retry")

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        url = step.request.url
        endpoint = self._endpoints.get(url) or _Endpoint()  # kept once it has responded: a name may be anything
        endpoint.credit = min(endpoint.credit + self._budget, MAX_CREDIT)
        clock = ctx[CLOCK]
        started = clock.monotonic()
        if len(endpoint.latencies) < self._min_samples or endpoint.credit < 1:
            output = await next(ctx, step)
        else:
            output = await self._race(ctx, step, next, endpoint)
        if not is_output(output) or output.raw_response is None:
            return output  # from a cache, say, which is not a measure of the endpoint
        # For a hedged call this exceeds the delay, whichever attempt won, so the percentile does not creep down.
        self._responded(url, endpoint).latencies.append(clock.monotonic() - started)
        return output

    def _responded(self, url: str, endpoint: _Endpoint) -> _Endpoint:
        """Keep *endpoint* and return it, or return the one that another call has kept in the meantime."""
        with self._lock:
            kept = self._endpoints.setdefault(url, endpoint)
            self._endpoints.move_to_end(url)
            if len(self._endpoints) > ENDPOINTS:
                self._endpoints.popitem(last=False)
            return kept

    async def _race(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler, endpoint: _Endpoint) -> Output:
        async def attempt() -> Output:
            return await next(ctx.for_attempt(), FinalizeInput(step.request.copy()))

        latencies = sorted(endpoint.latencies)
        delay = latencies[math.ceil(self._rank * len(latencies)) - 1]
        timer = asyncio.ensure_future(ctx[CLOCK].sleep(delay))
        attempts = [asyncio.ensure_future(attempt())]
        try:
            await asyncio.wait((timer, *attempts), return_when=asyncio.FIRST_COMPLETED)
            if not attempts[0].done() and endpoint.credit >= 1:
                endpoint.credit -= 1
                attempts.append(asyncio.ensure_future(attempt()))
            output = await _first_success(attempts)
            if len(attempts) > 1:
                output.metadata[HEDGED] = True
            return output
        finally:
            for task in (timer, *attempts):
                task.cancel()
            await asyncio.gather(timer, *attempts, return_exceptions=True)
            attempts.clear()  # or a failed task, its error's traceback and this frame would form a reference cycle


async def _first_success(attempts: Sequence[asyncio.Future[Output]]) -> Output:
    """What the first attempt to succeed returns; if none does, raises the error of the first attempt."""
    pending = set(attempts)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in attempts:
            if task in done and not task.cancelled() and task.exception() is None:
                return task.result()
    return await attempts[0]
