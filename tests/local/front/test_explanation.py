"""What the local endpoint says of a signature that is another: it has the secret, and may say more than the service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import pytest
from attrs import evolve
from both_clients import Client
from local.front.test_signature import AT_NOON, KEYS, after_signing, check, keys_of, refused, signed

from sagemaker_runtime import (
    Credentials,
    InvokeEndpointInput,
    OptFn,
    Request,
    ServiceError,
    SigV4Signer,
    override,
)
from sagemaker_runtime.context import PAYLOAD_HASH
from sagemaker_runtime.local import LocalEndpoint

SECRETS = ("the-token", "my customer", KEYS.secret_access_key)


def resigned(request: Request, **changes: object) -> Request:
    arguments = {
        "credentials": KEYS,
        "payload_hash": sha256(request.body).hexdigest(),
        "service": "sagemaker",
        "region": "us-east-1",
        "signing_time": AT_NOON,
        **changes,
    }
    SigV4Signer(**arguments.pop("switches", {})).sign_http(request, **arguments)  # type: ignore[arg-type]
    return request


def asked(path: str = "/endpoints/iris/invocations", **changes: object) -> Request:
    request = Request(host="127.0.0.1:8080", path=path, body=b"{}")
    request.headers.update({"content-type": "text/csv", "content-length": "2", "x-tag": "a  b"})
    return resigned(request, **changes)


def with_header(request: Request, name: str, value: str) -> Request:
    request.headers[name] = value
    return request


def moved(request: Request, seconds: int) -> Request:
    return with_header(request, "x-amz-date", f"{AT_NOON + timedelta(seconds=seconds):%Y%m%dT%H%M%SZ}")


def with_body(request: Request, body: bytes) -> Request:
    request.body = body
    return request


def with_method(request: Request, method: str) -> Request:
    request.method = method
    return request


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: asked(credentials=evolve(KEYS, secret_access_key=f'"{KEYS.secret_access_key}"')), "the secret access"),
        (lambda: asked(payload_hash="UNSIGNED-PAYLOAD"), "the body, whose hash was signed as 'UNSIGNED-PAYLOAD'"),
        (lambda: asked(payload_hash=sha256(b"").hexdigest()), "the body, which was signed as an empty one"),
        (lambda: asked("/a%20b", switches={"double_encode_path": False}), "the path, which was signed encoded once"),
        (lambda: asked("/a/../b%20", switches={"normalize_path": False}), "the path, which was signed with its dots"),
        (lambda: with_method(asked(), "PUT"), "the method, which was signed as POST"),
        (
            lambda: with_header(asked(), "host", "localhost:8080"),
            "the header 'host', which was signed as '127.0.0.1:8080'",
        ),
        (
            lambda: with_header(asked(), "content-type", "text/csv; charset=utf-8"),
            "the header 'content-type', to which a parameter was added after signing",
        ),
        (
            lambda: with_header(asked(), "content-type", "application/json"),
            "the header 'content-type', which was signed as 'text/csv'",
        ),
        (lambda: moved(asked(), 7), "the header 'x-amz-date', which was signed as '20250615T"),
    ],
)
def test_what_often_goes_wrong_is_named(make: Callable[[], Request], what: str) -> None:
    """The service leaves it to the caller to find out; here one run is enough, with an SDK of any language."""
    request = make()

    code, message = refused(request)

    assert "InvalidSignatureException" == code
    assert message.startswith("The request signature we calculated does not match the signature you provided.")
    assert f" What differs: {what}" in message
    assert KEYS.secret_access_key not in message


@pytest.mark.parametrize(
    "make",
    [
        lambda: asked(credentials=Credentials(KEYS.access_key_id, "another")),
        lambda: with_body(asked(), b"[]"),
        lambda: with_header(asked(), "x-tag", "my customer"),
    ],
)
def test_what_cannot_be_told_is_listed_with_what_arrived(make: Callable[[], Request]) -> None:
    """A signature is a hash: of a value that nobody guesses only the candidates can be named, and secrets not even shown."""
    request = make()

    _, message = refused(request)

    assert "The signature does not show what differs: it is the secret access key" in message
    assert "the body, or one of the headers 'content-length', 'content-type', 'host', 'x-amz-date', 'x-tag'" in message
    assert "POST '/endpoints/iris/invocations'; content-length: '2';" in message
    assert "x-tag: (not shown)" in message
    assert f"the payload hash {sha256(request.body).hexdigest()}" in message
    assert not [secret for secret in SECRETS if secret in message]


def test_a_signature_that_holds_is_not_explained() -> None:
    """The counterpart of all of the above."""
    check(asked())
    check(signed())


def set_body(request: Request) -> None:
    request.body += b"more"
    request.headers["content-length"] = str(len(request.body))


@pytest.mark.twice
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_body, r"the header 'content-length', from '3' to '7'; the body\. \("),
        (
            lambda request: request.headers.update({"x-amzn-sagemaker-custom-attributes": "my customer"}),
            r"Changed after signing: the header 'x-amzn-sagemaker-custom-attributes'\. \(",
        ),
        (
            lambda request: setattr(request, "path", "/endpoints/other/invocations"),
            r"the path, from '/endpoints/echo/invocations' to '/endpoints/other/invocations'\. \(",
        ),
        (
            lambda request: request.headers.update({"accept": "text/html"}),
            r"the header 'accept', from 'text/plain' to 'text/html'\. \(",
        ),
        (
            lambda request: request.headers.update({"x-amz-date": request.headers["x-amz-date"][:-3] + "60Z"}),
            r"valid 'X-Amz-Date'",
        ),
    ],
)
async def test_a_client_with_the_endpoints_options_is_told_exactly(
    change: Callable[[Request], object], words: str
) -> None:
    """Its signer is known to the endpoint, which has what was signed, and shows no value that may be secret."""
    params = InvokeEndpointInput(
        endpoint_name="echo", body=b"1,2", accept="text/plain", custom_attributes="first", content_type="text/csv"
    )
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        Client(local.options(), after_signing(change)) as client,
    ):
        with pytest.raises(ServiceError, match=words) as raised:
            await client.invoke_endpoint(params)

        assert 0 == local.calls("echo")
    assert not [secret for secret in (*SECRETS, local.credentials.secret_access_key) if secret in str(raised.value)]


@pytest.mark.twice
@pytest.mark.parametrize("token", [None, "the-token"])
async def test_a_wrong_secret_in_the_endpoints_options_is_named_as_the_likely_reason(token: str | None) -> None:
    """All the rest is as it was signed; the token does not come into the text."""
    keys = Credentials("AKIDLOCAL", "right", token)
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}, credentials=keys) as local,
        Client(local.options(), keys_of(local, secret="wrong", token=token)) as client,
    ):
        with pytest.raises(ServiceError) as raised:
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"1,2"))

    assert "The request is unchanged since it was signed, so the secret access key must differ." in str(raised.value)
    assert not [secret for secret in ("the-token", "wrong", "right") if secret in str(raised.value)]


def body_left_out() -> OptFn:
    from sagemaker_runtime import BuildHandler, BuildInput, Context, Output, build_middleware, with_api_options

    @build_middleware("Unsigned")
    async def unsigned(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        ctx[PAYLOAD_HASH] = "UNSIGNED-PAYLOAD"
        return await next(ctx, step)

    return with_api_options(lambda stack: stack.build.add(unsigned))


@pytest.mark.twice
@pytest.mark.parametrize("header", [False, True])
async def test_a_body_that_is_left_out_of_the_signature_is_named(header: bool) -> None:  # noqa: FBT001
    """With the header that says so, and without."""
    options = [] if not header else [override(http_signer_v4=SigV4Signer(content_sha256_header=True))]
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        Client(local.options(), body_left_out(), *options) as client,
    ):
        with pytest.raises(ServiceError, match=r"UNSIGNED-PAYLOAD, which requires https"):
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"1,2"))
