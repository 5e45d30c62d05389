"""Requests that were told to fail."""

from __future__ import annotations

import pytest

from sagemaker_runtime import (
    ATTEMPTS,
    Client,
    ConfigError,
    InvokeEndpointInput,
    ModelError,
    NopRetryer,
    ServiceError,
    ServiceUnavailable,
    StandardRetryer,
    override,
)
from sagemaker_runtime.local import LocalEndpoint

AT_ONCE = override(retryer=StandardRetryer(draw=lambda: 0.0))


def echo_input(body: bytes = b"") -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="echo", body=body)


async def test_a_fault_hits_the_call_it_is_for_and_the_retry_succeeds(local: LocalEndpoint) -> None:
    """`calls` and `fail` count alike, so that a test can say which request fails and that it was sent again."""
    local.fail("echo", call=2)

    async with Client(local.options(), AT_ONCE) as client:
        outputs = [await client.invoke_endpoint(echo_input()) for _ in range(3)]

    assert [1, 2, 1] == [len(output.result_metadata[ATTEMPTS]) for output in outputs]
    assert 4 == local.calls("echo")


async def test_each_of_several_faults_fires_once(local: LocalEndpoint) -> None:
    """A call can be made to use up all its attempts, and the next one is undisturbed."""
    local.fail("echo", call=1, message="first")
    local.fail("echo", call=3, message="third")
    local.fail("echo", call=2, error="InternalFailure", message="second")

    async with Client(local.options(), AT_ONCE) as client:
        with pytest.raises(ServiceUnavailable) as raised:
            await client.invoke_endpoint(echo_input())
        await client.invoke_endpoint(echo_input())

    assert [503, 500, 503] == [attempt.status for attempt in raised.value.attempts]
    assert "third" == raised.value.message
    assert 4 == local.calls("echo")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        ("InternalFailure", 500, "An internal failure occurred."),
        ("ServiceUnavailable", 503, "The service is currently unavailable."),
        ("ValidationError", 400, "The request is not valid."),
        ("InternalDependencyException", 530, "A dependency of the service failed."),
        ("ModelNotReadyException", 429, "The model is not ready yet."),
        ("ThrottlingException", 400, ""),
    ],
)
async def test_a_fault_has_the_status_and_message_of_its_error(
    local: LocalEndpoint, error: str, status: int, message: str
) -> None:
    """Who wants a 530 need not know that it is one. A throttled client gets null for a message, as the service has it."""
    local.fail("echo", call=1, error=error)

    async with Client(local.options(), override(retryer=NopRetryer())) as client:
        with pytest.raises(ServiceError) as raised:
            await client.invoke_endpoint(echo_input())

    assert (error, status, message) == (raised.value.code, raised.value.status, raised.value.message)


async def test_a_fault_can_be_any_error_at_all(local: LocalEndpoint) -> None:
    """What the service has not thought of yet is what a client must survive."""
    local.fail("echo", call=1, error="TeapotException", status=418, message="short and stout")

    async with Client(local.options()) as client:
        with pytest.raises(ServiceError, match="TeapotException: short and stout") as raised:
            await client.invoke_endpoint(echo_input())

    assert 418 == raised.value.status


async def test_a_model_error_as_a_fault_has_its_members(local: LocalEndpoint) -> None:
    """A handler of ModelError reads them, and the model that never ran cannot provide them."""
    local.fail("echo", call=1, error="ModelError", message="out of memory")

    async with Client(local.options()) as client:
        with pytest.raises(ModelError) as raised:
            await client.invoke_endpoint(echo_input())

    assert (424, 500, "out of memory") == (
        raised.value.status,
        raised.value.original_status_code,
        raised.value.original_message,
    )


async def test_a_fault_that_can_never_fire_is_refused(local: LocalEndpoint) -> None:
    """A test whose fault never fires passes for the wrong reason."""
    async with Client(local.options()) as client:
        await client.invoke_endpoint(echo_input())

    with pytest.raises(ConfigError, match="call 1 of endpoint 'echo' cannot fail: it has had 1 already"):
        local.fail("echo", call=1)
    with pytest.raises(ConfigError, match="there is no endpoint 'ehco'; there is echo"):
        local.fail("ehco", call=2)
    with pytest.raises(ConfigError, match="no status is known for the error 'TeapotException'"):
        local.fail("echo", call=2, error="TeapotException")
