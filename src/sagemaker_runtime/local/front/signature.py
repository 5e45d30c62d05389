"""
The check of a request's signature: the request is signed once more, and the two signatures must agree.

This package's own signer is not used, since it would agree with its own mistakes; see `sigv4`. The messages are the
service's.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime.local.front.failures import FailureError, refusal
from sagemaker_runtime.local.front.sigv4 import ALGORITHM, signature_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagemaker_runtime import Credentials, Headers

SERVICE = "sagemaker"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"  # in place of the body's hash: the signature holds for any body
SKEW = timedelta(minutes=5)
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_ALWAYS_SIGNED = ("host", "x-amz-date")
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@frozen(repr=False)
class Authorization:
    """The ``Authorization`` header, in its parts."""

    access_key_id: str
    scope: str
    """Date, region, service and ``aws4_request``, with slashes between."""

    signed_headers: frozenset[str]
    signature: str

    @classmethod
    def parse(cls, header: str) -> Authorization:
        """
        Take the header apart.

        Raises:
            FailureError: It is for another algorithm, lacks a part, or has one twice.
        """
        algorithm, _, rest = header.partition(" ")
        if algorithm != ALGORITHM:
            raise _incomplete(f"Authorization header must start with '{ALGORITHM}'.")
        parts: dict[str, str] = {}
        for part in rest.split(","):
            name, _, value = part.strip().partition("=")
            if name in parts:  # the header came twice, perhaps: which of them would count?
                raise _incomplete(f"Authorization header has '{name}' parameter more than once.")
            parts[name] = value
        for name in ("Credential", "Signature", "SignedHeaders"):
            if not parts.get(name):
                raise _incomplete(f"Authorization header requires '{name}' parameter.")
        access_key_id, _, scope = parts["Credential"].partition("/")
        return cls(access_key_id, scope, frozenset(parts["SignedHeaders"].split(";")), parts["Signature"])


@frozen(repr=False)
class ReceivedRequest:
    """A request as it came over the wire."""

    method: str
    target: str
    """Path and query, byte for byte as they were sent."""

    pairs: Iterable[tuple[str, str]]
    """The headers one by one."""

    headers: Headers
    """The same by name."""

    body: bytes


def check_signature(request: ReceivedRequest, *, credentials: Credentials, region: str, now: datetime) -> None:
    """
    Check that *request* was signed with *credentials*, for *region*, about *now*, and arrived as it was signed.

    Raises:
        FailureError: What the service would respond.
    """
    headers = request.headers
    if "authorization" not in headers:
        raise refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    authorization = Authorization.parse(headers["authorization"])
    token = headers.get("x-amz-security-token")
    if authorization.access_key_id != credentials.access_key_id or token != credentials.session_token:
        raise refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    if credentials.expires_at is not None and credentials.expires_at <= now.timestamp():
        raise refusal("ExpiredTokenException", "The security token included in the request is expired")
    timestamp = _check_time(headers.get("x-amz-date", ""), now)
    _check_scope(authorization.scope, timestamp, region)
    for name in _ALWAYS_SIGNED:
        if name not in authorization.signed_headers:
            raise _invalid(f"'{name}' must be a 'SignedHeader' in the AWS Authorization header.")
    payload_hash = _payload_hash(request, authorization.signed_headers)
    if not authorization.signed_headers.issubset(headers):
        raise _invalid(_MISMATCH)  # a header that was signed has been lost on the way
    if not is_signed_with(credentials, request, authorization, payload_hash=payload_hash, timestamp=timestamp):
        raise _invalid(_MISMATCH)


def is_signed_with(
    credentials: Credentials,
    request: ReceivedRequest,
    authorization: Authorization,
    *,
    payload_hash: str,
    timestamp: str,
) -> bool:
    """Whether the signature is the one that *credentials* make for the request as it came."""
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


def _payload_hash(request: ReceivedRequest, signed_headers: frozenset[str]) -> str:
    """What the signature covers of the body. A claim in a header counts only if the header is signed."""
    claimed = request.headers.get("x-amz-content-sha256")
    if claimed == UNSIGNED_PAYLOAD and "x-amz-content-sha256" in signed_headers:
        return claimed
    payload_hash = sha256(request.body).hexdigest()
    if claimed not in (None, payload_hash):
        raise _invalid("The value of 'x-amz-content-sha256' does not match the hash of the body that was received.")
    return payload_hash


def _check_time(timestamp: str, now: datetime) -> str:
    signed = moment_of(timestamp)
    if signed is None:
        raise _incomplete("Authorization header requires existence of a valid 'X-Amz-Date' header.")
    if signed < now - SKEW:
        raise _invalid(f"Signature expired: {timestamp} is now earlier than {now - SKEW:{_TIMESTAMP}}")
    if signed > now + SKEW:
        raise _invalid(f"Signature not yet current: {timestamp} is still later than {now + SKEW:{_TIMESTAMP}}")
    return timestamp


@lru_cache(maxsize=16)  # requests of one second share it, and to parse it takes 10 µs
def moment_of(timestamp: str) -> datetime | None:
    """The moment in ``X-Amz-Date``; None if the text is not one."""
    try:
        return datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _check_scope(scope: str, timestamp: str, region: str) -> None:
    expected = f"{timestamp[:8]}/{region}/{SERVICE}/aws4_request"
    if scope != expected:
        raise _invalid(f"Credential should be scoped to '{expected}', not '{scope}'.")


def _incomplete(message: str) -> FailureError:
    return refusal("IncompleteSignatureException", message)


def _invalid(message: str) -> FailureError:
    return refusal("InvalidSignatureException", message)
