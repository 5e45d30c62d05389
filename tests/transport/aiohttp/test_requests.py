"""What arrives at the server is what was signed, and its response is handed on as it came."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime
from hashlib import sha256

import pytest
import support
from transport.servers import OK, client_for, params, request_to, serving

from sagemaker_runtime import ConfigError, ServiceError, StaticCredentialsProvider, Timeout
from sagemaker_runtime.signing import SigV4Signer
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient

GIVEN = Timeout()


async def send(server, **changes):
    """Send one request through a transport, read the response, and give both as they came."""
    http_client = AioHTTPClient()
    response = await http_client.send(request_to(server, **changes), timeout=GIVEN)
    body = await response.body.read()
    response.close()
    await http_client.close()
    return server.requests[-1], response, body


async def test_a_request_arrives_with_our_headers_and_no_others():
    """A header that aiohttp adds is unsigned, and a proxy or a container may act on it."""
    async with serving() as server:
        request = request_to(server)

        received, _, _ = await send(server)

        assert b"POST / HTTP/1.1" == received.line
        assert sorted(request.headers.items()) == sorted(received.headers)
        assert b"body" == received.body


@pytest.mark.parametrize("absent", ["user-agent", "content-type", "accept-encoding"])
async def test_a_header_that_is_not_given_is_not_made_up(absent):
    """Who took it away meant it, and one that aiohttp puts there is unsigned."""
    async with serving() as server:
        request, http_client = request_to(server), AioHTTPClient()
        del request.headers[absent]

        response = await http_client.send(request, timeout=GIVEN)
        await response.body.read()
        await http_client.close()

        assert sorted(request.headers.items()) == sorted(server.requests[-1].headers)


@pytest.mark.parametrize(
    "target",
    [
        "/endpoints/a%20b/invocations",
        "/endpoints/a%2Fb/invocations",
        "/endpoints/..%2f..%2F/invocations",
        "/endpoints/%2e%2e/invocations",
        "/endpoints/../invocations",
        "/endpoints/%C3%A9/invocations",
        "/endpoints/a%30;b%3Bc/invocations",
        "/endpoints/(x)*!'~+$,:@=/invocations",
        "//double/",
        "/path?query=a%2Bb+c&empty=&%7E~",
    ],
)
async def test_a_path_arrives_byte_for_byte(target):
    """A path that aiohttp decodes, encodes or resolves is another one than was signed."""
    path, _, query = target.partition("?")
    async with serving() as server:
        received, _, _ = await send(server, path=path, query=query)

        assert f"POST {target} HTTP/1.1".encode() == received.line


async def test_the_method_is_sent_as_given():
    """A middleware may turn the call into another one, and the method is part of what is signed."""
    async with serving() as server:
        received, _, _ = await send(server, method="PUT")

        assert b"PUT / HTTP/1.1" == received.line


@pytest.mark.parametrize("accept", [None, "*/*", "application/json;q=0.5, text/csv"])
@pytest.mark.parametrize("size", [0, 7, 65_536, 65_537, 300_000])
async def test_the_signature_fits_what_arrived(accept, size):
    """The service computes the signature from what it received; here that is done in its stead."""
    async with serving() as server, client_for(server) as client:
        await client.invoke_endpoint(params(b"x" * size, accept=accept, custom_attributes="tenant=acme;  tier=1"))

        (received,) = server.requests
        again = received.request
        credentials = await StaticCredentialsProvider(
            "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
        ).retrieve()
        SigV4Signer().sign_http(
            again,
            credentials=credentials,
            payload_hash=sha256(received.body).hexdigest(),
            service="sagemaker",
            region="us-east-1",
            signing_time=datetime.fromtimestamp(support.NOON, UTC),
        )

        assert again.headers["authorization"] == dict(received.headers)["authorization"]
        assert accept == dict(received.headers).get("accept")
        assert "identity" == dict(received.headers)["accept-encoding"]
        assert str(size) == dict(received.headers)["content-length"]
        assert f"127.0.0.1:{server.port}" == dict(received.headers)["host"]
        assert len(received.headers) == len(dict(received.headers)), "a header came twice"


async def test_two_calls_in_a_row_use_one_connection():
    """A new connection for each call would cost a TLS handshake, which takes longer than the call."""
    async with serving() as server, client_for(server) as client:
        await client.invoke_endpoint(params())
        await client.invoke_endpoint(params())

        assert (1, 2) == (server.accepted, len(server.requests))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_error_and_is_not_followed(status):
    """The signature holds for one host and path; and a body must not go where some response says."""
    elsewhere = f"HTTP/1.1 {status} Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(elsewhere, OK) as server, client_for(server) as client:
        with pytest.raises(ServiceError) as caught:
            await client.invoke_endpoint(params())

        assert status == caught.value.status
        assert 1 == len(server.requests)


async def test_a_cookie_never_comes_back():
    """A load balancer's cookie would be an unsigned header, and would tie all calls to one instance."""
    # By name, because aiohttp's own cookie jar takes none from a bare address.
    baking = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: AWSALB=1; Path=/\r\n\r\n")
    async with serving(baking) as server, client_for(server, base_endpoint=f"http://localhost:{server.port}") as client:
        await client.invoke_endpoint(params())
        await client.invoke_endpoint(params())

        assert [False, False] == ["cookie" in dict(request.headers) for request in server.requests]


