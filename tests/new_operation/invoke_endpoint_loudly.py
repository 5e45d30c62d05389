"""InvokeEndpointLoudly: an operation that does not exist; a test adds it to a copy."""

from __future__ import annotations

from attr import define, field

from sagemaker_runtime import errors
from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import (
    Operation,
    OperationInput,
    OperationOutput,
    Shape,
    header,
    label,
    payload,
)


@define(repr=False, kw_only=True)
class InvokeEndpointLoudlyInput(OperationInput):
    """
    What to say to which endpoint.

    Attributes:
        endpoint_name: The endpoint.

        volume: Decibels, 0 to 120.

        body: What to say.

        content_type: MIME type of the body. None sends ``application/octet-stream``.
    """

    endpoint_name: str = field(metadata=label("EndpointName", shapes.ENDPOINT_NAME))
    volume: int = field(metadata=header("X-Amzn-SageMaker-Volume", Shape("Volume", "integer", min=0, max=120)))
    body: bytes = field(metadata=payload(shapes.BODY_BLOB))
    content_type: str | None = field(default=None, metadata=header("Content-Type", shapes.HEADER))


@define(repr=False, kw_only=True)
class InvokeEndpointLoudlyOutput(OperationOutput):
    """
    The model's response.

    Attributes:
        body: What the container sent.

        content_type: MIME type of the body.
    """

    body: bytes = field(metadata=payload(shapes.BODY_BLOB))
    content_type: str | None = field(default=None, metadata=header("Content-Type", shapes.HEADER))


INVOKE_ENDPOINT_LOUDLY = Operation(
    name="InvokeEndpointLoudly",
    path="/endpoints/{EndpointName}/loud-invocations",
    input_type=InvokeEndpointLoudlyInput,
    output_type=InvokeEndpointLoudlyOutput,
    repeatable=True,
    errors=(errors.ValidationError, errors.ModelError),
)
