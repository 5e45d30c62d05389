"""A slow middleware on a manual clock, and a call that it slows down."""

from __future__ import annotations

from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    Context,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    Output,
    Request,
    Response,
    Stack,
    StandardRetryer,
)
from sagemaker_runtime.plugins.waterfall import WATERFALL, Trace, Waterfall

PARAMS = InvokeEndpointInput(endpoint_name="model", body=b"question")


class Slow:
    """Takes 1 s on the way in, and 2 s on the way out."""

    def __init__(self, clock: ManualClock, id: str = "Slow") -> None:
        self.id = id
        self.clock = clock

    def __call__(self, stack: Stack) -> None:
        stack.finalize.insert(self, before="Signing")

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        self.clock.advance(1.0)
        try:
            return await next(ctx, step)
        finally:
            self.clock.advance(2.0)


def retried(clock: ManualClock) -> ScriptedHTTPClient:
    """A transport that takes 4 s to fail, and 5 s to respond."""

    def failing(request: Request) -> Response:
        clock.advance(4.0)
        return answer(503)

    def responding(request: Request) -> Response:
        clock.advance(5.0)
        return answer()

    return ScriptedHTTPClient([failing, responding])


async def traced(clock: ManualClock, id: str = "Slow") -> Trace:
    """A call that is tried twice, with a wait between."""
    options = {
        "clock": clock,
        "retryer": StandardRetryer(draw=lambda: 1.0),
        "api_options": [Slow(clock, id), Waterfall()],
    }
    async with client(retried(clock), **options) as timed:
        output = await timed.invoke_endpoint(PARAMS)
    return output.result_metadata[WATERFALL]
