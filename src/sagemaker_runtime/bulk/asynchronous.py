"""`AsynchronousCalls`: sends records to an asynchronous endpoint, and waits for each with few reads."""

from __future__ import annotations

from asyncio import Semaphore
from collections import Counter, deque
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING

from attrs import fields_dict

from sagemaker_runtime import (
    REQUEST_ID,
    ConfigError,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    SageMakerRuntimeError,
    ServiceError,
)
from sagemaker_runtime.bulk.s3.calls import S3Calls
from sagemaker_runtime.bulk.s3.destination import encryption_headers
from sagemaker_runtime.bulk.s3.listing import parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime import (
        AsyncInferenceResult,
        Client,
        Clock,
        InvokeEndpointAsyncOutput,
        OptFn,
        S3Object,
        S3ObjectReader,
    )

AT_ONCE = 16  # results to poll for; the others, which were submitted later, wait for their turn
INLINE = 128_000  # bytes, the largest body that needs no upload; service-2.json, shape AsyncBodyBlob
TTL = 21_600  # seconds in the endpoint's queue; the service's default
INVOCATION_TIMEOUT = 900  # seconds; the service's default
MARGIN = 300.0  # seconds until the result must be in S3, after the endpoint has run out of time for it
FORBIDDEN_FOR = 900.0  # seconds during which a 403 of S3 may mean that the result is not there yet
LONGEST_DELAY = 600.0  # seconds before the first poll, at most
MAX_INTERVAL = 15.0  # seconds between two polls, at most
_SHARE = 8  # the interval between polls is at least this fraction of the time so far: an eighth
_SOONER = 0.9  # what a delay counts for if the result was already there
_RECENT = 7  # waits; a median of more would follow changes too slowly
_FORBIDDEN = 403  # HTTP status
_SHARED = frozenset({"accept", "content_type", "custom_attributes", "inference_id"})
_OTHERS = sorted(frozenset(fields_dict(InvokeEndpointInput)) - _SHARED - {"body", "endpoint_name"})


class AsynchronousCalls:
    """
    Submits a record, waits for its result, and returns it as the output of InvokeEndpoint: a replacement for
    ``client.invoke_endpoint``.

    A body of up to 128,000 bytes goes with the request. A larger one is uploaded first. Its key is made from the inference id, or
    from the content if there is none, so submitting it again replaces the object. Uploads are kept, for a lifecycle rule of the
    bucket to remove, unless *remove_uploads* is set.

    After a cancellation, an inference that was already submitted continues: the service cannot stop it.

    Args:
        client: Makes the calls.

        opt_fns: Change the client's options for the calls and for the reads.

        upload_to: ``s3://bucket/prefix/`` for larger bodies. None if there are none.

        encryption: Server-side encryption of uploads, as for `S3Destination`.

        kms_key: As for `S3Destination`.

        remove_uploads: Whether to remove an upload once its result has been read. If the inference failed, the upload is kept.

        s3_output_path_extension: Member of every input.

        request_ttl_seconds: Member of every input.

        invocation_timeout_seconds: Member of every input.

    Raises:
        ConfigError: An argument is invalid, or there is no region.
    """

    def __init__(
        self,
        client: Client,
        /,
        *opt_fns: OptFn,
        upload_to: str | None = None,
        encryption: str | None = None,
        kms_key: str | None = None,
        remove_uploads: bool = False,
        s3_output_path_extension: str | None = None,
        request_ttl_seconds: int | None = None,
        invocation_timeout_seconds: int | None = None,
    ) -> None:
        self._client = client
        self._opt_fns = opt_fns
        self._s3 = client.s3_client(*opt_fns)
        self._calls = S3Calls(self._s3)
        self._uploads = None if upload_to is None else parse(upload_to)
        self._encryption = encryption_headers(encryption, kms_key)
        self._remove_uploads = remove_uploads
        self._in_use = Counter[str]()  # keys of uploads
        self._extension = s3_output_path_extension
        self._ttl = request_ttl_seconds
        self._timeout = invocation_timeout_seconds
        self._waits = Waits(self._s3.clock)

    async def __call__(self, params: InvokeEndpointInput, location: str | None = None) -> InvokeEndpointOutput:
        """
        Submit a record, and wait for its result.

        Args:
            params: An input of InvokeEndpoint. Besides its body, an asynchronous endpoint takes only its *accept*,
                *content_type*, *custom_attributes* and *inference_id*.

            location: ``s3://bucket/key`` of a body that is already in S3, which is used instead of that of *params*. None if
                there is none.

        Raises:
            AsyncInferenceError: The inference failed. The error has the request id of the submission.
            WaitTimeoutError: There was neither a result nor a failure by the time that the endpoint had run out of time.
            ConfigError: There is a member that an asynchronous endpoint does not take; the body is too large for the request,
                and there is no *upload_to*; or S3 does not allow results to be read.
            SageMakerRuntimeError: An error of ``invoke_endpoint_async``, ``wait_for_output`` or S3.
        """
        check_members(params)
        body = bytes(params.body) if location is None else b""
        if location is not None or len(body) <= INLINE:
            return await self._infer(params, body, location)
        if self._uploads is None:
            raise ConfigError(
                f"a body has {len(body):,} bytes, and InvokeEndpointAsync takes {INLINE:,}: set upload_to='s3://bucket/prefix/', "
                "or send fewer records per request"
            )
        bucket, prefix = self._uploads
        key = f"{prefix.rstrip('/')}/{params.inference_id or sha256(body).hexdigest()}".removeprefix("/")
        headers = dict(self._encryption)
        if params.content_type is not None:
            headers["content-type"] = params.content_type
        self._in_use[key] += 1
        try:
            await self._calls.call_async("PutObject", "PUT", bucket, key, headers=headers, body=body)
            output = await self._infer(params, b"", f"s3://{bucket}/{key}")
        finally:
            self._in_use[key] -= 1
            if not self._in_use[key]:
                del self._in_use[key]
        if self._remove_uploads and key not in self._in_use:
            await self._calls.call_async("DeleteObject", "DELETE", bucket, key)
        return output

    async def _infer(self, params: InvokeEndpointInput, body: bytes, location: str | None) -> InvokeEndpointOutput:
        submitted = await self._client.invoke_endpoint_async(
            submission(params, body, location, extension=self._extension, ttl=self._ttl, timeout=self._timeout),
            *self._opt_fns,
        )
        deadline = self._s3.clock.monotonic() + (self._ttl or TTL) + (self._timeout or INVOCATION_TIMEOUT) + MARGIN

        def wait(s3: S3ObjectReader) -> Awaitable[AsyncInferenceResult]:
            left = max(0.0, deadline - self._s3.clock.monotonic())
            return self._client.wait_for_output(submitted, *self._opt_fns, timeout=left, s3=s3)

        try:
            result = await self._waits.run(submitted, self._s3, wait)
        except SageMakerRuntimeError as error:
            error.request_id = error.request_id or submitted.result_metadata.get(REQUEST_ID)
            raise
        return InvokeEndpointOutput(
            body=result.body, content_type=result.content_type, result_metadata=submitted.result_metadata
        )


