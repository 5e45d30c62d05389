"""LitServe behind the local endpoint: other people's model server in the place of a container."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from interop.running import HERE, SDKS, WHY_SKIPPED, call, program, variables

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    NopRetryer,
    PayloadPart,
    override,
)
from sagemaker_runtime.local import Container, LocalEndpoint

if "INTEROP_ENVIRONMENTS" not in os.environ:
    pytest.skip(WHY_SKIPPED, allow_module_level=True)

JSON = "application/json"


@contextmanager
def lit(way: str) -> Iterator[str]:
    """The URL of LitServe, perhaps before it listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program("servers"), str(HERE / "servers" / "lit.py"), str(port), way]
    # A session of its own: at the end the whole group is killed, LitServe's own processes too.
    with subprocess.Popen(command, env=variables(), stdin=subprocess.PIPE, start_new_session=True) as process:  # noqa: S603 - our own words
        yield f"http://127.0.0.1:{port}"
        assert process.stdin is not None
        process.stdin.close()
        assert -signal.SIGKILL == process.wait(timeout=20)


@pytest.fixture(scope="module")
def whole() -> Iterator[str]:
    with lit("whole") as url:
        yield url


@pytest.fixture(scope="module")
def stream() -> Iterator[str]:
    with lit("stream") as url:
        yield url


@pytest.fixture
async def local(whole: str, stream: str) -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"shout": Container(whole), "tell": Container(stream)}) as endpoint:
        yield endpoint


@pytest.fixture
async def client(local: LocalEndpoint) -> AsyncIterator[Client]:
    async with Client(local.options(), override(retryer=NopRetryer())) as client:
        yield client


async def test_litserve_answers_an_invocation(client: Client) -> None:
    """The container's contract is all that the two share: a path, a body and a content type."""
    output = await client.invoke_endpoint(
        InvokeEndpointInput(endpoint_name="shout", body=b'{"text": "hello"}', content_type=JSON)
    )

    assert b"HELLO" == output.body
    assert "text/plain; charset=utf-8" == output.content_type


async def test_litserve_streams_as_it_goes(client: Client, tmp_path: Path) -> None:
    """Its first word is here while it still waits to say the next: nobody between holds a stream back."""
    go_on = tmp_path / "go on"
    body = json.dumps({"text": "once upon a time", "go_on": str(go_on)}).encode()
    got: list[bytes] = []

    output = await client.invoke_endpoint_with_response_stream(
        InvokeEndpointWithResponseStreamInput(endpoint_name="tell", body=body, content_type=JSON)
    )
    async with output.body as events:
        async for event in events:
            assert isinstance(event, PayloadPart)
            if not got:
                assert b"once\n" == event.bytes
                go_on.touch()
            got.append(event.bytes)

    assert b"once\nupon\na\ntime\n" == b"".join(got)


async def test_a_stream_of_litserve_is_joined_for_a_call_that_does_not_stream(client: Client, tmp_path: Path) -> None:
    """A container cannot know which operation was called."""
    body = json.dumps({"text": "once upon", "go_on": str(tmp_path)}).encode()

    output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="tell", body=body, content_type=JSON))

    assert b"once\nupon\n" == output.body


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b'{"text": "too long"}', 413, '{"detail":"the text is too long"}'),
        (b'{"txt": "hello"}', 500, '{"detail":"Internal server error"}'),
        (b"[]", 422, "Input should be a valid dictionary"),
    ],
    ids=["its-model-refuses", "its-model-fails", "it-refuses"],
)
async def test_a_failure_of_litserve_is_a_model_error(client: Client, body: bytes, status: int, words: str) -> None:
    """With the status and the text that it answered, as the service tells of a container's."""
    with pytest.raises(ModelError) as raised:
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="shout", body=body, content_type=JSON))

    assert (424, status) == (raised.value.status, raised.value.original_status_code)
    assert words in str(raised.value.original_message)


@pytest.mark.parametrize("sdk", SDKS)
async def test_an_sdk_streams_from_litserve(sdk: str, local: LocalEndpoint, tmp_path: Path) -> None:
    """Other people's client before the endpoint, other people's server behind it."""
    body = json.dumps({"text": "once upon a time", "go_on": str(tmp_path)})
    members = {"EndpointName": "tell", "Body": body, "ContentType": JSON}

    [told] = await call(sdk, local, ("invoke_endpoint_with_response_stream", members))

    assert "once\nupon\na\ntime\n" == "".join(told["body"])
