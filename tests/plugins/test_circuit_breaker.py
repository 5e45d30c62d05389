"""An endpoint that keeps failing is left alone for a while."""

from __future__ import annotations

import asyncio
import math
import pickle
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support import ManualClock, ScriptedHTTPClient, answer, client, options

from sagemaker_runtime import (
    BuildHandler,
    BuildInput,
    Client,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    Context,
    CredentialsError,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    ModelError,
    NopRetryer,
    Options,
    Output,
    Request,
    Response,
    SageMakerRuntimeError,
    ServiceError,
    ServiceUnavailable,
    StandardRetryer,
    Timeout,
    TotalTimeoutError,
    build_middleware,
    finalize_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.circuit_breaker import Circuit, CircuitBreaker, CircuitOpenError, CircuitState
from sagemaker_runtime.testing import StubHTTPClient, assert_conforms, respond

PARAMS = InvokeEndpointInput(endpoint_name="model", body=b"question")
OTHER = InvokeEndpointInput(endpoint_name="other", body=b"question")


@pytest.fixture
async def local(clock: ManualClock) -> AsyncIterator[LocalEndpoint]:
    def model(invocation: Invocation) -> bytes:
        return invocation.body

    async with LocalEndpoint({"model": model, "other": model}, clock=clock) as endpoint:
        yield endpoint


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def breaker() -> CircuitBreaker:
    return CircuitBreaker(2, recovery_timeout=30.0)


def guarded(local: LocalEndpoint, breaker: CircuitBreaker, clock: ManualClock) -> Options:
    given = local.options()
    given.clock = clock
    given.api_options = [breaker]
    given.retryer = NopRetryer()
    return given


async def fail(client: Client, times: int, error: type[SageMakerRuntimeError] = ServiceUnavailable) -> None:
    for _ in range(times):
        with pytest.raises(error):
            await client.invoke_endpoint(PARAMS)


async def test_it_opens_after_failures_in_a_row_and_sends_nothing(
    local: LocalEndpoint, breaker: CircuitBreaker, clock: ManualClock
) -> None:
    """A caller gets an error at once, and the overloaded endpoint gets no calls; another endpoint is not affected."""
    for call in (1, 2):
        local.fail("model", call=call)
    async with Client(guarded(local, breaker, clock)) as client:
        await fail(client, 2)

        with pytest.raises(
            CircuitOpenError, match=r"endpoints/model/invocations failed 2 times in a row; .* in 30.0 s"
        ):
            await client.invoke_endpoint(PARAMS)
        assert b"question" == (await client.invoke_endpoint(OTHER)).body

    assert 2 == local.calls("model")


@pytest.mark.parametrize("between", ["success", "ValidationError", "ModelError", "ThrottlingException"])
async def test_a_response_between_failures_keeps_it_closed(
    local: LocalEndpoint, breaker: CircuitBreaker, between: str, clock: ManualClock
) -> None:
    """Only a row of failures says that the endpoint is gone: an error of another kind came from it."""
    local.fail("model", call=1)
    if between != "success":
        local.fail("model", call=2, error=between)
    local.fail("model", call=3)
    async with Client(guarded(local, breaker, clock)) as client:
        await fail(client, 1)
        if between == "success":
            await client.invoke_endpoint(PARAMS)
        else:
            await fail(client, 1, SageMakerRuntimeError)
        await fail(client, 1)

        assert b"question" == (await client.invoke_endpoint(PARAMS)).body


async def test_after_the_wait_one_attempt_goes_through_and_closes_it(
    local: LocalEndpoint, breaker: CircuitBreaker, clock: ManualClock
) -> None:
    """Half open: a crowd that came back at once would knock over what has just got up."""
    for call in (1, 2):
        local.fail("model", call=call)
    async with Client(guarded(local, breaker, clock)) as client:
        await fail(client, 2)
        clock.advance(29.9)
        await fail(client, 1, CircuitOpenError)
        clock.advance(0.2)

        outcomes = await asyncio.gather(*(client.invoke_endpoint(PARAMS) for _ in range(3)), return_exceptions=True)
        assert 1 == sum(not isinstance(outcome, BaseException) for outcome in outcomes)
        assert 2 == sum("another attempt is probing it" in str(outcome) for outcome in outcomes)

        assert b"question" == (await client.invoke_endpoint(PARAMS)).body

    assert 4 == local.calls("model")


async def test_an_attempt_that_fails_opens_it_for_as_long_again(
    local: LocalEndpoint, breaker: CircuitBreaker, clock: ManualClock
) -> None:
    """One failure is enough then: it takes a success to show that things have changed."""
    for call in (1, 2, 3):
        local.fail("model", call=call)
    async with Client(guarded(local, breaker, clock)) as client:
        await fail(client, 2)
        clock.advance(30.0)
        await fail(client, 1)

        with pytest.raises(CircuitOpenError, match=r"failed 3 times in a row; the next attempt is allowed in 30\.0 s"):
            await client.invoke_endpoint(PARAMS)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), CredentialsError("none")])
