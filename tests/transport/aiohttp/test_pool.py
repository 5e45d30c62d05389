"""The pool: places, the calls that wait for one, and what a process that is short of descriptors, or forked, may do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from transport.servers import OK, client_for, params, request_to, serving

from sagemaker_runtime import AioHTTPClient, ConnectError, Timeout
from sagemaker_runtime.transport.aiohttp.connection import Connection
from sagemaker_runtime.transport.aiohttp.pool import default_max_connections

resource = pytest.importorskip("resource", reason="this system has no limit of descriptors")

SERVER = """
    import asyncio, sys
    from sagemaker_runtime.local import LocalEndpoint

    async def model(invocation):
        await asyncio.sleep(0.02)
        return b"ok"

    with LocalEndpoint({"m": model}) as local:
        print(local.url, local.credentials.access_key_id, local.credentials.secret_access_key, flush=True)
        sys.stdin.read()
"""
BURST = """
    import asyncio, collections, resource, sys
    from sagemaker_runtime import AioHTTPClient, Client, InvokeEndpointInput, NopRetryer, Options, StaticCredentialsProvider

    files, calls, places, url, key, secret = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    async def opens_files(stop):
        while not stop.is_set():
            with open("/dev/null"):
                await asyncio.sleep(0)

    async def main():
        options = Options(
            region="us-east-1", base_endpoint=url, retryer=NopRetryer(), http_client=AioHTTPClient(max_connections=places or None),
            credentials=StaticCredentialsProvider(key, secret)
        )
        stop = asyncio.Event()
        other = asyncio.create_task(opens_files(stop)) if not places else None
        async with Client(options) as client:
            params = InvokeEndpointInput(endpoint_name="m", body=b"x")
            outcomes = await asyncio.gather(*[client.invoke_endpoint(params) for _ in range(calls)], return_exceptions=True)
        stop.set()
        if other is not None:
            await other
        await options.http_client.close()
        print(collections.Counter(repr(each)[:200] if isinstance(each, Exception) else each.body for each in outcomes))

    asyncio.run(main())
