"""
The duplex operation against what nobody here wrote: AWS's own client and signer on Python 3.12, and node's HTTP/2 server.

Each needs a program that not every machine has, and is skipped without it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from interop.running import HERE, WHY_SKIPPED, program, run, variables, variables_for

from sagemaker_runtime import (
    ATTEMPTS,
    Client,
    Credentials,
    InvokeEndpointWithBidirectionalStreamInput,
    Options,
    Request,
    ServiceError,
    SigV4Signer,
    StandardRetryer,
    StaticCredentialsProvider,
    TruncatedResponseError,
)
from sagemaker_runtime.local import Conversation, Duplex, ErrorAnswer, GoAway, LocalEndpoint, ModelFailure, Part
from sagemaker_runtime.streams.frames import Decoder

if "INTEROP_ENVIRONMENTS" not in os.environ:
    pytest.skip(WHY_SKIPPED, allow_module_level=True)

CHAINS = 5_000
KEYS = Credentials("AKIDLOCAL", "secret/with+signs", "a/session+token==")
END: list[Any] = ["end"]

aws = pytest.mark.skipif(
    not Path(program("duplex")).exists(), reason="no Python 3.12 was found for AWS's client of the duplex operation"
)
node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def send(text: str, data_type: str | None = None, state: str | None = None) -> list[Any]:
    return ["send", text, data_type, state]


async def echo(conversation: Conversation) -> AsyncIterator[Part]:
    async for part in conversation:
        yield part


async def breaks(conversation: Conversation) -> AsyncIterator[Part]:
    yield await anext(conversation)
    raise ModelFailure("out of memory", error_code="1011")


@pytest.fixture
async def local() -> AsyncIterator[LocalEndpoint]:
    models = {"echo": Duplex(echo), "broken": Duplex(breaks)}
    async with LocalEndpoint(models, credentials=KEYS, tls=True) as endpoint:
        yield endpoint


async def talk(local: LocalEndpoint, *calls: tuple[dict[str, str], list[list[Any]]]) -> list[dict[str, Any]]:
    """What AWS's client makes of some calls."""
    told = variables_for(local) | {"ENDPOINT_URL": local.url, "SSL_CERT_FILE": str(local.ca_bundle)}
    lines = "".join(f"{json.dumps(call)}\n" for call in calls)
    status, out, error = await run([program("duplex"), str(HERE / "clients" / "duplex_client.py")], told, lines)
    assert 0 == status, error
    return [json.loads(line) for line in out.splitlines()]


@aws
async def test_awss_client_talks_to_the_local_endpoint(local: LocalEndpoint) -> None:
    """It signs the seed and each event with code of its own; all parts come back, and the end."""
    members = {"endpoint_name": "echo"}
    steps = [send("one", "UTF8"), ["receive", 1], send("two", None, "PARTIAL"), send("", "BINARY", "COMPLETE"), END]

    [told] = await talk(local, (members, steps))

    assert {
        "said": [["one", "UTF8", "COMPLETE"], ["two", "BINARY", "PARTIAL"], ["", "BINARY", "COMPLETE"]],
        "variant": "AllTraffic",
    } == told
    (exchange,) = local.journal
    assert exchange.target.endswith("?")
    assert ["head", *["PayloadPart"] * 2] == [event.name for event in exchange.events][:3]
    assert ["end", "end"] == [event.name for event in exchange.events][-2:]


@aws
@pytest.mark.parametrize("after", [0, 2])
async def test_awss_client_has_its_own_error_for_each_status(local: LocalEndpoint, after: int) -> None:
    """Before it has sent anything, and while it is sending."""
    errors = ["InputValidationError", "ModelError", "InternalServerError", "ServiceUnavailableError"]
    for number, name in enumerate(errors, start=1):
        local.inject("echo", ErrorAnswer(name, after=after), call=number)
    call = ({"endpoint_name": "echo"}, [send("one"), send("two"), ["receive", 1], END])

    told = await talk(local, *[call] * len(errors))

    assert errors == [each["error"]["type"] for each in told]


@aws
async def test_awss_client_reads_errors_in_the_stream(local: LocalEndpoint) -> None:
    """With the code that the container closed its WebSocket with."""
    told = await talk(local, ({"endpoint_name": "broken"}, [send("one", "UTF8"), ["receive", 1]]))

    assert [["one", "UTF8", "COMPLETE"]] == told[0]["said"]
    assert ("ModelStreamError", "1011") == (told[0]["error"]["type"], told[0]["error"]["error_code"])


@aws
async def test_awss_client_is_told_of_a_wrong_secret(local: LocalEndpoint) -> None:
    """The refusal is a plain error of its own."""
    lines = json.dumps(({"endpoint_name": "echo"}, [send("one"), END])) + "\n"
    told = variables_for(local, Credentials("AKIDLOCAL", "other", KEYS.session_token)) | {
        "ENDPOINT_URL": local.url,
        "SSL_CERT_FILE": str(local.ca_bundle),
    }

    status, out, error = await run([program("duplex"), str(HERE / "clients" / "duplex_client.py")], told, lines)

    assert 0 == status, error
    assert "InvalidSignatureException" in out or "does not match the signature" in out
    assert [403] == [exchange.status for exchange in local.journal]


