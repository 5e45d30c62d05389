"""
InvokeEndpointWithBidirectionalStream: both sides send parts at the same time. Model: sagemaker-runtime-http2, 2025-10-01.

The input has no member for the request's events: parts are sent through the `DuplexStream` that the call returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attr import define, field

from sagemaker_runtime import errors
from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput, header, label, stream
from sagemaker_runtime.operations.events import RequestPayloadPart, ResponsePayloadPart
from sagemaker_runtime.operations.service import SAGEMAKER_RUNTIME_HTTP2

if TYPE_CHECKING:
    from sagemaker_runtime.streams.response_stream import ResponseStream

__all__ = [
    "INVOKE_ENDPOINT_WITH_BIDIRECTIONAL_STREAM",
    "InvokeEndpointWithBidirectionalStreamInput",
    "InvokeEndpointWithBidirectionalStreamOutput",
]

# Aligned, with one line per member, so that it is easy to compare with the model.
# fmt: off


@define(repr=False, kw_only=True)
class InvokeEndpointWithBidirectionalStreamInput(OperationInput):
    """
    The input of a duplex call. Members that are None are not sent.

    Attributes:
        endpoint_name: The endpoint, up to 63 letters, digits and hyphens.

        target_variant: Name of the production variant, regardless of the weights.

        model_invocation_path: Path of the container's WebSocket, without a leading slash. None for
            ``invocations-bidirectional-stream``.

        model_query_string: Query string of the container's WebSocket, such as ``"language=de&rate=16000"``,
            percent-encoded.
    """

    endpoint_name: str                           = field(metadata=label("EndpointName", shapes.ENDPOINT_NAME))
    target_variant: str | None                   = field(default=None, metadata=header("X-Amzn-SageMaker-Target-Variant", shapes.TARGET_VARIANT_HEADER))
    model_invocation_path: str | None            = field(default=None, metadata=header("X-Amzn-SageMaker-Model-Invocation-Path", shapes.MODEL_INVOCATION_PATH_HEADER))
    model_query_string: str | None               = field(default=None, metadata=header("X-Amzn-SageMaker-Model-Query-String", shapes.MODEL_QUERY_STRING_HEADER))


@define(repr=False, kw_only=True)
class InvokeEndpointWithBidirectionalStreamOutput(OperationOutput):
    """
    The head of the model's response. Members that are None were not sent.

    Attributes:
        body: The stream of parts. Iterate over the `DuplexStream` instead, which reads it.

        invoked_production_variant: Name of the production variant that responds.

        result_metadata: The facts about the call, by key.
    """

    body: ResponseStream                         = field(metadata=stream(shapes.RESPONSE_STREAM))
    invoked_production_variant: str | None       = field(default=None, metadata=header("X-Amzn-Invoked-Production-Variant", shapes.INVOKED_PRODUCTION_VARIANT_HEADER))


INVOKE_ENDPOINT_WITH_BIDIRECTIONAL_STREAM = Operation(
    name="InvokeEndpointWithBidirectionalStream",
    path="/endpoints/{EndpointName}/invocations-bidirectional-stream",
    input_type=InvokeEndpointWithBidirectionalStreamInput,
    output_type=InvokeEndpointWithBidirectionalStreamOutput,
    input_events={"PayloadPart": RequestPayloadPart},
    events={"PayloadPart": ResponsePayloadPart},
    service=SAGEMAKER_RUNTIME_HTTP2,
    errors=(
        errors.InputValidationError,
        errors.ModelError,
        errors.InternalServerError,
        errors.ServiceUnavailableError,
        errors.ModelStreamError,
        errors.InternalStreamFailure,
    ),
)
# fmt: on
