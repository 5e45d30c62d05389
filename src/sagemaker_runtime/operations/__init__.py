"""The operations of the API, one file each; ``base`` is the language they are written in."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.operations.base import TRAITS, Binding, Operation, Shape, bindings, from_java, required
from sagemaker_runtime.operations.service import Service

if TYPE_CHECKING:
    from sagemaker_runtime.operations.base import OperationInput, OperationOutput

__all__ = [
    "OPERATIONS",
    "TRAITS",
    "Binding",
    "Operation",
    "Service",
    "Shape",
    "bindings",
    "from_java",
    "method_name",
    "operation",
    "required",
]

# By name, the module of each, which the client's method is called like too. The operation itself stands there under this
# name in capitals.
_MODULES = {
    "InvokeEndpoint": "invoke_endpoint",
    "InvokeEndpointAsync": "invoke_endpoint_async",
    "InvokeEndpointWithResponseStream": "invoke_endpoint_with_response_stream",
}

OPERATIONS = tuple(_MODULES)
"""The names of all operations."""


def method_name(name: str) -> str:
    """
    The name of the client's method for the operation of that name, such as ``"invoke_endpoint"``.

    Raises:
        ConfigError: There is no such operation.
    """
    method = _MODULES.get(name)
    if method is None:
        raise ConfigError(f"there is no operation {name!r}; there is {', '.join(OPERATIONS)}")
    return method


def operation(name: str) -> Operation[OperationInput, OperationOutput]:
    """
    The operation of that name, one of `OPERATIONS`; imported when it is first asked for, as most programs call one.

    Raises:
        ConfigError: There is no such operation.
    """
    module = method_name(name)
    found: Operation[OperationInput, OperationOutput] = getattr(import_module(f"{__name__}.{module}"), module.upper())
    return found
