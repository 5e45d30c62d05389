"""`AsynchronousCalls`: sends records to an asynchronous endpoint, and waits for each with few reads."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

from attrs import fields_dict

from sagemaker_runtime import (
    REQUEST_ID,
    ConfigError,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    SageMakerRuntimeError,
)
from sagemaker_runtime.bulk.s3.calls import S3Calls
from sagemaker_runtime.bulk.s3.destination import encryption_headers
from sagemaker_runtime.bulk.s3.listing import parse
from sagemaker_runtime.bulk.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sagemaker_runtime import (
        AsyncInferenceResult,
        Client,
        OptFn,
        S3ObjectReader,
    )

INLINE = 128_000  # bytes, the largest body that needs no upload; service-2.json, shape AsyncBodyBlob
TTL = 21_600  # seconds in the endpoint's queue; the service's default
INVOCATION_TIMEOUT = 900  # seconds; the service's default
MARGIN = 300.0  # seconds until the result must be in S3, after the endpoint has run out of time for it
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
