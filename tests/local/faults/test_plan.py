"""Which call meets which fault: by its number, or by chance."""

from __future__ import annotations

import asyncio

import pytest
from both_clients import Client

from sagemaker_runtime import (
    ATTEMPTS,
    ConfigError,
    InvokeEndpointInput,
    NopRetryer,
    ServiceError,
    ServiceUnavailable,
    StandardRetryer,
    override,
)
from sagemaker_runtime.local import (
    ErrorAnswer,
    Fault,
    InjectedFault,
    Latency,
    LocalEndpoint,
    RandomFaults,
    Reset,
    Throttled,
)
from sagemaker_runtime.local.faults.plan import PendingFault

pytestmark = pytest.mark.twice

AT_ONCE = override(retryer=StandardRetryer(draw=lambda: 0.0))


def echo_input(body: bytes = b"") -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="echo", body=body)


async def test_a_fault_hits_the_call_it_is_for_and_the_retry_succeeds(local: LocalEndpoint) -> None:
    """`calls` and `fail` count alike, so that a test can say which request fails and that it was sent again."""
    local.fail("echo", call=2)

    async with Client(local.options(), AT_ONCE) as client:
        outputs = [await client.invoke_endpoint(echo_input()) for _ in range(3)]

    assert [1, 2, 1] == [len(output.result_metadata[ATTEMPTS]) for output in outputs]
    assert 4 == local.calls("echo")


async def test_each_of_several_faults_fires_once(local: LocalEndpoint) -> None:
    """A call can be made to use up all its attempts, and the next one is undisturbed."""
    local.fail("echo", call=1, message="first")
    local.fail("echo", call=3, message="third")
    local.fail("echo", call=2, error="InternalFailure", message="second")

    async with Client(local.options(), AT_ONCE) as client:
        with pytest.raises(ServiceUnavailable) as raised:
            await client.invoke_endpoint(echo_input())
        await client.invoke_endpoint(echo_input())

    assert [503, 500, 503] == [attempt.status for attempt in raised.value.attempts]
    assert "third" == raised.value.message
    assert 4 == local.calls("echo")


async def test_a_fault_that_can_never_fire_is_refused(local: LocalEndpoint) -> None:
    """A test whose fault never fires passes for the wrong reason."""
    async with Client(local.options()) as client:
        await client.invoke_endpoint(echo_input())

    with pytest.raises(ConfigError, match="call 1 of endpoint 'echo' is over: it has had 1 calls"):
        local.fail("echo", call=1)
    with pytest.raises(ConfigError, match="there is no endpoint 'ehco'; there is echo"):
        local.fail("ehco", call=2)
    with pytest.raises(ConfigError, match="no status is known for the error 'TeapotException'"):
        local.fail("echo", call=2, error="TeapotException")
    with pytest.raises(ConfigError, match="a fault for 0 calls would never occur"):
        local.inject("echo", Reset(), call=2, times=0)


SHARES: dict[Fault, float] = {Throttled(): 0.2, ErrorAnswer("InternalFailure"): 0.2, Latency(0.0): 0.1}


async def injected(seed: int, *, at_once: int) -> list[InjectedFault]:
    """What a hundred calls meet, so many of them at once."""
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}, faults=RandomFaults(SHARES, seed=seed)) as local,
        Client(local.options(), override(retryer=NopRetryer())) as client,
    ):

        async def work() -> None:
            while local.calls("echo") + at_once <= 100:
                try:
                    await client.invoke_endpoint(echo_input())
                except ServiceError:
                    continue

        await asyncio.gather(*(work() for _ in range(at_once)))
        return [each for each in local.faults if each.call <= 100 - at_once]


async def test_the_same_seed_gives_the_same_faults_however_the_calls_are_made() -> None:
    """A failure that was found by chance must be found again, by a program whose tasks run in another order too."""
    alone = [each for each in await injected(7, at_once=1) if each.call <= 90]
    together = await injected(7, at_once=10)
    another = await injected(8, at_once=10)

    assert alone == together
    assert alone != another
    assert {7} == {each.seed for each in alone}
    assert {"Throttled", "ErrorAnswer", "Latency"} == {each.name for each in alone}


def test_chance_keeps_to_the_shares() -> None:
    """And each endpoint has a chance of its own, so that one more does not change what another meets."""
    faults = RandomFaults(SHARES, seed=1)
    drawn = [faults.fault("echo", call) for call in range(1, 10_001)]

    for fault, share in SHARES.items():
        assert share == pytest.approx(drawn.count(fault) / 10_000, abs=0.02)
    assert drawn[:100] != [faults.fault("iris", call) for call in range(1, 101)]
    assert {Throttled()} == {RandomFaults({Throttled(): 1.0}, seed=1).fault("echo", call) for call in range(1, 100)}


async def test_a_fault_for_a_call_goes_before_chance() -> None:
    """A test that names a call must get what it names."""
    faults = RandomFaults({Throttled(): 1.0}, seed=1)

    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}, faults=faults) as local,
        Client(local.options(), override(retryer=NopRetryer())) as client,
    ):
        local.inject("echo", Latency(0.0), call=1)
        await client.invoke_endpoint(echo_input())

    assert [InjectedFault(Latency(0.0), "echo", 1, seed=None)] == local.faults


async def test_a_fault_without_a_number_of_times_lasts_until_it_is_withdrawn(local: LocalEndpoint) -> None:
    """An outage has no end that a test could count the calls to; one fault for a certain call goes before it."""
    local.inject("echo", Throttled(), call=2, times=None)
    local.fail("echo", call=3, error="ModelError")

    async with Client(local.options(), override(retryer=NopRetryer())) as client:
        codes = []
        for call in range(1, 6):
            if call == 5:
                local.withdraw("echo")
            try:
                await client.invoke_endpoint(echo_input())
                codes.append("")
            except ServiceError as error:
                codes.append(error.code)

    assert ["", "ThrottlingException", "ModelError", "ThrottlingException", ""] == codes


async def test_faults_of_one_kind_can_be_withdrawn(local: LocalEndpoint) -> None:
    """The others, and those of other endpoints, stay."""
    local.inject("echo", Reset(), call=1, times=2)
    local.inject("echo", Latency(0.0), call=2, times=None)
    local.fail("echo", call=3)
    hosted = local._find("echo")

    before = hosted.pending
    local.withdraw("echo", Reset)
    after = hosted.pending
    local.withdraw("echo", Latency)

    assert [
        PendingFault(Reset(), 1, 2),
        PendingFault(ErrorAnswer(), 3, 1),
        PendingFault(Latency(0.0), 2, None),
    ] == before
    assert before[1:] == after
    assert before[1:2] == hosted.pending
    with pytest.raises(ConfigError, match="there is no endpoint 'ehco'; there is echo"):
        local.withdraw("ehco")
