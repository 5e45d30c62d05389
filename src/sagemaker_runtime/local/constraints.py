"""What the service demands of a request's members. Source: service-2.json, 2017-05-13."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from sagemaker_runtime.local.failures import failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagemaker_runtime.local.failures import FailureError

MAX_BODY = 6_291_456  # bytes; shape BodyBlob


@frozen
class Constraint:
    """What a member's text must be."""

    member: str
    """The name in the API model, as the service's message has it."""

    header: str
    """The header that carries it; empty for the endpoint's name, which is in the path."""

    pattern: str
    """Of the whole text; Python's dialect."""

    max: int
    """Characters."""

    min: int = 0
    sensitive: bool = False
    """Whether the message may repeat the text."""

    def problem(self, value: str) -> str | None:
        """What is wrong with *value*, in the service's words, or None."""
        if len(value) > self.max:
            broken = f"Member must have length less than or equal to {self.max}"
        elif len(value) < self.min:
            broken = f"Member must have length greater than or equal to {self.min}"
        elif re.fullmatch(self.pattern, value, re.ASCII) is None:
            broken = f"Member must satisfy regular expression pattern: {self.pattern}"
        else:
            return None
        shown = "" if self.sensitive else f" '{value}'"
        return f"Value{shown} at '{self.member}' failed to satisfy constraint: {broken}"


@frozen
class Range:
    """What a member's number must be."""

    member: str
    """The name in the API model, as the service's message has it."""

    header: str
    """The header that carries it; empty for the size of the body, in bytes."""

    min: int
    max: int
    measured: str = "value"
    """What the number is of the member: its value, or its length."""

    sensitive: ClassVar[bool] = False

    def problem(self, value: str) -> str | None:
        """What is wrong with *value*, in the service's words, or None."""
        if re.fullmatch("[0-9]{1,9}", value) is None:
            broken = "Member must be a whole number"
        elif int(value) > self.max:
            broken = f"Member must have {self.measured} less than or equal to {self.max}"
        elif int(value) < self.min:
            broken = f"Member must have {self.measured} greater than or equal to {self.min}"
        else:
            return None
        shown = f" '{value}'" if self.header else ""
        return f"Value{shown} at '{self.member}' failed to satisfy constraint: {broken}"


_ASCII = r"[\x00-\x7f]*"
_PRINT = r"\S[\x20-\x7e]*"
_NAME = "[a-zA-Z0-9](-*[a-zA-Z0-9])*"
_SESSION_ID = "x-amzn-sagemaker-session-id"

ENDPOINT_NAME = Constraint("endpointName", "", _NAME, 63)
MAX_ASYNC_BODY = Range("body", "", 0, 128_000, measured="length")  # shape AsyncBodyBlob

# For each operation, by the name of the member's attribute in `Invocation`.
INVOKE_ENDPOINT = {
    "content_type": Constraint("contentType", "content-type", _ASCII, 1024),
    "accept": Constraint("accept", "accept", _ASCII, 1024),
    "custom_attributes": Constraint(
        "customAttributes", "x-amzn-sagemaker-custom-attributes", _ASCII, 1024, sensitive=True
    ),
    "target_model": Constraint("targetModel", "x-amzn-sagemaker-target-model", _PRINT, 1024, min=1),
    "target_variant": Constraint("targetVariant", "x-amzn-sagemaker-target-variant", _NAME, 63),
    "target_container_hostname": Constraint(
        "targetContainerHostname", "x-amzn-sagemaker-target-container-hostname", _NAME, 63
    ),
    "inference_id": Constraint("inferenceId", "x-amzn-sagemaker-inference-id", _PRINT, 64, min=1),
    "enable_explanations": Constraint("enableExplanations", "x-amzn-sagemaker-enable-explanations", ".*", 64, min=1),
    "inference_component_name": Constraint(
        "inferenceComponentName", "x-amzn-sagemaker-inference-component", "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?", 63
    ),
    "session_id": Constraint("sessionId", _SESSION_ID, f"NEW_SESSION|{_NAME}", 256),
    "prefix_aware_id": Constraint("prefixAwareId", "x-amzn-sagemaker-prefix-aware-id", _PRINT, 64, min=1),
}
INVOKE_ENDPOINT_WITH_RESPONSE_STREAM = INVOKE_ENDPOINT | {
    "accept": Constraint("accept", "x-amzn-sagemaker-accept", _ASCII, 1024),
    "session_id": Constraint("sessionId", _SESSION_ID, _NAME, 256),  # it opens no session
}
for _absent in ("target_model", "enable_explanations"):
    del INVOKE_ENDPOINT_WITH_RESPONSE_STREAM[_absent]

INVOKE_ENDPOINT_ASYNC: dict[str, Constraint | Range] = {
    "content_type": Constraint("contentType", "x-amzn-sagemaker-content-type", _ASCII, 1024),
    "accept": Constraint("accept", "x-amzn-sagemaker-accept", _ASCII, 1024),
    "custom_attributes": INVOKE_ENDPOINT["custom_attributes"],
    "inference_id": INVOKE_ENDPOINT["inference_id"],
    "input_location": Constraint(
        "inputLocation", "x-amzn-sagemaker-inputlocation", r"(https|s3)://[^/]+/?.*", 1024, min=1
    ),
    "s3_output_path_extension": Constraint(
        "s3OutputPathExtension",
        "x-amzn-sagemaker-s3outputpathextension",
        r"(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+",
        512,
        min=1,
    ),
    "filename": Constraint(
        "filename", "x-amzn-sagemaker-filename", r"(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9_.-]*", 32, min=1
    ),
    "request_ttl_seconds": Range("requestTTLSeconds", "x-amzn-sagemaker-requestttlseconds", 60, 21_600),
    "invocation_timeout_seconds": Range(
        "invocationTimeoutSeconds", "x-amzn-sagemaker-invocationtimeoutseconds", 1, 3600
    ),
}


def violations(members: Iterable[tuple[Constraint | Range, str]]) -> FailureError | None:
    """The service's answer to members that break their constraints, all of them at once; None if none does."""
    problems = [problem for constraint, value in members if (problem := constraint.problem(value)) is not None]
    if not problems:
        return None
    count = "1 validation error" if len(problems) == 1 else f"{len(problems)} validation errors"
    return failure("ValidationError", f"{count} detected: {'; '.join(problems)}")
