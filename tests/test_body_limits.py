"""The size of a body: not refused here, and told where it may be why a call failed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pickle
from collections.abc import AsyncGenerator

import pytest
from support import ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    Client,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    NopRetryer,
    Options,
    StaticCredentialsProvider,
    Timeout,
    ValidationError,
    errors,
)
from sagemaker_runtime.local import LocalEndpoint

KNOWN = (
    "known limits: 6,291,456 bytes in the API model; the service's pages name 4 MB for serverless endpoints, 6 MB and "
    "25 MB for others, and 1 GB in S3 for asynchronous inference"
)
LARGE = 4_000_001  # bytes, above the smallest limit known


def notes(error: Exception) -> list[str]:
    return getattr(error, "__notes__", [])


async def test_a_body_above_every_limit_is_sent() -> None:
    """The limits are quotas of the service, and a client that refuses what the service takes locks its user out."""
    http_client = ScriptedHTTPClient([lambda _: answer(202, b"{}")])

    async with client(http_client) as caller:
        await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=bytes(30_000_000)))
        await caller.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="iris", body=bytes(200_000)))

    assert [30_000_000, 200_000] == [len(sent.body) for sent in http_client.requests]


async def test_the_refusal_of_the_local_endpoint_is_noted_with_the_size_and_the_limits() -> None:
    """A 413 says nothing of how large the body was, and the limits stand on pages that differ."""
    params = {"endpoint_name": "iris", "body": bytes(6_291_457)}
    async with LocalEndpoint({"iris": lambda invocation: invocation.body}) as local, Client(local.options()) as caller:
        with pytest.raises(errors.ServiceError) as whole:
            await caller.invoke_endpoint(InvokeEndpointInput(**params))
        with pytest.raises(errors.ServiceError) as streamed:
            await caller.invoke_endpoint_with_response_stream(InvokeEndpointWithResponseStreamInput(**params))
        with pytest.raises(ValidationError) as queued:
            await caller.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="iris", body=bytes(128_001)))

    assert (413, 413, 400) == (whole.value.status, streamed.value.status, queued.value.status)
    assert [f"the request's body has 6,291,457 bytes; {KNOWN}"] == notes(whole.value) == notes(streamed.value)
    assert ["the request's body has 128,001 bytes; " + KNOWN.replace("6,291,456", "128,000")] == notes(queued.value)
    assert notes(whole.value) == notes(pickle.loads(pickle.dumps(whole.value)))  # noqa: S301 - our own


@contextlib.asynccontextmanager
async def closing(after: int, *, deaf: bool = False) -> AsyncGenerator[Options]:
    """Options for a server that takes *after* bytes, and then resets the connection, or takes no more if *deaf*."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readexactly(after)
            if deaf:
                await done.wait()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Options(
            region="us-east-1",
            base_endpoint=f"http://127.0.0.1:{port}",
            credentials=StaticCredentialsProvider("AKID", "secret"),
            retryer=NopRetryer(),
            timeout=Timeout(write=0.2),
        )
    finally:
        done.set()
        server.close()


@pytest.mark.parametrize(
    ("deaf", "error"), [(False, errors.ConnectionLostError), (True, errors.WriteTimeoutError)], ids=["reset", "deaf"]
)
async def test_an_upload_that_breaks_off_is_noted(*, deaf: bool, error: type[Exception]) -> None:
    """So does a limit show itself where the connection ends before the refusal can be read."""
    async with closing(200_000, deaf=deaf) as options, Client(options) as caller:
        with pytest.raises(error) as caught:
            await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=bytes(20_000_000)))

    assert [f"the request's body has 20,000,000 bytes; {KNOWN}"] == notes(caught.value)


async def test_a_small_body_is_not_the_reason() -> None:
    """A note that is always there is read by nobody."""
    async with closing(100) as options, Client(options) as caller:
        with pytest.raises(errors.ConnectionLostError) as caught:
            await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=bytes(3_000)))

    assert [] == notes(caught.value)


@pytest.mark.parametrize(
    ("status", "kind", "size", "noted"),
    [
        (400, "ValidationError", LARGE, True),
        (400, "ValidationError", 4_000_000, False),
        (413, "", 10, True),
        (400, "RequestEntityTooLargeException", 10, True),
        (400, "ThrottlingException", LARGE, False),
        (403, "AccessDeniedException", LARGE, False),
        (424, "ModelError", LARGE, False),
        (500, "InternalFailure", LARGE, False),
    ],
)
async def test_of_refusals_those_are_noted_that_a_size_can_cause(
    status: int, kind: str, size: int, *, noted: bool
) -> None:
    """A 413 is for the size whatever it was: a proxy may have a limit of its own."""
    http_client = ScriptedHTTPClient([lambda _: answer(status, b"{}", x_amzn_errortype=kind)])

    async with client(http_client, retryer=NopRetryer()) as caller:
        with pytest.raises(errors.ServiceError) as caught:
            await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=bytes(size)))

    assert noted == bool(notes(caught.value))


async def test_the_limit_of_a_container_is_noted_too() -> None:
    """The web server in front of a model often takes 1 MB only."""
    body = json.dumps({"OriginalStatusCode": 413}).encode()
    http_client = ScriptedHTTPClient([lambda _: answer(424, body, x_amzn_errortype="ModelError")])

    async with client(http_client) as caller:
        with pytest.raises(errors.ModelError) as caught:
            await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=bytes(2_000_000)))

    assert [f"the request's body has 2,000,000 bytes; {KNOWN}"] == notes(caught.value)
