"""An endpoint that keeps failing is left alone for a while."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator

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
)
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.circuit_breaker import CircuitBreaker, CircuitOpenError
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
