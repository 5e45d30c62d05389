"""Calls over a network that does all that a network may do; and the moments at which a connection changes hands."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from transport.chaos import LOOPS, endure, loops
from transport.servers import OK, Exchange, client_for, params, request_to, serving

from sagemaker_runtime import SageMakerRuntimeError, Timeout
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient

BODY = b"x" * 300_000
SOON = 2.0  # seconds; what is tested takes a few turns of the loop
TURNS = 40  # of the loop: more than it takes to connect, to send and to get a response


@pytest.mark.parametrize("loop", LOOPS)
def test_calls_over_a_bad_network_end_as_calls_may(loop: str) -> None:
    """
    With the right body or an error of ours, in time, and with nothing left open.

    `make transport-endurance` makes 20,000. The seed is fixed, but a network and a clock are not to be repeated.
    """
    if loop not in loops():
        pytest.skip(f"{loop} is not installed")

    report = endure(loop, calls=500, seed=20_250_615)

    assert [] == report.wrong, str(report)
    kinds = Counter(
        {kind: sum(1 for each in report.outcomes if each.startswith(kind)) for kind in ("call", "stream", "transport")}
    )
    assert all(count >= 3 for count in kinds.values()), f"each kind fares well and badly: {report}"


async def test_a_call_cancelled_as_its_response_comes_does_not_disturb_the_next_one() -> None:
    """The connection has passed on to a call that waited for it before the one that is cancelled learns of that."""
    async with serving(OK) as server:
        http_client = AioHTTPClient(max_connections=1)

        async def send() -> bytes:
            return await (await http_client.send(request_to(server), timeout=Timeout(read=SOON))).body.read()

        for turn in range(TURNS):
            first, second = asyncio.create_task(send()), asyncio.create_task(send())
            for _ in range(turn):
                await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(0, first.cancel)  # a timer comes behind what has been received
            done, _ = await asyncio.wait([first, second], timeout=SOON)

            assert {first, second} == done, f"hangs when cancelled after turn {turn}"
            assert b"ok" == second.result(), turn
        await http_client.close()


async def test_an_upload_that_has_gone_out_leaves_the_connection_to_the_next_call() -> None:
    """The response may come before the sender has seen that the peer has everything; it must not end the next call's exchange."""
    async with serving(OK) as server:
        http_client = AioHTTPClient()
        for _ in range(20):
            response = await http_client.send(request_to(server, BODY), timeout=Timeout(read=SOON))
            assert b"ok" == await response.body.read()
        await http_client.close()

        assert 1 == server.accepted


async def test_a_refusal_of_an_upload_is_read_whole_though_it_comes_in_pieces() -> None:
    """To stop the sending must not end the connection on which the rest of the refusal is still to come."""

    async def refuse(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 10\r\n\r\nabcde")
        for byte in b"fghij":
            await asyncio.sleep(0.002)
            await exchange.send(bytes([byte]))
        await exchange.until_peer_closes()

    async with serving(refuse) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server, BODY * 20), timeout=Timeout(read=SOON))

        assert (413, b"abcdefghij") == (response.status, await response.body.read())
        await http_client.close()


@pytest.mark.parametrize("count", [1, 100, 20_000])
@pytest.mark.parametrize("at_once", [True, False])
async def test_interim_responses_may_be_many(count: int, *, at_once: bool) -> None:
    """A server that is at work for long may send 102 for long; however many come in one piece, that is no recursion."""

    async def respond(exchange: Exchange) -> None:
        await exchange.read_body()
        for _ in range(1 if at_once else min(count, 100)):
            await exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n" * (count if at_once else 1))
            await asyncio.sleep(0)
        await exchange.send(OK)

    async with serving(respond) as server, client_for(server) as client:
        assert b"ok" == (await client.invoke_endpoint(params())).body


async def test_an_interim_response_begins_the_read_limit_anew(pass_time: Callable[[float], Awaitable[None]]) -> None:
    """``Timeout.read`` is about bytes, and these are some."""

    async def respond(exchange: Exchange) -> None:
        await exchange.read_body()
        for _ in range(6):
            await pass_time(1.0)
            await exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await exchange.send(OK)

    async with serving(respond) as server:
        http_client = AioHTTPClient()
        response = await http_client.send(request_to(server), timeout=Timeout(read=3.0))

        assert b"ok" == await response.body.read()
        await http_client.close()


@pytest.mark.parametrize("max_connections", [None, 1])
async def test_a_client_may_be_closed_at_any_moment_of_a_call(max_connections: int | None) -> None:
    """Its calls end at once, though one of them may just have got its connection; closing waits for no response."""

    async def say_nothing(exchange: Exchange) -> None:
        await exchange.until_peer_closes()

    for turn in range(TURNS):
        async with serving(say_nothing) as server:
            http_client = AioHTTPClient(max_connections=max_connections)
            sending = [
                asyncio.create_task(http_client.send(request_to(server), timeout=Timeout(read=60))) for _ in range(2)
            ]
            for _ in range(turn):
                await asyncio.sleep(0)
            closing = asyncio.create_task(http_client.close())
            _, late = await asyncio.wait([closing, *sending], timeout=SOON)
            for task in late:
                task.cancel()
            await asyncio.wait([closing, *sending])

            assert set() == late, f"closing after turn {turn} waits"
            errors = [task.exception() for task in sending]
            assert all(isinstance(error, SageMakerRuntimeError) for error in errors), (turn, errors)
            await server.until_open(0)
