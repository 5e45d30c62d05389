"""InvokeEndpointWithResponseStream: the response is a stream of parts. Model: service-2.json, 2017-05-13."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attr import define, field

from sagemaker_runtime import errors
from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput, header, label, payload, stream
from sagemaker_runtime.operations.events import PayloadPart

if TYPE_CHECKING:
    from sagemaker_runtime.bodies import BytesLike
    from sagemaker_runtime.streams.response_stream import ResponseStream

# Aligned, with one line per member, so that it is easy to compare with the model.
# fmt: off


@define(repr=False, kw_only=True)
class InvokeEndpointWithResponseStreamInput(OperationInput):
    """
    The input of a call. Members that are None are not sent.

    Attributes:
        endpoint_name: The endpoint, up to 63 letters, digits and hyphens.

        body: The input for the model's container. The API model limits it to 6,291,456 bytes, but a serverless endpoint
            accepts less and others more, so the size is not checked here.

        content_type: MIME type of the body. None sends ``application/octet-stream``.

        accept: Desired MIME type of the response. Sent as ``X-Amzn-SageMaker-Accept``.

        custom_attributes: Text for the container, up to 1,024 ASCII characters. Never logged.

        target_variant: Name of the production variant, regardless of the weights.

        target_container_hostname: Host name of the container, on a multi-container endpoint with direct invocation.

        inference_id: Your id for this inference in captured data, 1 to 64 characters.

        inference_component_name: Name of the inference component to use.

        session_id: The id of an open session. Only InvokeEndpoint opens sessions.

        prefix_aware_id: An id shared by requests with the same prompt prefix, on an endpoint with prefix-aware routing.
    """

    endpoint_name: str                           = field(metadata=label("EndpointName", shapes.ENDPOINT_NAME))
    body: BytesLike                              = field(metadata=payload(shapes.BODY_BLOB))
    content_type: str | None                     = field(default=None, metadata=header("Content-Type", shapes.HEADER))
    accept: str | None                           = field(default=None, metadata=header("X-Amzn-SageMaker-Accept", shapes.HEADER))
    custom_attributes: str | None                = field(default=None, metadata=header("X-Amzn-SageMaker-Custom-Attributes", shapes.CUSTOM_ATTRIBUTES_HEADER))
    target_variant: str | None                   = field(default=None, metadata=header("X-Amzn-SageMaker-Target-Variant", shapes.TARGET_VARIANT_HEADER))
    target_container_hostname: str | None        = field(default=None, metadata=header("X-Amzn-SageMaker-Target-Container-Hostname", shapes.TARGET_CONTAINER_HOSTNAME_HEADER))
    inference_id: str | None                     = field(default=None, metadata=header("X-Amzn-SageMaker-Inference-Id", shapes.INFERENCE_ID))
    inference_component_name: str | None         = field(default=None, metadata=header("X-Amzn-SageMaker-Inference-Component", shapes.INFERENCE_COMPONENT_HEADER))
    session_id: str | None                       = field(default=None, metadata=header("X-Amzn-SageMaker-Session-Id", shapes.SESSION_ID_HEADER))
    prefix_aware_id: str | None                  = field(default=None, metadata=header("X-Amzn-SageMaker-Prefix-Aware-Id", shapes.PREFIX_AWARE_ID_HEADER))


@define(repr=False, kw_only=True)
class InvokeEndpointWithResponseStreamOutput(OperationOutput):
    """
    The head of the model's response, and the stream that follows. Members that are None were not sent.

    Attributes:
        body: The stream of parts. It occupies a connection, so read it to the end or close it.

        content_type: MIME type of the joined parts.

        invoked_production_variant: Name of the production variant that responds.

        custom_attributes: Text from the container. Never logged.

        result_metadata: The facts about the call, by key.
    """

    body: ResponseStream                         = field(metadata=stream(shapes.RESPONSE_STREAM))
    content_type: str | None                     = field(default=None, metadata=header("X-Amzn-SageMaker-Content-Type", shapes.HEADER))
    invoked_production_variant: str | None       = field(default=None, metadata=header("x-Amzn-Invoked-Production-Variant", shapes.HEADER))
    custom_attributes: str | None                = field(default=None, metadata=header("X-Amzn-SageMaker-Custom-Attributes", shapes.CUSTOM_ATTRIBUTES_HEADER))


INVOKE_ENDPOINT_WITH_RESPONSE_STREAM = Operation(
    name="InvokeEndpointWithResponseStream",
    path="/endpoints/{EndpointName}/invocations-response-stream",
    input_type=InvokeEndpointWithResponseStreamInput,
    output_type=InvokeEndpointWithResponseStreamOutput,
    events={"PayloadPart": PayloadPart},
    errors=(
        errors.InternalFailure,
        errors.ServiceUnavailable,
        errors.ValidationError,
        errors.ModelError,
        errors.ModelStreamError,
        errors.InternalStreamFailure,
    ),
)
# fmt: on
