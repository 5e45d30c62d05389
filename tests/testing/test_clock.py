"""`ManualClock`: what waits on it waits no real time, and wakes in the order in which it is due."""

from __future__ import annotations

import asyncio

import pytest

from sagemaker_runtime import (
    Client,
    Credentials,
    CredentialsCache,
    InvokeEndpointInput,
    StandardRetryer,
    Timeout,
    TotalTimeoutError,
    override,
)
from sagemaker_runtime.testing import ManualClock, StubHTTPClient, respond, respond_error

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
FULL_WAITS = override(retryer=StandardRetryer(draw=lambda: 1.0))


async def test_a_sleep_moves_the_hands_and_returns_at_once() -> None:
    """A test of five retries must not take a minute, and still see what time it has become."""
    clock = ManualClock(time=1000.0)

    await clock.sleep(60.0)

    assert (1060.0, 60.0, [60.0]) == (clock.now(), clock.monotonic(), clock.slept)


async def test_the_waits_of_a_retry_pass_on_the_clock() -> None:
    """The waits are what a retry policy is about, and the wall clock has no say in them."""
    stub = StubHTTPClient([respond_error("ThrottlingException"), respond_error("ThrottlingException"), respond(b"7")])
    client = Client(stub.options(), FULL_WAITS)

    output = await client.invoke_endpoint(PARAMS)

    assert b"7" == output.body
    assert [1.0, 2.0] == stub.clock.slept


async def test_a_retry_can_be_looked_at_while_it_waits() -> None:
    """What a call does between two attempts is as much its behaviour as the attempts are."""
    clock = ManualClock(auto=False)
    stub = StubHTTPClient([respond_error("ThrottlingException"), respond(b"7")], clock=clock)
    call = asyncio.create_task(Client(stub.options(), FULL_WAITS).invoke_endpoint(PARAMS))

    await clock.elapse(0.9)
    early = len(stub.requests)
    await clock.elapse(0.1)

    assert (1, 2) == (early, len(stub.requests))
    assert b"7" == (await call).body


async def test_sleepers_wake_when_they_are_due_and_may_sleep_again() -> None:
    """Of a poll every second, ten seconds must show ten rounds, each at its own time."""
    clock = ManualClock(time=0.0, auto=False)
    woken: list[tuple[str, float]] = []

    async def poll(name: str, every: float) -> None:
        while True:
            await clock.sleep(every)
            woken.append((name, clock.now()))

    tasks = [asyncio.create_task(poll("slow", 2.0)), asyncio.create_task(poll("fast", 1.5))]
    await clock.elapse(4.0)

    assert [("fast", 1.5), ("slow", 2.0), ("fast", 3.0), ("slow", 4.0)] == woken
    assert 4.0 == clock.now()
    for task in tasks:
        task.cancel()


async def test_an_advance_wakes_all_who_are_due_late_and_in_order() -> None:
    """A machine that was suspended wakes with all its timers due, and none of them has run meanwhile."""
    clock = ManualClock(time=0.0, auto=False)
    woken: list[tuple[int, float]] = []

    async def sleep(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.now()))

    async with asyncio.TaskGroup() as group:
        for seconds in (3, 1, 0, 2):
            group.create_task(sleep(seconds))
        await clock.elapse(0.0)
        clock.advance(10.0)

    assert [(0, 0.0), (1, 10.0), (2, 10.0), (3, 10.0)] == woken


async def test_a_sleeper_that_was_cancelled_does_not_stop_the_clock() -> None:
    """Tests of timeouts cancel many waits."""
    clock = ManualClock(auto=False)
    task = asyncio.create_task(clock.sleep(1.0))
    await clock.elapse(0.5)

    task.cancel()
    await clock.elapse(1.0)

    assert task.cancelled()
    assert 1.5 == clock.monotonic()


async def test_credentials_expire_by_the_clock() -> None:
    """A client that lives for a day meets this, and a test does not."""
    clock = ManualClock()
    asked: list[float] = []

    class Provider:
        async def retrieve(self) -> Credentials:
            asked.append(clock.monotonic())
            return Credentials("AKIDEXAMPLE", "secret", expires_at=clock.now() + 3600.0)

    stub = StubHTTPClient([respond()], repeat=True, clock=clock)
    client = Client(stub.options(), override(credentials=CredentialsCache(Provider(), clock=clock)))

    for _ in range(2):
        await client.invoke_endpoint(PARAMS)
    clock.advance(3600.0)
    await client.invoke_endpoint(PARAMS)

    assert [0.0, 3600.0] == asked


async def test_the_total_time_limit_goes_by_the_clock_where_the_clock_drives_time_outs() -> None:
    """It is a timeout of asyncio, which does not know the client's clock by itself."""
    stub = StubHTTPClient([respond().after(20.0)])
    stub.clock.drive_timeouts()
    client = Client(stub.options(), override(timeout=Timeout(read=60.0, total=15.0)))

    with pytest.raises(TotalTimeoutError, match="15 s"):
        await client.invoke_endpoint(PARAMS)


async def test_a_timeout_that_is_not_due_does_not_expire() -> None:
    """Only what lies within the time that has passed may end."""
    clock = ManualClock()
    clock.drive_timeouts()

    async with asyncio.timeout(30.0) as limit:
        await clock.sleep(29.0)

    assert not limit.expired()


async def test_a_clock_that_is_asked_twice_drives_a_loop_once() -> None:
    """A fixture and a test may both ask for it, and time would pass at twice the speed."""
    clock = ManualClock()
    for _ in range(2):
        clock.drive_timeouts()

    async with asyncio.timeout(30.0) as limit:
        await clock.sleep(29.0)

    assert not limit.expired()


@pytest.mark.parametrize("auto", [True, False])
async def test_a_sleep_of_less_than_nothing_takes_no_time(*, auto: bool) -> None:
    """As with asyncio's: a wait that was due already must not turn the time back."""
    clock = ManualClock(auto=auto)

    await clock.sleep(-5.0)

    assert (0.0, [-5.0]) == (clock.monotonic(), clock.slept)
