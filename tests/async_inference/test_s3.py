"""Reading one object: what is sent where and how it is signed, and what each response means."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import botocore
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.endpoint_provider import EndpointProvider, EndpointResolutionError
from botocore.loaders import Loader
from hypothesis import given, strategies as st
from support import ManualClock, ScriptedHTTPClient, answer
from transport.servers import other_tasks, serving, until_client_lets_go

from sagemaker_runtime import (
    ConfigError,
    EndpointError,
    EndpointNotFoundError,
    EndpointResolverOptions,
    ReadTimeoutError,
    Request,
    Response,
    ServiceError,
    StaticCredentialsProvider,
    Timeout,
    TruncatedResponseError,
)
from sagemaker_runtime.async_inference.s3 import REGIONS_KEPT, S3Client, S3Location, S3Object
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient

DATA = Path(botocore.__file__).parent / "data"
PARTITIONS = json.loads((DATA / "partitions.json").read_text())
REGIONS = [
    region for partition in PARTITIONS["partitions"] for region in partition["regions"] if "global" not in region
]
KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "the-token")
ODD_KEY = "a b+c%20/ü/.././/~'()*!?&=#\N{GRINNING FACE}"
ODD_PATH = "/a%20b%2Bc%2520/%C3%BC/.././/~%27%28%29%2A%21%3F%26%3D%23%F0%9F%98%80"  # RFC 3986, but for the slashes

_KEY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def reader(http_client: object = None, **changes: object) -> S3Client:
    values: dict[str, object] = {
        "http_client": http_client or ScriptedHTTPClient(),
        "credentials": StaticCredentialsProvider(*KEYS),
        "region": "us-east-1",
        "clock": ManualClock(),
    }
    return S3Client(**{**values, **changes})  # type: ignore[arg-type]


def fault(code: str, message: str = "No.", more: str = "") -> bytes:
    """S3's error document."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>{more}<RequestId>R1</RequestId></Error>"
    ).encode()


def http(status: int, body: bytes, *headers: str) -> bytes:
    """A response as it goes over the wire."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def region_of(request: Request) -> str:
    """The region a request is signed for."""
    return request.headers["authorization"].split("/")[2]


def botocores_signature(request: Request) -> str:
    """What botocore's signer for S3 makes of a request."""
    theirs = AWSRequest("GET", request.url, headers={name: request.headers[name] for name in ("host",)})
    theirs.context["timestamp"] = request.headers["x-amz-date"]
    auth = S3SigV4Auth(BotocoreCredentials(*KEYS), "s3", region_of(request))
    auth._modify_request_before_signing(theirs)
    return auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs)


@given(_KEY, st.sampled_from(["bucket", "a.dotted.bucket"]), st.sampled_from([None, "http://127.0.0.1:9000/store"]))
async def test_a_signature_is_the_one_botocore_makes(key: str, bucket: str, endpoint_url: str | None) -> None:
    """S3 signs the path as it is, unlike every other service; botocore does it for all the world, on any key."""
    http_client = ScriptedHTTPClient()

    await reader(http_client, endpoint_url=endpoint_url).read(f"s3://{bucket}/{key}")

    (request,) = http_client.requests
    assert request.headers["authorization"].endswith(f"Signature={botocores_signature(request)}")
    assert request.path.isascii()
    assert unquote(request.path).endswith(f"/{key}")


async def test_a_key_of_any_characters_is_sent_byte_for_byte() -> None:
    """What is signed is what must arrive: a path that is tidied up on the way names another object."""
    async with serving() as server:
        http_client = AioHTTPClient()

        await reader(http_client, endpoint_url=f"{server.url}/store").read(f"s3://bucket/{ODD_KEY}")
        await http_client.close()

    (exchange,) = server.requests
    headers = dict(exchange.headers)
    assert f"GET /store/bucket{ODD_PATH} HTTP/1.1" == exchange.line.decode()
    assert {
        "accept-encoding",
        "authorization",
        "content-length",
        "host",
        "user-agent",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
    } == set(headers)
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, " in headers["authorization"]
    assert headers["authorization"].endswith(botocores_signature(exchange.request))


