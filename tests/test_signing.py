"""The signer: what it sets, what it replaces, what it keeps."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, strategies as st

from sagemaker_runtime import Credentials, Headers, InvalidHeaderError, Request, SigV4Signer
from sagemaker_runtime.signing import UNSIGNED_PAYLOAD

NOON = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TEMPORARY = Credentials("ASIAEXAMPLE", "other", "the-token")


def request(**changes: object) -> Request:
    made = Request(host="runtime.sagemaker.us-east-1.amazonaws.com", path="/endpoints/iris/invocations", body=b"1,2")
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def sign(signed: Request, credentials: Credentials = KEYS, signer: SigV4Signer | None = None, **changes: object) -> str:
    """Sign a request and give its Authorization."""
    values: dict[str, object] = {
        "payload_hash": sha256(signed.body).hexdigest(),
        "service": "sagemaker",
        "region": "us-east-1",
        "signing_time": NOON,
        **changes,
    }
    (signer or SigV4Signer()).sign_http(signed, credentials=credentials, **values)
    return signed.headers["authorization"]


def test_the_authorization_names_the_scope_and_the_signed_headers() -> None:
    """The service reads the date, region and service from here."""
    signed = request(headers=Headers({"user-agent": "x", "X-Custom": "1", "transfer-encoding": "chunked"}))

    authorization = sign(signed)

    assert re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260701/us-east-1/sagemaker/aws4_request, "
        r"SignedHeaders=host;x-amz-date;x-custom, Signature=[0-9a-f]{64}",
        authorization,
    )
    assert signed.headers["x-amz-date"] == "20260701T120000Z"
    assert signed.headers["host"] == signed.host
    assert "x-amz-content-sha256" not in signed.headers


_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True).map(lambda name: f"x-{name}")
_PATHS = st.lists(st.text(st.sampled_from("aZ09-_.~%2F+ "), max_size=6), max_size=4).map(
    lambda parts: "/" + "/".join(part.replace(" ", "%20").replace("+", "%2B") for part in parts)
)
_QUERIES = st.text(st.sampled_from("ab=&-%2"), max_size=12)


@given(_PATHS, _QUERIES, st.dictionaries(_NAMES, _VALUES, max_size=4), st.binary(max_size=20))
def test_a_signature_is_the_one_botocore_makes(path: str, query: str, headers: dict[str, str], body: bytes) -> None:
    """The second implementation that every AWS user trusts, on requests nobody thought of."""
    signed = request(path=path, query=query, body=body, headers=Headers(headers))
    theirs = AWSRequest(
        "POST",
        f"https://{signed.host}{path}{query and '?'}{query}",
        data=body,
        headers={"Host": signed.host, **headers},
    )
    theirs.context["timestamp"] = "20260701T120000Z"

    ours = sign(signed)
    auth = SigV4Auth(BotocoreCredentials(KEYS.access_key_id, KEYS.secret_access_key), "sagemaker", "us-east-1")
    theirs.headers["X-Amz-Date"] = theirs.context["timestamp"]
    signature = auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs)

    assert ours.endswith(f"Signature={signature}")


def test_signing_again_replaces_all_of_the_earlier_signature() -> None:
    """A redirected or repeated request is signed again; a token that stays behind makes the service refuse it."""
    fresh, again = request(), request()
    sign(again, TEMPORARY, signing_time=NOON - timedelta(days=1))
    assert again.headers["x-amz-security-token"] == "the-token"

    expected = sign(fresh)
    actual = sign(again)

    assert expected == actual
    assert fresh.headers == again.headers


def test_a_session_token_is_sent_and_signed() -> None:
    """Unsigned, it could be exchanged on the way."""
    signed = request()

    authorization = sign(signed, TEMPORARY)

    assert signed.headers["x-amz-security-token"] == "the-token"
    assert ";x-amz-security-token," in authorization


@pytest.mark.parametrize("payload_hash", [UNSIGNED_PAYLOAD, sha256(b"1,2").hexdigest()])
def test_the_payload_hash_is_sent_as_a_header_when_asked_for(payload_hash: str) -> None:
    """Only S3 needs it; where it is sent it is signed too."""
    signed = request()

    authorization = sign(signed, signer=SigV4Signer(content_sha256_header=True), payload_hash=payload_hash)

    assert payload_hash == signed.headers["x-amz-content-sha256"]
    assert ";x-amz-content-sha256;" in authorization


def test_a_moment_in_another_zone_is_the_same_moment() -> None:
    """A caller's clock may have a zone; what is signed is UTC."""
    in_tokyo = NOON.astimezone(timezone(timedelta(hours=9)))

    assert sign(request()) == sign(request(), signing_time=in_tokyo)


@pytest.mark.parametrize(
    ("path", "switches", "canonical"),
    [
        ("/a//b/../c/", {}, "/a/c/"),
        ("/a//b/../c/", {"normalize_path": False}, "/a//b/../c/"),
        ("/a%20b", {}, "/a%2520b"),
        ("/a%20b", {"double_encode_path": False}, "/a%20b"),
        ("/a/.", {}, "/a"),
        ("//", {}, "/"),
        ("", {}, "/"),
        ("", {"normalize_path": False}, "/"),
    ],
)
def test_the_path_is_normalised_and_encoded_once_more_by_default(
    path: str, switches: dict[str, bool], canonical: str
) -> None:
    """All services but S3 do both."""
    signed = request(path=path, headers=Headers({"host": "h", "x-amz-date": "d"}))

    assert canonical == SigV4Signer(**switches).canonical_request(signed, "hash").split("\n")[1]


def test_the_query_is_sorted_and_blanks_in_headers_collapse() -> None:
    """A proxy may reorder the one and trim the other; both sides must still come to the same text."""
    signed = request(query="b=2&a=1&a=0&c", headers=Headers({"x-a": "  p   q\t", "host": "h", "x-100%": "é  é"}))

    canonical = SigV4Signer().canonical_request(signed, "hash")

    assert canonical.split("\n")[2:7] == ["a=0&a=1&b=2&c=", "host:h", "x-100%:é é", "x-a:p q", ""]


def test_derived_keys_are_kept_for_several_scopes_at_once_and_not_without_end() -> None:
    """Two accounts through one signer must not push each other out; rotating credentials must not fill the memory."""
    signer = SigV4Signer()

    for region in ("us-east-1", "eu-west-1", "us-east-1"):
        sign(request(), signer=signer, region=region)
        sign(request(), TEMPORARY, signer=signer, region=region)
    assert len(signer._keys) == 4
    for number in range(200):
        sign(request(), Credentials("AKID", f"secret-{number}"), signer=signer)

    assert len(signer._keys) == 64
    assert "secret" not in repr(signer)


def test_another_secret_under_the_same_name_is_another_key() -> None:
    """A rotated secret may keep its access key id in a test set-up; a stale key would fail every call."""
    signer = SigV4Signer()

    first = sign(request(), Credentials("AKID", "one"), signer)
    second = sign(request(), Credentials("AKID", "two"), signer)

    assert first != second
    assert second == sign(request(), Credentials("AKID", "two"))


@pytest.mark.parametrize("name", ["region", "service"])
def test_a_scope_with_a_newline_is_not_written_into_a_header(name: str) -> None:
    """A region may come from elsewhere, and with base_endpoint no resolver looks at it."""
    with pytest.raises(InvalidHeaderError):
        sign(request(), **{name: "x\r\nX-Injected: 1"})
