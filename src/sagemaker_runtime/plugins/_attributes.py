"""The span attributes of `tracing`. None of them contains anything that the caller or the model wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from sagemaker_runtime import ATTEMPTS, RAW_RESPONSE, REQUEST_ID
from sagemaker_runtime.context import ATTEMPT, REGION
from sagemaker_runtime.plugins import _telemetry as names
from sagemaker_runtime.plugins._url import url_without_query

if TYPE_CHECKING:
    from sagemaker_runtime import Context, Metadata, Request

_LONGEST = 18  # digits of a Content-Length; more would not fit an attribute's 64 bits, and Python's int refuses more than 4,300

Attributes: TypeAlias = dict[str, str | int]


def call_attributes(ctx: Context, parameters: object) -> Attributes:
    """What is known about a call when it begins."""
    attributes: Attributes = {
        names.RPC_SYSTEM: names.AWS_API,
        **names.operation_attributes(ctx),
        **names.endpoint_attributes(parameters),
    }
    if REGION in ctx:
        attributes[names.CLOUD_REGION] = ctx[REGION]
    return attributes


def attempt_attributes(ctx: Context, request: Request) -> Attributes:
    """What is known about an attempt before it is signed."""
    attempt = ctx.get(ATTEMPT, 1)
    address, port = _server(request)
    attributes: Attributes = {
        names.HTTP_REQUEST_METHOD: request.method,
        names.HTTP_REQUEST_BODY_SIZE: len(request.body),
        names.URL_FULL: url_without_query(request),
        names.SERVER_ADDRESS: address,
        names.SERVER_PORT: port,
        names.OPERATION_ATTEMPT: attempt,
    }
    if attempt > 1:
        attributes[names.HTTP_REQUEST_RESEND_COUNT] = attempt - 1
    failed = ctx.get(ATTEMPTS)
    if failed and failed[-1].error_type is not None:
        attributes[names.OPERATION_RETRY_REASON] = failed[-1].error_type
    return attributes


def _server(request: Request) -> tuple[str, int]:
    name, colon, port = request.host.rpartition(":")
    if colon and port.isascii() and port.isdigit():
        return name.strip("[]"), int(port)
    return request.host.strip("[]"), 80 if request.scheme == "http" else 443


def response_attributes(metadata: Metadata) -> Attributes:
    """What the head of the response says."""
    attributes: Attributes = {}
    if REQUEST_ID in metadata:
        attributes[names.AWS_REQUEST_ID] = metadata[REQUEST_ID]
    if RAW_RESPONSE in metadata:
        response = metadata[RAW_RESPONSE]
        attributes[names.HTTP_RESPONSE_STATUS_CODE] = response.status
        length = response.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and len(length) <= _LONGEST:
            attributes[names.HTTP_RESPONSE_BODY_SIZE] = int(length)
    return attributes
