"""`S3Calls`: requests to S3 for code in threads, with retries."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import wait
from typing import TYPE_CHECKING, TypedDict

from sagemaker_runtime import ConfigError, SageMakerRuntimeError, ServiceError, TransportError
from sagemaker_runtime.retry import BASE_DELAY, THROTTLING_BASE_DELAY, Failure, back_off, classify

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from concurrent.futures import Future
    from typing import Unpack

    from sagemaker_runtime import S3Client, S3Response

PATIENCE = 120.0  # seconds of retries; a failure after that stops the run, which can be continued later
LONGEST_WAIT = 5.0  # seconds between two attempts
_LOOK = 5.0  # seconds between two checks that the event loop is still open
_PASSING = frozenset({"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"})
_GOOD = range(200, 300)  # HTTP status
_LATE = frozenset({"CompleteMultipartUpload", "CopyObject"})  # may fail after S3 has begun to respond, with 200
_PRECONDITION_FAILED = 412
_FORBIDDEN = 403

_RIGHTS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload on {objects}",
    "CompleteMultipartUpload": "s3:PutObject on {objects}",
    "CopyObject": "s3:GetObject and s3:PutObject on {objects}",
    "CreateMultipartUpload": "s3:PutObject on {objects}",
    "DeleteObject": "s3:DeleteObject on {objects}",
    "GetObject": "s3:GetObject on {objects}",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads on {bucket}",
    "ListObjectsV2": "s3:ListBucket on {bucket}",
    "PutObject": "s3:PutObject on {objects}",
    "UploadPart": "s3:PutObject on {objects}",
}
"""The permissions that each operation needs. Source: Amazon S3 User Guide, "Required permissions for Amazon S3 API operations"."""


class S3Request(TypedDict, total=False):
    """The optional parts of a request."""

    query: Mapping[str, str] | None
    """Parameters, not percent-encoded."""

    headers: Mapping[str, str] | None
    body: bytes
    patience: float
    """For how many seconds to retry it."""


class S3Calls:
    """
    Makes requests to S3 that block the caller's thread. They run in the event loop of the client.

    While S3 is busy or unreachable, a request is retried for two minutes. Every request here can safely be repeated.

    Args:
        s3: Makes the requests.

        loop: The event loop to make them in. None for the running one.
    """

    def __init__(self, s3: S3Client, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._s3 = s3
        self._loop = asyncio.get_running_loop() if loop is None else loop

    def call(self, operation: str, method: str, bucket: str, key: str = "", **request: Unpack[S3Request]) -> S3Response:
        """
        Make a request, and return the response if it succeeds.

        Args:
            operation: The name in S3's API reference.

            method: The HTTP method.

            bucket: The name of the bucket.

            key: The key, not percent-encoded. Empty for the bucket itself.

            request: The optional parts.

        Raises:
            ConfigError: There is no such bucket, or the object is gone, changed or archived.
            ServiceError: S3 refused for another reason; the text names the permission that may be missing.
            TransportError: S3 could not be reached.
            CredentialsError: There are no credentials.
        """
        return self.result(self.begin(self.call_async(operation, method, bucket, key, **request)))

    def begin(self, call: Coroutine[None, None, S3Response]) -> Future[S3Response]:
        """Start the coroutine of a `call_async`; `result` waits for it."""
        if _in(self._loop):
            call.close()
            raise RuntimeError("this would block the event loop that it waits for; call it in a thread")
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    def result(self, begun: Future[S3Response]) -> S3Response:
        """Wait for a request. Raises as `call` does."""
        while not wait([begun], _LOOK).done:
            if self._loop.is_closed():  # no response will ever come
                raise RuntimeError("the event loop was closed while a request to S3 was in flight")
        return begun.result()

    async def call_async(
        self,
        operation: str,
        method: str,
        bucket: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        patience: float = PATIENCE,
    ) -> S3Response:
        """The same for code in the event loop."""
        clock = self._s3.clock
        began = clock.monotonic()
        attempts = 0
        while True:
            attempts += 1
            try:
                response = await self._s3.send(method, bucket, key, query=query, headers=headers, body=body)
                if response.status in _GOOD and not (operation in _LATE and _fails(response)):
                    return response
                error: SageMakerRuntimeError = response.error(f"s3://{bucket}/{key}", operation)
            except TransportError as caught:
                error = caught
            base = _base_delay(error)
            if base is None or clock.monotonic() - began >= patience:
                if attempts > 1:
                    error.add_note(f"S3 was tried {attempts} times in {clock.monotonic() - began:.0f} s")
                raise _explained(error, operation, bucket, key)
            await clock.sleep(back_off(attempts, base=base, ceiling=LONGEST_WAIT, draw=random.random))


def _in(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _fails(response: S3Response) -> bool:
    return b"<Error>" in response.body[:1024]


def _base_delay(error: SageMakerRuntimeError) -> float | None:
    """The base of the back-off in seconds; None if another attempt would not help."""
    if isinstance(error, ServiceError) and error.code in _PASSING:
        return THROTTLING_BASE_DELAY if error.code == "SlowDown" else BASE_DELAY
    match classify(error):
        case Failure.THROTTLING:
            return THROTTLING_BASE_DELAY
        case Failure.TRANSIENT | Failure.CONNECTION_LOST | Failure.MAYBE_EXECUTED:
            return BASE_DELAY
        case _:
            return None


def _explained(error: SageMakerRuntimeError, operation: str, bucket: str, key: str) -> SageMakerRuntimeError:
    """The error, with advice on what to do about it."""
    if not isinstance(error, ServiceError):
        error.operation = error.operation or operation
        error.add_note(f"at s3://{bucket}/{key}")
        return error
    if error.code == "NoSuchBucket":
        return ConfigError(
            f"there is no bucket {bucket!r}: check its name, and s3_endpoint_url if it is not one of AWS's"
        )
    if error.code == "NoSuchKey":
        return ConfigError(f"s3://{bucket}/{key} no longer exists")
    if error.status == _PRECONDITION_FAILED:
        return ConfigError(f"s3://{bucket}/{key} was changed while it was read")
    if error.code == "InvalidObjectState":
        return ConfigError(f"s3://{bucket}/{key} is archived and cannot be read; restore it first")
    advice = None
    if error.status == _FORBIDDEN and operation in _RIGHTS and error.code in ("AccessDenied", str(_FORBIDDEN)):
        right = _RIGHTS[operation].format(bucket=f"the bucket {bucket}", objects=f"s3://{bucket}/{key}")
        advice = f"it needs {right}, and permission to use the KMS key if there is one"
    elif error.code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"):
        advice = "the bucket is not in the region of s3_endpoint_url"
    if advice is not None:
        error.args = (f"{error.message}; {advice}",)
    return error
