"""Requests to S3 of any kind: what is signed, where they go, and which client sends them."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import parse_qsl

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, strategies as st
from support import ManualClock, ScriptedHTTPClient, answer, client as scripted

from sagemaker_runtime import (
    ConfigError,
    Credentials,
    InvalidHeaderError,
    Request,
    S3Client,
    StaticCredentialsProvider,
    override,
)

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "the-token")
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
_QUERY = st.dictionaries(_TEXT.filter(bool), _TEXT, max_size=4)


def s3(http_client: object, **changes: object) -> S3Client:
    values: dict[str, object] = {
        "http_client": http_client,
        "credentials": StaticCredentialsProvider(*KEYS),
        "region": "us-east-1",
        "clock": ManualClock(),
    }
    return S3Client(**{**values, **changes})  # type: ignore[arg-type]


def botocores_signature(request: Request, signed: list[str]) -> str:
    theirs = AWSRequest(
        request.method, request.url, data=request.body, headers={name: request.headers[name] for name in signed}
    )
    theirs.context["timestamp"] = request.headers["x-amz-date"]
    auth = S3SigV4Auth(BotocoreCredentials(*KEYS), "s3", "us-east-1")
    auth._modify_request_before_signing(theirs)
    return auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs)


@given(_QUERY, st.binary(max_size=20), st.sampled_from(["", "a key/ü"]))
async def test_a_request_with_a_query_headers_and_a_body_is_signed_as_botocore_signs_it(
    query: dict[str, str], body: bytes, key: str
) -> None:
    """A parameter that is encoded otherwise on the wire than in the signature is a refusal that nobody understands."""
    http_client = ScriptedHTTPClient()

    await s3(http_client).send("PUT", "bucket", key, query=query, headers={"Content-Type": "text/csv"}, body=body)

    (request,) = http_client.requests
    assert query == dict(parse_qsl(request.query, keep_blank_values=True))
    assert (body, str(len(body))) == (request.body, request.headers["content-length"])
    assert sha256(body).hexdigest() == request.headers["x-amz-content-sha256"]
    signature = botocores_signature(request, ["host", "content-type"])
    assert request.headers["authorization"].endswith(f"Signature={signature}")


async def test_a_body_follows_its_bucket_to_another_region_whole() -> None:
    """The redirect comes after the body was sent once; each later request goes there at once."""
    moved = answer(301, b"<Error><Code>PermanentRedirect</Code></Error>", x_amz_bucket_region="eu-west-1")
    http_client = ScriptedHTTPClient([moved, answer()])
    made = s3(http_client)

    response = await made.send("PUT", "bucket", "a", body=b"text")
    await made.send("DELETE", "bucket", "a")

    assert (200, b"ok") == (response.status, response.body)
    assert [b"text", b"text", b""] == [request.body for request in http_client.requests]
    assert ["us-east-1", "eu-west-1", "eu-west-1"] == [
        request.headers["authorization"].split("/")[2] for request in http_client.requests
    ]


async def test_credentials_that_expired_are_renewed_for_a_request_of_any_kind() -> None:
    """A run lasts longer than they do."""

    class Rotating:
        asked = 0

        async def retrieve(self) -> Credentials:
            self.asked += 1
            return Credentials(f"AKID{self.asked}", "secret")

    expired = answer(400, b"<Error><Code>ExpiredToken</Code></Error>")
    http_client = ScriptedHTTPClient([expired, answer()])

    response = await s3(http_client, credentials=Rotating()).send("PUT", "bucket", "a", body=b"text")

    assert 200 == response.status
    assert [b"text", b"text"] == [request.body for request in http_client.requests]


async def test_a_refusal_is_given_and_makes_an_error_on_demand() -> None:
    """Who sends knows what it means, and how the operation is called."""
    refused = answer(409, b"<Error><Code>BucketNotEmpty</Code><Message>No.</Message></Error>", x_amz_request_id="R1")

    response = await s3(ScriptedHTTPClient([refused])).send("DELETE", "bucket")
    error = response.error("s3://bucket", "DeleteBucket")

    assert "BucketNotEmpty: No.: s3://bucket (DeleteBucket, HTTP 409, request id R1)" == str(error)


@pytest.mark.parametrize("bucket", ["", "a", "a/b", "a?b", "evil.example/x", "arn:aws:s3:::b"])
async def test_what_cannot_be_a_bucket_is_refused_before_anything_is_sent(bucket: str) -> None:
    """It becomes part of a host name, to which the session token is sent."""
    http_client = ScriptedHTTPClient()

    with pytest.raises(ConfigError, match="is not a valid name of an S3 bucket"):
        await s3(http_client).send("GET", bucket)

    assert [] == http_client.requests


async def test_a_header_that_cannot_be_sent_is_refused_before_anything_is_sent() -> None:
    """It would end its line early, and begin another request."""
    http_client = ScriptedHTTPClient()

    with pytest.raises(InvalidHeaderError):
        await s3(http_client).send("GET", "bucket", headers={"range": "bytes=0-\r\nx: y"})

    assert [] == http_client.requests


async def test_a_client_gives_its_own_s3_client_with_its_transport_credentials_and_endpoint() -> None:
    """It is that of the waits too, and remembers in which regions buckets are."""
    http_client = ScriptedHTTPClient()

    async with scripted(http_client, s3_endpoint_url="http://store:9000") as client:
        made = client.s3_client()
        await made.send("GET", "bucket", "a")

        assert made is client.s3_client()
        assert made is not client.s3_client(override(s3_endpoint_url=None))
        assert "eu-west-1" == client.s3_client(override(region="eu-west-1")).region

    assert ("store:9000", "/bucket/a") == (http_client.requests[0].host, http_client.requests[0].path)


async def test_a_client_without_a_region_has_none_for_s3() -> None:
    """Buckets would be looked for nowhere."""
    async with scripted(region=None, base_endpoint="http://localhost:1") as client:
        with pytest.raises(ConfigError, match=r"set Options\.region"):
            client.s3_client()