@pytest.mark.parametrize(
    ("location", "changes", "url"),
    [
        ("s3://bucket/k", {}, "https://bucket.s3.us-east-1.amazonaws.com/k"),
        ("s3://a.dotted.bucket/k", {}, "https://s3.us-east-1.amazonaws.com/a.dotted.bucket/k"),
        ("s3://Old_Bucket/k", {}, "https://s3.us-east-1.amazonaws.com/Old_Bucket/k"),
        ("s3://bucket/k", {"region": "cn-north-1"}, "https://bucket.s3.cn-north-1.amazonaws.com.cn/k"),
        ("s3://bucket/k", {"endpoint_url": "http://localhost:9000/"}, "http://localhost:9000/bucket/k"),
        (
            "s3://bucket/k",
            {"endpoint_options": EndpointResolverOptions(disable_https=True)},
            "http://bucket.s3.us-east-1.amazonaws.com/k",
        ),
        ("https://bucket.s3.eu-west-1.amazonaws.com/a%2Bb", {}, "https://bucket.s3.eu-west-1.amazonaws.com/a%2Bb"),
        ("https://s3.eu-west-1.amazonaws.com/bucket//k", {}, "https://bucket.s3.eu-west-1.amazonaws.com//k"),
    ],
)
async def test_the_bucket_stands_in_the_host_where_it_can(location: str, changes: dict[str, object], url: str) -> None:
    """That is how AWS wants it; a dot breaks its certificate, and another store has no such hosts."""
    http_client = ScriptedHTTPClient()

    await reader(http_client, **changes).read(location)

    assert [url] == [request.url for request in http_client.requests]


@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("dual", [False, True])
async def test_every_region_and_switch_gives_what_the_rules_of_s3_give(*, fips: bool, dual: bool) -> None:
    """A client that must use FIPS must not read its results past it; the published rules are the truth."""
    oracle = EndpointProvider(Loader().load_service_model("s3", "endpoint-rule-set-1"), PARTITIONS)
    switches = EndpointResolverOptions(use_fips_endpoint=fips, use_dual_stack_endpoint=dual)
    refused = []

    for region in REGIONS:
        http_client = ScriptedHTTPClient()
        ours = reader(http_client, region=region, endpoint_options=switches)
        try:
            theirs = oracle.resolve_endpoint(
                Region=region, Bucket="bucket", UseFIPS=fips, UseDualStack=dual, UseGlobalEndpoint=False
            )
        except EndpointResolutionError:
            refused.append(region)
            with pytest.raises(EndpointError, match="no FIPS endpoints in China"):
                await ours.read("s3://bucket/k")
        else:
            await ours.read("s3://bucket/k")
            assert f"{theirs.url}/k" == http_client.requests[0].url

    assert len(REGIONS) - len(refused) > 30


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3://bucket/key", S3Location("bucket", "key")),
        ("s3://bucket//k%20?x#y\n", S3Location("bucket", "/k%20?x#y\n")),
        ("https://a.s3.b.s3.us-east-1.amazonaws.com/k%20%2Fl", S3Location("a.s3.b", "k /l", "us-east-1")),
        ("https://s3.cn-north-1.amazonaws.com.cn/bucket/a/b", S3Location("bucket", "a/b", "cn-north-1")),
    ],
)
def test_a_location_is_read_in_each_of_its_forms(location: str, expected: S3Location) -> None:
    """The service gives the form that the endpoint was configured with; a key is raw in one, encoded in the others."""
    assert expected == S3Location.parse(location)


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "bucket/key",
        "s3://bucket",
        "s3://bucket/",
        "s3:///key",
        "s3://bu cket/key",
        "s3://evil.example#/key",
        "s3://evil.example:443@x/key",
        "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/key",
        "s3://bucket/\ud800",
        "http://bucket.s3.us-east-1.amazonaws.com/key",
        "https://evil.example/bucket/key",
        "https://bucket.s3.us-east-1.evil.example/key",
        "https://bucket.s3.us-east-1.amazonaws.com.cn/key",
        "https://bucket.s3.nowhere.amazonaws.com/key",
        "https://bucket.s3.-a.amazonaws.com/key",
        "https://bucket.s3.us-east-1.amazonaws.com:444/key",
        "https://bucket.s3.us-east-1.amazonaws.com/",
        "https://bucket.s3.us-east-1.amazonaws.com/%ff",
        "https://bucket.s3.us-east-1.amazonaws.com/key?X-Amz-Signature=secret",
        "https://s3.us-east-1.amazonaws.com/bucket",
    ],
)
async def test_what_names_no_object_is_refused_before_anything_is_sent(location: str) -> None:
    """A location comes from outside, and the session token must go to nobody but S3."""
    http_client = ScriptedHTTPClient()

    with pytest.raises(ConfigError, match="names no object in S3; write it like s3://bucket/key") as caught:
        await reader(http_client).read(location)

    assert [] == http_client.requests
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"endpoint_url": "localhost:9000"}, "is not absolute"),
        ({"endpoint_url": "http://localhost?a=b"}, "has a query"),
        (
            {"endpoint_url": "http://x", "endpoint_options": EndpointResolverOptions(use_fips_endpoint=True)},
            "exclude each other",
        ),
        (
            {"endpoint_url": "http://x", "endpoint_options": EndpointResolverOptions(use_dual_stack_endpoint=True)},
            "exclude each other",
        ),
    ],
)
def test_an_endpoint_that_cannot_be_used_fails_when_the_reader_is_made(
    changes: dict[str, object], message: str
) -> None:
    """Not an hour later, in the middle of somebody's wait."""
    with pytest.raises(ConfigError, match=message):
        reader(**changes)


