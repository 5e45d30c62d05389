"""What a page is told: no more than it can take, however much happens."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tracemalloc

import pytest
from local.page.models import echo
from local.page.viewer import Viewer, viewing
from support import NOON, ManualClock

from sagemaker_runtime import Client, Headers, InvokeEndpointInput, SystemClock
from sagemaker_runtime.local import ConversationEvent, Exchange, Journal, LocalEndpoint
from sagemaker_runtime.local.page.live import Feed
from sagemaker_runtime.local.page.minute import Minute

OFF = """
import asyncio, sys
from sagemaker_runtime import Client, InvokeEndpointInput
from sagemaker_runtime.local import LocalEndpoint

async def main():
    async with LocalEndpoint({"echo": lambda invocation: invocation.body}) as local, Client(local.options()) as client:
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"1"))
        print(local.journal.watchers, [n for n in sys.modules if n.startswith("sagemaker_runtime.local.page") or n.endswith("watched")])

asyncio.run(main())
"""


def test_a_page_that_is_off_is_not_imported_and_follows_nothing() -> None:
    """Tests by the thousand have none; what a call does then is counted in the tests of the journal."""
    found = subprocess.run([sys.executable, "-c", OFF], capture_output=True, text=True, check=True)  # noqa: S603

    assert "() []" == found.stdout.strip()


def exchange(body: bytes = b"") -> Exchange:
    return Exchange(
        connection=1,
        time=NOON,
        method="POST",
        target="/endpoints/echo/invocations",
        raw_headers=(),
        headers=Headers(),
        request_id="id",
        endpoint_name="echo",
        body=body,
    )


def record(journal: Journal, count: int, body: bytes = b"") -> None:
    """What a local endpoint does for each of *count* calls."""
    for _ in range(count):
        each = exchange(body)
        journal.record(each)
        journal.note(each, ConversationEvent(NOON, "endpoint", "head"))
        each.status, each.written = 200, True
        journal.note(each, ConversationEvent(NOON + 0.01, "endpoint", "end"))


async def test_ten_thousand_exchanges_are_a_few_messages() -> None:
    """Each exchange changes three times; all that happens within a tenth of a second is one message, once each."""
    async with LocalEndpoint({"echo": echo}, page=True) as local, viewing(local) as viewer, viewer.events() as events:
        await events.next()
        messages = 0
        for _ in range(10):
            record(local.journal, 1_000)
            messages += (await events.next())[0] == "rows"
        while 10_000 not in events.rows:
            messages += (await events.next())[0] == "rows"
        async with Client(local.options()) as client:
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"still there"))
        while 10_001 not in events.rows or events.rows[10_001]["end"] is None:
            await events.next()

    assert messages <= 12
    assert 1_000 == len(local.journal)


async def test_a_page_that_reads_nothing_holds_no_more_than_it_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser's tab in the background may be stopped for hours; it is told everything anew when it wakes up."""
    monkeypatch.setattr("sagemaker_runtime.local.page.live.MAX_ROWS", 100)
    journal = Journal(max_exchanges=10)
    feed = Feed(journal, ManualClock(), dict)
    feed.start()
    messages = feed.messages()
    await anext(messages)
    (reader,) = feed._readers
    tracemalloc.start()
    try:
        record(journal, 500, bytes(100))
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(8):
            record(journal, 500, bytes(100))
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert len(reader.changed) <= 100
    assert grown < 100_000
    said = [(await anext(messages)) for _ in range(3)]
    assert 1 == sum(message.startswith(b"event: all") for message in said)
    feed.stop()
    await messages.aclose()


async def test_a_page_is_told_nothing_twice(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is open all day beside an idle endpoint costs nothing."""
    monkeypatch.setattr("sagemaker_runtime.local.page.live.TICK", 0.01)
    monkeypatch.setattr("sagemaker_runtime.local.page.live.PACE", 0.01)
    async with viewer.events() as events:
        kinds = [(await events.next())[0] for _ in range(3)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await events.response.content.readany()

    assert ["all", "state", "minute"] == kinds


def test_the_minute_counts_by_what_the_caller_can_do() -> None:
    """An error of the request, and one of the service, are not the same trouble."""
    minute = Minute()
    for at, status, whole in ((0, 200, True), (1, 404, True), (1, 503, True), (2, None, False), (2, 200, False)):
        minute.add(NOON + at, status=status, whole=whole, seconds=0.01 * (at + 1))

    numbers = minute.numbers(NOON + 2)

    assert [[1, 0, 0], [0, 1, 1], [0, 0, 2]] == numbers["bars"][-3:]
    assert (5, 4, 20.0, 30.0) == (numbers["calls"], numbers["failed"], numbers["p50"], numbers["p95"])


def test_the_minute_forgets() -> None:
    """A burst an hour ago is no news, and is not kept."""
    minute = Minute()
    for at in range(10_000):
        minute.add(NOON + at / 10, status=200, whole=True, seconds=1.0)

    later = minute.numbers(NOON + 5_000)

    assert 60 * 10 == minute.numbers(NOON + 999)["calls"]
    assert (0, None) == (later["calls"], later["p95"])
    assert 60 >= len(minute._seconds)


async def test_a_clock_that_stands_still_breaks_nothing() -> None:
    """A test's own clock may stand at any time."""
    async with (
        LocalEndpoint({"echo": echo}, clock=ManualClock(SystemClock.now()), page=True) as local,
        viewing(local) as viewer,
        viewer.events() as events,
        Client(local.options()) as client,
    ):
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"1"))
        (row,) = await events.until_ended(1)

    assert 0.0 == row["seconds"]
