"""What spans and metrics share. Names are OpenTelemetry's where its conventions have one, otherwise the Go SDK's."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from sagemaker_runtime import Output, ServiceError, TotalTimeoutError
from sagemaker_runtime.context import OPERATION, SERVICE_ID
from sagemaker_runtime.operations import TRAITS
from sagemaker_runtime.plugins._deadline import is_total_timeout

if TYPE_CHECKING:
    from sagemaker_runtime import Context, FinalizeMiddleware, ResponseStream, Stack

SCOPE = "sagemaker_runtime"

# Source: OpenTelemetry semantic conventions, "AWS SDK" and "HTTP client". No version is named, as they are still drafts.
RPC_SYSTEM = "rpc.system"
AWS_API = "aws-api"
RPC_SERVICE = "rpc.service"
RPC_METHOD = "rpc.method"
CLOUD_REGION = "cloud.region"
AWS_REQUEST_ID = "aws.request_id"
ERROR_TYPE = "error.type"
HTTP_REQUEST_METHOD = "http.request.method"
HTTP_REQUEST_BODY_SIZE = "http.request.body.size"
HTTP_REQUEST_RESEND_COUNT = "http.request.resend_count"
HTTP_RESPONSE_BODY_SIZE = "http.response.body.size"
HTTP_RESPONSE_STATUS_CODE = "http.response.status_code"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
URL_FULL = "url.full"

# Our own names; the Go SDK uses the first too.
OPERATION_ATTEMPT = "operation.attempt"
OPERATION_RETRY_REASON = "operation.retry_reason"
ENDPOINT_NAME = "aws.sagemaker.endpoint_name"
STREAM_ENDED = "aws.sagemaker.stream_ended"
FIRST_PART = "aws.sagemaker.first_part"
BULK_RUN_ID = "aws.sagemaker.bulk.run_id"
BULK_RESUMED = "aws.sagemaker.bulk.resumed"
BULK_RETRY = "aws.sagemaker.bulk.retry"
BULK_RECORDS = "aws.sagemaker.bulk.records"
BULK_DEAD_LETTERS = "aws.sagemaker.bulk.dead_letters"


def operation_attributes(ctx: Context) -> dict[str, str]:
    """Which operation is called."""
    return {RPC_SERVICE: ctx[SERVICE_ID], RPC_METHOD: ctx[OPERATION]}


def endpoint_attributes(parameters: object) -> dict[str, str]:
    """Which endpoint an input names; empty if it names none."""
    endpoint_name: object = getattr(parameters, "endpoint_name", None)
    return {ENDPOINT_NAME: endpoint_name} if isinstance(endpoint_name, str) else {}


def error_type(error: BaseException, ctx: Context | None = None) -> str:
    """
    The service's error code, or the class of the exception that the caller gets.

    Args:
        error: The error.

        ctx: The call's context; None once the call has returned and only its stream is still open.
    """
    if isinstance(error, ServiceError):
        return error.code
    if ctx is not None and is_total_timeout(error, ctx):
        return TotalTimeoutError.__name__
    return type(error).__name__


def add_once_per_attempt(stack: Stack, middleware: FinalizeMiddleware) -> None:
    """Add *middleware* so that it runs once per attempt: inside Hedging, which is just below Retry."""
    places = (id for id in ("RetryMetricsHeader", "Signing") if stack.finalize.get(id) is not None)
    place = next(places, None)
    if place is None:
        stack.finalize.add(middleware)
    else:
        stack.finalize.insert(middleware, before=place)


def is_output(returned: object) -> TypeGuard[Output]:
    """Whether a handler returned an Output. If a user's middleware does not, the client raises the error."""
    return isinstance(returned, Output)


def stream_of(ctx: Context, output: Output) -> ResponseStream | None:
    """The stream of a streaming call; None for other calls, and if a middleware returned something else."""
    member = ctx[TRAITS].stream_member
    if member is None or not is_output(output):
        return None
    from sagemaker_runtime import ResponseStream  # 7 ms, for streams only

    stream: object = getattr(output.result, member, None)
    return stream if isinstance(stream, ResponseStream) else None
