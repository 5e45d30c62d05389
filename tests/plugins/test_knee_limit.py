"""`KneeLimit`: in a simulation of endpoints of many kinds, and with the real client."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable

import pytest
from plugins.knee_simulation import Endpoint, share, simulate, work
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    Client,
    ConfigError,
    ConnectError,
    InvokeEndpointInput,
    NopRetryer,
    ReadTimeoutError,
    SageMakerRuntimeError,
    Timeout,
    TotalTimeoutError,
    override,
    with_api_options,
)
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.plugins.concurrency import KneeLimit, LimitState
from sagemaker_runtime.testing import StubHTTPClient, assert_conforms, respond

PARAMS = InvokeEndpointInput(endpoint_name="model", body=b"")

COLUMNS = {
    # the endpoint, how long it is watched, the share of its capacity that is reached, the share that is throttled
    "a queue": (lambda: Endpoint(32, 64), 60, 0.93, 0.01),
    "no queue": (lambda: Endpoint(32, 0), 60, 0.72, 0.01),
    "a deep queue": (lambda: Endpoint(32, 3_200), 60, 0.93, 0.01),
    "two places": (lambda: Endpoint(2, 4), 120, 0.93, 0.01),
    "one place, 10 s a call, a limit of 60 s": (
        lambda: Endpoint(1, 1_000, seconds=10.0, limit=60.0),
        3_000,
        0.95,
        0.01,
    ),
    "many places": (lambda: Endpoint(100, 200), 30, 0.93, 0.01),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_it_finds_the_capacity_of_an_endpoint_and_keeps_below_its_throttle(column: str) -> None:
    """Of one that says when it is full, of one that only queues, and of one that is so slow that a retry would drown it."""
    make, seconds, least, most = COLUMNS[column]
    endpoint = make()

    simulate(lambda: work(KneeLimit(), endpoint, seconds))

    assert share(endpoint, seconds / 10, seconds) >= least
    assert len(endpoint.throttled) <= most * endpoint.attempts


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_records_that_differ_much_do_not_mislead_it(seed: int) -> None:
    """Of a limit that compares latencies, a heavy tail makes .22 of the capacity."""
    endpoint = Endpoint(32, 64, spread=3.0, seed=seed)

    simulate(lambda: work(KneeLimit(), endpoint, 120, seed=seed))

    assert share(endpoint, 12, 120) >= 0.85


def _disturbed(events: list[tuple[float, Callable[[Endpoint], None]]], seconds: float) -> Endpoint:
    endpoint = Endpoint(32, 64)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(disturb())
            group.create_task(work(KneeLimit(), endpoint, seconds))

    async def disturb() -> None:
        for moment, event in events:
            await asyncio.sleep(moment - asyncio.get_running_loop().time())
            event(endpoint)

    simulate(main)
    return endpoint


def _recovered(endpoint: Endpoint, since: float) -> float:
    """Seconds until two of them reach 90 % of the capacity."""
    return next(second for second in range(100) if share(endpoint, since + second, since + second + 2) >= 0.9)


@pytest.mark.slow
def test_it_follows_a_capacity_that_is_halved() -> None:
    """An instance fails; 90 % of what is left are reached within 8 seconds, with few that are throttled."""

    def halve(endpoint: Endpoint) -> None:
        endpoint.places //= 2

    endpoint = _disturbed([(60, halve)], 120)

    assert _recovered(endpoint, 60) <= 8
    assert share(endpoint, 70, 120) >= 0.93


@pytest.mark.slow
def test_it_comes_back_after_an_outage() -> None:
    """Half a minute in which nothing succeeds says nothing about concurrency: 90 % again within 20 seconds."""

    def break_down(endpoint: Endpoint) -> None:
        endpoint.is_out = True

    def come_back(endpoint: Endpoint) -> None:
        endpoint.is_out = False

    endpoint = _disturbed([(60, break_down), (90, come_back)], 150)

    assert _recovered(endpoint, 90) <= 20


@pytest.mark.slow
def test_a_cold_start_does_not_lower_it() -> None:
    """A model that is not ready has nothing to do with how many ask for it."""

    def warm_up(endpoint: Endpoint) -> None:
        endpoint.cold = 0.0

    endpoint = Endpoint(32, 64, cold=0.5)
    limit = KneeLimit()

    async def main() -> None:
        await work(limit, endpoint, 10)
        assert limit.limits["it"].limit >= 4
        warm_up(endpoint)
        await work(limit, endpoint, 70)

    simulate(main)

    assert share(endpoint, 60, 80) >= 0.93


def test_two_of_them_share_an_endpoint_fairly() -> None:
    """Two runs side by side, begun at different times: Jain's index of their shares is at least .95."""
    endpoint = Endpoint(32, 64)
    done: list[int] = []

    async def count(limit: KneeLimit, name: int, delay: float) -> None:
        await asyncio.sleep(delay)
        before = len(done)
        mine = _Counting(endpoint, done, name)
        await work(limit, mine, 120 - delay)  # type: ignore[arg-type]
        assert len(done) > before

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(count(KneeLimit(), 0, 0))
            group.create_task(count(KneeLimit(), 1, 20))

    simulate(main)
    shares = [done[len(done) // 4 :].count(name) for name in (0, 1)]

    assert sum(shares) ** 2 / (2 * sum(each**2 for each in shares)) >= 0.95


def test_sixteen_workers_with_limits_of_their_own_share_an_endpoint() -> None:
    """What an engine's tasks do: each has a sixteenth of the bounds, and none is starved. Unshared, 7 % were throttled."""
    endpoint = Endpoint(32, 64)
    done: list[int] = []

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for name in range(16):
                mine = _Counting(endpoint, done, name)
                group.create_task(work(KneeLimit().split(16), mine, 120, seed=name, workers=80))  # type: ignore[arg-type]

    simulate(main)
    shares = [done[len(done) // 4 :].count(name) for name in range(16)]

    assert share(endpoint, 12, 120) >= 0.93
    assert len(endpoint.throttled) <= 0.01 * endpoint.attempts
    assert sum(shares) ** 2 / (16 * sum(each**2 for each in shares)) >= 0.8


@pytest.mark.parametrize(("number", "bounds"), [(1, (8, 2, 100)), (3, (8, 1, 33)), (20, (5, 1, 5)), (1_000, (1, 1, 1))])
def test_a_limit_is_split_between_processes(number: int, bounds: tuple[int, int, int]) -> None:
    """Together they keep to the bounds, but each lets at least one call through."""
    initial, minimum, maximum = bounds

    assert pickle.dumps(KneeLimit(initial, minimum=minimum, maximum=maximum)) == pickle.dumps(
        KneeLimit(8, minimum=2, maximum=100).split(number)
    )


class _Counting:
    """An endpoint that notes whose call it has served."""

    def __init__(self, endpoint: Endpoint, done: list[int], name: int) -> None:
        self.places = endpoint.places
        self._endpoint, self._done, self._name = endpoint, done, name

    async def call(self) -> None:
        await self._endpoint.call()
        self._done.append(self._name)


@pytest.mark.parametrize(
    ("error", "limit"),
    [("ThrottlingException", 7), ("ServiceUnavailable", 7), ("ModelNotReadyException", 10), ("ModelError", 10)],
)
async def test_an_overload_leaves_seven_tenths_even_where_a_retry_makes_up_for_it(error: str, limit: int) -> None:
    """Those who ask for room are to get it; a cold start and a broken model have nothing to do with how many ask."""
    knee = KneeLimit(10)
    async with LocalEndpoint({"model": lambda invocation: invocation.body}) as local:
        local.fail("model", call=1, error=error)
        async with Client(local.options(), override(api_options=[knee], clock=ManualClock())) as limited:
            try:
                await limited.invoke_endpoint(PARAMS)
            except SageMakerRuntimeError as failure:
                assert type(failure).__name__ == "ModelError"  # noqa: PT017 - the one that is not retried

        assert knee.limits == {"model": LimitState(limit, 0, 0)}


@pytest.mark.parametrize("error", [ReadTimeoutError("late"), ConnectError("refused")])
async def test_no_response_in_time_is_an_overload(error: SageMakerRuntimeError) -> None:
    """A queue longer than the read timeout shows only as silence."""
    knee = KneeLimit(10)
    async with client(ScriptedHTTPClient([error]), api_options=[knee], retryer=NopRetryer()) as limited:
        with pytest.raises(type(error)):
            await limited.invoke_endpoint(PARAMS)

        assert knee.limits["model"].limit == 7


async def test_calls_that_overload_together_lower_it_once_and_never_below_the_minimum() -> None:
    """A hundred refusals of one burst are one piece of news, or the limit would be at its minimum at once."""
    clock = ManualClock()
    changes: list[tuple[str, int, int]] = []
    knee = KneeLimit(10, minimum=5, on_change=lambda *change: changes.append(change))
    script = [answer(503, b""), answer(200, b"")] * 3

    async with client(ScriptedHTTPClient(script), api_options=[knee], retryer=NopRetryer(), clock=clock) as limited:
        for _ in range(3):
            clock.advance(1.0)
            calls = [limited.invoke_endpoint(PARAMS) for _ in range(2)]
            await asyncio.gather(*calls, return_exceptions=True)

    assert changes == [("model", 10, 7), ("model", 7, 5)]


async def test_while_nothing_succeeds_it_is_lowered_once() -> None:
    """An endpoint that is gone is not a measure of concurrency, and is to be found again quickly."""
    clock = ManualClock()
    knee = KneeLimit(10)
    async with client(
        ScriptedHTTPClient([answer(503, b"")]), api_options=[knee], retryer=NopRetryer(), clock=clock
    ) as limited:
        for _ in range(5):
            clock.advance(1.0)
            with pytest.raises(SageMakerRuntimeError):
                await limited.invoke_endpoint(PARAMS)

        assert knee.limits["model"].limit == 7


async def test_each_endpoint_has_a_limit_of_its_own() -> None:
    """A slow model must not hold up a quick one."""
    knee = KneeLimit(1)
    release = asyncio.Event()

    async def slow(invocation: object) -> bytes:
        await release.wait()
        return b""

    async with (
        LocalEndpoint({"slow": slow, "quick": lambda invocation: b"quick"}) as local,
        Client(local.options(), with_api_options(knee)) as limited,
    ):
        waiting = [
            asyncio.create_task(limited.invoke_endpoint(InvokeEndpointInput(endpoint_name="slow", body=b"")))
            for _ in range(3)
        ]
        quick = await limited.invoke_endpoint(InvokeEndpointInput(endpoint_name="quick", body=b""))

        assert quick.body == b"quick"
        assert knee.limits == {"slow": LimitState(1, 1, 2), "quick": LimitState(1, 0, 0)}
        release.set()
        await asyncio.gather(*waiting)


async def test_an_endpoint_that_hangs_until_the_total_time_is_over_is_overloaded() -> None:
    """It is the worst of overloads, and reaches a middleware as a cancellation."""
    clock = ManualClock()
    clock.drive_timeouts()
    knee = KneeLimit(10)
    stub = StubHTTPClient([respond().after(20.0)], clock=clock)
    limits = override(api_options=[knee], timeout=Timeout(read=60.0, total=15.0))
    async with Client(stub.options(), limits) as hung:
        with pytest.raises(TotalTimeoutError):
            await hung.invoke_endpoint(PARAMS)

        assert knee.limits["model"].limit == 7


async def test_a_callers_cancellation_says_nothing() -> None:
    """Somebody closes a tab."""
    knee = KneeLimit(10)

    async def never(invocation: object) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async with LocalEndpoint({"model": never}) as local, Client(local.options(), with_api_options(knee)) as limited:
        call = asyncio.create_task(limited.invoke_endpoint(PARAMS))
        while not local.journal:
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert knee.limits == {"model": LimitState(10, 0, 0)}


async def test_a_callback_that_fails_is_logged_and_the_call_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """A metrics library must not break inference."""

    def broken(name: str, old: int, new: int) -> None:
        raise RuntimeError("no gauge")

    knee = KneeLimit(10, on_change=broken)
    async with client(ScriptedHTTPClient([answer(503, b""), answer(200, b"ok")]), api_options=[knee]) as limited:
        assert (await limited.invoke_endpoint(PARAMS)).body == b"ok"

    assert "on_change failed" in caplog.text


@pytest.mark.parametrize("bounds", [{"minimum": 0}, {"minimum": 20}, {"maximum": 8}])
def test_a_limit_that_makes_no_sense_is_refused(bounds: dict[str, int]) -> None:
    """One of 0 would make every call wait for ever."""
    with pytest.raises(ConfigError, match="1 <= minimum <= initial <= maximum"):
        KneeLimit(16, **bounds)


def test_a_callback_that_nobody_would_await_is_refused() -> None:
    """It would do nothing, in silence."""

    async def later(name: str, old: int, new: int) -> None: ...

    with pytest.raises(ConfigError, match="on_change is async"):
        KneeLimit(on_change=later)


async def test_it_keeps_the_rules_of_the_stack() -> None:
    """A place that is not given back would end all calls; the gates are of all of them together."""
    await assert_conforms(KneeLimit(), state=["_gates"])
