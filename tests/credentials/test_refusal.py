"""Credentials that a service refuses: when their source is asked for others, how often, and what becomes of the call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from attrs import define, field
from credentials.sources import bare_machine
from support import ManualClock, ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    ATTEMPTS,
    CREDENTIALS,
    AdaptiveRetryer,
    Client,
    Context,
    Credentials,
    CredentialsCache,
    CredentialsError,
    CredentialsProvider,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    NopRetryer,
    Output,
    Request,
    Response,
    ServiceError,
    StandardRetryer,
    StaticCredentialsProvider,
    finalize_middleware,
    load_config,
    override,
    with_api_options,
)
from sagemaker_runtime.async_inference.s3 import S3Client, S3Object
from sagemaker_runtime.credentials import SIGNED_WITH
from sagemaker_runtime.credentials.refusal import KEY_CODES, SIGNATURE_CODES

__all__ = ["bare_machine"]

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1")


@define
class Source:
    """A file or a process, whose keys are rewritten: what it gives is numbered, and it counts how often it is asked."""

    number: int = 1
    expires_at: float | None = None
    asked: int = 0
    failure: Exception | None = None
    gate: asyncio.Event | None = None

    async def retrieve(self) -> Credentials:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Credentials(f"AKID{self.number}", "secret", f"token-{self.number}", self.expires_at)


@define
class Service:
    """Takes the keys of one number, and refuses all others."""

    takes: int = 1
    code: str = "ExpiredTokenException"
    seen: list[str] = field(factory=list)

    def respond(self, request: Request) -> Response:
        key = request.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        self.seen.append(key)
        if key == f"AKID{self.takes}":
            return answer(200, b"ok")
        return answer(403, b'{"message": "no"}', x_amzn_errortype=self.code)

    def client(self, provider: CredentialsProvider, **changes: object) -> Client:
        return client(ScriptedHTTPClient([self.respond]), credentials=provider, **changes)


def cached(source: CredentialsProvider, clock: ManualClock | None = None) -> CredentialsCache:
    return CredentialsCache(source, clock=clock or ManualClock(), draw=lambda: 0.0)


async def outcome(caller: Client, *opt_fns: Callable[..., None]) -> bytes | str:
    """The body of a call, or the code of its error."""
    try:
        return (await caller.invoke_endpoint(PARAMS, *opt_fns)).body
    except ServiceError as error:
        return error.code


@pytest.mark.parametrize("code", sorted(KEY_CODES | SIGNATURE_CODES))
async def test_keys_that_were_replaced_are_read_again_and_the_call_repeated_once(code: str) -> None:
    """Another tool rewrites a file of temporary keys; without this each call fails until the program is started anew."""
    source, service, clock = Source(), Service(code=code), ManualClock()
    caller = service.client(cached(source), clock=clock)
    await outcome(caller)
    source.number = service.takes = 2

    output = await caller.invoke_endpoint(PARAMS)

    assert b"ok" == output.body
    assert ["AKID1", "AKID1", "AKID2"] == service.seen
    assert 2 == source.asked
    assert [0.0, None] == [each.delay for each in output.result_metadata[ATTEMPTS]]


@pytest.mark.parametrize("code", sorted(KEY_CODES))
async def test_keys_with_an_expiry_are_asked_for_again_too(code: str) -> None:
    """Only the source can say whether they were replaced before their time: a role attached anew, a clock that is slow."""
    clock = ManualClock()
    source, service = Source(expires_at=clock.now() + 3600), Service(code=code)
    caller = service.client(cached(source, clock), clock=clock)
    await outcome(caller)
    source.number = service.takes = 2

    assert b"ok" == await outcome(caller)
    assert 2 == source.asked


@pytest.mark.parametrize("code", sorted(SIGNATURE_CODES))
async def test_a_wrong_signature_is_not_laid_to_keys_that_were_issued_with_their_expiry(code: str) -> None:
    """A proxy has changed the request, and to ask again may have somebody type a code."""
    clock = ManualClock()
    source, service = Source(expires_at=clock.now() + 3600), Service(code=code, takes=2)
    caller = service.client(cached(source, clock), clock=clock)

    assert code == await outcome(caller)
    assert (1, ["AKID1"]) == (source.asked, service.seen)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationError", "ThrottlingException"])
async def test_other_errors_leave_the_credentials_alone(code: str) -> None:
    """They say nothing of the keys."""
    source, service = Source(), Service(code=code, takes=2)

    assert code == await outcome(service.client(cached(source), retryer=NopRetryer()))
    assert 1 == source.asked


async def test_the_same_keys_again_are_not_sent_again() -> None:
    """The service has said what it thinks of them."""
    source, service = Source(), Service(takes=2)

    assert "ExpiredTokenException" == await outcome(service.client(cached(source)))
    assert (2, ["AKID1"]) == (source.asked, service.seen)


async def test_a_storm_of_refused_calls_is_no_storm_of_processes() -> None:
    """Each asking may run a process; the pauses grow to a minute and no longer, and a file rewritten meanwhile is read."""
    source, service, clock = Source(), Service(takes=2), ManualClock()
    caller = service.client(cached(source, clock), clock=clock)
    asked = []
    for second in range(300):
        before = source.asked
        assert "ExpiredTokenException" == await outcome(caller)
        if source.asked > before:
            asked.append(second)
        clock.advance(1.0)
    source.number = 2
    clock.advance(60.0)

    assert b"ok" == await outcome(caller)
    assert [0, 1, 3, 7, 15, 31, 63, 123, 183, 243] == asked


async def test_the_pauses_begin_anew_after_a_quiet_time() -> None:
    """Keys that are replaced each hour are no storm."""
    source, service, clock = Source(), Service(), ManualClock()
    caller = service.client(cached(source, clock), clock=clock)
    for number in range(1, 20):
        source.number = service.takes = number
        assert b"ok" == await outcome(caller)
        clock.advance(3600.0)


async def test_keys_that_are_replaced_in_quick_succession_are_all_found() -> None:
    """Somebody who tries one login after the other."""
    source, service = Source(), Service()
    caller = service.client(cached(source))
    for number in range(1, 7):
        source.number = service.takes = number
        assert b"ok" == await outcome(caller)


async def test_a_source_whose_new_keys_are_all_refused_gets_its_pauses_too() -> None:
    """Each is a session of STS: tokens of the global endpoint, say, in a region that does not take them."""

    class Issuer(Source):
        async def retrieve(self) -> Credentials:
            self.number += 1
            return await super().retrieve()

    source, service, clock = Issuer(), Service(takes=0), ManualClock()
    caller = service.client(cached(source, clock), clock=clock)
    for _ in range(1000):
        await outcome(caller)
        clock.advance(0.1)

    assert 1 + 5 + 3 == source.asked


async def test_a_hundred_calls_refused_with_the_same_keys_ask_once() -> None:
    """They share the answer, those that are refused later too; calls that begin meanwhile wait for the new keys."""
    source, service = Source(), Service()
    caller = service.client(cached(source))
    await outcome(caller)
    source.number = service.takes = 2
    source.gate = asyncio.Event()

    calls = [asyncio.ensure_future(outcome(caller)) for _ in range(100)]
    while source.asked < 2:
        await asyncio.sleep(0)
    late = asyncio.ensure_future(outcome(caller))
    await asyncio.sleep(0)
    source.gate.set()

    assert {b"ok"} == set(await asyncio.gather(*calls, late))
    assert 2 == source.asked
    assert 101 == service.seen.count("AKID2")


async def test_a_call_that_is_refused_after_the_keys_were_renewed_takes_the_new_ones() -> None:
    """Its answer was long on its way: the source has been asked since, and need not be again."""
    source = Source()
    cache = cached(source)
    old = await cache.retrieve()
    source.number = 2
    new = await cache.renew(old)
    await cache.retrieve()

    assert ("AKID2", new, 2) == (new.access_key_id, await cache.renew(old), source.asked)


async def test_without_retries_the_call_fails_and_the_next_one_has_the_new_keys() -> None:
    """NopRetryer means one attempt, and not that the keys stay wrong."""
    source, service = Source(), Service()
    caller = service.client(cached(source), retryer=NopRetryer())
    await outcome(caller)
    source.number = service.takes = 2

    assert ["ExpiredTokenException", b"ok"] == [await outcome(caller), await outcome(caller)]


@pytest.mark.parametrize("retryer", [StandardRetryer(max_attempts=2), AdaptiveRetryer()])
async def test_it_takes_an_attempt_and_its_share_of_the_quota(retryer: StandardRetryer) -> None:
    """A retry like any other, in each mode."""
    source, service = Source(), Service(takes=3)
    source.number = 2
    cache = cached(source)
    await cache.retrieve()
    source.number = 4

    caller = service.client(cache, retryer=retryer)

    assert "ExpiredTokenException" == await outcome(caller)
    assert (["AKID2", "AKID4"], 486) == (service.seen, retryer.quota.available)


async def test_a_stream_that_is_refused_before_its_head_is_repeated_too() -> None:
    """Nothing of it has been read yet."""
    source, service = Source(), Service()
    caller = service.client(cached(source))
    await outcome(caller)
    source.number = service.takes = 2

    output = await caller.invoke_endpoint_with_response_stream(
        InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=b"1")
    )
    output.body.close()

    assert ["AKID1", "AKID1", "AKID2"] == service.seen


async def test_caches_within_caches_all_ask_again() -> None:
    """The outer one alone would be given what the inner one has kept."""
    source, service = Source(), Service()
    caller = service.client(cached(cached(cached(source))))
    await outcome(caller)
    source.number = service.takes = 2

    assert b"ok" == await outcome(caller)
    assert 2 == source.asked


async def test_keys_from_code_are_never_asked_for_again() -> None:
    """There is nothing else that they could be."""
    service = Service(takes=2)
    with pytest.raises(ServiceError) as caught:
        await service.client(StaticCredentialsProvider("AKID1", "s")).invoke_endpoint(PARAMS)
    error = caught.value

    assert ["AKID1"] == service.seen
    assert (False, 1) == (error.credentials_renewed, len(error.attempts))


@pytest.mark.parametrize("changes", [True, False])
async def test_a_provider_that_keeps_nothing_is_repeated_only_if_it_gives_others(*, changes: bool) -> None:
    """It is asked for each attempt anyway; the same keys would be refused again."""
    source, service = Source(), Service(takes=2)
    caller = service.client(source)

    if changes:
        respond = service.respond

        def rewrite(request: Request) -> Response:
            response = respond(request)
            source.number = 2
            return response

        caller = client(ScriptedHTTPClient([rewrite]), credentials=source)

    assert (b"ok" if changes else "ExpiredTokenException") == await outcome(caller)
    assert (["AKID1", "AKID2"] if changes else ["AKID1"]) == service.seen


@pytest.mark.parametrize("failure", [CredentialsError("nobody home"), OSError("the secret is hush")])
async def test_a_source_that_fails_leaves_the_refusal_as_the_error(failure: Exception) -> None:
    """That is what went wrong with this call; the next one is refused again, and asks again after the pause."""
    source, service, clock = Source(), Service(), ManualClock()
    caller = service.client(cached(source, clock), clock=clock)
    await outcome(caller)
    service.takes, source.failure = 2, failure

    with pytest.raises(ServiceError, match="ExpiredTokenException") as caught:
        await caller.invoke_endpoint(PARAMS)
    refused = await outcome(caller)
    source.failure, source.number = None, 2
    clock.advance(1.0)

    (note,) = caught.value.__notes__
    assert note.startswith("a request for new credentials failed: ")
    assert "hush" not in note
    assert ("ExpiredTokenException", b"ok", 3) == (refused, await outcome(caller), source.asked)


async def test_a_call_that_is_cancelled_while_others_are_asked_for_leaves_the_cache_sound() -> None:
    """The asking goes on for those who come next."""
    source, service = Source(), Service()
    caller = service.client(cached(source))
    await outcome(caller)
    source.number = service.takes = 2
    source.gate = asyncio.Event()
    call = asyncio.ensure_future(outcome(caller))
    while source.asked < 2:
        await asyncio.sleep(0)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    source.gate.set()

    assert b"ok" == await outcome(caller)
    assert 2 == source.asked


def test_an_asking_that_ends_with_its_loop_is_begun_again_in_the_next() -> None:
    """asyncio.run twice with one cache: the keys that were set aside are not lost, nor is the cache stuck."""
    source = Source()
    cache = cached(source)

    async def leave() -> None:
        old = await cache.retrieve()
        source.gate = asyncio.Event()
        asking = asyncio.ensure_future(cache.renew(old))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not asking.done()

    asyncio.run(leave())
    source.gate, source.number = None, 2

    assert "AKID1" == asyncio.run(cache.retrieve()).access_key_id


async def test_the_provider_of_the_call_is_the_one_that_is_asked() -> None:
    """An override, or a middleware's: the client's own has not been refused."""
    own, other, service = Source(), Source(5), Service(takes=6)
    caller = service.client(cached(own))
    cache = cached(other)
    await cache.retrieve()
    other.number = 6

    by_override = await outcome(caller, override(credentials=cache))
    other.number = service.takes = 7

    @finalize_middleware("Tenant")
    async def tenant(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        ctx[CREDENTIALS] = cache
        return await next(ctx, step)

    by_middleware = await outcome(
        caller, with_api_options(lambda stack: stack.finalize.insert(tenant, before="Signing"))
    )

    assert ([b"ok", b"ok"], 0) == ([by_override, by_middleware], own.asked)


async def test_an_attempt_knows_what_it_was_signed_with() -> None:
    """The provider may hold others by the time of the answer."""
    seen: list[Credentials | None] = []

    @finalize_middleware("Look")
    async def look(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        seen.append(ctx.get(SIGNED_WITH))
        return await next(ctx, step)

    looking = with_api_options(lambda stack: stack.finalize.insert(look, after="Signing"))
    caller = Service().client(Source())
    await outcome(caller, looking)

    assert [Credentials("AKID1", "secret", "token-1")] == seen
    assert "secret" not in repr(seen)


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "ExpiredToken", "InvalidToken", "SignatureDoesNotMatch"])
async def test_a_reader_of_s3_asks_again_for_itself(code: str) -> None:
    """An asynchronous inference takes up to an hour, and so do temporary keys; there is no Retry above the reader."""
    source, seen = Source(), list[str]()

    def respond(request: Request) -> Response:
        seen.append(request.headers["authorization"].partition("Credential=")[2].partition("/")[0])
        return answer(200, b"result") if seen[-1] == "AKID2" else answer(403, f"<Code>{code}</Code>".encode())

    reader = S3Client(
        http_client=ScriptedHTTPClient([respond]), credentials=cached(source), region="us-east-1", clock=ManualClock()
    )
    with pytest.raises(ServiceError, match=code):
        await reader.read("s3://bucket/key")
    refused = list(seen)
    reader.credentials = cache = cached(source)
    await cache.retrieve()
    source.number = 2

    assert isinstance(await reader.read("s3://bucket/key"), S3Object)
    assert (["AKID1"], ["AKID1", "AKID2"], 4) == (refused, seen[1:], source.asked)


async def test_a_file_that_was_rewritten_is_read_by_the_chain(bare_machine) -> None:
    """The whole way: load_config, botocore's chain, and a process that gives other keys at its second run."""
    service = Service()
    file = bare_machine / "credentials"

    def write(number: int) -> None:
        file.write_text(f"[default]\naws_access_key_id=AKID{number}\naws_secret_access_key=s\n")

    write(1)
    config = await load_config(region="us-east-1")
    caller = Client.from_config(config, override(http_client=ScriptedHTTPClient([service.respond])))
    first = await outcome(caller)
    write(2)
    service.takes = 2
    second = await outcome(caller)
    process = bare_machine / "process.sh"
    document = {"Version": 1, "AccessKeyId": "AKID3", "SecretAccessKey": "s"}
    process.write_text(f"#!/bin/sh\necho '{json.dumps(document)}'\n")
    process.chmod(0o755)
    file.unlink()
    (bare_machine / "config").write_text(f"[default]\ncredential_process = {process}\n")
    service.takes = 3

    third = await outcome(caller)

    assert [b"ok"] * 3 == [first, second, third]
    assert ["AKID1", "AKID1", "AKID2", "AKID2", "AKID3"] == service.seen
