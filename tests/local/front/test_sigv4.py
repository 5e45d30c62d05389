"""The local endpoint's own Signature Version 4, against botocore's signer."""

from __future__ import annotations

import string
from hashlib import sha256
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, strategies as st

from sagemaker_runtime.local.front.signature import Authorization
from sagemaker_runtime.local.front.sigv4 import signature_of

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SIGNERS = {"sagemaker": SigV4Auth, "s3": S3SigV4Auth}

segments = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
names = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12).map("x-".__add__)
values = st.text(string.ascii_letters + string.digits + " ,;=/é€", max_size=20)


def signed_by_botocore(service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> AWSRequest:
    request = AWSRequest(
        method=method, url=f"http://localhost:8080{target}", data=body, headers={"Host": "localhost:8080"} | headers
    )
    SIGNERS[service](Credentials("AKIDEXAMPLE", SECRET), service, "us-east-1").add_auth(request)
    return request


@pytest.mark.parametrize("service", SIGNERS)
@given(
    method=st.sampled_from(["GET", "PUT", "POST"]),
    path=st.lists(segments, min_size=1, max_size=4),
    query=st.lists(st.tuples(segments, segments), max_size=3),
    headers=st.dictionaries(names, values, max_size=4),
    body=st.binary(max_size=20),
)
def test_it_finds_the_signature_that_botocore_made(
    service: str,
    method: str,
    path: list[str],
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
) -> None:
    """Two who wrote the same specification down, each for himself, agree on any request."""
    target = "/" + "/".join([*(quote(segment, safe="/~") for segment in path), "invocations"])
    if query:
        target += "?" + "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in query)
    request = signed_by_botocore(service, method, target, headers, body)
    authorization = Authorization.parse(request.headers["Authorization"])

    signature = signature_of(
        method,
        target,
        request.headers.items(),
        signed_headers=authorization.signed_headers,
        payload_hash=sha256(body).hexdigest(),
        timestamp=request.context["timestamp"],
        scope=authorization.scope,
        secret_access_key=SECRET,
    )

    assert authorization.signature == signature


def test_a_header_counts_if_the_client_says_so() -> None:
    """Botocore never signs a user agent, and would leave it out; other clients do sign it."""
    asked = {
        "method": "POST",
        "target": "/endpoints/iris/invocations",
        "payload_hash": sha256(b"").hexdigest(),
        "timestamp": "20250615T150640Z",
        "scope": "20250615/us-east-1/sagemaker/aws4_request",
        "secret_access_key": SECRET,
    }

    found = {
        agent: signature_of(
            pairs=[("Host", "h"), ("User-Agent", agent)], signed_headers=["host", "user-agent"], **asked
        )  # type: ignore[arg-type]
        for agent in ("go", "go  ", "rust")
    }

    assert found["go"] == found["go  "], "blanks around a value are not signed"
    assert found["go"] != found["rust"]
