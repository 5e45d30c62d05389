"""
What becomes of a call that meets a fault, or trouble on its way, tried one by one: the tables of docs/faults.md.

``PYTHONPATH=tests python tests/local/survival_table.py --write`` puts what is seen into the page.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import fields, frozen
from transport.servers import Exchange as Arrived, Step, serving

from sagemaker_runtime import (
    AioHTTPClient,
    Client,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Options,
    SageMakerRuntimeError,
    ServiceError,
    StandardRetryer,
    StaticCredentialsProvider,
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
from sagemaker_runtime.streams.frames import Message, encode

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
TABLE = re.compile(r"(?<=<!-- seen -->\n).*?(?=<!-- end -->)", re.DOTALL)
TABLE_ON_THE_WAY = re.compile(r"(?<=<!-- seen on the way -->\n).*?(?=<!-- end on the way -->)", re.DOTALL)
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


async def whole(client: Client, body: bytes = b"") -> str:
    output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=body))
    return "response" if output.body == b"".join(PARTS) else "a wrong response"


async def streamed(client: Client, body: bytes = b"") -> str:
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=body)
    output = await client.invoke_endpoint_with_response_stream(params)
    got: list[bytes] = []
    try:
        async with output.body as stream:
            async for piece in stream.iter_bytes():
                got.append(piece)  # noqa: PERF401 - what came before an error counts
    except SageMakerRuntimeError as error:
        count = "1 part" if len(got) == 1 else f"{len(got)} parts"
        return f"{count}, then {name_of(error)}"
    return "response" if got == PARTS else "a wrong response"


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
        return "does not occur"
    before, after = [*exchanges, *further][met[-1] : met[-1] + 2]
    fate = "kept" if before.connection == after.connection else "closed"
    cell = f"{said}, {attempts(exchanges)}, connection {fate}"
    if (said_again, len(further)) != ("response", 1):
        cell += f"; the next call: {said_again}, {attempts(further)}"
    return cell


async def table() -> str:
    """The table, as Markdown."""
    lines = [f"| Fault | {' | '.join(OPERATIONS)} |", "| --- | --- | --- |"]
    for fault, times in FAULTS:
        cells = [await outcome(operation, fault, times) for operation in OPERATIONS]
        lines.append(f"| {title(fault, times)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


# What no fault of a local endpoint can be: it stands in the server's way of reading, in a gateway, or in a proxy.

BODY = b"1" * 400_000
WAY = Timeout(write=0.5, read=5.0)  # seconds; the slow link below needs twice as long as the former


def good(operation: str, headers: bytes = b"") -> bytes:
    """The response of a server that is well."""
    body, kind = b"".join(PARTS), b""
    if operation != "InvokeEndpoint":
        event = {":message-type": "event", ":event-type": "PayloadPart"}
        body = b"".join(encode(Message(event, part)) for part in PARTS)
        kind = b"Content-Type: application/vnd.amazon.eventstream\r\n"
    return b"HTTP/1.1 200 OK\r\n%b%bContent-Length: %d\r\n\r\n%b" % (kind, headers, len(body), body)


def early(_: str) -> Step:
    async def refuse(arrived: Arrived) -> None:
        await arrived.reader.readexactly(100_000)
        await arrived.send(b'HTTP/1.1 413 Too Large\r\nContent-Length: 22\r\n\r\n{"Message":"too much"}')
        arrived.close()  # with bytes unread, for which TCP sends a reset

    return refuse


def slow(operation: str) -> Step:
    async def read_slowly(arrived: Arrived) -> None:
        for _ in range(len(BODY) // 8_000):
            await arrived.reader.readexactly(8_000)
            await asyncio.sleep(0.02)
        await arrived.send(good(operation))

    return read_slowly


def stalled(_: str) -> Step:
    async def read_no_more(arrived: Arrived) -> None:
        await arrived.reader.readexactly(8_000)
        await asyncio.Event().wait()

    return read_no_more


def long_line(operation: str) -> Step:
    return good(operation, b"X-Long: " + b"x" * (65_536 - len("X-Long: ")) + b"\r\n")


def longer_line(operation: str) -> Step:
    return good(operation, b"X-Long: " + b"x" * 65_536 + b"\r\n")


def many_lines(operation: str) -> Step:
    return good(operation, b"".join(b"X-%d: y\r\n" % number for number in range(990)))


def more_lines(operation: str) -> Step:
    return good(operation, b"".join(b"X-%d: y\r\n" % number for number in range(1_001)))


def refusing_connect(status: str) -> Callable[[str], Step]:
    async def refuse(arrived: Arrived) -> None:
        await arrived.send(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    return lambda _: refuse


ON_THE_WAY: dict[str, Callable[[str], Step]] = {
    "Early response: 413 before the body has been read, then a reset": early,
    "Slow link: longer than `Timeout.write`, with steady progress": slow,
    "Link that stands still in the middle of the body": stalled,
    "Long head: a line of 64 KiB": long_line,
    "Long head: a line of more": longer_line,
    "Long head: 990 lines": many_lines,
    "Long head: more than 1,000 lines": more_lines,
    "CONNECT refused by a proxy: 407 Proxy Authentication Required": refusing_connect("407 Who are you"),
    "CONNECT refused by a proxy: 403 Forbidden": refusing_connect("403 Forbidden"),
    "CONNECT refused by a proxy: 503 Service Unavailable": refusing_connect("503 Later"),
}


async def outcome_on_the_way(operation: str, title: str) -> str:
    """What the caller sees, and how many attempts arrived at the server or the proxy."""
    async with serving(ON_THE_WAY[title](operation), receive_buffer=8_192) as server:
        by_proxy = title.startswith("CONNECT")
        transport = AioHTTPClient(proxies={"https": server.url} if by_proxy else {})
        options = Options(
            region="us-east-1",
            credentials=StaticCredentialsProvider("AKID", "secret"),
            base_endpoint="https://models.test" if by_proxy else server.url,
            http_client=transport,
            timeout=WAY,
        )
        async with Client(options, override(retryer=StandardRetryer(draw=lambda: 0.0))) as client:
            try:
                said = await OPERATIONS[operation](client, BODY)
            except SageMakerRuntimeError as error:
                said = name_of(error)
        await transport.close()
        count = len(server.requests)
    return f"{said}, {count} attempt{'s' if count > 1 else ''}"


async def table_on_the_way() -> str:
    """The second table, as Markdown."""
    lines = [f"| On the way | {' | '.join(OPERATIONS)} |", "| --- | --- | --- |"]
    for title in ON_THE_WAY:
        cells = [await outcome_on_the_way(operation, title) for operation in OPERATIONS]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


async def tables() -> tuple[str, str]:
    return await table(), await table_on_the_way()


if __name__ == "__main__":
    seen, seen_on_the_way = asyncio.run(tables())
    if "--write" in sys.argv:
        page = TABLE.sub(lambda _: seen, PAGE.read_text())
        PAGE.write_text(TABLE_ON_THE_WAY.sub(lambda _: seen_on_the_way, page))
    else:
        print(seen, seen_on_the_way, sep="\n")  # noqa: T201