async def test_a_probe_without_a_result_lets_the_next_one_pass(
    breaker: CircuitBreaker, clock: ManualClock, error: BaseException
) -> None:
    """A caller who left in the middle would otherwise keep the circuit half open for ever."""
    http = ScriptedHTTPClient([answer(500), answer(500), error, answer()])
    async with client(http, api_options=[breaker], retryer=NopRetryer(), clock=clock) as guarded:
        await fail(guarded, 2, SageMakerRuntimeError)
        clock.advance(30.0)
        with pytest.raises(type(error)):
            await guarded.invoke_endpoint(PARAMS)

        assert b"ok" == (await guarded.invoke_endpoint(PARAMS)).body


async def test_what_was_sent_before_it_opened_does_not_count_after(clock: ManualClock) -> None:
    """A late response says nothing about the present: it neither closes the circuit nor lengthens the wait."""
    breaker = CircuitBreaker(1, recovery_timeout=30.0)
    gates = {name: asyncio.Event() for name in ("good", "bad")}

    async def model(invocation: Invocation) -> bytes:
        gate = gates.get(invocation.body.decode())
        if gate is not None:
            await gate.wait()
        return invocation.body

    def late(body: bytes) -> InvokeEndpointInput:
        return InvokeEndpointInput(endpoint_name="model", body=body)

    async with LocalEndpoint({"model": model}, clock=clock) as local, Client(guarded(local, breaker, clock)) as client:
        good = asyncio.ensure_future(client.invoke_endpoint(late(b"good")))
        bad = asyncio.ensure_future(client.invoke_endpoint(late(b"bad")))
        while local.calls("model") < 2:
            await asyncio.sleep(0)
        local.fail("model", call=3)
        await fail(client, 1)
        clock.advance(20.0)
        gates["good"].set()
        await good
        await local.stop()
        with pytest.raises(SageMakerRuntimeError):
            await bad

        with pytest.raises(CircuitOpenError, match=r"failed 1 times in a row; the next attempt is allowed in 10\.0 s"):
            await client.invoke_endpoint(PARAMS)


async def test_it_counts_attempts_and_ends_the_retries(breaker: CircuitBreaker) -> None:
    """It stands below Retry: a call under way must not go on knocking once the circuit is open."""
    http = ScriptedHTTPClient([ConnectionLostError("lost"), ConnectionLostError("lost"), answer()])
    async with client(http, api_options=[breaker], retryer=StandardRetryer()) as guarded:
        with pytest.raises(CircuitOpenError) as caught:
            await guarded.invoke_endpoint(PARAMS)

    assert 2 == len(http.requests)
    assert ["ConnectionLostError", "ConnectionLostError", "CircuitOpenError"] == [
        attempt.error_type for attempt in caught.value.attempts
    ]


async def test_clients_that_share_it_share_what_it_knows(breaker: CircuitBreaker) -> None:
    """An endpoint is as broken for one client as for the other."""
    given = options(ScriptedHTTPClient([answer(503)]), api_options=[breaker], retryer=NopRetryer())
    async with Client(given) as one, Client(given) as other:
        await fail(one, 2, SageMakerRuntimeError)
        await fail(other, 1, CircuitOpenError)


def test_its_error_survives_a_process_boundary() -> None:
    """Every exception of the package pickles."""
    error = pickle.loads(pickle.dumps(CircuitOpenError("not sent")))  # noqa: S301 - our own

    assert (CircuitOpenError, "not sent") == (type(error), str(error))


def test_a_threshold_of_none_is_refused() -> None:
    """It could never let anything through."""
    with pytest.raises(ConfigError, match="never let it close"):
        CircuitBreaker(0)


