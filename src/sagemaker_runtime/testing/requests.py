"""`SentRequest`: a request that was sent, parsed as the service parses it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias, cast

from sagemaker_runtime import (
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Request,
    Timeout,
)
from sagemaker_runtime.operations import OPERATIONS, bindings, required
from sagemaker_runtime.operations.routes import Route, route
from sagemaker_runtime.testing.members import input_of

if TYPE_CHECKING:
    from sagemaker_runtime import OperationInput

Input: TypeAlias = InvokeEndpointInput | InvokeEndpointAsyncInput | InvokeEndpointWithResponseStreamInput
"""For checkers; at run time, an input of any operation that is registered."""


def as_input(parameters: OperationInput) -> Input:
    """*parameters*, typed as one of the inputs that checkers know."""
    return cast("Input", parameters)


class SentRequest(Request):
    """
    A copy of a request as the transport got it, with its content in terms of the API.

    Attributes:
        timeout: The limits it was sent with.
    """

    def __init__(self, request: Request, timeout: Timeout) -> None:
        headers = request.headers.copy()
        super().__init__(
            request.method, request.scheme, request.host, request.path, request.query, headers, request.body
        )
        self.timeout = timeout

    @property
    def operation(self) -> str | None:
        """The operation, such as ``"InvokeEndpoint"``; None for a request that is not for this service."""
        found = self._route()
        return None if found is None else found.operation.name

    @property
    def endpoint_name(self) -> str | None:
        """The endpoint called; None for a request that is not for this service."""
        found = self._route()
        return None if found is None else found.labels.get("endpoint_name")

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 1, as the request states it; 1 if it states none."""
        stated = re.search(r"attempt=(\d+)", self.headers.get("amz-sdk-request", ""))
        return 1 if stated is None else int(stated[1])

    @property
    def parameters(self) -> Input:
        """
        The operation's input with everything that was sent, including a ``content_type`` that the client added.

        Raises:
            ValueError: The request belongs to no operation.
        """
        found = self._route()
        if found is None:
            raise ValueError(
                f"{self.method} {self.path} is not a request to SageMaker Runtime, whose operations are {', '.join(OPERATIONS)}"
            )
        input_type = found.operation.input_type
        members: dict[str, object] = {}
        for name, binding in bindings(input_type).items():
            if binding.location == "payload" and (self.body or name in required(input_type)):
                members[name] = self.body
        for name, text in found.members(self.headers).items():
            members[name] = int(text) if bindings(input_type)[name].shape.type == "integer" else text
        return as_input(input_of(found.operation, members))

    def _route(self) -> Route | None:
        return route(self.method, self.path)