async def test_an_unknown_region_says_so() -> None:
    """A host made up from a misspelt region would be looked for until the deadline."""
    with pytest.raises(EndpointNotFoundError, match="region 'nowhere'"):
        await reader(region="nowhere").read("s3://bucket/key")


async def test_an_object_is_given_whole_with_its_content_type() -> None:
    """That is all that a result consists of."""
    async with serving(http(200, b"5.1,3.5", "Content-Type: text/csv"), http(200, b"")) as server:
        http_client = AioHTTPClient()
        s3 = reader(http_client, endpoint_url=server.url)

        found = [await s3.read("s3://bucket/key") for _ in range(2)]
        await http_client.close()

    assert [S3Object(b"5.1,3.5", "text/csv"), S3Object(b"", None)] == found
    assert 1 == server.accepted


@pytest.mark.parametrize("shown", [S3Object(b"patient 7", "text/plain"), reader()])
def test_no_repr_shows_a_body_or_a_secret(shown: object) -> None:
    """Results are somebody's data, and a repr ends up in a log."""
    text = repr(shown)

    assert [] == [secret for secret in ("patient", *KEYS) if secret in text]
    assert type(shown).__name__ in text


@pytest.mark.parametrize("body", [fault("NoSuchKey"), b"<html>not found</html>", b""])
async def test_what_is_not_there_is_none(body: bytes) -> None:
    """It is what most looks find, so it is no exception; and the connection serves for the next look."""
    async with serving(http(404, body)) as server:
        http_client = AioHTTPClient()
        s3 = reader(http_client, endpoint_url=server.url)

        found = [await s3.read("s3://bucket/key") for _ in range(3)]
        await http_client.close()

    assert [None, None, None] == found
    assert 1 == server.accepted


