"""Classify failures: the table in the docstring of `sagemaker_runtime.retry`, as a function."""

from __future__ import annotations

import enum

from sagemaker_runtime.errors import (
    CertificateError,
    ConnectError,
    ConnectionLostError,
    InvalidResponseError,
    ModelNotReadyException,
    ProxyRefusedError,
    ReadTimeoutError,
    RefusedStreamError,
    ServiceError,
    WriteTimeoutError,
)

THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""
Error codes of throttling. Source: AWS SDKs and Tools Reference Guide, "Retry behavior"; botocore and the Go SDK use the same list.
"""

TRANSIENT_CODES = frozenset(
    {
        "RequestTimeout",
        "RequestTimeoutException",
        # The service's own: 500, 503, 530. Also by name, for errors raised without a status by a middleware or a test.
        "InternalFailure",
        "ServiceUnavailable",
        "InternalDependencyException",
    }
)
"""Error codes of transient failures."""

TRANSIENT_STATUSES = frozenset({500, 502, 503, 504, 530})
"""HTTP statuses of transient failures."""

TOO_MANY_REQUESTS = 429
"""The HTTP status of throttling, unless the code is ``ModelNotReadyException``."""


class Failure(enum.Enum):
    """The class of a failed attempt, by the table at the top of `sagemaker_runtime.retry`."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    THROTTLING = "throttling"
    MODEL_NOT_READY = "model not ready"
    REFUSED_STREAM = "refused stream"
    MAYBE_EXECUTED = "maybe executed"
    CONNECTION_LOST = "connection lost"
    CLOCK_SKEW = "clock skew"
    NEW_CREDENTIALS = "new credentials"


def classify(error: Exception) -> Failure:
    """The class of *error*, by the table at the top of `sagemaker_runtime.retry`; PERMANENT if it is not listed."""
    match error:
        case ModelNotReadyException():
            return Failure.MODEL_NOT_READY
        case ServiceError(code=code, status=status):
            if code in THROTTLING_CODES or status == TOO_MANY_REQUESTS:
                return Failure.THROTTLING
            if code in TRANSIENT_CODES or status in TRANSIENT_STATUSES:
                return Failure.TRANSIENT
            if error.clock_skew is not None:
                return Failure.CLOCK_SKEW
            return Failure.NEW_CREDENTIALS if error.credentials_renewed else Failure.PERMANENT
        case CertificateError() | ProxyRefusedError():
            return Failure.PERMANENT
        case RefusedStreamError():
            return Failure.REFUSED_STREAM
        case ConnectError() | WriteTimeoutError():
            return Failure.TRANSIENT
        case ConnectionLostError():
            return Failure.CONNECTION_LOST
        case ReadTimeoutError() | InvalidResponseError():
            return Failure.MAYBE_EXECUTED
        case _:
            return Failure.PERMANENT
