"""
A SageMaker Runtime on this machine: real HTTP, real signatures, and a Python function in the model's place.

::

    def predict(invocation: Invocation) -> bytes:
        return invocation.body.upper()


    async with LocalEndpoint({"shout": predict}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="shout", body=b"hello"))

It listens on loopback only, and checks signatures against credentials of its own, so no real ones are needed.
"""

from __future__ import annotations

from sagemaker_runtime.local.endpoint import LocalEndpoint
from sagemaker_runtime.local.invocation import Answer, Invocation, Model

__all__ = ["Answer", "Invocation", "LocalEndpoint", "Model"]
