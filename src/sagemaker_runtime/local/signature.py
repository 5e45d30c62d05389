"""
The check of a request's signature: botocore's own signer signs what arrived once more, and the two must agree.

Not this package's signer, which would agree with its own mistakes. The messages are the service's.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from attrs import frozen
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from sagemaker_runtime.local.failures import FailureError, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagemaker_runtime import Credentials, Headers

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "sagemaker"
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
            FailureError: It is for another algorithm, or lacks a part.
        """
        algorithm, _, rest = header.partition(" ")
        if algorithm != ALGORITHM:
            raise _incomplete(f"Authorization header must start with '{ALGORITHM}'.")
        parts: dict[str, str] = {}
        for part in rest.split(","):
            name, _, value = part.strip().partition("=")
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
    Make sure that *request* was signed with *credentials*, for *region*, about *now*, and came as it was signed.

    Raises:
        FailureError: What the service would answer.
    """
    headers = request.headers
    if "authorization" not in headers:
        raise refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    authorization = Authorization.parse(headers["authorization"])
    token = headers.get("x-amz-security-token")
    if authorization.access_key_id != credentials.access_key_id or token != credentials.session_token:
        raise refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    timestamp = _check_time(headers.get("x-amz-date", ""), now)
    _check_scope(authorization.scope, timestamp, region)
    for name in _ALWAYS_SIGNED:
        if name not in authorization.signed_headers:
            raise _invalid(f"'{name}' must be a 'SignedHeader' in the AWS Authorization header.")
    claimed = headers.get("x-amz-content-sha256")
    if claimed is not None and claimed != sha256(request.body).hexdigest():
        raise _invalid("The value of 'x-amz-content-sha256' does not match the hash of the body that was received.")
    if not authorization.signed_headers.issubset(headers):
        raise _invalid(_MISMATCH)  # a header that was signed has been lost on the way
    expected = _signature(request, authorization.signed_headers, timestamp, credentials, region)
    if not hmac.compare_digest(expected.encode(), authorization.signature.encode(errors="replace")):
        raise _invalid(_MISMATCH)


def _check_time(timestamp: str, now: datetime) -> str:
    try:
        signed = datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete("Authorization header requires existence of a valid 'X-Amz-Date' header.") from None
    if signed < now - SKEW:
        raise _invalid(f"Signature expired: {timestamp} is now earlier than {now - SKEW:{_TIMESTAMP}}")
    if signed > now + SKEW:
        raise _invalid(f"Signature not yet current: {timestamp} is still later than {now + SKEW:{_TIMESTAMP}}")
    return timestamp


def _check_scope(scope: str, timestamp: str, region: str) -> None:
    expected = f"{timestamp[:8]}/{region}/{SERVICE}/aws4_request"
    if scope != expected:
        raise _invalid(f"Credential should be scoped to '{expected}', not '{scope}'.")


def _signature(
    request: ReceivedRequest, signed_headers: frozenset[str], timestamp: str, credentials: Credentials, region: str
) -> str:
    again = AWSRequest(method=request.method, url=f"http://localhost{request.target}", data=request.body)
    for name, value in request.pairs:
        if name.lower() in signed_headers:
            # A byte that is not UTF-8 comes as half a surrogate pair, which no signature covers.
            again.headers[name] = value.encode(errors="replace").decode()
    again.context["timestamp"] = timestamp
    signer = SigV4Auth(BotocoreCredentials(credentials.access_key_id, credentials.secret_access_key), SERVICE, region)
    return signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)


def _incomplete(message: str) -> FailureError:
    return refusal("IncompleteSignatureException", message)


def _invalid(message: str) -> FailureError:
    return refusal("InvalidSignatureException", message)
