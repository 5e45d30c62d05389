"""
The limits of a body's size, for a note on an error that the size may have caused.

Nothing is refused here because of its size: these are quotas of the service, they differ by the kind of endpoint, and
they have been raised before.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from sagemaker_runtime.bodies import is_bytes_like, size_of
from sagemaker_runtime.errors import (
    ConnectionLostError,
    ModelError,
    ServiceError,
    ValidationError,
    WriteTimeoutError,
)
from sagemaker_runtime.operations.base import bindings

if TYPE_CHECKING:
    from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput

SMALLEST = 4_000_000  # bytes; for serverless endpoints. Source: Amazon SageMaker AI Developer Guide, quotas
_KNOWN = "the service's pages name 4 MB for serverless endpoints, 6 MB and 25 MB for others, and 1 GB in S3 for asynchronous inference"
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def note_size(error: Exception, operation: Operation[OperationInput, OperationOutput], body: object) -> None:
    """
    Add a note to *error* with the size of the body and the known limits, if the size may be the reason.

    Args:
        error: The error of an attempt.

        operation: The operation called.

        body: The request's body; there is no note for a body that could not be sent.
    """
    if not is_bytes_like(body):
        return
    size = size_of(body)
    limits = [binding.shape.max for binding in bindings(operation.input_type).values() if binding.location == "payload"]
    model = limits[0] if limits else None
    if not (_is_for_size(error) or (size > min(SMALLEST, model or SMALLEST) and _may_be_for_size(error))):
        return
    known = _KNOWN if model is None else f"{model:,} bytes in the API model; {_KNOWN}"
    note = f"the request's body has {size:,} bytes; known limits: {known}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _is_for_size(error: Exception) -> bool:
    if isinstance(error, ModelError) and error.original_status_code == _TOO_LARGE:  # from the container's own server
        return True
    return isinstance(error, ServiceError) and (error.status == _TOO_LARGE or "TooLarge" in error.code)


def _may_be_for_size(error: Exception) -> bool:
    """Whether the service refuses large bodies with such an error, or by closing the connection during the upload."""
    return isinstance(error, ValidationError | ConnectionLostError | WriteTimeoutError)