@pytest.mark.parametrize(
    ("status", "body", "code", "text"),
    [
        (
            404,
            fault("NoSuchBucket", "The specified\n bucket does not exist"),
            "NoSuchBucket",
            "NoSuchBucket: The specified bucket does not exist: s3://bucket/key (GetObject, HTTP 404, request id R1)",
        ),
        (
            403,
            fault("AccessDenied", "Not for &quot;you&quot; &amp; me"),
            "AccessDenied",
            'AccessDenied: Not for "you" & me: s3://bucket/key (GetObject, HTTP 403, request id R1)',
        ),
        (
            403,
            fault("SignatureDoesNotMatch", more="<CanonicalRequest>x-amz-security-token:the-token</CanonicalRequest>"),
            "SignatureDoesNotMatch",
            "SignatureDoesNotMatch: No.: s3://bucket/key (GetObject, HTTP 403, request id R1)",
        ),
        (
            503,
            fault("SlowDown", ""),
            "SlowDown",
            "SlowDown: s3://bucket/key (GetObject, HTTP 503, request id R1)",
        ),
        (
            403,
            b"<html>Forbidden by the proxy</html>",
            "403",
            "403: s3://bucket/key (GetObject, HTTP 403, request id R1, the body starts '<html>Forbidden by the proxy</html>')",
        ),
        (206, b"half", "206", "206: s3://bucket/key (GetObject, HTTP 206, request id R1, the body starts 'half')"),
        (500, b"", "500", "500: s3://bucket/key (GetObject, HTTP 500, request id R1)"),
    ],
)
async def test_a_refusal_says_what_s3_said_and_of_which_object(status: int, body: bytes, code: str, text: str) -> None:
    """Code, message and request id are what AWS Support asks for; the token that S3 echoes is for nobody."""
    async with serving(http(status, body, "x-amz-request-id: R1")) as server:
        http_client = AioHTTPClient()

        with pytest.raises(ServiceError) as caught:
            await reader(http_client, endpoint_url=server.url).read("s3://bucket/key")
        await http_client.close()

    error = caught.value
    assert (code, status, "R1") == (error.code, error.status, error.request_id)
    assert text == str(error)
    assert b"the-token" not in error.body


@pytest.mark.parametrize(
    "body",
    [
        b"\x00\xff<Code>\xff</Code>",
        b"<Code>" * 1000,
        b"<Code>a</Message>" * 1000,
        b"<Code>" + b"x" * 100_000 + b"</Code>",
        b'<!DOCTYPE a [<!ENTITY b "xxxxxxxx"><!ENTITY c "&b;&b;&b;">]><Error><Code>&c;</Code></Error>',
        b"<Code>Denied\r\nX-Evil: 1</Code>",
        b"<a>" * 50_000,
    ],
)
async def test_hostile_xml_is_an_error_without_a_name(body: bytes) -> None:
    """An XML parser can be made to expand, to nest and to fail; what responds may be anything on the way."""
    s3 = reader(ScriptedHTTPClient([answer(400, body)]))

    with pytest.raises(ServiceError) as caught:
        await s3.read("s3://bucket/key")

    assert "400" == caught.value.code
    assert body[:4096] == caught.value.body


@pytest.mark.parametrize(
    "moved",
    [
        http(301, fault("PermanentRedirect"), "x-amz-bucket-region: eu-west-1"),
        http(307, b"", "x-amz-bucket-region: eu-west-1"),
        http(400, fault("AuthorizationHeaderMalformed", more="<Region>eu-west-1</Region>")),
    ],
)
async def test_a_bucket_elsewhere_is_followed_there_and_the_region_kept(moved: bytes) -> None:
    """Asked anew at each look, it would cost a second round trip each time."""
    async with serving(moved, http(404, fault("NoSuchKey")), http(200, b"42")) as server:
        http_client = AioHTTPClient()
        s3 = reader(http_client, endpoint_url=server.url)

        found = [await s3.read("s3://bucket/key") for _ in range(2)]
        await http_client.close()

    assert [None, S3Object(b"42")] == found
    assert ["us-east-1", "eu-west-1", "eu-west-1"] == [region_of(exchange.request) for exchange in server.requests]


async def test_on_aws_a_bucket_elsewhere_has_another_host() -> None:
    """The region kept comes before the one a location names, and is the bucket's alone."""
    moved = answer(301, fault("PermanentRedirect"), x_amz_bucket_region="eu-west-1")
    http_client = ScriptedHTTPClient([moved, answer()])
    s3 = reader(http_client)

    for location in ("s3://bucket/k", "https://bucket.s3.us-west-2.amazonaws.com/k", "s3://another/k"):
        assert S3Object(b"ok") == await s3.read(location)

    assert [
        "bucket.s3.us-east-1.amazonaws.com",
        "bucket.s3.eu-west-1.amazonaws.com",
        "bucket.s3.eu-west-1.amazonaws.com",
        "another.s3.us-east-1.amazonaws.com",
    ] == [request.host for request in http_client.requests]


