"""Finalize: retries, and what each attempt gets anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from attrs import define
from support import NOON, ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    ATTEMPTS,
    CREDENTIALS,
    AnonymousCredentialsProvider,
    BuildHandler,
    BuildInput,
    ConfigError,
    ConnectError,
    Context,
    Credentials,
    CredentialsCache,
    CredentialsError,
    CredentialsProvider,
    Endpoint,
    EndpointResolverFunc,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    ModelNotReadyException,
    Output,
    RetryQuota,
    ServiceError,
    StandardRetryer,
    StaticCredentialsProvider,
    Timeout,
    build_middleware,
    finalize_middleware,
)
from sagemaker_runtime.context import ATTEMPT

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
SURE = StandardRetryer(draw=lambda: 1.0)


def throttled() -> ServiceError:
    error = ServiceError("slow down")
    error.code, error.status = "ThrottlingException", 400
    return error


def not_ready() -> object:
    return answer(429, b'{"message": "loading"}', x_amzn_errortype="ModelNotReadyException")


async def test_each_attempt_is_signed_anew_with_a_date_of_its_own() -> None:
    """After a wait the old signature may have expired."""
    http = ScriptedHTTPClient([throttled(), throttled(), answer()])
    clock = ManualClock()

    await client(http, clock=clock, retryer=SURE).invoke_endpoint(PARAMS)

    dates = [request.headers["x-amz-date"] for request in http.requests]
    assert clock.slept == [1.0, 2.0]
    assert dates == ["20250615T150640Z", "20250615T150641Z", "20250615T150643Z"]
    assert len({request.headers["authorization"] for request in http.requests}) == 3


async def test_a_signature_bears_the_nearest_second() -> None:
    """Its date has no fractions; cut off, the request would be up to a second old before it is sent."""
    http = ScriptedHTTPClient([answer(), answer()])
    clock = ManualClock()
    caller = client(http, clock=clock)

    for seconds in (0.4, 0.2):
        clock.advance(seconds)
        await caller.invoke_endpoint(PARAMS)

    dates = [request.headers["x-amz-date"] for request in http.requests]
    assert ["20250615T150640Z", "20250615T150641Z"] == dates


@define
class RotatingProvider:
    """Other credentials each time; the second have a token and the third have none."""

    asked: int = 0

    async def retrieve(self) -> Credentials:
        self.asked += 1
        return Credentials(f"AKID{self.asked}", "hush", "token" if self.asked == 2 else None)


async def test_each_attempt_asks_for_credentials_again_and_forgets_the_earlier_ones() -> None:
    """They may have expired meanwhile; a token of the attempt before would make the service refuse the next."""
    http = ScriptedHTTPClient([ConnectError("a"), ConnectError("b"), answer()])

    await client(http, credentials=RotatingProvider()).invoke_endpoint(PARAMS)

    ids = [request.headers["authorization"].partition("Credential=")[2][:5] for request in http.requests]
    assert ids == ["AKID1", "AKID2", "AKID3"]
    assert [request.headers.get("x-amz-security-token") for request in http.requests] == [None, "token", None]


class Ready(RotatingProvider):
    """Has credentials at hand, but for the first time it is asked; counts how often it must be awaited."""

    looks: int = 0

    def current(self) -> Credentials | None:
        self.looks += 1
        return None if self.looks == 1 else Credentials("READY", "hush")

    async def retrieve(self) -> Credentials:
        return await super().retrieve()


def key_of(http: ScriptedHTTPClient) -> list[str]:
    """The access key that each request was signed with."""
    return [each.headers["authorization"].partition("Credential=")[2].partition("/")[0] for each in http.requests]


async def test_a_provider_that_has_credentials_at_hand_is_not_awaited() -> None:
    """A coroutine for each call costs what a cache is there to save; only where it has none is it worth one."""
    http = ScriptedHTTPClient()
    provider = Ready()
    caller = client(http, credentials=provider)

    for _ in range(3):
        await caller.invoke_endpoint(PARAMS)

    assert ["AKID1", "READY", "READY"] == key_of(http)
    assert (3, 1) == (provider.looks, provider.asked)


class Vault(StaticCredentialsProvider):
    """A user's own: changes retrieve alone."""

    async def retrieve(self) -> Credentials:
        return Credentials("VAULT", "hush")


