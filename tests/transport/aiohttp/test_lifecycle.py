"""One client for many calls at once, for one event loop after another, and until it is closed."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import textwrap
import weakref

import pytest
from transport.servers import MAX_BODY, OK, client_for, other_tasks, params, request_to, serving, until_client_lets_go

from sagemaker_runtime import ClientClosedError, NopRetryer, StandardRetryer, Timeout
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient

resource = pytest.importorskip("resource")

CALLS = 1000
PROGRAM = """
    import asyncio, sys
    from sagemaker_runtime import Client, InvokeEndpointInput, Options, StaticCredentialsProvider

    url, close = sys.argv[1], sys.argv[2] == "close"
    client = Client(
        Options(region="us-east-1", base_endpoint=url, credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret"))
    )

    async def main(close):
        asyncio.get_running_loop().slow_callback_duration = 60.0  # -X dev would report a busy machine
        calls = [client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"x" * 100_000)) for _ in range(3)]
        print(*[output.body.decode() for output in await asyncio.gather(*calls)])
        if close:
            await client.close()

    asyncio.run(main(False))
    asyncio.run(main(close))
"""

FORKING_PROGRAM = """
    import asyncio, os, sys
    from sagemaker_runtime import Client, InvokeEndpointInput, Options, StaticCredentialsProvider

    client = Client(
        Options(
            region="us-east-1", base_endpoint=sys.argv[1], credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret")
        )
    )

    async def call():
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"x"))
        os.write(1, output.body + b"\\n")  # at once, or the lines of both would mix

    asyncio.run(call())
    child = os.fork()
    asyncio.run(call())
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture
def many_files():
    """Room for both ends of all connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 3 * CALLS
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"{needed} open files are not allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_thousand_calls_at_once_all_succeed(many_files):
    """The pool must neither refuse nor starve a burst: here nobody gets a response before all have sent."""
    all_there = asyncio.Event()

    async def respond_when_all_are_there(exchange):
        await exchange.read_body()
        if len(server.requests) == CALLS:
            all_there.set()
        await all_there.wait()
        await exchange.send(OK.replace(b"ok", exchange.body[-2:]))

    async with serving(respond_when_all_are_there) as server, client_for(server) as client:
        bodies = [f"{number:06}".encode() for number in range(CALLS)]
        outputs = await asyncio.gather(*(client.invoke_endpoint(params(body)) for body in bodies))

        assert [body[-2:] for body in bodies] == [output.body for output in outputs]
        assert (CALLS, CALLS) == (server.accepted, len(server.requests))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("close", ["close", "leave open"])
async def test_a_client_serves_one_event_loop_after_another_and_leaves_nothing(close, scheme, tls, self_signed):
    """A script calls ``asyncio.run`` as often as it likes, and forgets to close; neither may fail or even warn."""
    async with serving(tls=tls if scheme == "https" else None) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(PROGRAM)),
            *(server.url.replace("http", scheme, 1), close),
            env={**os.environ, "SSL_CERT_FILE": str(self_signed)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()

        assert b"" == err
        assert (0, [b"ok ok ok"] * 2) == (process.returncode, out.splitlines())
        await server.until_open(0)
        assert 6 == len(server.requests)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
async def test_a_client_serves_the_event_loops_of_both_processes_after_a_fork():
    """A web server loads the application and then forks its workers; each has a loop, and connections, of its own."""
    async with serving() as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", textwrap.dedent(FORKING_PROGRAM), server.url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()

        assert b"" == err
        assert (0, [b"ok"] * 3) == (process.returncode, out.splitlines())
        await server.until_open(0)
        assert (3, 3) == (server.accepted, len(server.requests))


def test_the_pools_of_ended_event_loops_are_forgotten():
    """A program that runs a loop for each task of its own must not keep what belonged to each of them."""

    async def call():
        async with serving() as server:
            response = await http_client.send(request_to(server), timeout=Timeout())
            await response.body.read()
            loops.append(weakref.ref(asyncio.get_running_loop()))

    loops = []
    http_client = AioHTTPClient()
    for _ in range(3):
        asyncio.run(call())
    gc.collect()

    assert [True, True] == [loop() is None for loop in loops[:-1]]


async def test_a_closed_client_refuses_calls():
    """It says so before anything is signed or sent; closing twice is closing once."""
    async with serving() as server:
        client = client_for(server)
        await client.invoke_endpoint(params())

        await client.close()
        await client.close()
        with pytest.raises(ClientClosedError, match="the client is closed"):
            await client.invoke_endpoint(params())

        await server.until_open(0)
        assert 1 == len(server.requests)


@pytest.mark.parametrize("used", [True, False])
async def test_a_closed_transport_refuses_requests(used):
    """A transport that is shared may be closed by its owner while a client goes on."""
    async with serving() as server:
        http_client = AioHTTPClient()
        if used:
            response = await http_client.send(request_to(server), timeout=Timeout())
            await response.body.read()

        await http_client.close()
        await http_client.close()
        with pytest.raises(ClientClosedError, match="make a new one"):
            await http_client.send(request_to(server), timeout=Timeout())

        await server.until_open(0)


@pytest.mark.parametrize("size", [7, MAX_BODY])
@pytest.mark.parametrize(
    "response", [None, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], ids=["unread", "waiting", "receiving"]
)
async def test_closing_ends_the_calls_in_flight(response, size):
    """Who closes must not wait for a model; the calls fail, and none is tried again on a new connection."""
    reached, resumed = asyncio.Event(), asyncio.Event()

    async def hold(exchange):
        if response is None:
            exchange.writer.transport.pause_reading()
            reached.set()
            await resumed.wait()
            exchange.writer.transport.resume_reading()
        else:
            await exchange.read_body()
            await exchange.send(response)
        reached.set()
        await exchange.until_peer_closes()

    async with serving(hold, receive_buffer=65_536) as server:
        client = client_for(server, retryer=StandardRetryer(retry_read_timeouts=True))
        call = asyncio.create_task(client.invoke_endpoint(params(b"x" * size)))
        await reached.wait()
        for _ in range(100):  # let the client get as far as it can
            await asyncio.sleep(0)

        async with asyncio.timeout(2):
            await client.close()
            with pytest.raises(ClientClosedError, match="closed during the call"):
                await call

        await until_client_lets_go(server)
        resumed.set()
        await server.until_open(0)
        assert 1 == len(server.requests)
        assert set() == other_tasks(server)


async def test_closing_ends_the_calls_that_are_still_connecting(full_backlog):
    """They learn at once why there is no other attempt, and not when their time to connect is over."""
    async with serving() as server:
        client = client_for(server, base_endpoint=full_backlog, timeout=Timeout(connect=600))
        call = asyncio.create_task(client.invoke_endpoint(params()))
        for _ in range(50):  # let the client get as far as it can
            await asyncio.sleep(0)

        async with asyncio.timeout(5):
            await client.close()
            with pytest.raises(ClientClosedError, match="closed during the call") as caught:
                await call

        assert 1 == len(caught.value.attempts)


async def test_closing_ends_the_calls_that_wait_for_a_connection():
    """A caller that nobody cancelled must not see a CancelledError."""
    reached = asyncio.Event()

    async def hold(exchange):
        reached.set()
        await exchange.until_peer_closes()

    async with serving(hold) as server:
        http_client = AioHTTPClient(max_connections=1)
        client = client_for(server, http_client=http_client)
        calls = [asyncio.create_task(client.invoke_endpoint(params())) for _ in range(3)]
        await reached.wait()

        await http_client.close()
        results = await asyncio.gather(*calls, return_exceptions=True)

        assert [ClientClosedError] * 3 == [type(result) for result in results]


async def test_the_wait_for_a_free_connection_is_no_timeout():
    """In a burst beyond the limit of connections, calls wait for one another; that is no trouble with the network."""
    first_is_done = asyncio.Event()
    http_client = AioHTTPClient(max_connections=1)

    async def hold(exchange):
        await exchange.read_body()
        asyncio.get_running_loop().call_later(0.1, first_is_done.set)
        await first_is_done.wait()
        await exchange.send(OK)

    async with (
        serving(hold) as server,
        client_for(server, http_client=http_client, timeout=Timeout(connect=0.05), retryer=NopRetryer()) as client,
    ):
        outputs = await asyncio.gather(*(client.invoke_endpoint(params()) for _ in range(3)))

        assert [b"ok"] * 3 == [output.body for output in outputs]
        assert (1, 3) == (server.accepted, len(server.requests))
        await http_client.close()


async def test_a_call_that_waits_for_its_next_attempt_learns_that_the_client_was_closed():
    """The attempt would open a connection that nobody closes."""
    closed = asyncio.Event()

    class ClockThatStops:
        def now(self):
            return 1_750_000_000.0

        def monotonic(self):
            return 0.0

        async def sleep(self, seconds):
            waiting.set()
            await closed.wait()

    waiting = asyncio.Event()
    async with serving(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n") as server:
        client = client_for(server, clock=ClockThatStops())
        call = asyncio.create_task(client.invoke_endpoint(params()))
        await waiting.wait()
        await client.close()
        closed.set()
        with pytest.raises(ClientClosedError):
            await call

        assert 1 == len(server.requests)


async def test_a_shared_transport_outlives_the_clients_that_share_it():
    """Who made it closes it; two clients share its connections."""
    async with serving() as server:
        http_client = AioHTTPClient()
        async with client_for(server, http_client=http_client) as one:
            await one.invoke_endpoint(params())
        async with client_for(server, http_client=http_client, region="eu-west-1") as two:
            await two.invoke_endpoint(params())

        assert (1, 1, 2) == (server.open, server.accepted, len(server.requests))
        await http_client.close()
        await server.until_open(0)


async def test_closing_without_a_call_is_nothing():
    """A client that was made and never used has nothing open."""
    async with serving() as server:
        async with client_for(server):
            pass

        assert 0 == server.accepted
        assert set() == other_tasks(server)