async def test_the_regions_of_a_bounded_number_of_buckets_are_kept() -> None:
    """Locations may come from outside; a bucket that was forgotten is sent to its region once more."""

    def respond(request: Request) -> Response:
        if ".us-east-1." in request.host:
            return answer(301, fault("PermanentRedirect"), x_amz_bucket_region="eu-west-1")
        return answer()

    s3 = reader(ScriptedHTTPClient([respond]))

    for number in range(3 * REGIONS_KEPT):
        assert S3Object(b"ok") == await s3.read(f"s3://bucket-{number}/k")

    assert 0 < len(s3._regions) <= REGIONS_KEPT


@pytest.mark.parametrize(
    ("status", "region", "requests"),
    [
        (301, "us-east-1", 1),  # that is where it was asked for
        (400, "evil.example/", 1),
        (403, "eu-west-1", 1),  # S3 names the region here too, and refuses all the same
        (301, "eu-west-1", 2),  # and from there it is sent there again
    ],
)
async def test_no_bucket_is_followed_in_circles_or_to_a_stranger(status: int, region: str, requests: int) -> None:
    """A region becomes part of a host name, to which the session token is sent."""
    http_client = ScriptedHTTPClient([answer(status, fault("Refused"), x_amz_bucket_region=region)])

    with pytest.raises(ServiceError, match="Refused"):
        await reader(http_client).read("s3://bucket/key")

    assert requests == len(http_client.requests)


async def test_a_region_that_leads_nowhere_is_not_kept() -> None:
    """One false word from something on the way would else spoil all reads from the bucket."""
    moved = answer(301, fault("PermanentRedirect"), x_amz_bucket_region="nowhere")
    s3 = reader(ScriptedHTTPClient([moved, answer()]))

    with pytest.raises(EndpointNotFoundError):
        await s3.read("s3://bucket/key")

    assert S3Object(b"ok") == await s3.read("s3://bucket/key")


async def cut_short(exchange: object) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    exchange.close()


async def without_an_end(exchange: object) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    exchange.close()


async def silent(exchange: object) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await exchange.until_peer_closes()


@pytest.mark.parametrize(
    ("step", "error"),
    [(cut_short, TruncatedResponseError), (without_an_end, TruncatedResponseError), (silent, ReadTimeoutError)],
)
async def test_half_an_object_is_an_error_and_its_connection_is_let_go(step: object, error: type[Exception]) -> None:
    """Half a result that looks like a whole one is the worst result of all."""
    async with serving(step) as server:
        http_client = AioHTTPClient()
        s3 = reader(http_client, endpoint_url=server.url, timeout=Timeout(read=0.05))

        with pytest.raises(error):
            await s3.read("s3://bucket/key")

        await until_client_lets_go(server)
        await http_client.close()
        assert set() == other_tasks(server)


@pytest.mark.parametrize("head", ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n", ""])
@pytest.mark.parametrize(("status", "expected"), [(404, None), (503, "503: s3://bucket/key (GetObject, HTTP 503")])
async def test_a_refusal_that_breaks_off_is_still_a_refusal(status: int, expected: str | None, head: str) -> None:
    """The status has said enough, and a look that found nothing is not in trouble."""

    async def break_off(exchange: object) -> None:
        await exchange.send(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n5\r\n<Er".encode())
        exchange.close()

    async with serving(break_off) as server:
        http_client = AioHTTPClient()
        s3 = reader(http_client, endpoint_url=server.url)
        if expected is None:
            assert await s3.read("s3://bucket/key") is None
        else:
            with pytest.raises(ServiceError, match=re.escape(expected)):
                await s3.read("s3://bucket/key")
        await http_client.close()


@pytest.mark.parametrize("status", [200, 404, 503])
@pytest.mark.parametrize("error", [None, TruncatedResponseError("stopped"), asyncio.CancelledError()])
async def test_every_response_is_let_go_however_its_body_ends(status: int, error: BaseException | None) -> None:
    """A connection that nobody lets go is lost to the pool, and a wait makes hundreds of requests."""
    response = answer(status)
    response.body.error = error  # type: ignore[attr-defined]

    with suppress(ServiceError, TruncatedResponseError, asyncio.CancelledError):
        await reader(ScriptedHTTPClient([response])).read("s3://bucket/key")

    assert 1 == response.body.closed  # type: ignore[attr-defined]
