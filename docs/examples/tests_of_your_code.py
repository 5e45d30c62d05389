"""
Tests of code that calls a model, without a network: outputs for whole operations, or
for single requests.

`StubOperations` is for tests of the outcome alone. `StubHTTPClient` lets the whole
stack run, with retries, on a clock that does not wait. For real HTTP, use
`LocalEndpoint`, or its pytest fixture ``sagemaker_runtime_local``.
"""

from __future__ import annotations

import asyncio

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    ModelError,
)
from sagemaker_runtime.testing import (
    StubHTTPClient,
    StubOperations,
    respond,
    respond_error,
)


async def species_of(client: Client, flower: str) -> str:
    """The code under test."""
    params = InvokeEndpointInput(
        endpoint_name="iris", body=flower.encode(), content_type="text/csv"
    )
    try:
        return (await client.invoke_endpoint(params)).body.decode()
    except ModelError:
        return "unknown"


async def test_a_model_that_fails_gives_an_unknown_species() -> None:
    stub = StubOperations()
    stub.on(
        "InvokeEndpoint",
        ModelError("out of memory"),
        when=lambda params: params.body == b"0,0",
    )
    stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b"setosa"))

    async with Client(stub.options()) as client:
        assert await species_of(client, "0,0") == "unknown"
        assert await species_of(client, "5.1,3.5") == "setosa"

    assert [params.endpoint_name for params in stub.inputs] == ["iris", "iris"]


async def test_a_throttled_request_is_sent_again() -> None:
    stub = StubHTTPClient([respond_error("ThrottlingException"), respond(b"setosa")])

    async with Client(stub.options()) as client:
        assert await species_of(client, "5.1,3.5") == "setosa"

    assert [sent.attempt for sent in stub.requests] == [1, 2]
    stub.assert_done()


async def main() -> None:
    for test in (
        test_a_model_that_fails_gives_an_unknown_species,
        test_a_throttled_request_is_sent_again,
    ):
        await test()
        print(test.__name__.replace("_", " "), "- passed")


if __name__ == "__main__":
    asyncio.run(main())