async def test_an_endpoint_that_hangs_until_the_total_time_is_over_has_failed(
    breaker: CircuitBreaker, clock: ManualClock
) -> None:
    """It is the commonest way to be down, and reaches a middleware as a cancellation."""
    clock.drive_timeouts()
    stub = StubHTTPClient([respond().after(20.0)], repeat=True, clock=clock)
    limits = override(api_options=[breaker], timeout=Timeout(read=60.0, total=15.0))
    async with Client(stub.options(), limits) as hung:
        await fail(hung, 2, TotalTimeoutError)
        await fail(hung, 1, CircuitOpenError)

    assert 2 == len(stub.requests)


@pytest.mark.parametrize(
    ("script", "opens"),
    [
        (["500", "ServiceUnavailable"], True),
        (["500", "ModelError"], False),
        (["500", "ModelError", "500"], True),
    ],
)
async def test_an_error_made_up_by_a_middleware_counts_by_its_name(
    breaker: CircuitBreaker, script: list[str], *, opens: bool
) -> None:
    """Without a status there was no response: the error rarely shows whether the endpoint works."""
    left = list(script)
    made_up = {"ServiceUnavailable": ServiceUnavailable("ours"), "ModelError": ModelError("ours")}

    @finalize_middleware("MakeUp")
    async def make_up(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        if left and left[0] in made_up:
            raise made_up[left.pop(0)]
        return await next(ctx, step)

    def http(_: Request) -> Response:
        return answer(int(left.pop(0)) if left else 200)

    changes = {"api_options": [breaker, lambda stack: stack.finalize.add(make_up)], "retryer": NopRetryer()}
    async with client(ScriptedHTTPClient([http]), **changes) as guarded:
        await fail(guarded, len(script), ServiceError)
        if opens:
            await fail(guarded, 1, CircuitOpenError)
        else:
            assert b"ok" == (await guarded.invoke_endpoint(PARAMS)).body


async def test_its_error_does_not_show_the_query() -> None:
    """A gateway's key may be in it, and errors end up in logs."""

    @build_middleware("AddKey")
    async def add_key(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        step.request.query = "key=SECRET"
        return await next(ctx, step)

    changes = {"api_options": [CircuitBreaker(1), lambda stack: stack.build.add(add_key)], "retryer": NopRetryer()}
    async with client(ScriptedHTTPClient([ConnectError("refused")]), **changes) as guarded:
        await fail(guarded, 1, ConnectError)
        with pytest.raises(CircuitOpenError, match="endpoints/model/invocations failed 1 times") as caught:
            await guarded.invoke_endpoint(PARAMS)

    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("threshold", [1, 1_000])
async def test_it_keeps_the_rules_of_the_stack(threshold: int) -> None:
    """Whether it opens at the first failure or never; it refuses calls by design, and counts for all of them."""
    await assert_conforms(CircuitBreaker(threshold), answers=True, state=["_circuits"])


# What it keeps, shows and reports


def to(name: str) -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name=name, body=b"question")


def name_in(url: str) -> str:
    return url.split("/")[-2]


async def failing(breaker: CircuitBreaker, *names: str, clock: ManualClock | None = None) -> None:
    """A failure of each endpoint, in order."""
    http = ScriptedHTTPClient([ConnectionLostError("lost")])
    clock = ManualClock() if clock is None else clock
    async with client(http, api_options=[breaker], retryer=NopRetryer(), clock=clock) as guarded:
        for name in names:
            with pytest.raises((ConnectionLostError, CircuitOpenError)):
                await guarded.invoke_endpoint(to(name))


def names_of(breaker: CircuitBreaker) -> list[str]:
    return sorted(name_in(url) for url in breaker.circuits)


async def test_the_endpoint_that_failed_longest_ago_is_forgotten_first() -> None:
    """Names may come from outside, and one that is never called again would be kept for ever."""
    breaker = CircuitBreaker(10, max_circuits=3)

    await failing(breaker, "a", "b", "c", "a", "d")

    assert ["a", "c", "d"] == names_of(breaker)


async def test_an_open_circuit_outlives_the_closed_ones() -> None:
    """It protects an endpoint; a count of one failure protects nothing."""
    breaker = CircuitBreaker(2, max_circuits=3)

    await failing(breaker, "down", "down", *(f"gone-{number}" for number in range(100)))

    assert ["down", "gone-98", "gone-99"] == names_of(breaker)
    assert CircuitState.OPEN in {circuit.state for circuit in breaker.circuits.values()}


async def test_if_all_are_open_the_one_that_opened_first_makes_room_and_is_reported() -> None:
    """It is the next to be probed anyway; and who counts the open ones must hear of it."""
    heard: list[tuple[str, CircuitState, CircuitState]] = []
    breaker = CircuitBreaker(1, max_circuits=2, on_change=lambda url, old, new: heard.append((name_in(url), old, new)))

    await failing(breaker, "a", "b", "c")

    assert ["b", "c"] == names_of(breaker)
    assert [
        ("a", CircuitState.CLOSED, CircuitState.OPEN),
        ("b", CircuitState.CLOSED, CircuitState.OPEN),
        ("c", CircuitState.CLOSED, CircuitState.OPEN),
        ("a", CircuitState.OPEN, CircuitState.CLOSED),
    ] == heard


async def test_a_new_endpoint_can_open_though_all_others_are() -> None:
    """Names from outside that fill the table must not switch the breaker off for the rest."""
    breaker = CircuitBreaker(2, max_circuits=2)

    await failing(breaker, "a", "a", "b", "b", "model", "model")

    assert {"model": CircuitState.OPEN} == {
        name_in(url): circuit.state for url, circuit in breaker.circuits.items() if "model" in url
    }


async def test_it_shows_each_circuit_and_reports_each_change(local: LocalEndpoint, clock: ManualClock) -> None:
    """For a health check and for an alarm: what it shows is what it has reported."""
    heard: list[tuple[str, str]] = []
    seen: list[CircuitState | None] = []

    def on_change(url: str, old: CircuitState, new: CircuitState) -> None:
        heard.append((old.value, new.value))
        shown = breaker.circuits.get(url)  # as it is after the change; it may be read here
        seen.append(None if shown is None else shown.state)

    breaker = CircuitBreaker(2, recovery_timeout=30.0, on_change=on_change)
    for call in (1, 2, 3):
        local.fail("model", call=call)

    def shown() -> list[Circuit]:
        return list(breaker.circuits.values())

    async with Client(guarded(local, breaker, clock)) as client:
        assert [] == shown()
        await fail(client, 1)
        assert [Circuit(CircuitState.CLOSED, 1, None)] == shown()
        await fail(client, 1)
        clock.advance(10.0)
        assert [Circuit(CircuitState.OPEN, 2, 20.0)] == shown()
        assert [f"{local.url}/endpoints/model/invocations"] == list(breaker.circuits)
        clock.advance(25.0)
        assert [Circuit(CircuitState.OPEN, 2, 0.0)] == shown()
        await fail(client, 1)
        assert [Circuit(CircuitState.OPEN, 3, 30.0)] == shown()
        clock.advance(30.0)
        await client.invoke_endpoint(PARAMS)
        assert [] == shown()

    assert [
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
    ] == heard
    assert [CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.OPEN, CircuitState.HALF_OPEN, None] == seen


async def test_what_it_shows_is_a_copy(breaker: CircuitBreaker) -> None:
    """Who changes it changes nothing."""
    await failing(breaker, "model")
    breaker.circuits.clear()

    assert ["model"] == names_of(breaker)


async def test_a_callback_that_fails_is_logged_and_breaks_no_call(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A metric that cannot be written is no reason to fail, and must not leave the circuit half open either."""

    def on_change(url: str, old: CircuitState, new: CircuitState) -> None:
        raise ValueError(new.value)

    http = ScriptedHTTPClient([answer(500), answer(500), answer(500), answer()])
    breaker = CircuitBreaker(2, on_change=on_change)
    async with client(http, api_options=[breaker], retryer=NopRetryer(), clock=clock) as guarded:
        await fail(guarded, 2, ServiceError)
        clock.advance(30.0)
        await fail(guarded, 1, ServiceError)
        clock.advance(30.0)

        assert b"ok" == (await guarded.invoke_endpoint(PARAMS)).body
        assert b"ok" == (await guarded.invoke_endpoint(PARAMS)).body

    assert ["open", "half-open", "open", "half-open", "closed"] == [
        str(record.exc_info[1]) for record in caplog.records if record.exc_info
    ]


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_probe_that_is_cancelled_gives_way_to_one_other(
    breaker: CircuitBreaker, clock: ManualClock, *, leaves: bool
) -> None:
    """It stays half open, and again one at a time passes."""
    arrived, gate = asyncio.Queue[None](), asyncio.Event()

    @finalize_middleware("Hold")
    async def hold(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        arrived.put_nowait(None)
        await gate.wait()
        return await next(ctx, step)

    async with client(
        ScriptedHTTPClient([answer(500), answer(500), answer()]),
        api_options=[breaker],
        retryer=NopRetryer(),
        clock=clock,
    ) as guarded:
        await fail(guarded, 2, ServiceError)
        clock.advance(30.0)
        held = with_api_options(lambda stack: stack.finalize.add(hold))
        probe = asyncio.ensure_future(guarded.invoke_endpoint(PARAMS, held))
        await arrived.get()
        if leaves:
            probe.cancel()
            await asyncio.wait([probe])
            assert [Circuit(CircuitState.HALF_OPEN, 2, 0.0)] == list(breaker.circuits.values())
            probe = asyncio.ensure_future(guarded.invoke_endpoint(PARAMS, held))
            await arrived.get()
        await fail(guarded, 3, CircuitOpenError)
        gate.set()

        assert b"ok" == (await probe).body
        assert {} == breaker.circuits


@pytest.mark.parametrize("state", ["closed", "half-open"])
async def test_an_output_without_a_response_says_nothing_about_the_endpoint(
    breaker: CircuitBreaker, clock: ManualClock, state: str
) -> None:
    """It comes from a cache or a fallback, which would close the circuit of an endpoint that is down."""

    @finalize_middleware("Fallback")
    async def fallback(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        return Output(InvokeEndpointOutput(body=b"unknown"))

    falling_back = with_api_options(lambda stack: stack.finalize.add(fallback))
    http = ScriptedHTTPClient([answer(500)])
    async with client(http, api_options=[breaker], retryer=NopRetryer(), clock=clock) as guarded:
        await fail(guarded, 1 if state == "closed" else 2, ServiceError)
        clock.advance(30.0)
        assert b"unknown" == (await guarded.invoke_endpoint(PARAMS, falling_back)).body

        assert [state] == [circuit.state.value for circuit in breaker.circuits.values()]
        await fail(guarded, 1, ServiceError)
        assert [CircuitState.OPEN] == [circuit.state for circuit in breaker.circuits.values()]


def test_one_probe_passes_though_calls_come_from_several_threads() -> None:
    """A synchronous client in each of several threads may share one breaker."""
    clock, breaker = ManualClock(), CircuitBreaker(1)
    asyncio.run(failing(breaker, "model", clock=clock))
    clock.advance(30.0)
    start, sent = threading.Barrier(8), list[str]()
    done = threading.Barrier(8)

    @finalize_middleware("Hold")
    async def hold(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        sent.append("probe")
        done.wait()
        return await next(ctx, step)

    async def probe() -> None:
        options = [breaker, lambda stack: stack.finalize.add(hold)]
        async with client(api_options=options, retryer=NopRetryer(), clock=clock) as guarded:
            start.wait()
            try:
                await guarded.invoke_endpoint(PARAMS)
            except CircuitOpenError:
                done.wait()

    threads = [threading.Thread(target=lambda: asyncio.run(probe())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ["probe"] == sent
    assert {} == breaker.circuits


async def test_clients_with_clocks_of_their_own_agree_on_the_wait(breaker: CircuitBreaker) -> None:
    """Monotonic clocks start anywhere, so the wait goes by the clock of the call that has opened it."""
    clock, other = ManualClock(), ManualClock()
    other.advance(1_000_000.0)
    await failing(breaker, "model", "model", clock=clock)
    http = ScriptedHTTPClient()
    async with client(http, api_options=[breaker], clock=other) as guarded:
        await fail(guarded, 1, CircuitOpenError)
        clock.advance(30.0)

        assert b"ok" == (await guarded.invoke_endpoint(PARAMS)).body


async def on_change_async(url: str, old: CircuitState, new: CircuitState) -> None:
    """Would never run."""


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_circuits": 0}, "could not count any failure"),
        ({"recovery_timeout": -1.0}, "takes seconds, 0 or more"),
        ({"recovery_timeout": math.nan}, "takes seconds, 0 or more"),
        ({"on_change": on_change_async}, "on_change is async"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], problem: str) -> None:
    """When it is made, and not at the first failure."""
    with pytest.raises(ConfigError, match=problem):
        CircuitBreaker(**options)
