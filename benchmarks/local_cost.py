"""
The CPU time of an invocation in the local endpoint, as a multiple of the same echo in a bare aiohttp server.

Each server runs in its own process, and reports the CPU time that it has used. A bare aiohttp client calls them in turn,
with the same signed requests; the endpoint verifies every signature. Each figure is the median of several rounds. Two models
are measured: a coroutine function, which runs in the event loop, and a plain function, which runs in a thread.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from hashlib import sha256

import aiohttp
from aiohttp import web
from attrs import frozen
from yarl import URL

from sagemaker_runtime import Credentials, Headers, Request, SigV4Signer
from sagemaker_runtime.local import Invocation, LocalEndpoint, Model

WARM_UP = 5  # rounds; a call gets cheaper during the first few thousand
KEYS = Credentials("AKIDEXAMPLE", "secret")
REGION = "us-east-1"
BODY = b'{"instances": [' + b"0.5, " * 200 + b"0.5]}"  # 1 KB
HEADERS = {  # those that our client sends, without those of the signature
    "accept-encoding": "identity",
    "amz-sdk-invocation-id": "01234567-89ab-cdef-0123-456789abcdef",
    "amz-sdk-request": "attempt=1; max=3",
    "content-length": str(len(BODY)),
    "content-type": "application/json",
    "user-agent": "sagemaker-runtime/1.0 ua/2.1 os/linux lang/python#3.11 api/sagemaker-runtime#2017-05-13 m/A,E",
}


async def coroutine(invocation: Invocation) -> bytes:
    """A model in the event loop."""
    return invocation.body


def function(invocation: Invocation) -> bytes:
    """A model in a thread."""
    return invocation.body


MODELS: dict[str, Model] = {"coroutine": coroutine, "function": function}


@contextlib.asynccontextmanager
async def local_server() -> AsyncIterator[str]:
    """The URL of a local endpoint."""
    async with LocalEndpoint(MODELS, credentials=KEYS) as local:
        yield local.url


@contextlib.asynccontextmanager
async def bare_server() -> AsyncIterator[str]:
    """The URL of an aiohttp application with one handler."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    application = web.Application()
    application.router.add_post("/endpoints/{name}/invocations", echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


SERVERS = {"bare": bare_server, "local": local_server}


async def serve(name: str) -> None:
    """Print the URL, then the CPU seconds used so far for each line of standard input, until that ends."""
    loop = asyncio.get_running_loop()
    async with SERVERS[name]() as url:
        print(url, flush=True)
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(time.process_time(), flush=True)


@frozen
class Server:
    """A server in another process."""

    url: str
    process: subprocess.Popen[str]

    def next_line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def cpu(self) -> float:
        """Seconds, user and system, that it has used since it started."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.next_line())


@contextlib.contextmanager
def serving(name: str) -> Iterator[Server]:
    """One of `SERVERS`, in a process that ends with the block."""
    command = [sys.executable, __file__, "--serve", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process.stdout.readline().strip(), process)
        finally:
            process.communicate()


@frozen
class Target:
    """A server, and the request that is sent to it over and over."""

    server: Server
    path: str
    headers: dict[str, str]

    async def cpu_per_call(self, session: aiohttp.ClientSession, *, calls: int, in_flight: int) -> float:
        """CPU seconds of the server for each of *calls* calls."""
        url = URL(self.server.url + self.path, encoded=True)
        left = iter(range(calls))

        async def worker() -> None:
            for _ in left:
                async with session.post(url, data=BODY, headers=self.headers) as response:
                    body = await response.read()
                    assert body == BODY, body[:200]

        started = self.server.cpu()
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(worker())
        return (self.server.cpu() - started) / calls


def signed(server: Server, model: str) -> Target:
    """An invocation of a model, signed now; the signature is valid for five minutes."""
    url = URL(server.url)
    request = Request("POST", host=url.authority, path=f"/endpoints/{model}/invocations", headers=Headers(HEADERS))
    SigV4Signer().sign_http(
        request,
        credentials=KEYS,
        payload_hash=sha256(BODY).hexdigest(),
        service="sagemaker",
        region=REGION,
        signing_time=datetime.now(UTC),
    )
    return Target(server, request.path, dict(request.headers))


async def measure(bare: Server, local: Server, *, calls: int, rounds: int, in_flight: int) -> list[list[float]]:
    """The CPU seconds of a call in each round: to the bare server, and to each of `MODELS` in the local endpoint."""
    measured: list[list[float]] = []
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        for _ in range(WARM_UP + rounds):
            targets = [signed(local, model) for model in MODELS]
            targets.insert(0, Target(bare, targets[0].path, targets[0].headers))
            measured.append(
                [await target.cpu_per_call(session, calls=calls, in_flight=in_flight) for target in targets]
            )
    return measured[WARM_UP:]


def main() -> None:
    """Print a line for each server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500, help="calls to each server in a round")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--serve", choices=SERVERS, help="be one of the servers")
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
        return
    with serving("bare") as bare, serving("local") as local:
        measured = asyncio.run(
            measure(bare, local, calls=arguments.calls, rounds=arguments.rounds, in_flight=arguments.in_flight)
        )
    print(f"CPU of the server per call, echo of {len(BODY)} bytes, {arguments.in_flight} in flight,")
    print(f"median of {arguments.rounds} rounds of {arguments.calls} calls")
    print(f"{'server':<28} {'CPU':>7} {'ratio':>7}")
    for column, name in enumerate(["bare aiohttp", *(f"LocalEndpoint, {model}" for model in MODELS)]):
        cost = statistics.median(row[column] for row in measured)
        ratio = statistics.median(row[column] / row[0] for row in measured)
        print(f"{name:<28} {cost * 1e6:>4.0f} us {ratio:>7.2f}")


if __name__ == "__main__":
    main()