"""


def descriptors() -> list[int]:
    return [int(path.name) for path in Path("/dev/fd").iterdir()]


def run(program: str, *arguments: str) -> str:
    """What a program prints, and what it complains of."""
    found = subprocess.run(  # noqa: S603
        [sys.executable, "-c", dedent(program), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    return found.stdout + found.stderr


@pytest.fixture(scope="module")
def elsewhere():
    """An endpoint in a process of its own, whose descriptors are not those of the test."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", dedent(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()
        server.communicate("")


def test_a_burst_beyond_the_limit_of_descriptors_waits_and_leaves_some_to_others(elsewhere):
    """1,500 calls at once where 256 files may be open: all succeed, without a retry, and so does every ``open()`` beside them."""
    assert "Counter({b'ok': 1500})\n" == run(BURST, "256", "1500", "0", *elsewhere)


def test_a_burst_that_runs_out_of_descriptors_waits_too(elsewhere):
    """A pool that was told to open more connections than the process may meets the limit itself, and makes do with fewer."""
    assert "Counter({b'ok': 400})\n" == run(BURST, "128", "400", "1000", *elsewhere)


def places_under(limit: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        return default_max_connections()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_process_has_three_quarters_of_its_free_descriptors_as_places():
    """The rest is for the files, sockets and pipes of other code."""
    assert abs((1_024 - len(descriptors())) * 3 // 4 - places_under(1_024)) <= 2
    assert 2_048 == places_under(4_096)


async def test_where_other_code_has_all_descriptors_the_call_fails_in_the_time_to_connect(monkeypatch):
    """No connection of ours will give one back, so there is nothing to wait for but the others."""
    async with serving() as server:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        http_client = AioHTTPClient()
        taken = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(descriptors()) + 2, hard))
        try:
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        try:
            with pytest.raises(ConnectError, match="Too many open files"):
                await http_client.send(request_to(server), timeout=Timeout(connect=0.2))

            os.close(taken.pop())
            call = asyncio.create_task(http_client.send(request_to(server), timeout=Timeout(connect=5)))
            await asyncio.sleep(0.02)
            for each in taken[:4]:
                os.close(each)
            del taken[:4]
            assert b"ok" == await (await call).body.read()
        finally:
            for each in taken:
                os.close(each)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await http_client.close()


async def test_a_call_to_another_host_takes_the_place_of_an_idle_connection():
    """Or a client that has called many hosts would wait for ever for one of its own idle connections."""
    async with serving() as one, serving() as two:
        http_client = AioHTTPClient(max_connections=1)
        for server in (one, two, one):
            response = await http_client.send(request_to(server), timeout=Timeout())
            assert b"ok" == await response.body.read()

        assert (2, 1) == (one.accepted, two.accepted)
        await http_client.close()


async def test_calls_to_two_hosts_that_share_one_place_take_turns():
    """Whoever waited longest is served next, whatever the connection that becomes free leads to."""
    async with serving() as one, serving() as two:
        http_client = AioHTTPClient(max_connections=1)

        async def call(server):
            response = await http_client.send(request_to(server), timeout=Timeout())
            return await response.body.read()

        assert [b"ok"] * 20 == await asyncio.gather(*[call(server) for server in (one, two) * 10])
        await http_client.close()


async def test_an_idle_connection_is_closed_in_time(monkeypatch):
    """A server closes it sooner or later, and the call that finds out pays for it."""
    from sagemaker_runtime.transport.aiohttp import pool

    monkeypatch.setattr(pool, "KEPT_ALIVE", 0.05)
    async with serving() as server, client_for(server) as client:
        await client.invoke_endpoint(params())
        await server.until_open(0)

        await client.invoke_endpoint(params())
        assert 2 == server.accepted


async def test_a_call_cancelled_in_the_turn_of_its_response_leaves_the_connection_to_the_next(monkeypatch):
    """It is the next call's by then: to drop it would be that call's loss."""
    go_on = asyncio.Event()

    async def hold(exchange):
        await exchange.read_body()
        await go_on.wait()
        await exchange.send(OK)

    async with serving(hold, OK) as server:
        http_client = AioHTTPClient(max_connections=1)
        first = asyncio.create_task(http_client.send(request_to(server), timeout=Timeout()))
        while not server.requests:
            await asyncio.sleep(0)
        second = asyncio.create_task(http_client.send(request_to(server), timeout=Timeout()))
        await asyncio.sleep(0)
        receive = Connection.receive
        monkeypatch.setattr(Connection, "receive", lambda self, data: (receive(self, data), first.cancel()))
        go_on.set()

        with pytest.raises(asyncio.CancelledError):
            await first
        assert b"ok" == await (await second).body.read()
        assert 1 == server.accepted
        await http_client.close()


FORK = """
    import asyncio, os, sys
    from sagemaker_runtime import AioHTTPClient, Client, InvokeEndpointInput, Options, StaticCredentialsProvider

    transport = AioHTTPClient(ca_bundle=sys.argv[2])
    client = Client(Options(
        region="us-east-1", base_endpoint=sys.argv[1], credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret"), http_client=transport
    ))
    params = InvokeEndpointInput(endpoint_name="iris", body=b"x")

    async def call():
        return (await client.invoke_endpoint(params)).body

    async def main():
        await call()
        child = os.fork()
        if not child:
            return None
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        return await call()  # on the very connection of before, if the child has left it alone

    loop = asyncio.new_event_loop()
    body = loop.run_until_complete(main())
    if body is None:
        async def again():
            body = await call()
            await transport.close()
            return body
        os.write(1, asyncio.new_event_loop().run_until_complete(again()) + b" in the child\\n")
        os._exit(0)
    os.write(1, body + b" in the parent\\n")
    loop.run_until_complete(transport.close())
    loop.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_forked_child_leaves_the_connections_of_its_parent_alone(scheme, tls, self_signed):
    """A goodbye of TLS that the child sends on the parent's socket would end the parent's connection."""
    async with serving(tls=tls if scheme == "https" else None) as server:
        url = f"{scheme}://127.0.0.1:{server.port}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", dedent(FORK), url, str(self_signed)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()

        assert (b"ok in the child\nok in the parent\n", b"", 0) == (out, err, process.returncode)
        assert (2, 3) == (server.accepted, len(server.requests))
