"""Signature Version 4 against the published suite, in two editions, and against botocore's own signer."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from conformance.conftest import cases, tally
from hypothesis import given, settings, strategies as st

from sagemaker_runtime import Headers, InvokeEndpointInput, Request, SigV4Signer
from sagemaker_runtime.credentials import Credentials
from sagemaker_runtime.operations.invoke_endpoint import INVOKE_ENDPOINT
from sagemaker_runtime.protocol import Marshaller
from sagemaker_runtime.signing import NOT_SIGNED, string_to_sign

SUITE = cases("sigv4/suite-cases.json", id=lambda case: case["id"].replace("-aws4_testsuite", ""))
RESERVED = "!$&'()*+,;=:@/?%"  # what may stand in a query as it is (RFC 3986, section 3.4), and escapes


def request_of(case: dict[str, Any]) -> Request:
    """The suite's request in our form: one value a name, no line folding, the query percent-encoded."""
    given_request = case["request"]
    path, _, query = given_request["target"].partition("?")
    headers = Headers()
    for name, value in given_request["headers"]:
        headers.add(name, re.sub(r"\n[ \t]*", " ", value))  # a folded line is one blank (RFC 9112, section 5.2)
    # The path stays as the suite has it, not encoded: double encoding then encodes it for the first time.
    return Request(
        method=given_request["method"],
        host=headers["host"],
        path=path,
        query=quote(query, safe=RESERVED),
        headers=headers,
        body=base64.b64decode(given_request["body_b64"]),
    )


@pytest.mark.parametrize("case", SUITE)
def test_each_stage_of_the_signature_is_the_one_in_the_suite(case):
    """The stages are compared one after another, so that a failure names the stage that went wrong."""
    context, expected = case["context"], case["expect"]
    request = request_of(case)
    payload_hash = sha256(request.body).hexdigest()
    signing_time = datetime.fromisoformat(context["timestamp"])
    signer = SigV4Signer(
        double_encode_path=context["double_encode_path"],
        normalize_path=context["normalize_path"],
        content_sha256_header=context["sign_body"],
    )

    signer.sign_http(
        request,
        credentials=Credentials(context["access_key_id"], context["secret_access_key"], context["session_token"]),
        payload_hash=payload_hash,
        service=context["service"],
        region=context["region"],
        signing_time=signing_time,
    )
    canonical = signer.canonical_request(request, payload_hash)
    text = string_to_sign(
        canonical,
        timestamp=request.headers["x-amz-date"],
        scope=f"{signing_time:%Y%m%d}/{context['region']}/{context['service']}/aws4_request",
    )

    assert expected["canonical_request"] == canonical
    assert expected["string_to_sign"] == text
    assert expected["authorization"] == request.headers["authorization"]


def test_no_case_of_the_suite_is_skipped():
    """A signer has no room for exceptions: the service refuses what differs in one byte."""
    assert tally(SUITE) == {"run": 68}


# What a header may carry: blanks of every kind at every place, what the signature must not take for syntax, UTF-8.
# U+0085, U+00A0 and U+3000 are blanks to str.split, which both signers use.
VALUES = st.text(
    st.sampled_from(" \t:;,=%\"'/aZ09~\x85\xa0\u3000é€😀") | st.characters(codec="utf-8"), max_size=24
).map(lambda text: "".join(c for c in text if c == "\t" or (c >= " " and c != "\x7f")))
GIVEN_BY_THE_SIGNER = {"host", "date", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}
NAMES = st.text("ABCXYZabcxyz019-_.!#$%&'*+^`|~", min_size=1, max_size=12).filter(
    lambda name: name.lower() not in NOT_SIGNED | GIVEN_BY_THE_SIGNER
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=6, unique_by=lambda pair: pair[0].lower()).map(Headers)
HOSTS = st.sampled_from(["runtime.sagemaker.eu-west-1.amazonaws.com", "localhost:8080", "[::1]:8443", "10.0.0.7"])
PREFIXES = st.lists(st.sampled_from(["", ".", "..", "a", "b~c", "d%20e", "%2F", "x+y", "@:"]), max_size=4)
ENDPOINT_NAMES = st.text(
    st.sampled_from("aZ0-_.~% /?#[]&=+;é€😀") | st.characters(codec="utf-8"), min_size=1, max_size=16
)
PAIRS = st.text(st.sampled_from("aZ0-_.~%20+:@,;=é"), min_size=1, max_size=8).map(
    lambda text: quote(text, safe=RESERVED)
)
QUERIES = st.lists(PAIRS, max_size=4).map("&".join)
KEYS = st.text("ABCxyz019/+", min_size=1, max_size=40)
TOKENS = st.none() | st.text("ABCxyz019/+=", min_size=1, max_size=80)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda time: time.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
SCOPES = st.tuples(st.sampled_from(["us-east-1", "eu-west-1", "cn-north-1"]), st.sampled_from(["sagemaker", "s"]))

MARSHALLER = Marshaller(INVOKE_ENDPOINT)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests as the client makes them: any prefix, any endpoint name, written into the path by the marshaller."""
    prefix = "".join(f"/{segment}" for segment in draw(PREFIXES))
    request = Request(scheme=draw(st.sampled_from(["http", "https"])), host=draw(HOSTS), path=prefix)
    MARSHALLER.serialize(
        InvokeEndpointInput(endpoint_name=draw(ENDPOINT_NAMES), body=draw(st.binary(max_size=64))), request
    )
    request.headers.update(draw(HEADERS))
    request.query = draw(QUERIES)
    return request


@pytest.mark.slow
@settings(max_examples=2_000, deadline=None, database=None, derandomize=True)
@given(request=requests(), keys=st.tuples(KEYS, KEYS, TOKENS), time=TIMES, scope=SCOPES)
def test_random_requests_get_the_signature_that_botocore_gives_them(request, keys, time, scope):
    """Botocore's signer is the one the service meets most; whatever both can sign, they must sign alike."""
    (region, service), token = scope, keys[-1]
    timestamp = f"{time:%Y%m%dT%H%M%SZ}"
    theirs = auth.SigV4Auth(ReadOnlyCredentials(*keys), service, region)
    given_headers = {**request.headers, "X-Amz-Date": timestamp}
    if token is not None:
        given_headers["X-Amz-Security-Token"] = token
    peer = AWSRequest(request.method, request.url, headers=given_headers, data=request.body)
    peer.context["timestamp"] = timestamp  # no clock to patch: this is where botocore keeps the time it has read

    SigV4Signer().sign_http(
        request,
        credentials=Credentials(*keys),
        payload_hash=sha256(request.body).hexdigest(),
        service=service,
        region=region,
        signing_time=time,
    )

    canonical = theirs.canonical_request(peer)
    signature = theirs.signature(theirs.string_to_sign(peer, canonical), peer)
    signed = theirs.signed_headers(theirs.headers_to_sign(peer))
    assert canonical == SigV4Signer().canonical_request(request, sha256(request.body).hexdigest())
    assert f"SignedHeaders={signed}, Signature={signature}" == request.headers["authorization"].partition(", ")[2]
