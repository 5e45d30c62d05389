"""Responses from memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from attrs import evolve
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    ATTEMPTS,
    RAW_RESPONSE,
    REQUEST_ID,
    BuildHandler,
    BuildInput,
    Client,
    Context,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    Output,
    ServiceUnavailable,
    Stack,
    StackError,
    build_middleware,
    finalize_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.context import PAYLOAD_HASH
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint
from sagemaker_runtime.plugins.response_cache import CACHE_AGE, ResponseCache
from sagemaker_runtime.testing import assert_conforms


def model(invocation: Invocation) -> Answer:
    """As many bytes as it is asked for."""
    return Answer(body=b"x" * int(invocation.body), content_type="text/plain", custom_attributes="cost=1")


@pytest.fixture
async def local(clock: ManualClock) -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"model": model, "other": model}, clock=clock) as endpoint:
        yield endpoint


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def asking(size: int = 1) -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="model", body=b"%d" % size)


async def test_the_same_request_gets_its_response_from_memory(local: LocalEndpoint, clock: ManualClock) -> None:
    """All members of the output are the same; the facts are those of this call, and nothing was sent."""
    async with Client(local.options(), override(clock=clock), with_api_options(ResponseCache(ttl=60.0))) as client:
        first = await client.invoke_endpoint(asking())
        clock.advance(59.0)
        second = await client.invoke_endpoint(asking())

    assert 1 == local.calls("model")
    assert first == second
    assert ("text/plain", "cost=1") == (second.content_type, second.custom_attributes)
    assert CACHE_AGE not in first.result_metadata
    assert 59.0 == second.result_metadata[CACHE_AGE]
    assert [] == [key for key in (REQUEST_ID, RAW_RESPONSE, ATTEMPTS) if key in second.result_metadata]


async def test_each_caller_has_an_output_of_its_own(local: LocalEndpoint) -> None:
    """Who changes what he was given must not change what the next one is given."""
    async with Client(local.options(), with_api_options(ResponseCache(ttl=60.0))) as client:
        for _ in range(2):
            output = await client.invoke_endpoint(asking())
            output.body = b"spoilt"
        output = await client.invoke_endpoint(asking())

    assert b"x" == output.body
    assert 1 == local.calls("model")


async def test_a_response_is_used_until_its_ttl_is_over(local: LocalEndpoint, clock: ManualClock) -> None:
    """A model is redeployed; the time to live is what bounds how long the old one speaks, from when it was asked."""
    async with Client(local.options(), override(clock=clock), with_api_options(ResponseCache(ttl=60.0))) as client:
        for seconds in (0.0, 60.0, 59.9):
            clock.advance(seconds)
            await client.invoke_endpoint(asking())

    assert 2 == local.calls("model")


@pytest.mark.parametrize(
    ("changes", "calls"),
    [
        ({"body": b"2"}, 2),
        ({"content_type": "text/csv"}, 2),
        ({"accept": "text/csv"}, 2),
        ({"custom_attributes": "tenant=acme"}, 2),
        ({"target_model": "other.tar.gz"}, 2),
        ({"target_variant": "B"}, 2),
        ({"inference_component_name": "other"}, 2),
        ({"enable_explanations": "`true`"}, 2),
        ({"endpoint_name": "other"}, 2),
        ({"inference_id": "7"}, 1),
        ({"prefix_aware_id": "7"}, 1),
    ],
)
async def test_whatever_may_change_the_response_makes_another_key(
    local: LocalEndpoint, changes: dict[str, str | bytes], calls: int
) -> None:
    """A tenant who got another tenant's response would be the worst of bugs; a name for the call changes nothing."""
    async with Client(local.options(), with_api_options(ResponseCache(ttl=60.0))) as client:
        await client.invoke_endpoint(asking())
        await client.invoke_endpoint(evolve(asking(), **changes))

    assert calls == local.calls("model") + local.calls("other")


async def test_calls_of_a_session_never_get_a_response_from_memory(local: LocalEndpoint) -> None:
    """Their response depends on what was said before."""
    async with Client(local.options(), with_api_options(ResponseCache(ttl=60.0))) as client:
        for _ in range(2):
            await client.invoke_endpoint(evolve(asking(), session_id="NEW_SESSION"))

    assert 2 == local.calls("model")


