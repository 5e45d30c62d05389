"""The operations of the API, one file each; ``base`` has the building blocks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, TypeGuard

from sagemaker_runtime.checks import did_you_mean
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.operations.base import TRAITS, Binding, Operation, Shape, bindings, required
from sagemaker_runtime.operations.patterns import from_java
from sagemaker_runtime.operations.service import Service

if TYPE_CHECKING:
    from sagemaker_runtime.operations.base import OperationInput, OperationOutput

__all__ = [
    "DUPLEX_OPERATIONS",
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

# Maps each operation to its module. The client's method has the module's name, and the module defines the `Operation`
# under that name in upper case.
_MODULES = {
    "InvokeEndpoint": "invoke_endpoint",
    "InvokeEndpointAsync": "invoke_endpoint_async",
    "InvokeEndpointWithResponseStream": "invoke_endpoint_with_response_stream",
}

OPERATIONS = tuple(_MODULES)
"""The names of the operations with one request and one response."""

_DUPLEX_MODULES = {"InvokeEndpointWithBidirectionalStream": "invoke_endpoint_with_bidirectional_stream"}

DUPLEX_OPERATIONS = tuple(_DUPLEX_MODULES)
"""The names of the operations in which both sides send events at the same time, over HTTP/2; not in `OPERATIONS`."""


def method_name(name: str) -> str:
    """
    The name of the client's method for the operation *name*: ``"invoke_endpoint"`` for ``"InvokeEndpoint"``.

    Raises:
        ConfigError: There is no such operation.
    """
    method = _MODULES.get(name) or _DUPLEX_MODULES.get(name)
    if method is None:
        names = (*OPERATIONS, *DUPLEX_OPERATIONS)
        raise ConfigError(
            f"there is no operation {name!r}; the operations are {', '.join(names)}.{did_you_mean(name, names)}"
        )
    return method


def operation(name: str) -> Operation[OperationInput, OperationOutput]:
    """
    The operation *name*, one of `OPERATIONS` or `DUPLEX_OPERATIONS`. Its module is imported on first use.

    Raises:
        ConfigError: There is no such operation.
    """
    module = method_name(name)
    found: object = getattr(import_module(f"{__name__}.{module}"), module.upper(), None)
    if not _is_operation(found):
        raise ConfigError(f"{__name__}.{module} must define {module.upper()}, the Operation {name}")
    return found


def _is_operation(found: object) -> TypeGuard[Operation[OperationInput, OperationOutput]]:
    return isinstance(found, Operation)
