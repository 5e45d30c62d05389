"""
Very many calls over a network that does all that a network may do, and what becomes of them.

Between the client and a server stands a relay of TCP connections. It cuts what it passes on into slices, down to single
bytes, delays and throttles it, stops passing it on, and ends connections with a FIN or an RST after any number of
bytes in either direction. Calls are cancelled at any moment. What is sent either way has a number and a checksum.

Run as a program, it makes 20,000 calls on each event loop that is installed, and prints what became of them.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import support
from attrs import define, field
from transport.bad_network import Origin, Relay, listening, opened, sealed

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Request,
    SageMakerRuntimeError,
    ServiceError,
    StandardRetryer,
    Timeout,
)
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient

CALLS = 20_000
IN_FLIGHT = 32
CONNECTIONS = 12  # fewer than calls, so that connections pass from one to the next in every way
LIMITS = Timeout(connect=2.0, write=0.5, read=0.5)
HANGS = 20.0  # seconds; several times as long as a call with all its attempts may take
LOOPS = ["asyncio", "uvloop"]
_SIZES = {"small": (0, 200), "medium": (1_000, 150_000), "large": (1_000_000, 2_000_000)}  # bytes


# The calls.


@define
class Caller:
    """Makes calls of all kinds through one client, and counts what becomes of them."""

    client: Client
    http_client: AioHTTPClient
    host: str
    draw: Random
    outcomes: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    doomed: list[asyncio.Task[str]] = field(factory=list)
    cancelled: set[asyncio.Task[str]] = field(factory=set)

    async def call(self, number: int) -> None:
        """Make a call, perhaps with a cancellation, and see that it ends as a call may."""
        kind, make = self.draw.choice([("call", self._invoke), ("stream", self._stream), ("transport", self._send)])
        sent = self.draw.choice(["small"] * 14 + ["medium"] * 5 + ["large"])
        asked = self.draw.choice(["small"] * 14 + ["medium"] * 5 + ["large"])
        words = (
            f"{kind} {self.draw.randint(*_SIZES[asked])} {self.draw.choice(['length', 'chunked', 'length', 'closing'])}"
        )
        body = sealed(number, words, self.draw.randint(*_SIZES[sent]))
        refused = self.draw.random() < 0.04
        task = asyncio.create_task(make(number, body, refused=refused))
        if self.draw.random() < 0.3:  # the others must never be cancelled, or a call that hangs would not be seen
            self.doomed.append(task)
        if self.draw.random() < 0.1:
            await self._cancel(task)
        done, _ = await asyncio.wait([task], timeout=HANGS)
        with suppress(ValueError):
            self.doomed.remove(task)
        cancelled = task in self.cancelled
        self.cancelled.discard(task)
        self._count(number, f"{kind}, {sent} to {asked}", kind, task if done else None, cancelled=cancelled)
        if not done:
            task.cancel()

    async def _cancel(self, task: asyncio.Task[str]) -> None:
        """Cancel a call at a turn of the loop, or at a moment between two."""
        self.cancelled.add(task)
        if self.draw.random() < 0.5:
            for _ in range(self.draw.randrange(40)):
                await asyncio.sleep(0)
            task.cancel()
        else:
            asyncio.get_running_loop().call_later(self.draw.expovariate(1 / 0.005), task.cancel)

    def disturb(self) -> None:
        """Cancel some of the calls when bytes arrive: by timers, which come between them and the task that they wake."""
        if self.draw.random() < 0.02:
            for task in self.doomed:
                self.cancelled.add(task)
                asyncio.get_running_loop().call_later(0, task.cancel)
            self.doomed.clear()

    def _count(self, number: int, what: str, kind: str, task: asyncio.Task[str] | None, *, cancelled: bool) -> None:
        if task is None:
            outcome = "HANGS"
        elif task.cancelled():
            outcome = "CancelledError"
        elif (error := task.exception()) is not None:
            outcome = type(error).__name__
            if not isinstance(error, SageMakerRuntimeError):
                self.wrong.append(f"call {number} ({what}): {error!r} is not an error of ours")
        else:
            outcome = task.result()
        self.outcomes[f"{kind}: {outcome}"] += 1
        if outcome == "HANGS" or (outcome == "CancelledError" and not cancelled):
            self.wrong.append(f"call {number} ({what}): {outcome}, {'with' if cancelled else 'without'} a cancellation")

    def _check(self, number: int, kind: str, body: bytes) -> str:
        try:
            found, words, _ = opened(body)
        except ValueError as error:
            self.wrong.append(f"call {number} ({kind}): {error}")
        else:
            if (number, kind) != (found, words[0]):
                self.wrong.append(f"call {number} ({kind}) got the body of {found} ({words[0]})")
        return "a whole body"

    async def _invoke(self, number: int, body: bytes, *, refused: bool) -> str:
        params = InvokeEndpointInput(endpoint_name="iris", body=body, custom_attributes="refuse" if refused else None)
        try:
            output = await self.client.invoke_endpoint(params)
        except ServiceError as error:
            if not refused or error.status != 413:
                raise
            return "refused"
        return self._check(number, "call", output.body)

    async def _stream(self, number: int, body: bytes, *, refused: bool) -> str:
        params = InvokeEndpointWithResponseStreamInput(
            endpoint_name="llm", body=body, custom_attributes="refuse" if refused else None
        )
        try:
            output = await self.client.invoke_endpoint_with_response_stream(params)
        except ServiceError:
            if not refused:
                raise
            return "refused"
        parts, most = [], self.draw.choice([1, 3, 100, 100, 100])
        async with output.body as events:
            async for event in events:
                parts.append(event.bytes)
                if len(parts) == most:
                    return "left early"
        return self._check(number, "stream", b"".join(parts))

    async def _send(self, number: int, body: bytes, *, refused: bool) -> str:
        request = Request("POST", "http", self.host, "/refuse" if refused else "/", body=body)
        request.headers.raw.update({"host": self.host, "content-length": str(len(body))})
        response = await self.http_client.send(request, timeout=LIMITS)
        try:
            if self.draw.random() < 0.5:
                received = await response.body.read()
            else:
                pieces, most = [], self.draw.choice([1, 1000, 1000])
                while piece := await response.body.chunk():
                    pieces.append(piece)
                    if len(pieces) == most:
                        return "left early"
                received = b"".join(pieces)
        finally:
            response.close()
        return "refused" if refused and response.status == 413 else self._check(number, "transport", received)


# All of it.


@define
class Report:
    """
    What became of the calls, and what they left behind.

    Attributes:
        wrong: Why the calls, or what they left behind, are not as they should be; empty if all is well.
    """

    loop: str
    seed: int
    seconds: float
    outcomes: Counter[str]
    faults: Counter[str]
    wrong: list[str]

    def __str__(self) -> str:
        rows = [f"{count:>8,}  {outcome}" for outcome, count in sorted(self.outcomes.items())]
        rows += [f"{count:>8,}  connections with {fault}" for fault, count in sorted(self.faults.items())]
        total = sum(self.outcomes.values())
        head = f"{total:,} calls on {self.loop} in {self.seconds:.0f} s, seed {self.seed}"
        return "\n".join([head, *rows, *(f"WRONG: {each}" for each in self.wrong[:20]), f"{len(self.wrong)} wrong"])


def endure(loop: str, calls: int, seed: int) -> Report:
    """Make the calls on a loop of that name, and report."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with asyncio.Runner(loop_factory=_factory(loop)) as runner:
            report = runner.run(_endure(loop, calls, seed))
        gc.collect()
    report.wrong += [f"{each.category.__name__}: {each.message}" for each in warned]
    return report


