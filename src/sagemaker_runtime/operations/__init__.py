"""The operations of the API, one file each; ``base`` is the language they are written in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput

OPERATIONS = ("InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream")


def operation(name: str) -> Operation[OperationInput, OperationOutput]:
    """The operation of that name, one of `OPERATIONS`; imported when it is first asked for, as most programs call one."""
    if name == "InvokeEndpoint":
        from sagemaker_runtime.operations.invoke_endpoint import INVOKE_ENDPOINT  # noqa: PLC0415

        return INVOKE_ENDPOINT
    if name == "InvokeEndpointAsync":
        from sagemaker_runtime.operations.invoke_endpoint_async import INVOKE_ENDPOINT_ASYNC  # noqa: PLC0415

        return INVOKE_ENDPOINT_ASYNC
    from sagemaker_runtime.operations.invoke_endpoint_with_response_stream import (  # noqa: PLC0415
        INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
    )

    return INVOKE_ENDPOINT_WITH_RESPONSE_STREAM
