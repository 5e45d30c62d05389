"""
An endpoint of a known capacity, in simulated time, and clients that call it through a real `KneeLimit`.

The event loop's clock jumps to whatever comes next, so that minutes of many calls take seconds, and are always the same.
"""

from __future__ import annotations

import asyncio
import math
import random
import selectors
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from attrs import define, field

from sagemaker_runtime import (
    CLOCK,
    Context,
    FinalizeInput,
    InitializeInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    Metadata,
    ModelNotReadyException,
    Output,
    Request,
    Response,
    ServiceError,
    ServiceUnavailable,
)
from sagemaker_runtime.context import OPENED, Ledger
from sagemaker_runtime.headers import Headers
from sagemaker_runtime.plugins.concurrency import KneeLimit
from sagemaker_runtime.retry import back_off

T = TypeVar("T")

NETWORK = (0.001, 0.01)  # seconds, each way
LONGEST_BACK_OFF = 5.0  # seconds; with 20 a recovery takes twice as long
PARAMS = InvokeEndpointInput(endpoint_name="it", body=b"")
RESPONSE = Response(200, Headers(), None)  # type: ignore[arg-type]


class _Jumping(selectors.SelectSelector):
    """Does not wait: it moves the loop's clock instead."""

    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits, and nothing will happen")
        self._loop.now += max(0.0, timeout)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop in which time passes only while nothing is to be done."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class LoopClock:
    """The clock of a call: that of the running loop."""

    def now(self) -> float:
        return self.monotonic()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)


@define(eq=False)
class Endpoint:
    """So many places, a queue with a bound, and faults that a scenario turns on."""

    places: int
    queue: int
    """Calls that wait at most; the next one is throttled."""

    seconds: float = 0.1
    """Of work, in the mean."""

    spread: float = 0.5
    """Standard deviation of the work, in means (lognormal)."""

    limit: float | None = None
    """Seconds after which a call that waited and worked gets a 503."""

    seed: int = 1
    is_out: bool = False
    cold: float = 0.0
    """Share of the calls that meet a model that is not ready."""

    busy: int = 0
    waiting: deque[asyncio.Future[None]] = field(factory=deque[asyncio.Future[None]])
    done: list[float] = field(factory=list[float])
    """When each success ended."""

    throttled: list[float] = field(factory=list[float])
    attempts: int = 0
    random: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.random = random.Random(self.seed)

    @property
    def capacity(self) -> float:
        """Calls a second."""
        return self.places / (self.seconds + 0.004)

    async def call(self) -> None:
        self.attempts += 1
        await asyncio.sleep(self.random.uniform(*NETWORK))
        if self.limit is None:
            await self._serve()
        else:
            try:
                async with asyncio.timeout(self.limit):
                    await self._serve()
            except TimeoutError:
                raise ServiceUnavailable("too late") from None
        await asyncio.sleep(self.random.uniform(*NETWORK))
        self.done.append(asyncio.get_running_loop().time())

    async def _serve(self) -> None:
        now = asyncio.get_running_loop().time
        if self.is_out:
            await asyncio.sleep(0.01)
            raise ServiceUnavailable("out")
        if self.cold and self.random.random() < self.cold:
            await asyncio.sleep(0.01)
            raise ModelNotReadyException("cold")
        if self.busy >= self.places:
            if len(self.waiting) >= self.queue:
                self.throttled.append(now())
                await asyncio.sleep(0.01)
                error = ServiceError("slow down")
                error.code, error.status = "ThrottlingException", 429
                raise error
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(turn)
            await turn
        else:
            self.busy += 1
        sigma = math.sqrt(math.log(1 + self.spread**2))
        try:
            await asyncio.sleep(self.random.lognormvariate(math.log(self.seconds) - sigma**2 / 2, sigma) + 0.004)
        finally:
            self.busy -= 1
            self.pump()

    def pump(self) -> None:
        """Let those in who wait."""
        while self.waiting and self.busy < self.places:
            turn = self.waiting.popleft()
            if not turn.done():
                self.busy += 1
                turn.set_result(None)


async def _record(limit: KneeLimit, endpoint: Endpoint, draw: Callable[[], float]) -> None:
    """One call that is tried until it succeeds, holding its place meanwhile."""

    async def attempt(ctx: Context, step: FinalizeInput) -> Output:
        await endpoint.call()
        return Output(InvokeEndpointOutput(body=b"", result_metadata=Metadata()), Metadata(), RESPONSE)

    async def retry(ctx: Context, step: InitializeInput) -> Output:
        failures = 0
        while True:
            try:
                return await limit.handle_finalize(ctx.for_attempt(), FinalizeInput(Request()), attempt)
            except ServiceError as error:
                failures += 1
                base = 0.05 if isinstance(error, ServiceUnavailable) else 1.0
                await asyncio.sleep(back_off(failures, base=base, ceiling=LONGEST_BACK_OFF, draw=draw))

    ctx = Context()
    ctx[CLOCK] = LoopClock()
    ctx[OPENED] = opened = Ledger()
    opened.response = opened.metadata = None
    await limit.handle_initialize(ctx, InitializeInput(PARAMS), retry)


async def work(limit: KneeLimit, endpoint: Endpoint, seconds: float, *, seed: int = 1, workers: int = 0) -> None:
    """
    Call without a pause for so many simulated seconds.

    Args:
        limit: What is tried.

        endpoint: What is called.

        seconds: For how long.

        seed: Of the back-off.

        workers: Callers; more than the endpoint needs, so that it is the limit that holds them up. 0 for four times the places.
    """
    draw = random.Random(seed).random

    async def call() -> None:
        while True:
            await _record(limit, endpoint, draw)

    running = [asyncio.create_task(call()) for _ in range(workers or 4 * endpoint.places + 16)]
    await asyncio.sleep(seconds)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def simulate(main: Callable[[], Awaitable[T]]) -> T:
    """Run *main* in simulated time."""

    async def run() -> T:
        return await main()

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(run())


def share(endpoint: Endpoint, begin: float, end: float) -> float:
    """What was done in that time, as a share of the capacity."""
    return sum(begin <= moment < end for moment in endpoint.done) / ((end - begin) * endpoint.capacity)
