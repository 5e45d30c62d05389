"""
Checks the signature of a request: the request is signed once more, and the two signatures must agree.

This package's own signer is not used, because it would agree with its own mistakes; see `sigv4`. The messages are the
service's.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime import Request
from sagemaker_runtime.local.front.explanation import explain
from sagemaker_runtime.local.front.failures import refusal
from sagemaker_runtime.local.front.sigv4 import signature_of
from sagemaker_runtime.verification import (
    MISMATCH,
    Authorization,
    SignatureRefusedError,
    changed,
    changes,
    check_coverage,
    not_signed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagemaker_runtime import Credentials, Headers

SERVICE = "sagemaker"
SKEW = timedelta(minutes=5)
_TIMESTAMP = "%Y%m%dT%H%M%SZ"


@frozen(repr=False)
class ReceivedRequest:
    """A request as received."""

    method: str
    target: str
    """Path and query, byte for byte as received."""

    pairs: Iterable[tuple[str, str]]
    """The header lines."""

    headers: Headers
    """The headers by name."""

    body: bytes
    https: bool = False
    streams: bool = False
    """Whether the body is a stream of events, each with its own signature."""

    def as_sent(self) -> Request:
        """The request as the client sent it."""
        path, _, query = self.target.partition("?")
        scheme = "https" if self.https else "http"
        return Request(self.method, scheme, self.headers.get("host", ""), path, query, self.headers, self.body)


def check_signature(request: ReceivedRequest, *, credentials: Credentials, region: str, now: datetime) -> None:
    """
    Check that *request* was signed with *credentials*, for *region*, at about *now*, and was not changed since.

    Args:
        request: The request.

        credentials: The keys that it must be signed with.

        region: The region that it must be signed for.

        now: The service's time.

    Raises:
        FailureError: The service's response. If that says only that the signature does not match, the reason is added.
    """
    try:
        _check(request, credentials, region, now)
    except SignatureRefusedError as error:
        raise refusal(error.code, error.message) from None


def _check(request: ReceivedRequest, credentials: Credentials, region: str, now: datetime) -> None:
    headers = request.headers
    if "authorization" not in headers:
        raise not_signed()
    authorization = Authorization.parse(headers["authorization"])
    token = headers.get("x-amz-security-token")
    if authorization.access_key_id != credentials.access_key_id or token != credentials.session_token:
        raise refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    if credentials.expires_at is not None and credentials.expires_at <= now.timestamp():
        raise refusal("ExpiredTokenException", "The security token included in the request is expired")
    timestamp = _check_time(headers.get("x-amz-date", ""), now)
    _check_scope(authorization.scope, timestamp, region)
    payload_hash = check_coverage(authorization, headers, request.body, https=request.https, streams=request.streams)
    if not is_signed_with(credentials, request, authorization, payload_hash=payload_hash, timestamp=timestamp):
        differences = changes(request.as_sent(), authorization, https=request.https)
        if differences:
            raise changed(differences)
        if differences == []:
            raise _invalid(
                f"{MISMATCH} The request is unchanged since it was signed, so the secret access key must differ."
            )
        secret = credentials.secret_access_key
        raise _invalid(f"{MISMATCH} {explain(request, authorization, payload_hash, timestamp, secret)}")


def is_signed_with(
    credentials: Credentials,
    request: ReceivedRequest,
    authorization: Authorization,
    *,
    payload_hash: str,
    timestamp: str,
) -> bool:
    """Whether *credentials* make the same signature for the request as received."""
    expected = signature_of(
        request.method,
        request.target,
        request.pairs,
        signed_headers=authorization.signed_headers,
        payload_hash=payload_hash,
        timestamp=timestamp,
        scope=authorization.scope,
        secret_access_key=credentials.secret_access_key,
    )
    return hmac.compare_digest(expected.encode(), authorization.signature.encode(errors="replace"))


def _check_time(timestamp: str, now: datetime) -> str:
    signed = moment_of(timestamp)
    if signed is None:
        raise _incomplete("Authorization header requires existence of a valid 'X-Amz-Date' header.")
    if signed < now - SKEW:
        raise _invalid(f"Signature expired: {timestamp} is now earlier than {now - SKEW:{_TIMESTAMP}}")
    if signed > now + SKEW:
        raise _invalid(f"Signature not yet current: {timestamp} is still later than {now + SKEW:{_TIMESTAMP}}")
    return timestamp


@lru_cache(maxsize=16)  # requests of the same second share it, and parsing takes 10 µs
def moment_of(timestamp: str) -> datetime | None:
    """The time in an ``X-Amz-Date`` header; None if it is malformed."""
    try:
        return datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _check_scope(scope: str, timestamp: str, region: str) -> None:
    expected = f"{timestamp[:8]}/{region}/{SERVICE}/aws4_request"
    if scope != expected:
        raise _invalid(f"Credential should be scoped to '{expected}', not '{scope}'.")


def _incomplete(message: str) -> SignatureRefusedError:
    return SignatureRefusedError("IncompleteSignatureException", message)


def _invalid(message: str) -> SignatureRefusedError:
    return SignatureRefusedError("InvalidSignatureException", message)
