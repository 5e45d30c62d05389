"""
A worker that shuts down gracefully: on SIGTERM it accepts no more work, lets the calls
in progress finish, and then closes the client.

A container has seconds between SIGTERM and SIGKILL, so calls that take longer than the
grace period are cancelled. Event loops handle signals only on Unix.
"""

from __future__ import annotations

import asyncio
import os
import signal

from sagemaker_runtime import Client, InvokeEndpointInput
from sagemaker_runtime.local import Invocation, LocalEndpoint

GRACE = 20.0  # seconds; less than the platform's


class Worker:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.stopping = asyncio.Event()
        self.done = 0

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stopping.set)
        try:
            async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as calls:
                while not self.stopping.is_set():
                    calls.create_task(self.work())
                    await asyncio.sleep(0.005)  # stands in for waiting for work
                # now the group waits for its tasks
                limit.reschedule(asyncio.get_running_loop().time() + GRACE)
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)

    async def work(self) -> None:
        await self.client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="slow", body=b"hello")
        )
        self.done += 1


async def slow(invocation: Invocation) -> bytes:
    """Stands in for the model."""
    await asyncio.sleep(0.05)
    return invocation.body


async def main() -> None:
    async with LocalEndpoint({"slow": slow}) as local:
        async with Client(local.options()) as client:
            worker = Worker(client)
            asyncio.get_running_loop().call_later(
                0.03, os.kill, os.getpid(), signal.SIGTERM
            )
            await worker.run()
        print("stopped; calls lost:", local.calls("slow") - worker.done)


if __name__ == "__main__":
    asyncio.run(main())
