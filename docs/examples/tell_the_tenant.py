"""
Tell the model's container which tenant a call is for, with text in
``X-Amzn-SageMaker-Custom-Attributes``.

It is the only header of yours that the platform passes on. A context variable holds the
current tenant, so no function in between has to pass it along.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from sagemaker_runtime import Client, InvokeEndpointInput, with_api_options
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.plugins.custom_attributes import CustomAttributes

TENANT: ContextVar[str] = ContextVar("tenant")


def greet(invocation: Invocation) -> bytes:
    """Stands in for the model's container."""
    return f"{invocation.body.decode()} got {invocation.custom_attributes}".encode()


async def ask(client: Client, tenant: str) -> None:
    TENANT.set(tenant)
    params = InvokeEndpointInput(
        endpoint_name="greet", body=tenant.encode(), custom_attributes="priority=low"
    )
    print((await client.invoke_endpoint(params)).body.decode())


async def main() -> None:
    tell_tenant = CustomAttributes(lambda _: f"tenant={TENANT.get()}", id="TellTenant")
    async with (
        LocalEndpoint({"greet": greet}) as local,
        Client(local.options(), with_api_options(tell_tenant)) as client,
    ):
        for tenant in ("acme", "globex"):
            # each task has its own context
            await asyncio.create_task(ask(client, tenant))


if __name__ == "__main__":
    asyncio.run(main())
