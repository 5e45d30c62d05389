"""The local endpoint's life, and calls through real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import socket
import sys
import uuid

import pytest
from both_clients import Client

from sagemaker_runtime import (
    REQUEST_ID,
    BuildHandler,
    BuildInput,
    ConfigError,
    ConnectError,
    Context,
    Credentials,
    InvokeEndpointInput,
    NopRetryer,
    Output,
    ServiceError,
    StaticCredentialsProvider,
    build_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint


def echo_input(body: bytes = b"") -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="echo", body=body)


@pytest.mark.twice
async def test_every_member_of_input_and_output_makes_the_round_trip() -> None:
    """The endpoint stands for the service, so nothing that a client or a container sends may be lost."""
    seen: list[Invocation] = []

    def answer_in_full(invocation: Invocation) -> Answer:
        seen.append(invocation)
        return Answer(
            body=b"\x00\xff",
            content_type="image/png",
            custom_attributes="from: the container",
            invoked_production_variant="blue",
            new_session_id="s1; Expires=2027-01-01T00:00:00Z",
            closed_session_id="s0",
        )

    members = {
        "endpoint_name": "Full-1",
        "body": bytes(range(256)),
        "content_type": "application/x-npy",
        "accept": "image/png",
        "custom_attributes": "to: the container",
        "target_model": "model a.tar.gz",
        "target_variant": "blue",
        "target_container_hostname": "second",
        "inference_id": "id 1",
        "enable_explanations": "`true`",
        "inference_component_name": "component-1",
        "session_id": "NEW_SESSION",
        "prefix_aware_id": "prompt 7",
    }

    async with LocalEndpoint({"Full-1": answer_in_full}) as local, Client(local.options()) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(**members))

    assert members == {name: getattr(seen[0], name) for name in members}
    assert "attempt=1; max=3" == seen[0].headers["amz-sdk-request"]
    assert (
        b"\x00\xff",
        "image/png",
        "from: the container",
        "blue",
        "s1; Expires=2027-01-01T00:00:00Z",
        "s0",
    ) == (
        output.body,
        output.content_type,
        output.custom_attributes,
        output.invoked_production_variant,
        output.new_session_id,
        output.closed_session_id,
    )


@pytest.mark.twice
async def test_members_that_were_not_sent_are_none() -> None:
    """A model must be able to distinguish an absent member from an empty one."""
    seen: list[Invocation] = []

    async with (
        LocalEndpoint({"echo": lambda invocation: seen.append(invocation) or b""}) as local,
        Client(local.options()) as client,
    ):
        output = await client.invoke_endpoint(echo_input())

    assert b"" == output.body
    assert (None, None, None) == (seen[0].custom_attributes, seen[0].target_model, seen[0].session_id)
    assert (None, None, None) == (output.custom_attributes, output.new_session_id, output.closed_session_id)
    assert ("application/octet-stream", "AllTraffic") == (output.content_type, output.invoked_production_variant)


@pytest.mark.twice
async def test_a_body_of_the_largest_size_passes(local: LocalEndpoint) -> None:
    """6 MiB is what the API model allows; it crosses the wire in many pieces."""
    body = os.urandom(6_291_456)

    async with Client(local.options()) as client:
        output = await client.invoke_endpoint(echo_input(body))

    assert body == output.body


@pytest.mark.twice
async def test_parallel_calls_get_each_their_own_response(local: LocalEndpoint) -> None:
    """Calls overtake one another on many connections, and no response may be mixed up."""
    bodies = [b"%d" % number for number in range(200)]

    async with Client(local.options()) as client:
        outputs = await asyncio.gather(*(client.invoke_endpoint(echo_input(body)) for body in bodies))

    assert bodies == [output.body for output in outputs]
    assert 200 == local.calls("echo")
    assert 200 == len({output.result_metadata[REQUEST_ID] for output in outputs})


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow fewer by default")
async def test_a_burst_of_connections_is_queued_while_the_loop_is_busy(local: LocalEndpoint) -> None:
    """A connection that the system has no room for is tried again after a second: 150 calls at once would take that."""
    port = int(local.url.rpartition(":")[2])

    with contextlib.ExitStack() as stack:
        # None of them is accepted meanwhile, since this holds the loop; one too many would time out.
        for _ in range(500):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=0.9))


@pytest.mark.twice
async def test_a_compressed_body_reaches_the_model_as_it_was_sent(local: LocalEndpoint) -> None:
    """The signature covers the compressed bytes, and it is the container that unpacks them."""
    body = gzip.compress(b"5.1,3.5,1.4,0.2", mtime=0)

    @build_middleware("SayGzip")
    async def say_gzip(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        step.request.headers["content-encoding"] = "gzip"
        return await next(ctx, step)

    async with Client(local.options(), with_api_options(lambda stack: stack.build.add(say_gzip))) as client:
        output = await client.invoke_endpoint(echo_input(body))

    assert body == output.body


@pytest.mark.twice
async def test_every_response_has_a_request_id(local: LocalEndpoint) -> None:
    """AWS Support asks for it, of failed calls above all."""
    local.fail("echo", call=2, error="ValidationError")

    async with Client(local.options()) as client:
        output = await client.invoke_endpoint(echo_input())
        with pytest.raises(ServiceError) as raised:
            await client.invoke_endpoint(echo_input())

    assert 4 == uuid.UUID(output.result_metadata[REQUEST_ID]).version
    assert 4 == uuid.UUID(raised.value.request_id).version
    assert output.result_metadata[REQUEST_ID] != raised.value.request_id


@pytest.mark.twice
async def test_start_and_stop_may_be_called_again() -> None:
    """Fixtures and `finally` blocks call them without knowing what went before."""
    local = LocalEndpoint({"echo": lambda invocation: invocation.body})

    await local.stop()
    await local.start()
    url = local.url
    await local.start()

    assert url == local.url

    options = local.options()
    await local.stop()
    await local.stop()

    async with Client(options, override(retryer=NopRetryer())) as client:
        with pytest.raises(ConnectError):
            await client.invoke_endpoint(echo_input())

    await local.start()
    async with Client(local.options()) as client:
        output = await client.invoke_endpoint(echo_input(b"again"))
    await local.stop()

    assert b"again" == output.body


@pytest.mark.twice
async def test_stop_does_not_wait_for_idle_connections(local: LocalEndpoint) -> None:
    """Clients keep their connections open for reuse; they must not hold up the end of a test."""
    async with Client(local.options()) as client:
        await client.invoke_endpoint(echo_input())

        async with asyncio.timeout(0.5):
            await local.stop()


def test_an_endpoint_that_is_not_running_has_no_url() -> None:
    """The port is known only when it listens; before, a client would be aimed at nothing."""
    local = LocalEndpoint({"echo": lambda invocation: invocation.body})

    with pytest.raises(ConfigError, match="not running"):
        local.options()


@pytest.mark.parametrize("name", ["", "has space", "-starts-with-hyphen", "ends-with-hyphen-", "x" * 64])
def test_a_name_that_no_endpoint_can_have_is_refused(name: str) -> None:
    """It could not be called: the client and the front refuse it too."""
    with pytest.raises(ConfigError, match="cannot be the name of an endpoint"):
        LocalEndpoint({name: lambda invocation: invocation.body})


async def test_two_endpoints_have_different_credentials_and_ports(local: LocalEndpoint) -> None:
    """So that a client of one cannot reach the other by mistake."""
    async with LocalEndpoint({"echo": lambda invocation: invocation.body}) as other:
        assert local.url != other.url
        assert local.credentials != other.credentials


@pytest.mark.twice
async def test_credentials_and_region_can_be_given() -> None:
    """For a client in another process, which is configured beforehand, with a session token as a role's have."""
    given = Credentials("AKIDLOCAL", "secret", "token")

    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}, region="eu-west-1", credentials=given) as local,
        Client(local.options()) as client,
    ):
        output = await client.invoke_endpoint(echo_input(b"1"))

        assert b"1" == output.body
        assert ("eu-west-1", given) == (local.region, local.credentials)


