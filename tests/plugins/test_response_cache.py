"""Responses from memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable
from contextvars import ContextVar

import pytest
from attrs import evolve
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    CREDENTIALS,
    RAW_RESPONSE,
    REQUEST_ID,
    AnonymousCredentialsProvider,
    BuildHandler,
    BuildInput,
    Client,
    ConfigError,
    Context,
    Credentials,
    CredentialsCache,
    CredentialsProvider,
    DeserializeHandler,
    DeserializeInput,
    Endpoint,
    EndpointResolverFunc,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    OptFn,
    Output,
    Request,
    Response,
    ServiceError,
    ServiceUnavailable,
    Stack,
    StackError,
    StaticCredentialsProvider,
    build_middleware,
    deserialize_middleware,
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
    assert [] == [key for key in (REQUEST_ID, RAW_RESPONSE) if key in second.result_metadata]


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


async def test_what_is_beside_the_body_counts_where_it_is_long() -> None:
    """A peer may send headers of 64 KiB, and they are kept with the body."""
    headers = {"x_amzn_sagemaker_custom_attributes": "a" * 60_000}
    cache = ResponseCache(ttl=60.0, max_bytes=100_000)
    async with client(ScriptedHTTPClient([lambda _: answer(**headers)]), api_options=[cache]) as asked:
        for size in range(5):
            await asked.invoke_endpoint(asking(size))

    assert 1 == len(cache._entries)


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
            with pytest.raises(StackError, match="returned NoneType"):
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


# Who asks, and what was sent


URL = "https://model.test"
TENANT_OF: ContextVar[str] = ContextVar("tenant")


def gateway(request: Request) -> Response:
    """Takes any signature and none, so that only the cache stands between the tenants; tells who has signed."""
    authorization = request.headers.get("authorization", "Credential=nobody/")
    return answer(body=authorization.split("Credential=")[1].split("/")[0].encode())


def cached(credentials: CredentialsProvider, cache: ResponseCache | None = None) -> Client:
    cache = ResponseCache(ttl=60.0) if cache is None else cache
    return client(ScriptedHTTPClient([gateway]), credentials=credentials, api_options=[cache])


async def bodies(client: Client, *calls: tuple[OptFn, ...]) -> list[str]:
    """The response of one and the same question under options of their own, with a star if it came from memory."""
    told: list[str] = []
    for opt_fns in calls:
        output = await client.invoke_endpoint(asking(), *opt_fns)
        told.append(output.body.decode().strip() + "*" * (CACHE_AGE in output.result_metadata))
    return told


A, B = StaticCredentialsProvider("TENANTA", "a"), StaticCredentialsProvider("TENANTB", "b")
B_WITH_A_SECRET_OF_ITS_OWN = StaticCredentialsProvider("TENANTA", "wrong")
A_IN_A_SESSION = StaticCredentialsProvider("TENANTA", "a", "token")


async def test_a_response_never_goes_to_other_credentials() -> None:
    """The access key id is no secret: who knows another tenant's must not get that tenant's responses by it."""
    others = [B, B_WITH_A_SECRET_OF_ITS_OWN, A_IN_A_SESSION, AnonymousCredentialsProvider()]
    calls = [(override(credentials=provider),) for provider in others]
    async with cached(A) as asked:
        first = await bodies(asked, (), *calls)
        again = await bodies(asked, (), *calls, (override(credentials=StaticCredentialsProvider("TENANTA", "a")),))

    assert ["TENANTA", "TENANTB", "TENANTA", "TENANTA", "nobody"] == first
    assert ["TENANTA*", "TENANTB*", "TENANTA*", "TENANTA*", "nobody*", "TENANTA*"] == again


async def test_clients_that_share_a_cache_share_what_one_principal_got() -> None:
    """Equal requests of equal credentials are one question; another client's credentials make it another one."""
    cache = ResponseCache(ttl=60.0)
    async with (
        cached(A, cache) as one,
        cached(StaticCredentialsProvider("TENANTA", "a"), cache) as same,
        cached(B, cache) as other,
    ):
        assert ["TENANTA"] == await bodies(one, ())
        assert ["TENANTA*"] == await bodies(same, ())
        assert ["TENANTB"] == await bodies(other, ())


async def test_the_service_is_asked_whether_other_credentials_are_good() -> None:
    """Keys that it would refuse get nothing from memory either."""
    async with (
        LocalEndpoint({"model": model}) as local,
        Client(local.options(), with_api_options(ResponseCache(ttl=60.0))) as asked,
    ):
        await asked.invoke_endpoint(asking())
        forged = StaticCredentialsProvider(local.credentials.access_key_id, "a guess")
        with pytest.raises(ServiceError, match="signature"):
            await asked.invoke_endpoint(asking(), override(credentials=forged))

        assert CACHE_AGE in (await asked.invoke_endpoint(asking())).result_metadata


