"""Whether an error concerns one record, or the whole run."""

from __future__ import annotations

import re

from sagemaker_runtime import (
    CertificateError,
    ClientClosedError,
    ConfigError,
    ConnectError,
    CredentialsError,
    EndpointError,
    InvalidParamsError,
    ProxyRefusedError,
    SageMakerRuntimeError,
    ServiceError,
    StackError,
    ValidationError,
)

_RUN_ERRORS = (
    CertificateError,
    ClientClosedError,
    ConfigError,
    ConnectError,
    CredentialsError,
    EndpointError,
    ProxyRefusedError,
    StackError,
)
# About the caller or the signature. Source: "Common errors" of AWS's services.
_RUN_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_FORBIDDEN = (401, 403, 407)  # HTTP status
# The service's own wording; it has no separate code for these errors.
_UNKNOWN_TARGET = re.compile(
    r"^(Endpoint|Inference Component|Production variant) \S+ of .*\bnot found\b", re.IGNORECASE
)
_TARGET = ("endpoint_name", "inference_component_name", "target_container_hostname", "target_variant")


def is_about_run(error: Exception) -> bool:
    """
    Whether every other record would meet *error* too: credentials, access, configuration, an unknown region, or an endpoint,
    variant or component that is unknown or has an invalid name.

    True for any error of another package as well, because it comes from code that handles all records.
    """
    if isinstance(error, InvalidParamsError):
        return any(problem.startswith(_TARGET) for problem in error.problems)
    if isinstance(error, ServiceError):
        unknown = isinstance(error, ValidationError) and _UNKNOWN_TARGET.match(error.message) is not None
        return unknown or error.code in _RUN_CODES or error.status in _FORBIDDEN
    return isinstance(error, _RUN_ERRORS) or not isinstance(error, SageMakerRuntimeError)
