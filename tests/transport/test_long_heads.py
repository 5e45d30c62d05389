"""A head may have lines of 64 KiB, and 1,000 of them: gateways add policies and cookies that no client has asked for."""

from __future__ import annotations

import pytest
from transport.servers import client_for, params, request_to, serving

from sagemaker_runtime import (
    AioHTTPClient,
    InvalidResponseError,
    InvokeEndpointWithResponseStreamInput,
    NopRetryer,
    Timeout,
)
from sagemaker_runtime.async_inference.s3 import S3Client
from sagemaker_runtime.streams.frames import Message, encode

HEADS = {
    "a line of 64 KiB": b"X-Long: " + b"x" * (65_536 - len("X-Long: ")) + b"\r\n",
    "a thousand lines": b"".join(b"X-Line-%d: %d\r\n" % (number, number) for number in range(998)),
}
TOO_MUCH = {
    "a longer line": b"X-Long: " + b"x" * 65_536 + b"\r\n",
    "more lines": b"".join(b"X-Line-%d: %d\r\n" % (number, number) for number in range(1_000)),
    "a head without an end": b"".join(b"X-Line-%d: %s\r\n" % (number, b"x" * 60_000) for number in range(30)),
}


def with_head(head: bytes, body: bytes = b"ok", kind: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%b%bContent-Length: %d\r\n\r\n%b" % (kind, head, len(body), body)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
async def test_a_long_head_is_read(head):
    """Boto3, Go's client and curl read it; whoever moves from one of them must not lose calls."""
    async with serving(with_head(head)) as server, client_for(server, retryer=NopRetryer()) as client:
        output = await client.invoke_endpoint(params())

        assert b"ok" == output.body


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
async def test_a_long_head_before_a_stream_is_read(head):
    """The head of a stream is as any other."""
    parts = [Message({":message-type": "event", ":event-type": "PayloadPart"}, part) for part in (b"one", b"two")]
    frames = b"".join(map(encode, parts))
    kind = b"Content-Type: application/vnd.amazon.eventstream\r\n"
    async with serving(with_head(head, frames, kind)) as server, client_for(server, retryer=NopRetryer()) as client:
        output = await client.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=b"")
        )
        async with output.body as stream:
            assert b"onetwo" == b"".join([part async for part in stream.iter_bytes()])


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
async def test_a_long_head_of_s3_is_read(head):
    """Metadata of an object can be long."""
    import support

    async with serving(with_head(head)) as server:
        http_client = AioHTTPClient()
        reader = S3Client(
            http_client=http_client,
            credentials=support.options().credentials,
            region="us-east-1",
            endpoint_url=server.url,
        )

        found = await reader.read("s3://bucket/key")

        assert found is not None
        assert b"ok" == found.body
        await http_client.close()


@pytest.mark.parametrize("head", TOO_MUCH.values(), ids=TOO_MUCH)
async def test_what_no_server_sends_is_refused_before_it_fills_the_memory(head):
    """A hostile server could send headers for ever."""
    async with serving(with_head(head)) as server:
        http_client = AioHTTPClient()

        with pytest.raises(
            InvalidResponseError, match=r"is not HTTP: (it has more than|a line of its head|its head is)"
        ):
            await http_client.send(request_to(server), timeout=Timeout(read=5))

        await http_client.close()
