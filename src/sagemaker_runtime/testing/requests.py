"""`SentRequest`: what was sent, read back as the service reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote

from sagemaker_runtime import (
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Request,
    Timeout,
)

Input: TypeAlias = InvokeEndpointInput | InvokeEndpointAsyncInput | InvokeEndpointWithResponseStreamInput

_SAGEMAKER = "x-amzn-sagemaker-"
# Members to headers, written down once more: the client's own table would agree with its own mistakes.
_COMMON = {
    "content_type": "content-type",
    "accept": "accept",
    "custom_attributes": _SAGEMAKER + "custom-attributes",
    "inference_id": _SAGEMAKER + "inference-id",
}
_TARGETED = {
    **_COMMON,
    "target_variant": _SAGEMAKER + "target-variant",
    "target_container_hostname": _SAGEMAKER + "target-container-hostname",
    "inference_component_name": _SAGEMAKER + "inference-component",
    "session_id": _SAGEMAKER + "session-id",
    "prefix_aware_id": _SAGEMAKER + "prefix-aware-id",
}


class _Operation(NamedTuple):
    name: str
    input_type: Callable[..., Input]
    headers: dict[str, str]


# By what follows the endpoint's name in the path.
_OPERATIONS = {
    "invocations": _Operation(
        "InvokeEndpoint",
        InvokeEndpointInput,
        {
            **_TARGETED,
            "target_model": _SAGEMAKER + "target-model",
            "enable_explanations": _SAGEMAKER + "enable-explanations",
        },
    ),
    "async-invocations": _Operation(
        "InvokeEndpointAsync",
        InvokeEndpointAsyncInput,
        {
            **_COMMON,
            "content_type": _SAGEMAKER + "content-type",
            "accept": _SAGEMAKER + "accept",
            "input_location": _SAGEMAKER + "inputlocation",
            "s3_output_path_extension": _SAGEMAKER + "s3outputpathextension",
            "filename": _SAGEMAKER + "filename",
            "request_ttl_seconds": _SAGEMAKER + "requestttlseconds",
            "invocation_timeout_seconds": _SAGEMAKER + "invocationtimeoutseconds",
        },
    ),
    "invocations-response-stream": _Operation(
        "InvokeEndpointWithResponseStream",
        InvokeEndpointWithResponseStreamInput,
        {**_TARGETED, "accept": _SAGEMAKER + "accept"},
    ),
}
_NUMBERS = ("request_ttl_seconds", "invocation_timeout_seconds")
_PATH = re.compile(r"(?:/.*)?/endpoints/([^/]*)/([a-z-]+)", re.DOTALL)


class SentRequest(Request):
    """
    A copy of a request as the transport got it, with what it says in the words of the API.

    Attributes:
        timeout: The limits it was sent under.
    """

    def __init__(self, request: Request, timeout: Timeout) -> None:
        headers = request.headers.copy()
        super().__init__(
            request.method, request.scheme, request.host, request.path, request.query, headers, request.body
        )
        self.timeout = timeout

    @property
    def operation(self) -> str | None:
        """The operation, such as ``"InvokeEndpoint"``; None for a request that is none of this service."""
        found = self._parts()
        return None if found is None else found[1].name

    @property
    def endpoint_name(self) -> str | None:
        """The endpoint called; None for a request that is none of this service."""
        found = self._parts()
        return None if found is None else found[0]

    @property
    def attempt(self) -> int:
        """Which attempt of its call it says it is: 1 for the first, and where it says nothing."""
        told = re.search(r"attempt=(\d+)", self.headers.get("amz-sdk-request", ""))
        return 1 if told is None else int(told[1])

    @property
    def parameters(self) -> Input:
        """
        The operation's input, with all that was sent: a ``content_type`` too that the client has put in.

        Raises:
            ValueError: The request is none of this service.
        """
        found = self._parts()
        if found is None:
            raise ValueError(f"{self.method} {self.path} is no request of SageMaker Runtime")
        endpoint_name, operation = found
        members: dict[str, object] = {"endpoint_name": endpoint_name}
        for member, header in operation.headers.items():
            value = self.headers.get(header)
            if value is not None:
                members[member] = int(value) if member in _NUMBERS else value
        if self.body or operation.input_type is not InvokeEndpointAsyncInput:
            members["body"] = self.body
        return operation.input_type(**members)

    def _parts(self) -> tuple[str, _Operation] | None:
        found = _PATH.fullmatch(self.path)
        operation = None if found is None else _OPERATIONS.get(found[2])
        return None if found is None or operation is None else (unquote(found[1]), operation)
