"""
A SageMaker Runtime on this machine: real HTTP, real signatures, and a Python function in the model's place.

::

    def predict(invocation: Invocation) -> bytes:
        return invocation.body.upper()


    async with LocalEndpoint({"shout": predict}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="shout", body=b"hello"))

A model that is a generator, asynchronous or not, or that returns one, answers a streaming call part by part::

    async def count(invocation: Invocation) -> AsyncIterator[bytes]:
        for number in range(int(invocation.body)):
            yield b"%d " % number

It listens on loopback only, and checks signatures against credentials of its own, so no real ones are needed.
"""

from __future__ import annotations

from sagemaker_runtime.local.backends import Backend, ModelFailure
from sagemaker_runtime.local.endpoint import LocalEndpoint
from sagemaker_runtime.local.invocation import Answer, Body, Invocation, Model

__all__ = ["Answer", "Backend", "Body", "Invocation", "LocalEndpoint", "Model", "ModelFailure"]
