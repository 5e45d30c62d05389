"""Limits on the calls at once."""

from __future__ import annotations

import asyncio

import pytest
from support import client

from sagemaker_runtime import (
    Client,
    ConfigError,
    Context,
    InitializeInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Output,
    with_api_options,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.concurrency import ConcurrencyLimit
from sagemaker_runtime.testing import assert_conforms


def asking(body: bytes = b"") -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="model", body=body)


class Line:
    """Calls that stand before a limit of one place, and what became of them."""

    def __init__(self) -> None:
        self.limit = ConcurrencyLimit(1)
        self.release = asyncio.Event()
        self.served: list[str] = []

    async def call(self, name: str) -> None:
        async def next(ctx: Context, step: InitializeInput) -> Output:
            self.served.append(name)
            await self.release.wait()
            return Output()

        await self.limit.handle_initialize(Context(), InitializeInput(asking()), next)
        self.left(name)

    def left(self, name: str) -> None:
        """Called within the turn of the loop in which a call gives its place back."""

    async def form(self, *names: str) -> list[asyncio.Task[None]]:
        """Let them come, in order; the first has the place, the others wait for it."""
        tasks = [asyncio.ensure_future(self.call(name)) for name in names]
        await asyncio.sleep(0)
        return tasks


async def test_no_more_calls_are_under_way_than_the_limit_and_no_fewer() -> None:
    """A container with three workers is to be kept busy, and not to be flooded; a barrier of three needs both."""
    barrier, running, peak = asyncio.Barrier(3), 0, 0

    async def model(invocation: Invocation) -> bytes:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await barrier.wait()
        running -= 1
        return invocation.body

    async with (
        LocalEndpoint({"model": model}) as local,
        Client(local.options(), with_api_options(ConcurrencyLimit(3))) as limited,
    ):
        outputs = await asyncio.gather(*(limited.invoke_endpoint(asking(b"%d" % number)) for number in range(9)))

    assert [b"%d" % number for number in range(9)] == [output.body for output in outputs]
    assert 3 == peak


async def test_who_has_waited_longest_is_served_first() -> None:
    """Otherwise a call could wait without end while newcomers pass it."""
    line = Line()
    tasks = await line.form("first", "second", "third")

    line.release.set()
    late = await line.form("fourth")
    await asyncio.gather(*tasks, *late)

    assert ["first", "second", "third", "fourth"] == line.served


async def test_a_wait_that_is_given_up_leaves_its_place_in_the_line() -> None:
    """A timeout while waiting must not take a place with it: after *limit* of them, no call would pass."""
    line = Line()
    first, second, third = await line.form("first", "second", "third")

    second.cancel()
    await asyncio.wait([second])
    line.release.set()
    await asyncio.gather(first, third)

    assert second.cancelled()
    assert ["first", "third"] == line.served


async def test_a_place_that_comes_too_late_goes_to_the_next() -> None:
    """Given and given up within one turn of the loop: the wake-up must not be lost."""
    line = Line()
    first, second, third = await line.form("first", "second", "third")

    line.left = lambda name: second.cancel() if name == "first" else None  # which has its place, and has not run yet
    line.release.set()
    await asyncio.gather(first, third)

    assert second.cancelled()
    assert ["first", "third"] == line.served


async def test_a_place_is_not_given_to_a_call_that_has_just_gone() -> None:
    """Cancelled, and its task has not run since: a place given to it would be lost."""
    line = Line()
    first, second, third = await line.form("first", "second", "third")

    line.release.set()  # wakes the first before the second
    second.cancel()
    await asyncio.gather(first, third)

    assert second.cancelled()
    assert ["first", "third"] == line.served


def test_one_limit_serves_one_event_loop_after_another() -> None:
    """A client does; what a loop has left behind must not stand in the way in the next one."""
    limit = ConcurrencyLimit(1)

    async def hang() -> None:
        async def next(ctx: Context, step: InitializeInput) -> Output:
            await asyncio.Event().wait()
            raise AssertionError

        for _ in range(2):  # the one under way, the other waiting, when the loop ends
            call = limit.handle_initialize(Context(), InitializeInput(asking()), next)
            asyncio.ensure_future(call).set_name("left behind")
        await asyncio.sleep(0)

    async def invoke() -> bytes:
        async with client(api_options=[limit]) as limited:
            return (await limited.invoke_endpoint(asking())).body

    asyncio.run(hang())

    assert b"ok" == asyncio.run(invoke())
    assert b"ok" == asyncio.run(invoke())


async def test_a_stream_has_its_place_until_its_head_is_there() -> None:
    """As documented; so a reader that is slow, or forgets the stream, does not block the others."""

    async def model(invocation: Invocation) -> bytes:
        return invocation.body

    params = InvokeEndpointWithResponseStreamInput(endpoint_name="model", body=b"part")
    async with (
        LocalEndpoint({"model": model}) as local,
        Client(local.options(), with_api_options(ConcurrencyLimit(1))) as limited,
    ):
        first = await limited.invoke_endpoint_with_response_stream(params)
        second = await limited.invoke_endpoint_with_response_stream(params)

        assert [b"part"] == [piece async for piece in first.body.iter_bytes()]
        assert [b"part"] == [piece async for piece in second.body.iter_bytes()]


def test_a_limit_that_makes_no_sense_is_refused() -> None:
    """One of 0 would make every call wait for ever."""
    with pytest.raises(ConfigError, match="0 concurrent calls"):
        ConcurrencyLimit(0)


async def test_a_call_that_is_dropped_while_it_waits_is_forgotten() -> None:
    """A coroutine that is closed, and not cancelled, has no place to give back."""
    line = Line()
    (first,) = await line.form("first")
    dropped = line.call("dropped")
    dropped.send(None)

    dropped.close()
    line.release.set()
    await first
    await line.call("next")

    assert ["first", "next"] == line.served


@pytest.mark.parametrize("limit", [ConcurrencyLimit(1), ConcurrencyLimit(100)])
async def test_it_keeps_the_rules_of_the_stack(limit: ConcurrencyLimit) -> None:
    """A place that is not given back would end all calls; the gates are of all of them together."""
    await assert_conforms(limit, state=["_gates"])