async def test_a_compressed_body_is_given_as_it_came():
    """The caller gets the container's bytes; with its Content-Encoding they could not be distinguished from unpacked ones."""
    packed = gzip.compress(b"0.1,0.9")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    async with serving(head + packed) as server:
        _, response, body = await send(server)

        assert packed == body
        assert "gzip" == response.headers["content-encoding"]


async def test_a_response_is_handed_on_with_its_status_and_headers():
    """A header that comes twice is one value with a comma; names are found in any case."""
    async with serving(b"HTTP/1.1 207 X\r\nA-B: 1\r\na-b: 2\r\nContent-Length: 0\r\n\r\n") as server:
        _, response, body = await send(server)

        assert (207, b"") == (response.status, body)
        assert {"a-b": "1, 2", "content-length": "0"} == {**response.headers}


@pytest.mark.parametrize(
    ("head", "delimited"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\n\r\n", False),
    ],
)
async def test_a_body_says_whether_its_end_can_be_known(head, delimited):
    """Where neither length nor chunked coding says where a body ends, a cut looks like its end."""

    async def respond_and_close(exchange):
        await exchange.read_body()
        await exchange.send(head)
        exchange.close()

    async with serving(respond_and_close) as server:
        _, response, body = await send(server)

        assert (delimited, b"") == (response.body.delimited, body)


async def test_a_body_is_read_in_pieces_as_they_come():
    """A stream's first part must not wait for its last."""
    first_is_read = asyncio.Event()

    async def respond_in_two(exchange):
        await exchange.read_body()
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await first_is_read.wait()
        await exchange.send(b"3\r\ntwo\r\n0\r\n\r\n")

    async with serving(respond_in_two) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=GIVEN)

        first = await response.body.chunk()
        first_is_read.set()
        rest = [await response.body.chunk(), await response.body.chunk()]

        assert (b"one", [b"two", b""]) == (first, rest)
        await http_client.close()


async def test_a_body_read_twice_is_the_same():
    """A log and the deserializer both read it."""
    async with serving() as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=GIVEN)

        bodies = [await response.body.read(), await response.body.read()]

        assert [b"ok", b"ok"] == bodies
        await http_client.close()


async def test_a_body_changed_after_its_length_was_computed_is_refused():
    """Its length and hash would be another's; said by name, it is found in a minute."""

    class Append:
        id = "Append"

        async def handle_finalize(self, ctx, step, next):
            step.request.body += b"more"
            return await next(ctx, step)

    async with (
        serving() as server,
        client_for(server, api_options=[lambda stack: stack.finalize.add(Append())]) as client,
    ):
        with pytest.raises(ConfigError, match=r"Content-Length is 7, but the body has 11 bytes.*ComputeContentLength"):
            await client.invoke_endpoint(params())

        assert 0 == server.accepted


async def test_interim_responses_are_passed_over():
    """A proxy may say "Processing" or give early hints; the response is what comes after them."""
    hints = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with serving(hints + OK) as server, client_for(server) as client:
        outputs = [await client.invoke_endpoint(params()) for _ in range(2)]

        assert [b"ok", b"ok"] == [output.body for output in outputs]
        assert 1 == server.accepted
