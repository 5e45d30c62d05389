"""The small S3's check of signatures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from local.storage.s3_requests import KEYS, code_of, local_with, send, signed
from support import NOON, ManualClock

from sagemaker_runtime import Credentials
from sagemaker_runtime.local import LocalEndpoint

NOTHING = sha256(b"").hexdigest()


@pytest.mark.parametrize(
    ("changes", "edit", "status", "code"),
    [
        ({}, lambda headers: headers.pop("authorization"), 403, "AccessDenied"),
        ({}, lambda headers: headers.update(authorization="Bearer x"), 400, "AuthorizationHeaderMalformed"),
        ({"credentials": Credentials("OTHER", "secret", KEYS.session_token)}, None, 403, "InvalidAccessKeyId"),
        ({"credentials": Credentials("AKIDLOCAL", "no", KEYS.session_token)}, None, 403, "SignatureDoesNotMatch"),
        ({"credentials": Credentials("AKIDLOCAL", "secret/with+signs")}, None, 400, "InvalidToken"),
        ({"region": "eu-west-1"}, None, 400, "AuthorizationHeaderMalformed"),
        ({"service": "sagemaker"}, None, 400, "AuthorizationHeaderMalformed"),
        ({"signing_time": datetime.fromtimestamp(NOON - 901, UTC)}, None, 403, "RequestTimeTooSkewed"),
        ({"signing_time": datetime.fromtimestamp(NOON + 901, UTC)}, None, 403, "RequestTimeTooSkewed"),
        ({"signing_time": datetime.fromtimestamp(NOON - 900, UTC)}, None, 200, None),
        ({}, lambda headers: headers.update({"x-amz-date": "noon"}), 403, "AccessDenied"),
        ({}, lambda headers: headers.update({"x-amz-acl": "private"}), 403, "AccessDenied"),
        ({}, lambda headers: headers.pop("x-amz-content-sha256"), 400, "InvalidRequest"),
        ({}, lambda headers: headers.update({"x-amz-content-sha256": NOTHING}), 403, "SignatureDoesNotMatch"),
        ({"payload_hash": NOTHING}, None, 400, "XAmzContentSHA256Mismatch"),
        ({"payload_hash": "UNSIGNED-PAYLOAD"}, None, 200, None),
        ({"payload_hash": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, None, 501, "NotImplemented"),
        ({"headers": {"via": "x"}}, lambda headers: headers.pop("via"), 403, "SignatureDoesNotMatch"),
    ],
)
async def test_a_request_is_let_in_only_as_s3_would(
    tmp_path: Path,
    changes: dict[str, Any],
    edit: Callable[[Any], object] | None,
    status: int,
    code: str | None,
) -> None:
    """A wait that signs wrongly must fail on a laptop, and with the code by which it would fail in the cloud."""
    async with local_with(tmp_path) as local:
        request = signed(local, "PUT", "/inputs/k", b"body", **changes)
        if edit is not None:
            edit(request.headers)

        got, _, document = await send(local, request)

    assert (status, code) == (got, code_of(document) if document else None)
    assert (status == 200) == (tmp_path / "inputs" / "k").exists()


@pytest.mark.parametrize(
    ("changes", "edit", "what"),
    [
        (
            {"headers": {"via": "x"}},
            lambda headers: headers.pop("via"),
            "the header 'via', which was signed and has not",
        ),
        (
            {"headers": {"content-type": "text/csv"}},
            lambda headers: headers.update({"content-type": "text/csv; charset=utf-8"}),
            "the header 'content-type', to which a parameter was added after signing",
        ),
        ({}, lambda headers: headers.update({"x-amz-date": "20250615T151000Z"}), "the header 'x-amz-date', which was"),
        (
            {"payload_hash": NOTHING},
            lambda headers: headers.update({"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}),
            "the header 'x-amz-content-sha256', which was signed as the hash of an empty body",
        ),
    ],
)
async def test_a_refusal_says_what_differs(
    tmp_path: Path, changes: dict[str, Any], edit: Callable[[Any], object], what: str
) -> None:
    """S3 itself sends back all that it has signed, the token too; here one sentence is enough."""
    async with local_with(tmp_path) as local:
        request = signed(local, "PUT", "/inputs/k", b"body", **changes)
        edit(request.headers)

        _, _, document = await send(local, request)

    root = ET.fromstring(document)  # noqa: S314 - our own
    assert "SignatureDoesNotMatch" == root.findtext("Code")
    assert f"What differs: {what}" in str(root.findtext("Message"))
    assert KEYS.secret_access_key not in document.decode()
    assert str(KEYS.session_token) not in document.decode()


async def test_a_wrong_secret_is_listed_with_what_else_it_may_be(tmp_path: Path) -> None:
    """The token is signed too, and comes into no text."""
    keys = Credentials("AKIDLOCAL", "no", KEYS.session_token)
    async with local_with(tmp_path) as local:
        _, _, document = await send(local, signed(local, "PUT", "/inputs/k", b"body", credentials=keys))

    message = str(ET.fromstring(document).findtext("Message"))  # noqa: S314 - our own
    assert "signature does not show what differs: it is the secret access key" in message
    assert "x-amz-security-token: (not shown)" in message
    assert str(KEYS.session_token) not in document.decode()


async def test_expired_credentials_are_refused_as_such(tmp_path: Path) -> None:
    """A client that renews them looks for this code."""
    keys = Credentials("AKIDLOCAL", "secret", "token", expires_at=NOON)

    async with LocalEndpoint({}, folder=tmp_path, credentials=keys, clock=ManualClock()) as local:
        status, _, document = await send(local, signed(local, "GET", "/inputs/k"))

    assert (400, "ExpiredToken") == (status, code_of(document))


async def test_a_request_for_another_region_gets_the_right_one(tmp_path: Path) -> None:
    """Clients read it there, and try again."""
    async with local_with(tmp_path) as local:
        document = (await send(local, signed(local, "GET", "/inputs/k", region="eu-west-1")))[2]

    assert "us-east-1" == ET.fromstring(document).findtext("Region")  # noqa: S314 - our own
