"""The front's check of signatures: through real sockets, and at its edges."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from both_clients import Client
from support import NOON, ManualClock

from sagemaker_runtime import (
    Context,
    Credentials,
    FinalizeHandler,
    FinalizeInput,
    Headers,
    InvokeEndpointInput,
    OptFn,
    Output,
    Request,
    ServiceError,
    SigV4Signer,
    StaticCredentialsProvider,
    finalize_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.local.front.failures import FailureError
from sagemaker_runtime.local.front.signature import ReceivedRequest, check_signature

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
AT_NOON = datetime.fromtimestamp(NOON, UTC)


def after_signing(change: Callable[[Request], object]) -> OptFn:
    """Change the request once it is signed, as something on the way could."""

    @finalize_middleware("Tamper")
    async def tamper(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        change(step.request)
        return await next(ctx, step)

    return with_api_options(lambda stack: stack.finalize.insert(tamper, after="Signing"))


def flip_body(request: Request) -> None:
    request.body = bytes(byte ^ 1 for byte in request.body)


def keys_of(local: LocalEndpoint, *, secret: str | None = None, token: str | None = None) -> OptFn:
    keys = local.credentials
    return override(credentials=StaticCredentialsProvider(keys.access_key_id, secret or keys.secret_access_key, token))


@pytest.mark.twice
@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda local: keys_of(local, secret="wrong"), "InvalidSignatureException", "does not match the signature"),
        (
            lambda local: after_signing(flip_body),
            "InvalidSignatureException",
            "does not match the signature .* Changed after signing: the body[.] ",
        ),
        (
            lambda local: after_signing(lambda request: request.headers.update({"content-type": "text/html"})),
            "InvalidSignatureException",
            "does not match .* the header 'content-type', from 'application/octet-stream' to 'text/html'",
        ),
        (
            lambda local: after_signing(lambda request: request.headers.update({"x-amz-more": "1"})),
            "InvalidSignatureException",
            "'x-amz-more' must be a 'SignedHeader'",
        ),
        (
            lambda local: after_signing(lambda request: request.headers.pop("amz-sdk-request")),
            "InvalidSignatureException",
            "does not match .* the header 'amz-sdk-request', which was signed and has not arrived",
        ),
        (
            lambda local: after_signing(lambda request: setattr(request, "query", "extra=1")),
            "UnknownOperationException",
            "not known",
        ),
        (
            lambda local: override(credentials=StaticCredentialsProvider("AKIDOTHER", "secret")),
            "UnrecognizedClientException",
            "security token",
        ),
        (lambda local: keys_of(local, token="unasked"), "UnrecognizedClientException", "security token"),
        (
            lambda local: after_signing(lambda request: request.headers.pop("authorization")),
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        (
            lambda local: override(clock=ManualClock(), disable_clock_skew_correction=True),
            "InvalidSignatureException",
            "Signature expired: 20250615T150640Z",
        ),
        (
            lambda local: override(clock=ManualClock(7_000_000_000.0), disable_clock_skew_correction=True),
            "InvalidSignatureException",
            "Signature not yet current",
        ),
        (
            lambda local: override(region="eu-west-1"),
            "InvalidSignatureException",
            "should be scoped to '[0-9]{8}/us-east-1/sagemaker/aws4_request', not '[0-9]{8}/eu-west-1/",
        ),
    ],
)
async def test_a_request_that_is_not_signed_as_it_should_be_is_refused(
    local: LocalEndpoint, make: Callable[[LocalEndpoint], OptFn], code: str, words: str
) -> None:
    """A client that signs wrongly must fail on a laptop as it would against the service, and never reach the model."""
    async with Client(local.options(), make(local)) as client:
        with pytest.raises(ServiceError, match=words) as raised:
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"1,2"))

    assert code == raised.value.code
    assert (404 if code == "UnknownOperationException" else 403) == raised.value.status
    assert raised.value.request_id
    assert 0 == local.calls("echo")


@pytest.mark.twice
@pytest.mark.parametrize("sent", ["other", None])
async def test_a_session_token_must_be_the_one_of_the_credentials(sent: str | None) -> None:
    """Temporary credentials without their token, or with an old one, are refused by the service."""
    given = Credentials("AKIDLOCAL", "secret", "token")

    async with LocalEndpoint({"echo": lambda invocation: invocation.body}, credentials=given) as local:
        async with Client(local.options()) as client:
            params = InvokeEndpointInput(endpoint_name="echo", body=b"1")
            accepted = await client.invoke_endpoint(params)
            with pytest.raises(ServiceError, match="UnrecognizedClientException"):
                await client.invoke_endpoint(params, keys_of(local, token=sent))

        assert b"1" == accepted.body
        assert 1 == local.calls("echo")


@pytest.mark.twice
async def test_credentials_that_have_expired_are_refused_as_such() -> None:
    """Those of a role do expire in a program that runs for hours, and what it does then wants a test of moments."""
    given = Credentials("AKIDLOCAL", "secret", "token", expires_at=NOON)

    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}, credentials=given) as local,
        Client(local.options()) as client,
    ):
        with pytest.raises(ServiceError, match="The security token included in the request is expired") as raised:
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"1"))

        assert ("ExpiredTokenException", 403) == (raised.value.code, raised.value.status)
        assert 0 == local.calls("echo")


def signed(
    body: bytes = b"{}", *, signer: SigV4Signer | None = None, payload_hash: str | None = None, **headers: str
) -> Request:
    """A request signed at noon; header names are written with underscores."""
    request = Request(host="127.0.0.1:8080", path="/endpoints/iris/invocations", body=body)
    request.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    (signer or SigV4Signer()).sign_http(
        request,
        credentials=KEYS,
        payload_hash=payload_hash or sha256(body).hexdigest(),
        service="sagemaker",
        region="us-east-1",
        signing_time=AT_NOON,
    )
    return request


def check(
    request: Request,
    pairs: list[tuple[str, str]] | None = None,
    *,
    now: datetime = AT_NOON,
    credentials: Credentials = KEYS,
) -> None:
    pairs = list(request.headers.items()) if pairs is None else pairs
    received = ReceivedRequest(request.method, request.path, pairs, Headers.received(pairs), request.body)
    check_signature(received, credentials=credentials, region="us-east-1", now=now)


def refused(request: Request, **arguments: object) -> tuple[str | None, str]:
    with pytest.raises(FailureError) as raised:
        check(request, **arguments)
    assert 403 == raised.value.status
    return raised.value.code, str(raised.value.document["Message"])


@pytest.mark.parametrize(("expires_at", "expired"), [(NOON + 1, False), (NOON, True), (NOON - 1, True)])
def test_credentials_expire_at_the_very_second(expires_at: float, *, expired: bool) -> None:
    """The edge: they are valid until then, not through it."""
    keys = Credentials(KEYS.access_key_id, KEYS.secret_access_key, expires_at=expires_at)

    if expired:
        message = "The security token included in the request is expired"
        assert ("ExpiredTokenException", message) == refused(signed(), credentials=keys)
    else:
        check(signed(), credentials=keys)


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_five_minutes_of_skew_are_allowed(minutes: int) -> None:
    """Clocks differ; the service forgives exactly so much, either way."""
    check(signed(), now=AT_NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (301, "Signature expired: 20250615T150640Z is now earlier than 20250615T150641Z"),
        (-301, "Signature not yet current: 20250615T150640Z is still later than 20250615T150639Z"),
    ],
)
def test_a_second_more_is_refused(seconds: int, message: str) -> None:
    """The other side of the same edge."""
    assert ("InvalidSignatureException", message) == refused(signed(), now=AT_NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("AWS4-HMAC-SHA256", "Bearer", "IncompleteSignatureException", "must start with 'AWS4-HMAC-SHA256'"),
        ("Credential=", "Principal=", "IncompleteSignatureException", "requires 'Credential' parameter"),
        ("SignedHeaders=", "Headers=", "IncompleteSignatureException", "requires 'SignedHeaders' parameter"),
        ("Signature=", "Sum=", "IncompleteSignatureException", "requires 'Signature' parameter"),
        ("20250615/", "20250614/", "InvalidSignatureException", "should be scoped to '20250615/"),
        ("/sagemaker/", "/s3/", "InvalidSignatureException", "not '20250615/us-east-1/s3/aws4_request'"),
        ("SignedHeaders=host;", "SignedHeaders=", "InvalidSignatureException", "'host' must be a 'SignedHeader'"),
        (";x-amz-date", "", "InvalidSignatureException", "'x-amz-date' must be a 'SignedHeader'"),
        (";x-amz-date", ";x-amz-date;x-more", "InvalidSignatureException", "does not match"),
        ("Signature=", "Signature=\u00e9", "InvalidSignatureException", "does not match"),
    ],
)
def test_a_changed_authorization_is_refused(old: str, new: str, code: str, words: str) -> None:
    """Every part of the header counts, and each refusal says which part it was."""
    request = signed()
    authorization = request.headers["authorization"]
    request.headers["authorization"] = authorization.replace(old, new)

    got, message = refused(request)

    assert authorization != request.headers["authorization"]
    assert code == got
    assert words in message


@pytest.mark.parametrize("date", [None, "", "2025-06-15"])
def test_a_request_without_a_date_that_can_be_read_is_refused(date: str | None) -> None:
    """The age of a signature cannot be judged without."""
    request = signed()
    if date is None:
        del request.headers["x-amz-date"]
    else:
        request.headers["x-amz-date"] = date

    code, message = refused(request)

    assert "IncompleteSignatureException" == code
    assert "X-Amz-Date" in message


def test_a_hash_in_a_header_must_be_that_of_the_body() -> None:
    """A signature over the header alone would hold for any body."""
    request = signed(signer=SigV4Signer(content_sha256_header=True))
    check(request)

    request.body = b"[]"

    assert "x-amz-content-sha256" in refused(request)[1]


@pytest.mark.parametrize("claimed", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "0" * 64, ""])
def test_no_body_is_left_out_of_a_signature_over_plain_http(claimed: str) -> None:
    """Over https the channel protects it; here nothing would, and the service refuses it."""
    request = signed(signer=SigV4Signer(content_sha256_header=True), payload_hash=claimed or " ")

    code, message = refused(request)

    assert "InvalidSignatureException" == code
    expected = "which requires https" if claimed == "UNSIGNED-PAYLOAD" else "does not match the hash of the body"
    assert "'x-amz-content-sha256' " in message
    assert expected in message


@pytest.mark.parametrize("name", ["x-amz-content-sha256", "x-amz-target", "X-Amz-Meta"])
def test_what_the_service_acts_upon_must_be_signed(name: str) -> None:
    """Whoever adds it on the way could otherwise have the service believe it."""
    request = signed()
    request.headers[name] = "UNSIGNED-PAYLOAD"

    code, message = refused(request)

    assert "InvalidSignatureException" == code
    assert f"'{name.lower()}' must be a 'SignedHeader' in the AWS Authorization header." == message


@pytest.mark.parametrize("name", ["authorization", "x-amz-date", "x-amz-security-token", "host"])
def test_a_header_that_decides_must_not_come_twice(name: str) -> None:
    """Two readers might each believe in another one of them."""
    request = signed()
    pairs = list(request.headers.items())
    twice = dict(pairs).get(name, "token")

    code, _ = refused(request, pairs=[*pairs, (name, twice)])

    expected = {
        "authorization": "IncompleteSignatureException",
        "x-amz-date": "IncompleteSignatureException",
        "x-amz-security-token": "UnrecognizedClientException",
        "host": "InvalidSignatureException",
    }
    assert expected[name] == code


def test_headers_that_come_twice_are_signed_as_one() -> None:
    """A client may write one line or two; both are the same header, with its values after a comma."""
    request = signed(x_tag="a,b")
    pairs = [(name, value) for name, value in request.headers.items() if name != "x-tag"]

    check(request, [*pairs, ("X-Tag", "a"), ("X-Tag", "b")])

    assert "InvalidSignatureException" == refused(request, pairs=[*pairs, ("X-Tag", "b"), ("X-Tag", "a")])[0]


def test_a_header_that_is_not_utf_8_is_refused_and_breaks_nothing() -> None:
    """What arrives may be anything at all."""
    request = signed(x_tag="?")
    pairs = [(name, "\udcff" if name == "x-tag" else value) for name, value in request.headers.items()]

    code, _ = refused(request, pairs=[*pairs, ("x-tag", "more")])

    assert "InvalidSignatureException" == code


def test_headers_beside_the_signed_ones_are_nobodys_business() -> None:
    """Proxies add their own on the way."""
    request = signed()

    check(request, [*request.headers.items(), ("Via", "1.1 proxy"), ("User-Agent", "curl")])