@pytest.mark.twice
async def test_no_repr_shows_a_secret() -> None:
    """Reprs end up in logs and in the output of failing tests."""
    seen: list[Invocation] = []
    given = Credentials("AKIDLOCAL", "the-secret-key", "the-session-token")

    async with (
        LocalEndpoint({"echo": lambda invocation: seen.append(invocation) or b"-"}, credentials=given) as local,
        Client(local.options()) as client,
    ):
        await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="echo", body=b"the-body", custom_attributes="the-attributes")
        )
        running = repr(local)

    shown = f"{running} {local!r} {local.credentials!r} {seen[0]!r}"
    signature = seen[0].headers["authorization"].rpartition("Signature=")[2]
    for secret in ("the-secret-key", "the-session-token", "the-body", "the-attributes", signature):
        assert secret not in shown
    assert f"<LocalEndpoint at {local_url(running)}, with echo>" == running
    assert "<LocalEndpoint not running, with echo>" == repr(local)
    assert "the-answer" not in repr(Answer(body=b"the-answer", custom_attributes="the-answer"))


def local_url(text: str) -> str:
    return text.removeprefix("<LocalEndpoint at ").partition(",")[0]


async def test_options_are_the_callers_own(local: LocalEndpoint) -> None:
    """They are meant to be changed, and the next client must not see it."""
    first = local.options()
    first.region = "eu-west-1"
    first.credentials = StaticCredentialsProvider("other", "other")

    second = local.options()

    assert "us-east-1" == second.region
    assert local.credentials == await second.credentials.retrieve()
