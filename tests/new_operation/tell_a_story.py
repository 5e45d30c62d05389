"""TellAStory: a streaming operation that does not exist; a test adds it to a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attr import define, field

from sagemaker_runtime import errors
from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput, header, label, payload, stream
from sagemaker_runtime.operations.events import PayloadPart

if TYPE_CHECKING:
    from sagemaker_runtime.streams.response_stream import ResponseStream


@define(repr=False, kw_only=True)
class TellAStoryInput(OperationInput):
    """
    Which story of which endpoint.

    Attributes:
        endpoint_name: The endpoint.

        chapter: Where to begin.

        body: What it is to be about.
    """

    endpoint_name: str = field(metadata=label("EndpointName", shapes.ENDPOINT_NAME))
    chapter: str = field(metadata=label("Chapter", shapes.ENDPOINT_NAME))
    body: bytes = field(metadata=payload(shapes.BODY_BLOB))


@define(repr=False, kw_only=True)
class TellAStoryOutput(OperationOutput):
    """
    The story.

    Attributes:
        body: The parts as they come.

        content_type: MIME type of what the parts make up together.
    """

    body: ResponseStream = field(metadata=stream(shapes.RESPONSE_STREAM))
    content_type: str | None = field(default=None, metadata=header("X-Amzn-SageMaker-Content-Type", shapes.HEADER))


TELL_A_STORY = Operation(
    name="TellAStory",
    path="/endpoints/{EndpointName}/stories/{Chapter}/tell",
    input_type=TellAStoryInput,
    output_type=TellAStoryOutput,
    events={"PayloadPart": PayloadPart},
    errors=(errors.ValidationError, errors.ModelError, errors.ModelStreamError),
)
