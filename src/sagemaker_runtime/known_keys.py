"""Where each public key is imported from, for the error when somebody writes a key's name as a string."""

from __future__ import annotations

from sagemaker_runtime.checks import nearest

KEYS = {
    "sagemaker_runtime": (
        "ATTEMPTS",
        "CLOCK",
        "CREDENTIALS",
        "LOGGER",
        "RAW_RESPONSE",
        "REGION",
        "REQUEST_ID",
        "RETRYER",
        "TIMEOUT",
        "TIMING",
        "TRAITS",
    ),
    "sagemaker_runtime.context": (
        "ATTEMPT",
        "DEADLINE",
        "OPENED",
        "OPERATION",
        "PAYLOAD_HASH",
        "SERVICE_ID",
        "SIGNING_NAME",
        "SIGNING_REGION",
        "STARTED",
    ),
    "sagemaker_runtime.credentials": ("SIGNED_WITH",),
    "sagemaker_runtime.endpoints": ("ENDPOINT",),
    "sagemaker_runtime.event_signing": ("EVENT_SIGNER",),
}
"""The names of all public keys, by the module that they are imported from."""

_BOTO3 = {  # the keys of boto3's ResponseMetadata, and the keys here that have the same facts
    "responsemetadata": "RAW_RESPONSE",
    "httpstatuscode": "RAW_RESPONSE",
    "httpheaders": "RAW_RESPONSE",
    "status": "RAW_RESPONSE",
    "statuscode": "RAW_RESPONSE",
    "headers": "RAW_RESPONSE",
    "retryattempts": "ATTEMPTS",
    "hostid": "RAW_RESPONSE",
}


def import_of(text: str) -> str:
    """A sentence that says what to write instead of *text* as a key."""
    home_of = {name: module for module, names in KEYS.items() for name in names}
    plainly = "".join(filter(str.isalnum, text)).lower()
    name = _BOTO3.get(plainly) or nearest(plainly, home_of)
    if name is None:
        return "Keys are objects, not strings, such as REQUEST_ID: from sagemaker_runtime import REQUEST_ID"
    return f"Keys are objects, not strings: from {home_of[name]} import {name}, and write [{name}]"
