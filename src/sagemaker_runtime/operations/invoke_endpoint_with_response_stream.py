"""InvokeEndpointWithResponseStream: the response comes in parts, as it is made. Model: service-2.json, 2017-05-13."""

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

# Aligned and one line a member, so that the page can be laid beside the model's.
# fmt: off


@define(repr=False, kw_only=True)
class InvokeEndpointWithResponseStreamInput(OperationInput):
    """
    What to ask of which endpoint. Members that are None are not sent.

    Attributes:
        endpoint_name: The endpoint, at most 63 letters, digits and hyphens.

        body: What the model's container gets. The service takes 6,291,456 bytes by its API model, less on a serverless
            endpoint and more on others, so the size is not checked here.

        content_type: MIME type of the body. None sends ``application/octet-stream``.

        accept: MIME type wanted for the response. It travels as ``X-Amzn-SageMaker-Accept``.

        custom_attributes: Text for the container, at most 1,024 ASCII characters. Shown in no log.

        target_variant: Name of the production variant, overriding the weights.

        target_container_hostname: Host name of the container, on a multi-container endpoint with direct invocation.

        inference_id: Your id for this inference in captured data, 1 to 64 characters.

        inference_component_name: Name of the inference component to use.

        session_id: The id of the session to go on with. A session is opened by InvokeEndpoint only.

        prefix_aware_id: Requests that share a prompt's prefix share this id, on an endpoint with prefix-aware routing.
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
    The head of the model's response, and the stream of what follows. Members that are None were not in it.

    Attributes:
        body: The parts as they come. Read it to its end, or close it: it holds a connection.

        content_type: MIME type of what the parts make up together.

        invoked_production_variant: Name of the production variant that responds.

        custom_attributes: Text of the container. Shown in no log.

        result_metadata: The facts of the call, by key.
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