def check_members(params: InvokeEndpointInput) -> None:
    """
    Check that an asynchronous endpoint takes all members of an input.

    Raises:
        ConfigError: There is one that it does not take.
    """
    for name in _OTHERS:
        if getattr(params, name) is not None:
            raise ConfigError(f"an asynchronous endpoint takes no {name}; leave it out")


def submission(
    params: InvokeEndpointInput,
    body: bytes,
    location: str | None = None,
    *,
    extension: str | None = None,
    ttl: int | None = None,
    timeout: int | None = None,
) -> InvokeEndpointAsyncInput:
    """
    The input of InvokeEndpointAsync for an input of InvokeEndpoint.

    Args:
        params: The input of InvokeEndpoint.

        body: The body, if *location* is None.

        location: ``s3://bucket/key`` of a body that is in S3. None to send *body*.

        extension: The member ``s3_output_path_extension``.

        ttl: The member ``request_ttl_seconds``.

        timeout: The member ``invocation_timeout_seconds``.
    """
    return InvokeEndpointAsyncInput(
        endpoint_name=params.endpoint_name,
        body=body if location is None else None,
        input_location=location,
        accept=params.accept,
        content_type=params.content_type,
        custom_attributes=params.custom_attributes,
        inference_id=params.inference_id,
        s3_output_path_extension=extension,
        request_ttl_seconds=ttl,
        invocation_timeout_seconds=timeout,
    )


class Waits:
    """
    Decides which waits poll S3, and when. Only the 16 that were submitted first do; an endpoint works in that order.

    Before its first poll, each waits as long as recent ones had to: the median of the last seven, where a delay after which the
    result was already there counts for a tenth less. The first poll reads only the result, not the failure; from then on, the
    interval is at least an eighth of the time so far. Measured with 200 results of the local endpoint: 1.3 reads per result at
    5 ms each, and 2.2 at 100 ms; with the 16 turns alone 2.5 and 8.4, with all polling concurrently 7.4 and 19.

    Args:
        clock: Tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns = Semaphore(AT_ONCE)  # first come, first served
        self._delay = 0.0
        self._recent = deque[float](maxlen=_RECENT)  # seconds of the last waits

    async def run(
        self,
        submitted: InvokeEndpointAsyncOutput,
        s3: S3ObjectReader,
        wait: Callable[[S3ObjectReader], Awaitable[AsyncInferenceResult]],
    ) -> AsyncInferenceResult:
        """
        Call *wait* when it is this submission's turn.

        Args:
            submitted: The submission.

            s3: Reads objects.

            wait: Waits for the result, with the reader that it is given.
        """
        async with self._turns:
            began, delay = self._clock.monotonic(), self._delay
            if delay:
                await self._clock.sleep(delay)
            reader = _Reader(s3, self._clock, submitted.failure_location, began)
            try:
                return await wait(reader)
            finally:
                took = self._clock.monotonic() - began
                self._recent.append(took if reader.looks > 1 else delay * _SOONER)
                self._delay = min(sorted(self._recent)[len(self._recent) // 2], LONGEST_DELAY)


class _Reader:
    """
    The reader of one wait.

    It skips polls that come too soon after the last one, relative to the time waited so far: the interval of `wait_for_output`
    starts at half a second, however long the delay before was.
    """

    def __init__(self, s3: S3ObjectReader, clock: Clock, failure_location: str | None, began: float) -> None:
        self._s3 = s3
        self._clock = clock
        self._failure_location = failure_location
        self._began = began
        self._looked_at = -inf
        self._looks_now = False
        self.looks = 0

    async def read(self, location: str) -> S3Object | None:
        now = self._clock.monotonic()
        if location != self._failure_location:
            self._looks_now = now - self._looked_at >= min((now - self._began) / _SHARE, MAX_INTERVAL)
            if self._looks_now:
                self._looked_at = now
                self.looks += 1
        if not self._looks_now or (location == self._failure_location and self.looks <= 1):
            return None
        try:
            return await self._s3.read(location)
        except ServiceError as error:
            if error.status == _FORBIDDEN and now - self._began >= FORBIDDEN_FOR:
                raise ConfigError(
                    f"S3 has refused access to {location} for {FORBIDDEN_FOR / 60:.0f} minutes: grant s3:GetObject on results "
                    "and failures, and s3:ListBucket on their bucket; without the latter, S3 also refuses a missing object"
                ) from error
            raise
