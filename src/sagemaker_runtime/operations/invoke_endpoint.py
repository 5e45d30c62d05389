"""InvokeEndpoint: send a body to the model of an endpoint, and get a complete response. Model: service-2.json, 2017-05-13."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attr import define, field

from sagemaker_runtime import errors
from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput, header, label, payload

if TYPE_CHECKING:
    from sagemaker_runtime.bodies import BytesLike

# Aligned, with one line per member, so that it is easy to compare with the model.
# fmt: off


@define(repr=False, kw_only=True)
class InvokeEndpointInput(OperationInput):
    """
    The input of a call. Members that are None are not sent.

    Attributes:
        endpoint_name: The endpoint, up to 63 letters, digits and hyphens.

        body: The input for the model's container. The API model limits it to 6,291,456 bytes, but a serverless endpoint
            accepts less and others more, so the size is not checked here.

        content_type: MIME type of the body. None sends ``application/octet-stream``.

        accept: Desired MIME type of the response. None leaves it to the container.

        custom_attributes: Text for the container, up to 1,024 ASCII characters. It is the only header of yours that
            reaches the container. Never logged.

        target_model: File name of the model, on a multi-model endpoint.

        target_variant: Name of the production variant, regardless of the weights.

        target_container_hostname: Host name of the container, on a multi-container endpoint with direct invocation.

        inference_id: Your id for this inference in captured data, 1 to 64 characters.

        enable_explanations: JMESPath expression that selects the records to explain, on an endpoint with Clarify.

        inference_component_name: Name of the inference component to use.

        session_id: ``"NEW_SESSION"`` to open a session, or the id of an open one.

        prefix_aware_id: An id shared by requests with the same prompt prefix, on an endpoint with prefix-aware routing.
    """

    endpoint_name: str                           = field(metadata=label("EndpointName", shapes.ENDPOINT_NAME))
    body: BytesLike                              = field(metadata=payload(shapes.BODY_BLOB))
    content_type: str | None                     = field(default=None, metadata=header("Content-Type", shapes.HEADER))
    accept: str | None                           = field(default=None, metadata=header("Accept", shapes.HEADER))
    custom_attributes: str | None                = field(default=None, metadata=header("X-Amzn-SageMaker-Custom-Attributes", shapes.CUSTOM_ATTRIBUTES_HEADER))
    target_model: str | None                     = field(default=None, metadata=header("X-Amzn-SageMaker-Target-Model", shapes.TARGET_MODEL_HEADER))
    target_variant: str | None                   = field(default=None, metadata=header("X-Amzn-SageMaker-Target-Variant", shapes.TARGET_VARIANT_HEADER))
    target_container_hostname: str | None        = field(default=None, metadata=header("X-Amzn-SageMaker-Target-Container-Hostname", shapes.TARGET_CONTAINER_HOSTNAME_HEADER))
    inference_id: str | None                     = field(default=None, metadata=header("X-Amzn-SageMaker-Inference-Id", shapes.INFERENCE_ID))
    enable_explanations: str | None              = field(default=None, metadata=header("X-Amzn-SageMaker-Enable-Explanations", shapes.ENABLE_EXPLANATIONS_HEADER))
    inference_component_name: str | None         = field(default=None, metadata=header("X-Amzn-SageMaker-Inference-Component", shapes.INFERENCE_COMPONENT_HEADER))
    session_id: str | None                       = field(default=None, metadata=header("X-Amzn-SageMaker-Session-Id", shapes.SESSION_ID_OR_NEW_HEADER))
    prefix_aware_id: str | None                  = field(default=None, metadata=header("X-Amzn-SageMaker-Prefix-Aware-Id", shapes.PREFIX_AWARE_ID_HEADER))


@define(repr=False, kw_only=True)
class InvokeEndpointOutput(OperationOutput):
    """
    The model's response. Members that are None were not sent.

    Attributes:
        body: The container's response.

        content_type: MIME type of the body.

        invoked_production_variant: Name of the production variant that responded.

        custom_attributes: Text from the container. Never logged.

        new_session_id: The session that was opened, as ``<id>; Expires=YYYY-MM-DDThh:mm:ssZ``.

        closed_session_id: The session that was closed.

        result_metadata: The facts about the call, by key.
    """

    body: bytes                                  = field(metadata=payload(shapes.BODY_BLOB))
    content_type: str | None                     = field(default=None, metadata=header("Content-Type", shapes.HEADER))
    invoked_production_variant: str | None       = field(default=None, metadata=header("x-Amzn-Invoked-Production-Variant", shapes.HEADER))
    custom_attributes: str | None                = field(default=None, metadata=header("X-Amzn-SageMaker-Custom-Attributes", shapes.CUSTOM_ATTRIBUTES_HEADER))
    new_session_id: str | None                   = field(default=None, metadata=header("X-Amzn-SageMaker-New-Session-Id", shapes.NEW_SESSION_RESPONSE_HEADER))
    closed_session_id: str | None                = field(default=None, metadata=header("X-Amzn-SageMaker-Closed-Session-Id", shapes.SESSION_ID_HEADER))


INVOKE_ENDPOINT = Operation(
    name="InvokeEndpoint",
    path="/endpoints/{EndpointName}/invocations",
    input_type=InvokeEndpointInput,
    output_type=InvokeEndpointOutput,
    repeatable=True,
    errors=(
        errors.InternalFailure,
        errors.ServiceUnavailable,
        errors.ValidationError,
        errors.ModelError,
        errors.InternalDependencyException,
        errors.ModelNotReadyException,
    ),
)
# fmt: on
