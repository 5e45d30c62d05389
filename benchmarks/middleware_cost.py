"""
The CPU time that a middleware adds to a call: a user's own of five lines, and the plugins without a backend.

A stub replaces the transport, so only the stack runs. Each figure is a difference: two clients take turns in this
process, one with the middleware and one without, and the median of the pairs is printed as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

from sagemaker_runtime import (
    Client,
    Headers,
    InvokeEndpointInput,
    Options,
    Response,
    ServiceError,
    StaticCredentialsProvider,
    build_middleware,
)
from sagemaker_runtime.context import OPERATION
from sagemaker_runtime.plugins.metrics import Metrics
from sagemaker_runtime.plugins.tracing import Tracing

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sagemaker_runtime import APIOption, BuildHandler, BuildInput, Context, Output, Request, Stack, Timeout
    from sagemaker_runtime.middleware.steps import BuildFunction

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"5.1,3.5,1.4,0.2", content_type="text/csv")
CALLS = 250  # of each client in a pair
PAIRS = 17


class StubBody:
    """A body in memory."""

    delimited = True

    async def read(self) -> bytes:
        return b"setosa"

    async def chunk(self) -> bytes:
        return b""

    def close(self) -> None:
        pass


class StubHTTPClient:
    """Responds immediately, without a network."""

    async def send(self, request: Request, *, timeout: Timeout) -> Response:  # noqa: ARG002 - the protocol's
        return Response(200, Headers({"content-type": "text/csv", "content-length": "6"}), StubBody())

    async def close(self) -> None:
        pass


calls_of: Counter[str] = Counter()
failed: Counter[str] = Counter()


def count_calls(ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
    calls_of[ctx[OPERATION]] += 1
    return next(ctx, step)


async def count_failures(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
    try:
        return await next(ctx, step)
    except ServiceError as error:
        failed[error.code] += 1
        raise


class Measured(NamedTuple):
    """A middleware to measure, and how many copies of it are added to the stack."""

    name: str
    api_option: APIOption
    copies: int = 1


def copies(function: BuildFunction, number: int) -> APIOption:
    def add(stack: Stack) -> None:
        for copy in range(number):
            stack.build.add(build_middleware(f"Copy{copy}")(function))

    return add


# One middleware would be lost in the noise of a whole call; ten are not.
MEASURED = (
    Measured("function", copies(count_calls, 10), 10),
    Measured("coroutine", copies(count_failures, 10), 10),
    Measured("tracing", Tracing(NoOpTracerProvider())),
    Measured("metrics", Metrics(NoOpMeterProvider())),
)


def client_with(*api_options: APIOption) -> Client:
    return Client(
        Options(
            region="us-east-1",
            credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret"),
            http_client=StubHTTPClient(),
            api_options=list(api_options),
        )
    )


async def cpu_per_call(client: Client, calls: int) -> float:
    """CPU seconds of each of *calls* calls."""
    invoke = client.invoke_endpoint
    started = time.process_time()
    for _ in range(calls):
        await invoke(PARAMS)
    return (time.process_time() - started) / calls


async def added_by(measured: Measured) -> float:
    """CPU seconds that one copy adds to a call: the median of the pairs."""
    without, with_it = client_with(), client_with(measured.api_option)
    for client in (without, with_it):
        await cpu_per_call(client, CALLS)
    added: list[float] = []
    for pair in range(PAIRS):
        # They take turns in going first, so that neither always has the better half of a pair.
        order = (without, with_it) if pair % 2 else (with_it, without)
        times = {client: await cpu_per_call(client, CALLS) for client in order}
        added.append((times[with_it] - times[without]) / measured.copies)
    return statistics.median(added)


def main() -> None:
    """Print, as JSON, the microseconds that each of them adds."""
    gc.disable()  # otherwise a collection could fall into one half of a pair
    added: dict[str, float] = {}
    for measured in MEASURED:
        added[f"{measured.name}_us"] = asyncio.run(added_by(measured)) * 1e6
        gc.collect()
    print(json.dumps(added))


if __name__ == "__main__":
    main()