@pytest.mark.parametrize("place", [{"before": "Retry"}, {"after": "Retry"}, {"before": "Signing"}])
async def test_credentials_that_a_middleware_sets_are_compared(place: dict[str, str]) -> None:
    """A middleware may choose them by tenant, and is added after the cache."""

    @finalize_middleware("AsTenantB")
    def as_tenant_b(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        ctx[CREDENTIALS] = B
        return next(ctx, step)

    switched = with_api_options(lambda stack: stack.finalize.insert(as_tenant_b, **place))
    async with cached(A) as asked:
        assert ["TENANTA", "TENANTB", "TENANTB*", "TENANTA*"] == await bodies(asked, (), (switched,), (switched,), ())


class Switching:
    """A provider with another principal each time that it is asked."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    async def retrieve(self) -> Credentials:
        return Credentials(self.names.pop(0), "secret")


async def test_credentials_that_change_in_a_cache_are_others() -> None:
    """It is one provider all the time; what it holds, and signs with, is what counts."""
    provider = CredentialsCache(Switching("TENANTA", "TENANTB"))
    async with cached(provider) as asked:
        before = await bodies(asked, (), ())
        provider.invalidate()
        after = await bodies(asked, (), ())

    assert (["TENANTA", "TENANTA*"], ["TENANTB", "TENANTB*"]) == (before, after)


class ByTenant:
    """A provider that looks for the tenant in a context variable."""

    async def retrieve(self) -> Credentials:
        return Credentials(TENANT_OF.get(), "secret")


class ByTenantAtOnce(ByTenant):
    """The same, and without waiting."""

    async def retrieve(self) -> Credentials:
        return self.current()

    def current(self) -> Credentials:
        return Credentials(TENANT_OF.get(), "secret")


@pytest.mark.parametrize(("provider", "again"), [(ByTenant(), "TENANTA"), (ByTenantAtOnce(), "TENANTA*")])
async def test_a_provider_may_answer_by_tenant(provider: CredentialsProvider, again: str) -> None:
    """One that can only be awaited might give others when asked again, so nothing of its calls is kept."""
    async with cached(provider) as asked:
        told = []
        for tenant in ("TENANTA", "TENANTB", "TENANTA"):
            TENANT_OF.set(tenant)
            told += await bodies(asked, ())

    assert ["TENANTA", "TENANTB", again] == told


@pytest.mark.parametrize("behind", ["Signing", "ResponseCache"])
async def test_credentials_that_change_during_a_call_are_noticed(behind: str) -> None:
    """The request is A's; what the provider holds by now is not what it was signed with."""
    provider = CredentialsCache(Switching("TENANTA", "TENANTB"))

    class Rotate:
        id = "Rotate"

        async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
            provider.invalidate()
            await provider.retrieve()
            return await next(ctx, step)

        async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
            provider.invalidate()
            await provider.retrieve()
            return await next(ctx, step)

    def install(stack: Stack) -> None:
        if behind == "Signing":
            stack.finalize.insert(Rotate(), after=behind)
        else:
            stack.deserialize.insert(Rotate(), after=behind)

    async with cached(provider) as asked:
        told = await bodies(asked, (with_api_options(install),), (), ())

    assert ["TENANTA", "TENANTB", "TENANTB*"] == told


class Corporate:
    """A signer with credentials of its own."""

    def __init__(self, authorization: str) -> None:
        self.authorization = authorization

    def sign_http(self, request: Request, **_: object) -> None:
        request.headers["x-amz-date"] = "20250101T000000Z"
        signed = ";".join(sorted(request.headers.keys() - {"authorization"}))
        request.headers["authorization"] = self.authorization.replace("ALL", signed)


AWS = "AWS4-HMAC-SHA256 Credential={}/20250101/eu-west-1/sagemaker/aws4_request, SignedHeaders=ALL, Signature=0"
SHORT = "AWS4-HMAC-SHA256 Credential={}/, SignedHeaders=ALL, Signature=0"  # without the scope


@pytest.mark.parametrize(
    ("signed", "told"),
    [
        (("Bearer Credential=one/", "Bearer Credential=two/"), ["one", "two", "one*"]),
        ((AWS.format("OTHER"), AWS.format("ANOTHER")), ["OTHER", "ANOTHER", "OTHER"]),
        ((SHORT.format("TENANTA"), SHORT.format("B")), ["TENANTA", "B", "TENANTA"]),
    ],
)
async def test_a_signer_of_ones_own_may_sign_for_somebody_else(signed: tuple[str, str], told: list[str]) -> None:
    """A token is compared as it is; a signature with other keys than the provider's shows no principal that we know."""
    one, two = (override(http_signer_v4=Corporate(authorization)) for authorization in signed)
    async with cached(A) as asked:
        assert told == await bodies(asked, (one,), (two,), (one,))


async def test_an_unsigned_request_of_somebody_with_credentials_is_not_cached() -> None:
    """A proxy may sign it, and with which keys it does so cannot be known here."""
    unsigned = with_api_options(lambda stack: stack.finalize.remove("Signing"))
    async with cached(A) as asked:
        assert ["nobody", "nobody"] == await bodies(asked, (unsigned,), (unsigned,))


@pytest.mark.parametrize(
    "other",
    [
        override(endpoint_resolver=EndpointResolverFunc(lambda *_: Endpoint(URL, signing_name="other"))),
        override(endpoint_resolver=EndpointResolverFunc(lambda *_: Endpoint(URL, signing_region="eu-west-3"))),
        override(base_endpoint=f"{URL}/prefix"),
        override(base_endpoint=URL.replace("model.test", "other.test")),
        override(base_endpoint=URL, region="eu-west-3"),
    ],
    ids=["signing name", "signing region", "prefix", "host", "region"],
)
async def test_another_scope_or_url_is_another_question(other: OptFn) -> None:
    """One signature is good for one service in one region, and what stands behind another URL is another model."""
    http = ScriptedHTTPClient([answer(body=b"one"), answer(body=b"two")])
    base = {"base_endpoint": URL, "region": "eu-west-1", "api_options": [ResponseCache(ttl=60.0)]}
    async with client(http, **base) as asked:
        assert ["one", "one*"] == await bodies(asked, (), ())
    if "endpoint_resolver" in repr(other):
        del base["base_endpoint"]
    async with client(http, **base) as asked:
        assert ["two", "two*"] == await bodies(asked, (other,), (other,))


def setting(step: str, name: str, value: str, **place: str) -> OptFn:
    """A middleware in *step* that sets a header."""

    @build_middleware("SetHeader")
    def in_build(ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        step.request.headers[name] = value
        return next(ctx, step)

    @finalize_middleware("SetHeader")
    def in_finalize(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
        step.request.headers[name] = value
        return next(ctx, step)

    def install(stack: Stack) -> None:
        if step == "build":
            stack.build.add(in_build)
        elif place:
            stack.finalize.insert(in_finalize, **place)
        else:
            stack.finalize.add(in_finalize)

    return with_api_options(install)


PLACES = [
    ("build", {}),
    ("finalize", {}),
    ("finalize", {"before": "Retry"}),
    ("finalize", {"after": "Retry"}),
    ("finalize", {"before": "Signing"}),
    ("finalize", {"after": "Signing"}),
]


@pytest.mark.parametrize("name", ["X-Tenant", "cookie", "X-Api-Key", "baggage", "X-Amzn-SageMaker-Target-Variant"])
@pytest.mark.parametrize(("step", "place"), PLACES)
async def test_a_header_that_it_does_not_know_separates_requests_wherever_it_is_set(
    step: str, place: dict[str, str], name: str
) -> None:
    """Nobody has named it; and its middleware was added after the cache, which must see what it does all the same."""
    http = ScriptedHTTPClient([answer(body=body) for body in (b"none", b"acme", b"globex")])
    acme, globex = (setting(step, name, tenant, **place) for tenant in ("acme", "globex"))
    async with client(http, api_options=[ResponseCache(ttl=60.0)]) as asked:
        told = await bodies(asked, (), (acme,), (globex,), (acme,), (globex,), ())

    assert ["none", "acme", "globex", "acme*", "globex*", "none*"] == told


@pytest.mark.parametrize(
    "name",
    ["user-agent", "X-Amzn-Trace-Id", "traceparent", "tracestate", "X-Amzn-SageMaker-Inference-Id", "X-Request-Id"],
)
async def test_what_names_a_call_changes_no_response(name: str) -> None:
    """Each call has another one of these, so nothing would ever come from memory; an unknown one the user names."""
    http = ScriptedHTTPClient([answer(body=b"one"), answer(body=b"two")])
    cache = ResponseCache(ttl=60.0, ignore=["X-Request-Id"])
    async with client(http, api_options=[cache]) as asked:
        told = await bodies(asked, *((setting("build", name, value),) for value in ("1", "2")))

    assert ["one", "one*"] == told


async def test_a_header_that_the_user_names_separates_requests() -> None:
    """A gateway may choose by one of those that are ignored otherwise."""
    http = ScriptedHTTPClient([answer(body=b"one"), answer(body=b"two")])
    cache = ResponseCache(ttl=60.0, vary=("Traceparent",))
    async with client(http, api_options=[cache]) as asked:
        told = await bodies(asked, *((setting("build", "traceparent", value),) for value in ("1", "2", "1")))

    assert ["one", "two", "one*"] == told


@pytest.mark.parametrize(("vary", "told"), [((), ["one", "one*"]), (("traceparent", "tracestate"), ["one", "two"])])
async def test_a_trace_context_among_the_custom_attributes_is_no_other_question(
    vary: tuple[str, ...], told: list[str]
) -> None:
    """`Tracing` puts it there, for each attempt another one; the attributes beside it still count."""
    http = ScriptedHTTPClient([answer(body=body) for body in (b"one", b"two", b"three")])
    name = "X-Amzn-SageMaker-Custom-Attributes"
    traced = [
        (setting("finalize", name, f"tenant={tenant}, traceparent=00-{trace}-1-01,tracestate=a=1", before="Signing"),)
        for tenant, trace in (("acme", 1), ("acme", 2), ("globex", 2))
    ]
    async with client(http, api_options=[ResponseCache(ttl=60.0, vary=vary)]) as asked:
        told_here = await bodies(asked, *traced)

    assert told == told_here[:2]
    assert not told_here[2].endswith("*")


async def test_a_request_that_is_changed_behind_it_is_not_kept() -> None:
    """The response is of another question than the one it compared."""

    @deserialize_middleware("Late")
    def late(ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Awaitable[Output]:
        step.request.headers["x-tenant"] = "acme"
        return next(ctx, step)

    http = ScriptedHTTPClient([answer(body=b"one"), answer(body=b"two")])
    changing = with_api_options(lambda stack: stack.deserialize.add(late))
    async with client(http, api_options=[ResponseCache(ttl=60.0)]) as asked:
        assert ["one", "two", "two*"] == await bodies(asked, (changing,), (), ())


@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 1_000_000])
async def test_bodies_of_any_size_are_told_apart(size: int) -> None:
    """By a hash of its own: that of the signature may be anything that a middleware has set. The last byte counts."""
    http = ScriptedHTTPClient([answer(body=b"one"), answer(body=b"two")])
    asked_for = [bytes(size) + end for end in (b"a", b"b", b"a")]
    async with client(http, api_options=[ResponseCache(ttl=60.0)]) as asked:
        got = [
            (await asked.invoke_endpoint(InvokeEndpointInput(endpoint_name="model", body=body))).body
            for body in asked_for
        ]

    assert [b"one", b"two", b"one"] == got


async def test_it_keeps_neither_secrets_nor_sensitive_values() -> None:
    """What was compared lies in memory for as long as the response, and a dump of it must not show it."""
    cache = ResponseCache(ttl=60.0)
    provider = StaticCredentialsProvider("AKIDSECRET", "HUSH-secret", "HUSH-token")
    async with client(ScriptedHTTPClient(), credentials=provider, api_options=[cache]) as asked:
        await asked.invoke_endpoint(evolve(asking(), custom_attributes="HUSH-tenant", body=b"HUSH-body"))

    kept = repr(vars(cache))
    assert 1 == len(cache._entries)
    assert "HUSH" not in kept
    assert "AKIDSECRET" not in kept


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"vary": "x-tenant"}, r"vary is a string; it takes several names: \('x-tenant',\)"),
        ({"ignore": "x-request-id"}, "ignore is a string"),
        ({"vary": ["A", "b"], "ignore": ["a"]}, "a in both vary and ignore"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], problem: str) -> None:
    """A string is a collection too, of letters, and would ignore nothing that is meant."""
    with pytest.raises(ConfigError, match=problem):
        ResponseCache(ttl=60.0, **options)  # type: ignore[arg-type]


async def test_the_bound_holds_for_many_threads_at_once() -> None:
    """Two clients in two threads may share one cache."""
    cache = ResponseCache(ttl=60.0, max_bytes=20 * 1_100)

    def work(offset: int) -> None:
        async def ask() -> None:
            async with client(ScriptedHTTPClient(), api_options=[cache]) as asked:
                for number in range(200):
                    await asked.invoke_endpoint(asking(1 + (number * offset) % 50))

        asyncio.run(ask())

    threads = [threading.Thread(target=work, args=(offset,)) for offset in (1, 3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert cache._bytes == sum(1_024 + len(entry.result.body) for entry in cache._entries.values())
    assert cache._bytes <= 20 * 1_100
