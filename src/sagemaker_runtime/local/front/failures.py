"""The error responses of the service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sagemaker_runtime import ConfigError
from sagemaker_runtime.streams.frames import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT = "000000000000"
MAX_MESSAGE = 2048  # characters of a model's message; service-2.json, shape Message
_CLIENT_ERRORS = range(400, 500)  # HTTP statuses

# Name to status and message. Source of the names and statuses: service-2.json, except for ThrottlingException, which is in no
# model, and which the service sends with a null message. The last three are the duplex operation's.
KNOWN: Mapping[str, tuple[int, str | None]] = {
    "InternalFailure": (500, "An internal failure occurred."),
    "ServiceUnavailable": (503, "The service is currently unavailable."),
    "ValidationError": (400, "The request is not valid."),
    "ModelError": (424, "The model failed."),
    "InternalDependencyException": (530, "A dependency of the service failed."),
    "ModelNotReadyException": (429, "The model is not ready yet."),
    "ThrottlingException": (400, None),
    "InputValidationError": (400, "The request is not valid."),
    "InternalServerError": (500, "An internal failure occurred."),
    "ServiceUnavailableError": (503, "The service is currently unavailable."),
}


class FailureError(Exception):
    """
    An error response of the service. A backend raises one when the platform itself would refuse the request.

    Attributes:
        code: The error's name, sent in ``X-Amzn-ErrorType``; None sends no such header.

        status: HTTP status.

        document: The body, to be written as JSON.
    """

    def __init__(self, code: str | None, status: int, document: Mapping[str, str | int | None]) -> None:
        super().__init__(code, status, document)
        self.code = code
        self.status = status
        self.document = document

    def with_error_code(self, error_code: str) -> FailureError:
        """A copy with an ``ErrorCode``, which errors of the duplex operation have in addition to their name."""
        return FailureError(self.code, self.status, {**self.document, "ErrorCode": error_code})


def failure(code: str, message: str | None = None, status: int | None = None) -> FailureError:
    """
    Make an error response by the error's name.

    Args:
        code: The name, such as ``"ServiceUnavailable"``.

        message: The error's message. None for the known one; an unknown error then has an empty one.

        status: HTTP status. None for the known one.

    Raises:
        ConfigError: No status is given, and none is known for the name.
    """
    known_status, known_message = KNOWN.get(code, (None, ""))
    if status is None:
        status = known_status
    if status is None:
        raise ConfigError(f"no status is known for the error {code!r}: give one, or use one of {', '.join(KNOWN)}")
    if message is None:
        message = known_message
    return FailureError(code, status, {"message" if message is None else "Message": message})


def refusal(code: str, message: str) -> FailureError:
    """The error response (403) for a request that is not signed correctly."""
    return FailureError(code, 403, {"Message": message})


def model_error(
    endpoint_name: str, original: str, *, region: str, status: int = 424, original_status: int = 500
) -> FailureError:
    """
    The error response for a model that failed.

    Args:
        endpoint_name: The endpoint called.

        original: The model's message, which is cut to `MAX_MESSAGE` characters.

        region: The region in the links to the logs.

        status: HTTP status of the response.

        original_status: HTTP status of the model.
    """
    original = original[:MAX_MESSAGE]
    group = f"/aws/sagemaker/Endpoints/{endpoint_name}"
    party = "client" if original_status in _CLIENT_ERRORS else "server"  # "server" also for 0, which means no status
    document: dict[str, str | int | None] = {
        "Message": (
            f'Received {party} error ({original_status}) from primary with message "{original}". See https://{region}.'
            f"console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group} in account {ACCOUNT} for more "
            "information."
        ),
        "OriginalStatusCode": original_status,
        "OriginalMessage": original,
        "LogStreamArn": f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{group}:log-stream:AllTraffic/local",
    }
    return FailureError("ModelError", status, document)


def stream_failure(failed: FailureError) -> Message:
    """The last message of a stream whose model failed after the first part, made from its `model_error`."""
    document = {"Message": failed.document["OriginalMessage"], "ErrorCode": "StreamBroken"}
    headers = {
        ":message-type": "exception",
        ":exception-type": "ModelStreamError",
        ":content-type": "application/json",
    }
    return Message(headers, json.dumps(document).encode())