async def test_a_hash_that_does_not_tell_bodies_apart_is_not_relied_on() -> None:
    """A middleware may set UNSIGNED-PAYLOAD for all bodies, and every question would be the same."""

    @build_middleware("Unsigned")
    async def unsigned(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        ctx[PAYLOAD_HASH] = "UNSIGNED-PAYLOAD"
        return await next(ctx, step)

    http = ScriptedHTTPClient([answer(body=b"one"), answer(body=b"two")])
    cache = ResponseCache(ttl=60.0)
    async with client(http, api_options=[cache, lambda stack: stack.build.add(unsigned)]) as asked:
        bodies = [(await asked.invoke_endpoint(asking(size))).body for size in (1, 2)]

    assert [b"one", b"two"] == bodies


async def test_an_error_is_not_kept(local: LocalEndpoint) -> None:
    """It would outlive its cause."""
    local.fail("model", call=1, error="ModelError")
    async with Client(local.options(), with_api_options(ResponseCache(ttl=60.0))) as client:
        with pytest.raises(ModelError):
            await client.invoke_endpoint(asking())

        assert b"x" == (await client.invoke_endpoint(asking())).body


async def test_what_was_unused_for_longest_goes_first(local: LocalEndpoint, clock: ManualClock) -> None:
    """Within max_bytes, with 1,024 for what is beside each body: here there is room for two of these."""
    cache = ResponseCache(ttl=60.0, max_bytes=2 * (1_024 + 1_000))
    async with Client(local.options(), override(clock=clock), with_api_options(cache)) as client:
        for size in (998, 999, 998, 1_000):  # 999 is the one unused for longest when 1,000 comes
            await client.invoke_endpoint(asking(size))
        assert 3 == local.calls("model")

        for size in (998, 1_000):
            assert CACHE_AGE in (await client.invoke_endpoint(asking(size))).result_metadata
        assert CACHE_AGE not in (await client.invoke_endpoint(asking(999))).result_metadata


async def test_a_response_larger_than_the_cache_evicts_nothing(local: LocalEndpoint) -> None:
    """One that cannot be kept must not cost those that are."""
    async with Client(local.options(), with_api_options(ResponseCache(ttl=60.0, max_bytes=2_000))) as client:
        for size in (10, 1_000, 10):
            await client.invoke_endpoint(asking(size))

    assert 2 == local.calls("model")


async def test_streams_are_not_kept(local: LocalEndpoint) -> None:
    """They are for one reader."""
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="model", body=b"1")
    async with Client(local.options(), with_api_options(ResponseCache(ttl=60.0))) as client:
        for _ in range(2):
            async with (await client.invoke_endpoint_with_response_stream(params)).body as stream:
                assert [b"x"] == [piece async for piece in stream.iter_bytes()]

    assert 2 == local.calls("model")


async def test_a_middleware_that_gives_no_result_leaves_nothing_in_the_cache(local: LocalEndpoint) -> None:
    """The client says whose mistake it is, each time."""

    @finalize_middleware("Empty")
    async def empty(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        return Output()

    cache = ResponseCache(ttl=60.0)
    async with Client(local.options(), with_api_options(cache, lambda stack: stack.finalize.add(empty))) as client:
        for _ in range(2):
            with pytest.raises(StackError, match="gave NoneType"):
                await client.invoke_endpoint(asking())


async def test_what_a_middleware_has_returned_is_not_kept(local: LocalEndpoint) -> None:
    """A fallback for one failure would otherwise pass for the model's response until the ttl is over."""

    @finalize_middleware("Fallback")
    async def fallback(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        try:
            return await next(ctx, step)
        except ServiceUnavailable:
            return Output(InvokeEndpointOutput(body=b"unknown"))

    local.fail("model", call=1, error="ServiceUnavailable")
    cache = ResponseCache(ttl=60.0)
    options = with_api_options(lambda stack: stack.finalize.insert(fallback, after="Retry"), cache)
    async with Client(local.options(), options) as client:
        bodies = [(await client.invoke_endpoint(asking())).body for _ in range(3)]

    assert [b"unknown", b"x", b"x"] == bodies
    assert 2 == local.calls("model")


async def test_without_a_hash_nothing_is_kept() -> None:
    """Who has taken the signature away has no use for the hash either, and calls must go on."""

    def strip(stack: Stack) -> None:
        stack.build.remove("ComputePayloadHash")
        stack.finalize.remove("Signing")

    http = ScriptedHTTPClient([answer(body=b"one"), answer(body=b"two")])
    async with client(http, api_options=[ResponseCache(ttl=60.0), strip]) as asked:
        bodies = [(await asked.invoke_endpoint(asking())).body for _ in range(2)]

    assert [b"one", b"two"] == bodies


async def test_it_keeps_the_rules_of_the_stack() -> None:
    """It returns outputs of its own by design, and its state is that of all calls together."""
    await assert_conforms(ResponseCache(ttl=60.0), answers=True, state=["_entries", "_bytes"])
