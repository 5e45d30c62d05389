"""Checks the signature of a request as S3 does, with S3's error messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from sagemaker_runtime.local.front.explanation import explain
from sagemaker_runtime.local.front.signature import ReceivedRequest, is_signed_with, moment_of
from sagemaker_runtime.local.storage.storage import StorageError
from sagemaker_runtime.verification import Authorization, SignatureRefusedError, must_be_signed

if TYPE_CHECKING:
    from sagemaker_runtime import Credentials, Headers

SKEW = timedelta(minutes=15)
UNSIGNED = "UNSIGNED-PAYLOAD"


def check_storage_signature(request: ReceivedRequest, *, credentials: Credentials, region: str, now: datetime) -> None:
    """
    Check that the head of *request* was signed for S3 with *credentials*, in *region*, at about *now*.

    `check_payload` checks the body.

    Raises:
        StorageError: S3's response.
    """
    headers = request.headers
    if "authorization" not in headers:
        raise StorageError("AccessDenied", 403, "Access Denied")
    try:
        authorization = Authorization.parse(headers["authorization"])
    except SignatureRefusedError as error:
        raise _malformed(error.message) from None
    access_key_id = authorization.access_key_id
    if access_key_id != credentials.access_key_id:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise StorageError("InvalidAccessKeyId", 403, message, {"AWSAccessKeyId": access_key_id})
    if headers.get("x-amz-security-token") != credentials.session_token:
        raise StorageError("InvalidToken", 400, "The provided token is malformed or otherwise invalid.")
    if credentials.expires_at is not None and credentials.expires_at <= now.timestamp():
        raise StorageError("ExpiredToken", 400, "The provided token has expired.")
    timestamp = _check_time(headers.get("x-amz-date", ""), now)
    _check_scope(authorization.scope, timestamp, region)
    for name in must_be_signed(headers, authorization.signed_headers):
        message = "There were headers present in the request which were not signed"
        raise StorageError("AccessDenied", 403, message, {"HeadersNotSigned": name})
    claimed = headers.get("x-amz-content-sha256")
    if claimed is None:
        raise StorageError("InvalidRequest", 400, "Missing required header for this request: x-amz-content-sha256")
    if not is_signed_with(credentials, request, authorization, payload_hash=claimed, timestamp=timestamp):
        message = (
            "The request signature we calculated does not match the signature you provided. Check your key and signing "
            f"method. {explain(request, authorization, claimed, timestamp, credentials.secret_access_key)}"
        )
        raise StorageError("SignatureDoesNotMatch", 403, message, {"AWSAccessKeyId": access_key_id})


def check_payload(headers: Headers, body: bytes) -> None:
    """
    Check that the body is the one that was signed.

    Raises:
        StorageError: S3's response.
    """
    claimed = headers["x-amz-content-sha256"]
    if claimed.startswith("STREAMING-"):
        message = "A header you provided implies functionality that is not implemented"
        raise StorageError("NotImplemented", 501, message, {"Header": "x-amz-content-sha256"})
    if claimed not in (UNSIGNED, sha256(body).hexdigest()):
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise StorageError("XAmzContentSHA256Mismatch", 400, message)


def _check_time(timestamp: str, now: datetime) -> str:
    signed = moment_of(timestamp)
    if signed is None:
        raise StorageError("AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header")
    if abs(signed - now) > SKEW:
        message = "The difference between the request time and the current time is too large."
        raise StorageError("RequestTimeTooSkewed", 403, message)
    return timestamp


def _check_scope(scope: str, timestamp: str, region: str) -> None:
    date, _, rest = scope.partition("/")
    signed_region, _, rest = rest.partition("/")
    if signed_region != region:
        raise _malformed(f"the region '{signed_region}' is wrong; expecting '{region}'", {"Region": region})
    if (date, rest) != (timestamp[:8], "s3/aws4_request"):
        raise _malformed(f"the credential must be scoped to '{timestamp[:8]}/{region}/s3/aws4_request', not '{scope}'.")


def _malformed(problem: str, elements: dict[str, str] | None = None) -> StorageError:
    message = f"The authorization header is malformed; {problem}"
    return StorageError("AuthorizationHeaderMalformed", 400, message, elements)