class ReadyVault(Vault):
    """Changes it back, by what is at hand."""

    def current(self) -> Credentials:
        return Credentials("HAND", "hush")

    async def retrieve(self) -> Credentials:
        raise AssertionError


@pytest.mark.parametrize(
    ("provider", "key"),
    [
        (StaticCredentialsProvider("STATIC", "hush"), "STATIC"),
        (Vault("STATIC", "hush"), "VAULT"),
        (ReadyVault("STATIC", "hush"), "HAND"),
        (CredentialsCache(Vault("STATIC", "hush")), "VAULT"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_who_changes_retrieve_alone_is_asked_by_it(provider: object, key: str) -> None:
    """The inherited current would go on giving what the subclass was written to replace."""
    http = ScriptedHTTPClient()

    await client(http, credentials=provider).invoke_endpoint(PARAMS)

    assert [key] == key_of(http)


async def test_without_credentials_to_sign_with_the_request_is_sent_as_it_is() -> None:
    """For a proxy that signs itself: no half of a signature, and no region needed."""
    http = ScriptedHTTPClient()
    anonymous = AnonymousCredentialsProvider()

    await client(http, credentials=anonymous, region=None, base_endpoint="https://host").invoke_endpoint(PARAMS)

    (request,) = http.requests
    assert {"host", "content-type", "content-length"} < request.headers.keys()
    assert not {"authorization", "x-amz-date", "x-amz-security-token"} & request.headers.keys()


class Careless:
    """Gives whatever it was made with."""

    def __init__(self, given: object) -> None:
        self.given = given

    async def retrieve(self) -> object:
        return self.given


class CarelessAtHand(Careless):
    """The same without being awaited."""

    def current(self) -> object:
        return self.given

    async def retrieve(self) -> object:
        raise AssertionError


@pytest.mark.parametrize("kind", [Careless, CarelessAtHand])
@pytest.mark.parametrize("given", [("AKID", "hush"), {"secret_access_key": "hush"}, "hush", 0])
async def test_a_provider_that_gives_no_credentials_is_told_so_and_not_retried(
    kind: type[Careless], given: object
) -> None:
    """A tuple, a dict, the text of a secret: named by type, because the value may be the secret."""
    http = ScriptedHTTPClient()

    with pytest.raises(CredentialsError) as caught:
        await client(http, credentials=kind(given)).invoke_endpoint(PARAMS)

    assert (
        f"the credentials provider returned {type(given).__name__}; it must return Credentials" == caught.value.message
    )
    assert ([], 1) == (http.requests, len(caught.value.attempts))


async def test_what_one_attempt_sets_on_its_request_ends_with_it() -> None:
    """Each attempt has a copy, so nothing of the failed one is sent again."""

    async def mark(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        if ctx[ATTEMPT] == 1:
            step.request.headers["x-first"] = "1"
            step.request.path = "/elsewhere"
        return await next(ctx, step)

    http = ScriptedHTTPClient([ConnectError("a"), answer()])
    marking = finalize_middleware("Mark")(mark)

    await client(http, api_options=[lambda s: s.finalize.insert(marking, after="Retry")]).invoke_endpoint(PARAMS)

    first, second = http.requests
    assert (first.path, first.headers["x-first"]) == ("/elsewhere", "1")
    assert (second.path, second.headers.get("x-first")) == ("/endpoints/iris/invocations", None)


async def test_a_result_tells_of_every_attempt_that_led_to_it() -> None:
    """A dashboard shows how often, for how long and why a call was repeated."""
    clock = ManualClock()

    def fail(_: object) -> object:
        clock.advance(0.5)
        return answer(503, b'{"message": "busy"}', x_amzn_errortype="ServiceUnavailable")

    output = await client(
        ScriptedHTTPClient([fail, ConnectError("refused"), answer()]),
        clock=clock,
        retryer=SURE,
    ).invoke_endpoint(PARAMS)

    first, second, third = output.result_metadata[ATTEMPTS]
    assert (first.number, first.seconds, first.status, first.error_type) == (1, 0.5, 503, "ServiceUnavailable")
    assert first.error == "ServiceUnavailable: busy (HTTP 503)"
    assert (first.delay, second.delay, third.delay) == (0.05, 0.1, None)
    assert (second.status, second.error_type, second.error) == (None, "ConnectError", "refused")
    assert (third.number, third.error, third.error_type) == (3, None, None)


async def test_an_error_tells_of_every_attempt_too() -> None:
    """What finally failed may hide why it was tried three times."""
    with pytest.raises(ConnectError) as caught:
        await client(ScriptedHTTPClient([ConnectError("refused")]), retryer=SURE).invoke_endpoint(PARAMS)

    attempts = caught.value.attempts
    assert [(each.number, each.delay) for each in attempts] == [(1, 0.05), (2, 0.1), (3, None)]
    assert str(caught.value) == "refused (InvokeEndpoint, 3 attempts)"


async def test_a_wait_that_would_end_after_the_total_limit_is_not_begun() -> None:
    """The caller gets the error of the attempt at once, and not a time-out later."""
    http = ScriptedHTTPClient([throttled()])
    clock = ManualClock()

    with pytest.raises(ServiceError, match="slow down") as caught:
        await client(http, clock=clock, retryer=SURE, timeout=Timeout(total=2.5)).invoke_endpoint(PARAMS)

    assert clock.slept == [1.0]
    assert caught.value.__notes__ == ["not retried: the wait of 2.000 s would end after Timeout.total"]


async def test_a_cold_start_is_waited_for_until_its_time_is_over_and_no_longer() -> None:
    """Minutes of ModelNotReadyException are normal; more than the limit is a failure."""
    http = ScriptedHTTPClient([not_ready()])
    clock = ManualClock()
    policy = StandardRetryer(draw=lambda: 1.0, model_not_ready_timeout=30.0, quota=RetryQuota(10_000))

    with pytest.raises(ModelNotReadyException):
        await client(http, clock=clock, retryer=policy).invoke_endpoint(PARAMS)

    assert sum(clock.slept) == 30.0
    assert len(http.requests) == 6


async def test_a_wait_can_be_cancelled() -> None:
    """Cancellation is asyncio's own and is never swallowed."""
    asleep = asyncio.Event()

    class Sleepless(ManualClock):
        async def sleep(self, seconds: float, /) -> None:
            asleep.set()
            await asyncio.Event().wait()

    http = ScriptedHTTPClient([ConnectError("refused")])
    call = asyncio.ensure_future(client(http, clock=Sleepless()).invoke_endpoint(PARAMS))
    await asleep.wait()

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(http.requests) == 1


async def test_a_failure_does_not_show_the_one_before_it_as_its_context() -> None:
    """The attempts are told in their records; a chain of tracebacks would hide the one that counts."""
    with pytest.raises(ConnectError) as caught:
        await client(ScriptedHTTPClient([ConnectError("a"), ConnectError("b"), ConnectError("c")])).invoke_endpoint(
            PARAMS
        )

    assert caught.value.message == "c"
    assert caught.value.__context__ is None


def date_of(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


async def test_each_attempt_says_its_number_and_once_the_clocks_are_known_its_end() -> None:
    """The ttl is on the service's clock: here an hour ahead of ours."""
    http = ScriptedHTTPClient([answer(503, date=date_of(NOON + 3600)), answer(date=date_of(NOON + 3600))])
    caller = client(http, retryer=StandardRetryer(max_attempts=5, draw=lambda: 0.0))

    await caller.invoke_endpoint(PARAMS)

    first, second = (request.headers["amz-sdk-request"] for request in http.requests)
    assert first == "attempt=1; max=5"
    assert second == "ttl=20250615T160750Z; attempt=2; max=5"  # NOON + 3600 + 70


@pytest.mark.parametrize(("total", "end"), [(30.0, "20250615T150710Z"), (100.0, "20250615T150750Z")])
async def test_the_end_is_the_nearer_of_the_total_and_the_read_limit(total: float, end: str) -> None:
    """The service may stop working on what nobody waits for any more."""
    http = ScriptedHTTPClient([answer(date=date_of(NOON))])
    caller = client(http, timeout=Timeout(total=total, read=70))

    await caller.invoke_endpoint(PARAMS)
    await caller.invoke_endpoint(PARAMS)

    assert http.requests[1].headers["amz-sdk-request"] == f"ttl={end}; attempt=1; max=3"


async def test_without_retry_the_call_is_the_first_attempt() -> None:
    """A user may remove Retry; what stands below it must still work."""
    http = ScriptedHTTPClient()

    output = await client(http, api_options=[lambda s: s.finalize.remove("Retry")]).invoke_endpoint(PARAMS)

    assert http.requests[0].headers["amz-sdk-request"] == "attempt=1; max=3"
    assert ATTEMPTS not in output.result_metadata


async def test_no_region_to_sign_for_is_an_error_that_says_where_to_set_one() -> None:
    """An endpoint without a signing region and a client without a region: there is nothing to sign with."""
    http = ScriptedHTTPClient()

    with pytest.raises(ConfigError, match=r"no region to sign for: set Options\.region, or signing_region"):
        await client(http, region=None, base_endpoint="https://host").invoke_endpoint(PARAMS)

    assert http.requests == []


async def test_an_endpoint_says_for_which_scope_to_sign() -> None:
    """A proxy of one region may stand before the service of another, under a name of its own."""
    http = ScriptedHTTPClient()
    resolver = EndpointResolverFunc(lambda *_: Endpoint("https://host", "other-name", "eu-west-1"))

    await client(http, region=None, endpoint_resolver=resolver).invoke_endpoint(PARAMS)

    assert "/20250615/eu-west-1/other-name/aws4_request" in http.requests[0].headers["authorization"]


async def test_a_users_own_exception_is_not_retried_and_not_wrapped() -> None:
    """What a middleware raises reaches the caller as it is."""

    async def burst(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        raise ZeroDivisionError("mine")

    bursting = finalize_middleware("Burst")(burst)
    http = ScriptedHTTPClient()

    with pytest.raises(ZeroDivisionError, match="mine"):
        await client(http, api_options=[lambda s: s.finalize.add(bursting)]).invoke_endpoint(PARAMS)

    assert http.requests == []


class Mixin:
    """Gives others than the class beside it."""

    async def retrieve(self) -> Credentials:
        return Credentials("AKMIXIN", "secret")


class WithMixin(Mixin, StaticCredentialsProvider):
    """Asks the mixin, which comes first."""


class Delegate:
    """Has all that another provider has, and gives other credentials."""

    def __init__(self, inner: StaticCredentialsProvider) -> None:
        self._inner = inner

    async def retrieve(self) -> Credentials:
        return Credentials("AKDELEGATE", "secret")

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


class Remembers:
    """Keeps what it gave under a name of its own choice."""

    current = None

    async def retrieve(self) -> Credentials:
        self.current = Credentials("AKREMEMBERS", "secret")
        return self.current


@pytest.mark.parametrize(
    ("provider", "key"),
    [
        (WithMixin("AKSTATIC", "secret"), "AKMIXIN"),
        (Delegate(StaticCredentialsProvider("AKSTATIC", "secret")), "AKDELEGATE"),
        (Remembers(), "AKREMEMBERS"),
    ],
    ids=["mixin", "delegate", "remembers"],
)
async def test_the_class_that_gives_credentials_says_whether_they_can_be_had_without_waiting(
    provider: CredentialsProvider, key: str
) -> None:
    """Any other ``current`` that happens to be there would sign with the wrong key, in silence."""
    http = ScriptedHTTPClient()
    made = client(http, credentials=provider)

    for _ in range(2):
        await made.invoke_endpoint(PARAMS)

    assert all(f"Credential={key}/" in request.headers["authorization"] for request in http.requests)


async def test_a_cache_that_looks_on_keeps_its_cache() -> None:
    """A subclass that counts or logs is the commonest there is, and each call to STS costs a second."""

    class Source:
        asked = 0

        async def retrieve(self) -> Credentials:
            self.asked += 1
            return Credentials("AKID", "secret")

    class Looking(CredentialsCache):
        async def retrieve(self) -> Credentials:
            return await super().retrieve()

    source = Source()
    made = client(credentials=Looking(source))

    for _ in range(5):
        await made.invoke_endpoint(PARAMS)

    assert 1 == source.asked


async def test_credentials_in_the_place_of_a_provider_are_refused_by_name() -> None:
    """Who comes from boto3 sets what signs, and not what gives it."""

    @build_middleware("Wrong")
    def wrong(ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        ctx[CREDENTIALS] = Credentials("AKID", "s3cr3t")
        return next(ctx, step)

    with pytest.raises(
        ConfigError, match="CREDENTIALS to an object of type Credentials; set it to a provider"
    ) as caught:
        await client(api_options=[lambda stack: stack.build.add(wrong)]).invoke_endpoint(PARAMS)
    assert "s3cr3t" not in str(caught.value)
