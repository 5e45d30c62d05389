"""
What becomes of a call that meets a fault, tried one by one: the table of docs/faults.md.

``python tests/local/survival_table.py --write`` puts what is seen into the page.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import fields, frozen

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    SageMakerRuntimeError,
    ServiceError,
    StandardRetryer,
    Timeout,
    override,
)
from sagemaker_runtime.local import (
    ClockSkew,
    CorruptFrame,
    CutKeepAlive,
    ErrorAnswer,
    Exchange,
    Fault,
    Invocation,
    Latency,
    LocalEndpoint,
    Reset,
    SlowBody,
    StreamError,
    Throttled,
    TruncatedBody,
    TruncatedFrame,
)

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
TABLE = re.compile(r"(?<=<!-- seen -->\n).*?(?=<!-- end -->)", re.DOTALL)
PARTS = [b"one ", b"two ", b"three"]
AT_ONCE = override(retryer=StandardRetryer(draw=lambda: 0.0))
SHORT = override(retryer=StandardRetryer(draw=lambda: 0.0), timeout=Timeout(read=0.05))
TOO_LONG = 100.0  # seconds; what is waited for really. A shorter wait of the server's is over at once

# Each with the number of requests in a row that meet it.
FAULTS: list[tuple[Fault, int]] = [
    (ErrorAnswer("ServiceUnavailable"), 1),
    (ErrorAnswer("ServiceUnavailable"), 3),
    (ErrorAnswer("InternalDependencyException"), 1),
    (ErrorAnswer("ModelNotReadyException"), 1),
    (ErrorAnswer("ModelError"), 1),
    (ErrorAnswer("ValidationError"), 1),
    (Throttled(), 1),
    (Throttled(), 3),
    (Latency(1.0), 1),
    (Latency(TOO_LONG), 1),
    (SlowBody(1.0), 1),
    (SlowBody(TOO_LONG), 1),
    (Reset(), 1),
    (Reset(), 3),
    (Reset(after_head=True), 1),
    (TruncatedBody(), 1),
    (TruncatedBody(kept=150), 1),
    (TruncatedFrame(), 1),
    (CorruptFrame(), 1),
    (CorruptFrame(at=0), 1),
    (StreamError(), 1),
    (StreamError("InternalStreamFailure"), 1),
    (CutKeepAlive(), 1),
    (CutKeepAlive(at_next_request=True), 1),
    (ClockSkew(60.0), 1),
    (ClockSkew(3600.0), 1),
    (ClockSkew(3600.0), 2),
]


@frozen
class QuickClock:
    """The machine's clock, whose sleep is over at once unless somebody is to lose patience."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds if seconds == TOO_LONG else 0)


def model(invocation: Invocation) -> Iterator[bytes]:
    yield from PARTS


async def whole(client: Client) -> str:
    output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))
    return "answer" if output.body == b"".join(PARTS) else "a wrong answer"


async def streamed(client: Client) -> str:
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=b"")
    output = await client.invoke_endpoint_with_response_stream(params)
    got: list[bytes] = []
    try:
        async with output.body as stream:
            async for piece in stream.iter_bytes():
                got.append(piece)  # noqa: PERF401 - what came before an error counts
    except SageMakerRuntimeError as error:
        count = "1 part" if len(got) == 1 else f"{len(got)} parts"
        return f"{count}, then {name_of(error)}"
    return "answer" if got == PARTS else "a wrong answer"


OPERATIONS = {"InvokeEndpoint": whole, "InvokeEndpointWithResponseStream": streamed}


def name_of(error: SageMakerRuntimeError) -> str:
    """The class, and for one that stands for several errors the code."""
    return f"`{type(error).__name__}`" + (f" {error.code}" if type(error) is ServiceError else "")


def title(fault: Fault, times: int) -> str:
    """As one writes it, without what is the default."""
    given = [(each.name, getattr(fault, each.name)) for each in fields(type(fault))]
    defaults = {each.name: each.default for each in fields(type(fault))}
    said = ", ".join(f"{name}={value!r}" for name, value in given if value != defaults[name])
    return f"`{type(fault).__name__}({said})`" + (f", {times} times" if times > 1 else "")


def attempts(exchanges: list[Exchange]) -> str:
    return "1 attempt" if len(exchanges) == 1 else f"{len(exchanges)} attempts"


async def outcome(operation: str, fault: Fault, times: int) -> str:
    """What the caller sees of a call that meets *fault*; how many attempts arrived; what became of the connection."""

    async def call() -> tuple[str, list[Exchange]]:
        try:
            said = await OPERATIONS[operation](client)
        except SageMakerRuntimeError as error:
            said = name_of(error)
        for _ in range(10):  # so that the client sees a connection that was closed
            await asyncio.sleep(0)
        return said, local.journal.take()

    patience = SHORT if getattr(fault, "seconds", None) == TOO_LONG else AT_ONCE
    async with LocalEndpoint({"it": model}, clock=QuickClock()) as local, Client(local.options(), patience) as client:
        local.inject("it", fault, call=1, times=times)
        said, exchanges = await call()
        said_again, further = await call()
    met = [number for number, each in enumerate(exchanges) if each.fault is not None]
    if not met:
        return "not met"
    before, after = [*exchanges, *further][met[-1] : met[-1] + 2]
    fate = "kept" if before.connection == after.connection else "closed"
    cell = f"{said}, {attempts(exchanges)}, connection {fate}"
    if (said_again, len(further)) != ("answer", 1):
        cell += f"; the next call: {said_again}, {attempts(further)}"
    return cell


async def table() -> str:
    """The table, as Markdown."""
    lines = [f"| Fault | {' | '.join(OPERATIONS)} |", "| --- | --- | --- |"]
    for fault, times in FAULTS:
        cells = [await outcome(operation, fault, times) for operation in OPERATIONS]
        lines.append(f"| {title(fault, times)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    seen = asyncio.run(table())
    if "--write" in sys.argv:
        PAGE.write_text(TABLE.sub(lambda _: seen, PAGE.read_text()))
    else:
        print(seen)  # noqa: T201
