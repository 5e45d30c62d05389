"""The operations of the API, one file each; ``base`` is the language they are written in."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.operations.base import TRAITS, Operation
from sagemaker_runtime.operations.service import Service

if TYPE_CHECKING:
    from sagemaker_runtime.operations.base import OperationInput, OperationOutput

__all__ = ["OPERATIONS", "TRAITS", "Operation", "Service", "operation"]

# By name, the module of each; the operation itself stands there under the module's name in capitals.
_MODULES = {
    "InvokeEndpoint": "invoke_endpoint",
    "InvokeEndpointAsync": "invoke_endpoint_async",
    "InvokeEndpointWithResponseStream": "invoke_endpoint_with_response_stream",
}

OPERATIONS = tuple(_MODULES)
"""The names of all operations."""


def operation(name: str) -> Operation[OperationInput, OperationOutput]:
    """
    The operation of that name, one of `OPERATIONS`; imported when it is first asked for, as most programs call one.

    Raises:
        ConfigError: There is no such operation.
    """
    module = _MODULES.get(name)
    if module is None:
        raise ConfigError(f"there is no operation {name!r}; there is {', '.join(OPERATIONS)}")
    found: Operation[OperationInput, OperationOutput] = getattr(import_module(f"{__name__}.{module}"), module.upper())
    return found
