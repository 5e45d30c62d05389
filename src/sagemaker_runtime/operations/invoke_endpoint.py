"""InvokeEndpoint: send a body to an endpoint's model, get its response whole. Model: service-2.json, 2017-05-13."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attr import define, field

from sagemaker_runtime import errors
from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput, header, label, payload

if TYPE_CHECKING:
    from sagemaker_runtime.bodies import BytesLike

# Aligned and one line a member, so that the page can be laid beside the model's.
# fmt: off


@define(repr=False, kw_only=True)
class InvokeEndpointInput(OperationInput):
    """
    What to ask of which endpoint. Members that are None are not sent.

    Attributes:
        endpoint_name: The endpoint, at most 63 letters, digits and hyphens.

        body: What the model's container gets. The service takes 6,291,456 bytes by its API model, less on a serverless
            endpoint and more on others, so the size is not checked here.

        content_type: MIME type of the body. None sends ``application/octet-stream``.

        accept: MIME type wanted for the response. None leaves it to the container.

        custom_attributes: Text for the container, at most 1,024 ASCII characters: the only header of yours that
            reaches it. Shown in no log.

        target_model: File name of the model, on a multi-model endpoint.

        target_variant: Name of the production variant, overriding the weights.

        target_container_hostname: Host name of the container, on a multi-container endpoint with direct invocation.

        inference_id: Your id for this inference in captured data, 1 to 64 characters.

        enable_explanations: JMESPath expression of the records to explain, on an endpoint with Clarify.

        inference_component_name: Name of the inference component to use.

        session_id: ``"NEW_SESSION"`` to open a session, or the id of the session to go on with.

        prefix_aware_id: Requests that share a prompt's prefix share this id, on an endpoint with prefix-aware routing.
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
    The model's response. Members that are None were not in it.

    Attributes:
        body: What the container returned.

        content_type: MIME type of the body.

        invoked_production_variant: Name of the production variant that responded.

        custom_attributes: Text of the container. Shown in no log.

        new_session_id: The session just opened, as ``<id>; Expires=YYYY-MM-DDThh:mm:ssZ``.

        closed_session_id: The session just closed.

        result_metadata: The facts of the call, by key.
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
