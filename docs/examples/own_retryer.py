"""
A retryer of your own: a container that responds 503, because its queue is full, is
called again.

The client does not retry a ``ModelError``, because the model would fail again, and may
have run. But you know what your container's statuses mean. This retryer passes the
failure to the standard one under another name, and leaves attempts, waits and quota to
it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from attrs import field, frozen

from sagemaker_runtime import (
    ATTEMPTS,
    Client,
    InvokeEndpointInput,
    ModelError,
    ServiceUnavailable,
    StandardRetryer,
    override,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint, ModelFailure

BUSY = 503  # the container's status


def renamed(error: Exception) -> Exception:
    busy = isinstance(error, ModelError) and error.original_status_code == BUSY
    return ServiceUnavailable() if busy else error


@frozen
class RetryBusyContainers:
    standard: StandardRetryer = field(factory=StandardRetryer)

    @property
    def max_attempts(self) -> int:
        return self.standard.max_attempts

    def delay(
        self,
        failures: Sequence[Exception],
        *,
        elapsed: float,
        remaining: float | None = None,
    ) -> float | None:
        seen = [renamed(each) for each in failures]
        return self.standard.delay(seen, elapsed=elapsed, remaining=remaining)

    def succeeded(self, failures: Sequence[Exception]) -> None:
        self.standard.succeeded([renamed(each) for each in failures])


async def main() -> None:
    def predict(invocation: Invocation) -> bytes:
        if local.calls("iris") == 1:
            raise ModelFailure("the queue is full", status=BUSY)
        return invocation.body

    patient = override(retryer=RetryBusyContainers())
    async with (
        LocalEndpoint({"iris": predict}) as local,
        Client(local.options(), patient) as client,
    ):
        params = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
        output = await client.invoke_endpoint(params)
    for attempt in output.result_metadata[ATTEMPTS]:
        print(attempt.number, attempt.error_type)


if __name__ == "__main__":
    asyncio.run(main())
