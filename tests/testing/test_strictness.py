"""`StubHTTPClient` is as strict as the wire: what the default transport or the local endpoint refuses, it refuses alike."""

from __future__ import annotations

import enum
from collections.abc import Callable

import pytest

from sagemaker_runtime import (
    AioHTTPClient,
    AnonymousCredentialsProvider,
    BuildHandler,
    BuildInput,
    Client,
    ClientClosedError,
    ConfigError,
    Context,
    Credentials,
    FinalizeHandler,
    FinalizeInput,
    InvokeEndpointInput,
    NopRetryer,
    OptFn,
    Options,
    Output,
    Request,
    ServiceError,
    SigV4Signer,
    StaticCredentialsProvider,
    Timeout,
    build_middleware,
    finalize_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.context import PAYLOAD_HASH
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.testing import StubHTTPClient, UnexpectedCallError, respond

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2", content_type="text/csv", custom_attributes="secret 1")
ONCE = override(retryer=NopRetryer())


class Word(str, enum.Enum):  # noqa: UP042 - StrEnum's format is its value; this one's is its name
    """A member of an enum."""

    PATH = "/endpoints/iris/invocations"


def raw(name: str, value: object) -> Callable[[Request], object]:
    return lambda request: request.headers.raw.update({name: value})  # type: ignore[dict-item]


def part(name: str, value: object) -> Callable[[Request], object]:
    return lambda request: setattr(request, name, value)


UNSENDABLE: dict[str, Callable[[Request], object]] = {
    "a longer body": part("body", b"1,2,3"),
    "a shorter body": part("body", b""),
    "a text": part("body", "1,2"),
    "no body": part("body", None),
    "no length": lambda request: request.headers.pop("content-length"),
    "another length": raw("content-length", "4"),
    "two lengths": raw("content-length", "3, 3"),
    "a length that is a number": raw("content-length", 3),
    "a length in another spelling": raw("Content-Length", "3"),
    "a coding": raw("transfer-encoding", "chunked"),
    "an expectation": raw("expect", "100-continue"),
    "a line end in a value": raw("x-a", "1\r\nx-b: 2"),
    "a zero in a value": raw("x-a", "1\0"),
    "a surrogate": raw("x-a", "\udc80"),
    "a number as a value": raw("x-a", 5),
    "bytes as a value": raw("x-a", b"1"),
    "a blank in a name": raw("x a", "1"),
    "a colon in a name": raw("x:a", "1"),
    "a name in capitals": raw("X-A", "1"),
    "a name beyond ASCII": raw("x-\u00e9", "1"),
    "no name": raw("", "1"),
    "a blank in the path": part("path", "/endpoints/my iris/invocations"),
    "a line end in the path": part("path", "/a\r\nx-b: 2"),
    "a path beyond ASCII": part("path", "/\u00e9"),
    "a fragment": part("path", "/a#b"),
    "a path without a slash": part("path", "endpoints"),
    "a path of bytes": part("path", b"/a"),
    "a blank in the query": part("query", "a=b c"),
    "a blank in the method": part("method", "GET /"),
    "no method": part("method", ""),
    "no host": part("host", ""),
    "a host with a path": part("host", "a.test/b"),
    "a host with a user": part("host", "user@a.test"),
    "a host with a blank": part("host", "a test"),
    "a host in capitals": part("host", "A.test"),
    "a host that is a number": part("host", 5),
    "a port out of range": part("host", "a.test:70000"),
    "another scheme": part("scheme", "ftp"),
    "no scheme": part("scheme", None),
}


def request() -> Request:
    made = Request(scheme="http", host="127.0.0.1:9", path="/endpoints/iris/invocations", body=b"1,2")
    made.headers.update({"host": made.host, "content-length": "3"})
    return made


@pytest.mark.parametrize("change", UNSENDABLE.values(), ids=UNSENDABLE)
async def test_what_the_transport_does_not_send_the_stub_does_not_either(change: Callable[[Request], object]) -> None:
    """A test with the stub passed, and the first real call failed. The class and the text are the same."""
    wire, stub = AioHTTPClient(), StubHTTPClient([respond(b"7")])
    errors: list[ConfigError] = []
    for transport in (wire, stub):
        sent = request()
        change(sent)
        with pytest.raises(ConfigError) as caught:
            await transport.send(sent, timeout=Timeout())
        errors.append(caught.value)
    await wire.close()

    assert str(errors[0]) == str(errors[1])
    assert type(errors[0]) is type(errors[1])
    assert [] == stub.requests
    assert 1 == len(stub.script)
    with pytest.raises(UnexpectedCallError, match="a request could not be sent: "):
        stub.assert_done()


@pytest.mark.parametrize("change", [part("path", Word.PATH), raw("x-name", "Gr\u00fc\u00dfe"), raw("x-tab", "a\tb")])
async def test_what_the_transport_sends_the_stub_takes(change: Callable[[Request], object]) -> None:
    """Strict is not stricter."""
    sent = request()
    change(sent)

    response = await StubHTTPClient([respond(b"7")]).send(sent, timeout=Timeout())

    assert b"7" == await response.body.read()


async def test_a_closed_stub_sends_nothing_more() -> None:
    """As the default transport: whoever closes it too early finds out in a test."""
    stub, wire = StubHTTPClient([respond(b"7")]), AioHTTPClient()
    texts = []
    for transport in (stub, wire):
        await transport.close()
        with pytest.raises(ClientClosedError) as caught:
            await transport.send(request(), timeout=Timeout())
        texts.append(str(caught.value))

    assert texts[0] == texts[1]


def after_signing(change: Callable[[Request], object]) -> OptFn:
    @finalize_middleware("Tamper")
    async def tamper(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        change(step.request)
        return await next(ctx, step)

    return with_api_options(lambda stack: stack.finalize.insert(tamper, after="Signing"))


def payload_hash(value: str) -> OptFn:
    @build_middleware("Hash")
    async def give(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        ctx[PAYLOAD_HASH] = value
        return await next(ctx, step)

    return with_api_options(lambda stack: stack.build.add(give))


def set_body(request: Request) -> None:
    request.body += b"more"
    request.headers["content-length"] = str(len(request.body))


def signed_headers(old: str, new: str) -> Callable[[Request], object]:
    return lambda request: request.headers.update({"authorization": request.headers["authorization"].replace(old, new)})


REFUSED: dict[str, OptFn] = {
    "a body of the same length": after_signing(part("body", b"1,3")),
    "a body with its length": after_signing(set_body),
    "a header changed": after_signing(raw("content-type", "text/html")),
    "a secret header changed": after_signing(raw("x-amzn-sagemaker-custom-attributes", "secret 2")),
    "a header emptied": after_signing(raw("accept-encoding", "")),
    "a header removed": after_signing(lambda request: request.headers.pop("content-type")),
    "the date changed": after_signing(raw("x-amz-date", "20250615T150641Z")),
    "a header added": after_signing(raw("x-amz-target", "other")),
    "a token added": after_signing(raw("x-amz-content-sha256", "UNSIGNED-PAYLOAD")),
    "the signature removed": after_signing(lambda request: request.headers.pop("authorization")),
    "the endpoint changed": after_signing(part("path", "/endpoints/other/invocations")),
    "the host not signed": after_signing(signed_headers(";host", "")),
    "the date not signed": after_signing(signed_headers(";x-amz-date", "")),
    "a header signed that is not there": after_signing(signed_headers(";host", ";host;x-gone")),
    "no signed headers": after_signing(signed_headers("SignedHeaders=", "Headers=")),
    "a body that is not signed": payload_hash("UNSIGNED-PAYLOAD"),
    "a hash of another body": payload_hash("0" * 64),
}


async def refusal(options: Options, *opt_fns: OptFn) -> tuple[int | None, str | None, str]:
    async with Client(options, ONCE, *opt_fns) as client:
        with pytest.raises(ServiceError) as caught:
            await client.invoke_endpoint(PARAMS)
    return caught.value.status, caught.value.code, caught.value.message


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
async def test_a_signature_that_the_local_endpoint_refuses_the_stub_refuses_too(change: OptFn) -> None:
    """A middleware below Signing that changes what was signed passed every test with the stub."""
    stub = StubHTTPClient([respond(b"7")])
    async with LocalEndpoint(
        {"iris": lambda invocation: b"7"},
        credentials=Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        clock=stub.clock,
    ) as local:
        at_noon = override(clock=stub.clock)
        by_endpoint = await refusal(local.options(), at_noon, change)
        by_stub = await refusal(stub.options(), override(base_endpoint=local.url), change)

    assert by_endpoint == by_stub
    assert 403 == by_stub[0]
    assert "secret" not in by_stub[2].replace("Check your AWS Secret Access Key", "").lower()
    assert (1, 1) == (len(stub.requests), len(stub.script))
    with pytest.raises(UnexpectedCallError, match=r"request 1, POST /endpoints/.* was refused: "):
        stub.assert_done()


@pytest.mark.parametrize(
    "options",
    [
        [override(credentials=StaticCredentialsProvider("AKIDOTHER", "other", "a token"))],
        [override(credentials=AnonymousCredentialsProvider())],
        [override(http_signer_v4=SigV4Signer())],
        [override(http_signer_v4=SigV4Signer(content_sha256_header=True))],
        [override(http_signer_v4=SigV4Signer(content_sha256_header=True)), payload_hash("UNSIGNED-PAYLOAD")],
        [payload_hash("UNSIGNED-PAYLOAD")],
        [after_signing(raw("authorization", "Bearer token"))],
        [after_signing(lambda request: request.headers.update({"traceparent": "00-1-2-01", "user-agent": "mine"}))],
        [after_signing(raw("content-type", "text/csv "))],
        [override(base_endpoint="http://gateway.test/base")],
    ],
    ids=["keys", "none", "signer", "hash", "https, header", "https", "bearer", "unsigned", "blanks", "gateway"],
)
async def test_what_the_service_takes_the_stub_takes(options: list[OptFn]) -> None:
    """Headers that proxies and tracers set, other keys, other methods, and over https a body that is not signed."""
    stub = StubHTTPClient([respond(b"7")])
    async with Client(stub.options(), ONCE, *options) as client:
        assert b"7" == (await client.invoke_endpoint(PARAMS)).body

    stub.assert_done()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (raw("x-amz-target", "other"), "'x-amz-target' must be a 'SignedHeader'"),
        (lambda request: request.headers.pop("content-type"), "'content-type', which was signed and has not arrived"),
    ],
)
async def test_of_a_signer_that_it_does_not_know_it_sees_what_needs_no_secret(
    change: Callable[[Request], object], words: str
) -> None:
    """A company's own signer, or options that were not made by the stub."""
    stub = StubHTTPClient([respond(b"7")])

    _, code, message = await refusal(stub.options(), override(http_signer_v4=SigV4Signer()), after_signing(change))

    assert "InvalidSignatureException" == code
    assert words in message


async def test_a_refused_attempt_may_be_followed_by_a_good_one() -> None:
    """Each attempt is signed anew, and each is looked at by itself."""
    stub = StubHTTPClient([respond(b"7")])
    spoiled = [True, False]

    def once(request: Request) -> None:
        if spoiled.pop(0):
            request.headers["content-type"] = "text/html"

    async with Client(stub.options(), ONCE, after_signing(once)) as client:
        with pytest.raises(ServiceError, match="the header 'content-type', from 'text/csv' to 'text/html'"):
            await client.invoke_endpoint(PARAMS)
        assert b"7" == (await client.invoke_endpoint(PARAMS)).body
