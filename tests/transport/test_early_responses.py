"""A response that comes before the request has gone out is the outcome of the call, once, whatever the sending meets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import support

from sagemaker_runtime import (
    AioHTTPClient,
    Client,
    ConnectionLostError,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    NopRetryer,
    ServiceError,
    override,
)
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.local.backends.container import Container

BODY = b"1" * 3_000_000
CALLS = 10


@contextmanager
def refusing(response: bytes, *, after: int, half_close: bool = False, tls=None) -> Iterator[tuple[str, list[int]]]:
    """
    A server, in threads, that reads *after* bytes of a request, responds, and closes the socket with bytes unread, for
    which TCP sends a reset; or shuts down its side, and reads the rest. Yields its URL, and the bytes that each request had.
    """
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    requests: list[int] = []

    def refuse(plain: socket.socket) -> None:
        with plain if tls is None else tls.wrap_socket(plain, server_side=True) as connection:
            got, piece = 0, b""
            while got < after:
                piece = connection.recv(16_384)
                if piece.startswith(b"GET /ping"):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                got += len(piece)
            requests.append(got)
            connection.sendall(response)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65_536):
                    pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=refuse, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.getsockname()[1]}", requests
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def refusal(status: str, headers: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 8\r\n".encode() + headers + b"\r\ntoo much"


def client_of(url: str, **changes: object) -> Client:
    return Client(support.options(base_endpoint=url, http_client=AioHTTPClient(), retryer=NopRetryer(), **changes))


INPUTS = {
    "invoke_endpoint": InvokeEndpointInput(endpoint_name="iris", body=BODY),
    "invoke_endpoint_with_response_stream": InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=BODY),
}


@pytest.mark.parametrize("after", [100_000, 500_000, 2_000_000])
@pytest.mark.parametrize("status", ["413 Payload Too Large", "403 Forbidden", "503 Service Unavailable"])
@pytest.mark.parametrize("operation", INPUTS)
async def test_a_refusal_is_the_outcome_although_the_connection_is_reset_behind_it(operation, status, after):
    """It says what is wrong; the reset says nothing, and would be taken for a fault of the network and tried again."""
    with refusing(refusal(status), after=after) as (url, requests):
        async with client_of(url) as client:
            for _ in range(CALLS):
                with pytest.raises(ServiceError, match="too much") as caught:
                    await getattr(client, operation)(INPUTS[operation])
                assert int(status[:3]) == caught.value.status
            await client.options.http_client.close()

    assert CALLS == len(requests)


@pytest.mark.parametrize("headers", [b"", b"Connection: close\r\n"])
async def test_a_refusal_by_a_server_that_reads_on_is_the_outcome(headers):
    """It shuts down its own side only, as RFC 9112 section 9.6 would have it."""
    with refusing(refusal("413 Payload Too Large", headers), after=100_000, half_close=True) as (url, _):
        async with client_of(url) as client:
            for _ in range(CALLS):
                with pytest.raises(ServiceError, match="too much"):
                    await client.invoke_endpoint(INPUTS["invoke_endpoint"])
            await client.options.http_client.close()


async def test_a_refusal_of_a_small_body_is_the_outcome_too():
    """A body that goes out at once meets the same server; and so does a request without one."""
    with refusing(refusal("403 Forbidden", b"Connection: close\r\n"), after=1) as (url, _):
        async with client_of(url) as client:
            for params in (
                InvokeEndpointInput(endpoint_name="iris", body=b"1" * 60_000),
                InvokeEndpointInput(endpoint_name="iris", body=b""),
            ):
                for _ in range(CALLS):
                    with pytest.raises(ServiceError, match="too much"):
                        await client.invoke_endpoint(params)
            with pytest.raises(ServiceError, match="too much"):
                await client.invoke_endpoint_async(
                    InvokeEndpointAsyncInput(endpoint_name="iris", input_location="s3://bucket/key")
                )
            await client.options.http_client.close()


async def test_a_container_that_refuses_a_body_is_quoted():
    """The local endpoint stands between a client and a container, and passes on what the container says."""
    with refusing(refusal("413 Payload Too Large"), after=100_000) as (url, _):
        async with (
            LocalEndpoint({"big": Container(url)}) as local,
            Client(local.options(), override(retryer=NopRetryer())) as client,
        ):
            for _ in range(CALLS):
                with pytest.raises(ModelError) as caught:
                    await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="big", body=BODY))
                assert (413, "too much") == (caught.value.original_status_code, caught.value.original_message)


async def test_over_tls_what_is_lost_names_the_likely_refusal(tls, self_signed):
    """What the socket still holds after a reset is ciphertext there: either the refusal was seen, or the error suggests it."""
    with refusing(refusal("413 Payload Too Large"), after=100_000, tls=tls) as (url, _):
        transport = AioHTTPClient(ca_bundle=self_signed)
        async with Client(support.options(base_endpoint=url, http_client=transport, retryer=NopRetryer())) as client:
            for _ in range(CALLS):
                with pytest.raises((ServiceError, ConnectionLostError)) as caught:
                    await client.invoke_endpoint(INPUTS["invoke_endpoint"])
                if isinstance(caught.value, ConnectionLostError):
                    assert "a body of 3,000,000 bytes" in caught.value.message
                    assert "may have refused a body of this size" in caught.value.message
                else:
                    assert 413 == caught.value.status
        await transport.close()


async def test_a_success_that_begins_early_lets_the_request_go_on():
    """A server may stream its response while it still reads: only a refusal ends the sending."""
    from transport.servers import MAX_BODY, client_for, params, serving

    async def echo_sizes(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await exchange.read_body()
        await exchange.send(b"3\r\ntwo\r\n0\r\n\r\n")

    async with serving(echo_sizes, receive_buffer=65_536) as server, client_for(server) as client:
        output = await client.invoke_endpoint(params(b"x" * MAX_BODY))

        assert b"onetwo" == output.body
        assert MAX_BODY == len(server.requests[0].body)
