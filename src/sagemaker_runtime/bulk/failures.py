"""Whether an error says something of one record, or of the whole run."""

from __future__ import annotations

import re

from sagemaker_runtime import (
    CertificateError,
    ClientClosedError,
    ConfigError,
    ConnectError,
    CredentialsError,
    EndpointError,
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
# Who calls, or the signature. Source: "Common errors" of AWS's services.
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
# The service's own words; it has no code of its own for them.
_UNKNOWN_TARGET = re.compile(
    r"^(Endpoint|Inference Component|Production variant) \S+ of .*\bnot found\b", re.IGNORECASE
)


def is_about_run(error: Exception) -> bool:
    """
    Whether every other record would meet *error* too: credentials, access, an unknown endpoint or region, configuration.

    An error that is not of this package is, because it comes of code that handles all records.
    """
    if isinstance(error, ServiceError):
        unknown = isinstance(error, ValidationError) and _UNKNOWN_TARGET.match(error.message) is not None
        return unknown or error.code in _RUN_CODES or error.status in _FORBIDDEN
    return isinstance(error, _RUN_ERRORS) or not isinstance(error, SageMakerRuntimeError)