@aws
async def test_awss_client_goes_on_after_a_goaway(local: LocalEndpoint) -> None:
    """A connection that takes no more streams ends its last one."""
    local.inject("echo", GoAway(after=1), call=1)
    steps = [send("one", "UTF8"), ["receive", 1], send("two", "UTF8"), END]

    told = await talk(local, ({"endpoint_name": "echo"}, steps))

    assert ["one", "two"] == [text for text, _, _ in told[0]["said"]]


@aws
async def test_a_chain_of_signatures_is_that_of_awss_signer() -> None:
    """5,000 chains of random keys, regions and events, each to its signed end: byte for byte."""
    seed = int(time.time())
    status, out, error = await run(
        [program("duplex"), str(HERE / "clients" / "duplex_signer.py"), str(CHAINS), str(seed)], variables()
    )
    assert 0 == status, error

    compared = 0
    for line in out.splitlines():
        secret, region, prior, events, frames = json.loads(line)
        request = Request()
        request.headers["authorization"] = f"AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature={prior}"
        keys = Credentials("AKID", secret)
        signer = SigV4Signer().sign_events(request, credentials=keys, service="sagemaker", region=region)
        for event, frame in zip(events, frames, strict=True):
            decoder = Decoder()
            decoder.feed(bytes.fromhex(frame))
            message = decoder.take()
            assert message is not None
            date: Any = message.headers[":date"]
            milliseconds = round(date.timestamp() * 1000)
            assert frame == signer.sign(bytes.fromhex(event), milliseconds).hex(), f"with the seed {seed}"
        compared += 1
    assert CHAINS == compared


@pytest.fixture(scope="module")
def node_url() -> Iterator[str]:
    command = ["node", str(HERE / "servers" / "http2_server.js")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own words
        assert server.stdin is not None
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.stdin.close()
        assert 0 == server.wait(timeout=20)


@pytest.fixture
async def client(node_url: str) -> AsyncIterator[Client]:
    options = Options(
        region="us-east-1",
        credentials=StaticCredentialsProvider("AKID", "secret"),
        base_endpoint=node_url,
        retryer=StandardRetryer(draw=lambda: 0.0),
    )
    async with asyncio.timeout(30), Client(options) as client:
        yield client


async def converse(client: Client, endpoint_name: str, *parts: str) -> tuple[list[str], Any]:
    """What comes back, one part after the other, and the head."""
    params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name=endpoint_name)
    said: list[str] = []
    async with await client.invoke_endpoint_with_bidirectional_stream(params) as stream:
        for part in parts:
            await stream.send(part)
            if endpoint_name != "throttled":
                said.append((await anext(stream)).text)
        await stream.end()
        said += [part.text async for part in stream]
        return said, await stream.initial_response()


@node
@pytest.mark.parametrize("endpoint_name", ["echo", "late", "trailers", "goaway"])
async def test_a_conversation_with_nodes_server(client: Client, endpoint_name: str) -> None:
    """Its head at once or late, with trailers, and with a GOAWAY in its middle."""
    said, head = await converse(client, endpoint_name, "one", "two", "three")

    assert ["one", "two", "three"] == said
    assert 1 == len(head.result_metadata[ATTEMPTS])


@node
async def test_the_call_after_a_goaway_takes_another_connection(client: Client) -> None:
    """And so do those that were opened together."""
    names = ["goaway", "echo"] * 10

    found = await asyncio.gather(*(converse(client, name, "one", "two") for name in names))

    assert [["one", "two"]] * 20 == [said for said, _ in found]


@node
async def test_two_hundred_conversations_through_a_limit_of_ten_streams(client: Client) -> None:
    """Node refuses what is beyond its limit; nobody sees that."""
    found = await asyncio.gather(*(converse(client, "most", f"{number}", "two") for number in range(200)))

    assert [[f"{number}", "two"] for number in range(200)] == [said for said, _ in found]


@node
async def test_a_stream_that_node_refuses_is_tried_again(client: Client) -> None:
    """REFUSED_STREAM says that nothing was done."""
    said, head = await converse(client, "refused", "one")

    assert ["one"] == said
    assert 2 == len(head.result_metadata[ATTEMPTS])


@node
async def test_a_429_and_a_reset_are_the_429(client: Client) -> None:
    """Three times, since it is tried again."""
    with pytest.raises(ServiceError) as caught:
        await converse(client, "throttled", "one")

    assert (429, "ThrottlingException", 3) == (
        caught.value.status,
        caught.value.code,
        len(caught.value.attempts),
    )


@node
async def test_a_reset_in_the_middle_is_a_truncated_response(client: Client) -> None:
    """After the parts that came."""
    params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="reset")
    stream = await client.invoke_endpoint_with_bidirectional_stream(params)
    await stream.send("one")
    with pytest.raises(TruncatedResponseError):
        [part async for part in stream]
    stream.close()


@node
async def test_a_model_that_ends_first_is_heard_to_its_end(client: Client) -> None:
    """And left in peace, though it never read the end of the request."""
    params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="ended")
    async with await client.invoke_endpoint_with_bidirectional_stream(params) as stream:
        await stream.send("one")
        assert ["one"] == [part.text async for part in stream]


@node
async def test_a_large_part_goes_through_its_windows(client: Client) -> None:
    """Two megabytes, of which its window takes 64 KiB at a time."""
    part = bytes(2_000_000)
    params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="echo")
    async with await client.invoke_endpoint_with_bidirectional_stream(params) as stream:
        sending = asyncio.create_task(stream.send(part))
        assert part == (await anext(stream)).bytes
        await sending