async def _endure(loop: str, calls: int, seed: int) -> Report:
    started = time.monotonic()
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: complaints.append(f"{context['message']}: {context.get('exception')!r}")
    )
    origin = Origin()
    async with listening(origin.accept, origin.tasks) as far_port:
        relay = Relay(far_port, Random(seed))  # the faults do not depend on how the calls come out
        async with listening(relay.accept, relay.tasks) as port:
            descriptors, tasks = _sockets(), asyncio.all_tasks()
            caller = _caller(port, seed)
            relay.on_passed = caller.disturb
            numbers = iter(range(calls))
            workers = [asyncio.create_task(_work(caller.call, numbers)) for _ in range(min(IN_FLIGHT, calls))]
            await asyncio.gather(*workers)
            async with asyncio.timeout(5):
                await caller.http_client.close()
            left = await _left_behind(descriptors, tasks, origin, relay)
    wrong = caller.wrong + origin.damaged + complaints + left
    return Report(loop, seed, time.monotonic() - started, caller.outcomes, relay.faults, wrong)


async def _work(call: Callable[[int], Awaitable[None]], numbers: Iterator[int]) -> None:
    for number in numbers:
        await call(number)


def _caller(port: int, seed: int) -> Caller:
    host = f"127.0.0.1:{port}"
    http_client = AioHTTPClient(proxies={}, max_connections=CONNECTIONS)
    options = support.options(
        http_client,
        base_endpoint=f"http://{host}",
        timeout=LIMITS,
        retryer=StandardRetryer(base_delay=0.001, max_delay=0.01),
    )
    return Caller(Client(options), http_client, host, Random(seed + 1))


async def _left_behind(descriptors: int, tasks: set[asyncio.Task[object]], origin: Origin, relay: Relay) -> list[str]:
    """What is still there when the client is closed, and the relay has had time to see it."""
    left: list[str] = []
    for _ in range(200):
        others = asyncio.all_tasks() - tasks - origin.tasks - relay.tasks
        ours = {task for task in others if "_pass_on" not in repr(task)}
        left = [f"a task is left: {task!r}" for task in ours]
        if relay.tasks:
            left.append(f"{len(relay.tasks)} connections are left")
        elif _sockets() > descriptors:
            left.append(f"{_sockets() - descriptors} sockets are left")
        if not left:
            break
        await asyncio.sleep(0.01)
    return left


def _sockets() -> int:
    """Sockets that this process has open."""
    gc.collect()
    try:
        return sum(entry.is_socket() for entry in Path("/proc/self/fd").iterdir())
    except OSError:  # not Linux, or one that was closed meanwhile
        return 0


def _factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if loop == "asyncio":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


def loops() -> list[str]:
    """Those of `LOOPS` that are installed."""
    from importlib.util import find_spec

    return [loop for loop in LOOPS if find_spec(loop) is not None]


def main() -> None:
    """Make the calls on each loop and print the reports; fail if anything is wrong."""
    seed = int(sys.argv[1]) if sys.argv[1:] else int.from_bytes(os.urandom(4))
    calls = int(sys.argv[2]) if sys.argv[2:] else CALLS
    reports = [endure(loop, calls, seed) for loop in loops()]
    print(*reports, sep="\n\n")  # noqa: T201 - a program's
    sys.exit(any(report.wrong for report in reports))


if __name__ == "__main__":
    main()
