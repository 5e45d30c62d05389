"""https: what becomes of a certificate that is refused, and of a peer that does not speak TLS."""

from __future__ import annotations

import asyncio

import pytest
from transport.servers import client_for, params, serving

from sagemaker_runtime import CertificateError, ConnectError, ConnectTimeoutError, Timeout


def https(server):
    return server.url.replace("http://", "https://")


async def test_a_refused_certificate_is_not_tried_again(tls):
    """Trying again would not make it valid; and nothing was sent to a peer that may be anybody."""
    handshakes = []
    tls.sni_callback = lambda *_: handshakes.append("hello")
    async with serving(tls=tls) as server, client_for(server, base_endpoint=https(server)) as client:
        with pytest.raises(CertificateError, match=r"the certificate of 127\.0\.0\.1:\d+ was refused") as caught:
            await client.invoke_endpoint(params())

        assert 1 == len(caught.value.attempts)
        assert (["hello"], []) == (handshakes, server.requests)


async def test_a_peer_that_answers_https_with_plain_http_is_a_connect_error():
    """A wrong port, most often. No connection stood, so nothing of the request was sent."""

    async def answer_in_plain_http(connection):
        await connection.reader.read(1)
        await connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with (
        serving(connected=answer_in_plain_http) as server,
        client_for(server, base_endpoint=https(server)) as client,
    ):
        with pytest.raises(ConnectError, match=r"no connection to 127\.0\.0\.1") as caught:
            await client.invoke_endpoint(params())

        assert ConnectError is type(caught.value)
        assert (3, 3) == (server.accepted, len(caught.value.attempts))


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_connection_lost_in_the_handshake_is_a_connect_error(end):
    """It is certain that nothing was sent, and that is more than ConnectionLostError says."""

    async def hang_up(connection):
        await connection.reader.read(1)
        getattr(connection, end)()

    async with serving(connected=hang_up) as server, client_for(server, base_endpoint=https(server)) as client:
        with pytest.raises(ConnectError, match=r"no connection to 127\.0\.0\.1") as caught:
            await client.invoke_endpoint(params())

        assert ConnectError is type(caught.value)
        assert (3, 3) == (server.accepted, len(caught.value.attempts))


async def test_a_handshake_that_is_never_answered_is_a_connect_time_out():
    """Timeout.connect holds until the connection can be used, TLS included."""

    async def stay_silent(connection):
        await connection.until_peer_closes()

    timeout = Timeout(connect=0.05)
    async with (
        serving(connected=stay_silent) as server,
        client_for(server, base_endpoint=https(server), timeout=timeout) as client,
    ):
        with pytest.raises(ConnectTimeoutError, match=r"in 0\.05 s"):
            await client.invoke_endpoint(params())

        assert 3 == server.accepted
        async with asyncio.timeout(5):
            await server.until_open(0)
