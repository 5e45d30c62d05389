"""InvokeEndpointAsync: queue a body for the model of an endpoint; the result goes to S3. Model: service-2.json, 2017-05-13."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attr import define, field

from sagemaker_runtime import errors
from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import (
    Operation,
    OperationInput,
    OperationOutput,
    document,
    header,
    label,
    payload,
)

if TYPE_CHECKING:
    from sagemaker_runtime.bodies import BytesLike

# Aligned, with one line per member, so that it is easy to compare with the model.
# fmt: off


@define(repr=False, kw_only=True)
class InvokeEndpointAsyncInput(OperationInput):
    """
    The input of a call, with either ``body`` or ``input_location``. Members that are None are not sent.

    Attributes:
        endpoint_name: The endpoint, up to 63 letters, digits and hyphens.

        body: The input for the model's container. The API model limits it to 128,000 bytes; the size is not checked here.

        input_location: The location of the input in S3 instead, up to 1 GB: ``s3://bucket/key`` or an https URL.

        content_type: MIME type of the body or object. Sent as ``X-Amzn-SageMaker-Content-Type``.

        accept: Desired MIME type of the result. Sent as ``X-Amzn-SageMaker-Accept``.

        custom_attributes: Text for the container, up to 1,024 ASCII characters. Never logged.

        inference_id: Your id for this inference, 1 to 64 characters. If it is None, the service creates one.

        s3_output_path_extension: Appended to the endpoint's output path for the location of the result.

        filename: Name of the result's object, up to 32 characters. None for the inference id.

        request_ttl_seconds: How long the request may wait in the queue, 60 to 21,600 seconds. None for 21,600, six hours.

        invocation_timeout_seconds: How long the model may take, 1 to 3,600 seconds. None for 900.
    """

    endpoint_name: str                           = field(metadata=label("EndpointName", shapes.ENDPOINT_NAME))
    body: BytesLike | None                       = field(default=None, metadata=payload(shapes.ASYNC_BODY_BLOB))
    input_location: str | None                   = field(default=None, metadata=header("X-Amzn-SageMaker-InputLocation", shapes.INPUT_LOCATION_HEADER))
    content_type: str | None                     = field(default=None, metadata=header("X-Amzn-SageMaker-Content-Type", shapes.HEADER))
    accept: str | None                           = field(default=None, metadata=header("X-Amzn-SageMaker-Accept", shapes.HEADER))
    custom_attributes: str | None                = field(default=None, metadata=header("X-Amzn-SageMaker-Custom-Attributes", shapes.CUSTOM_ATTRIBUTES_HEADER))
    inference_id: str | None                     = field(default=None, metadata=header("X-Amzn-SageMaker-Inference-Id", shapes.INFERENCE_ID))
    s3_output_path_extension: str | None         = field(default=None, metadata=header("X-Amzn-SageMaker-S3OutputPathExtension", shapes.S3_OUTPUT_PATH_EXTENSION_HEADER))
    filename: str | None                         = field(default=None, metadata=header("X-Amzn-SageMaker-Filename", shapes.FILENAME_HEADER))
    request_ttl_seconds: int | None              = field(default=None, metadata=header("X-Amzn-SageMaker-RequestTTLSeconds", shapes.REQUEST_TTL_SECONDS_HEADER))
    invocation_timeout_seconds: int | None       = field(default=None, metadata=header("X-Amzn-SageMaker-InvocationTimeoutSeconds", shapes.INVOCATION_TIMEOUT_SECONDS_HEADER))


@define(repr=False, kw_only=True)
class InvokeEndpointAsyncOutput(OperationOutput):
    """
    The location of the result; ``await client.wait_for_output(output)`` fetches it. Members that are None were not sent.

    Attributes:
        inference_id: The id of this inference.

        output_location: S3 URI at which the result will be.

        failure_location: S3 URI at which the failure object will be if the inference fails.

        result_metadata: The facts about the call, by key.
    """

    inference_id: str | None                     = field(default=None, metadata=document("InferenceId", shapes.HEADER))
    output_location: str | None                  = field(default=None, metadata=header("X-Amzn-SageMaker-OutputLocation", shapes.HEADER))
    failure_location: str | None                 = field(default=None, metadata=header("X-Amzn-SageMaker-FailureLocation", shapes.HEADER))


INVOKE_ENDPOINT_ASYNC = Operation(
    name="InvokeEndpointAsync",
    path="/endpoints/{EndpointName}/async-invocations",
    input_type=InvokeEndpointAsyncInput,
    output_type=InvokeEndpointAsyncOutput,
    exactly_one_of=("body", "input_location"),
    errors=(
        errors.InternalFailure,
        errors.ServiceUnavailable,
        errors.ValidationError,
    ),
)
# fmt: on
